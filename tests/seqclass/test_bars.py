"""The bar of a fit: in a notebook, on a terminal, or none."""

import nbformat
import pytest
from nbclient import NotebookClient

from seqclass.bars import fitting_bar
from seqclass.workers import Progress
from tests.support.places import REPOSITORY

CELL = """
from seqclass.bars import fitting_bar
from seqclass.workers import Progress
with fitting_bar({}) as show:
    if show:
        show(Progress("fit", "conv-lstm", 2, 8, 80, 0.5))
"""


def draw(verbose: int | None) -> None:
    with fitting_bar(verbose) as show:
        if show:
            show(Progress("fit", "conv-lstm", 2, 8, 80, 0.5))


def test_a_terminal_has_a_bar_where_it_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    for verbose, terminal, drawn in ((1, "1", True), (1, "0", False), (0, "1", False),
                                     (None, "1", False)):  # fmt: skip
        monkeypatch.setenv("TTY_COMPATIBLE", terminal)
        draw(verbose)
        out, err = capsys.readouterr()
        assert ("network 2" in err, out) == (drawn, ""), (verbose, terminal)


def test_a_notebook_has_a_bar_unless_it_is_turned_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    notebook = nbformat.v4.new_notebook()
    notebook.cells = [nbformat.v4.new_code_cell(CELL.format(given)) for given in (None, 1, 0)]
    NotebookClient(notebook, timeout=120, startup_timeout=120).execute()
    assert [len(cell.outputs) for cell in notebook.cells] == [1, 1, 0]
    [shown] = notebook.cells[0].outputs
    assert "text/html" in shown["data"]
