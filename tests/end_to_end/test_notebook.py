"""The notebook of the documentation runs from its first cell to its last."""

import os
import sys
from pathlib import Path

import nbformat
import pytest
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient

from tests.support.places import REPOSITORY

PICTURES = 3


@pytest.mark.slow
def test_the_notebook_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "prefect"))
    monkeypatch.delenv("SEQCLASS_STORAGE", raising=False)
    notebook = nbformat.read(REPOSITORY / "docs" / "notebook.ipynb", as_version=4)
    shown = [cell for cell in notebook.cells if cell.cell_type == "code"]
    manager = AsyncKernelManager(kernel_name="python3", transport="ipc")
    manager.kernel_spec.argv[0] = sys.executable
    client = NotebookClient(notebook, km=manager, timeout=900, resources={
        "metadata": {"path": str(tmp_path)}
    })  # fmt: skip
    client.execute(env=os.environ.copy())
    pictures = [out for cell in shown for out in cell.outputs if "image/png" in out.get("data", {})]
    assert len(pictures) == PICTURES
    assert (tmp_path / "machines-onnx" / "model.onnx").is_file()
