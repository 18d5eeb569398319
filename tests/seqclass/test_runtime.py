"""The digest of the code that trains, and the import of TensorFlow."""

import sys
from pathlib import Path

import pytest

from seqclass import runtime
from seqclass.workers import Workers

CODE = '''"""A room."""

LIMIT = 3
"""Rows at most."""


def double(x: int) -> int:
    """Return twice a number."""
    return 2 * x  # exact
'''
SAME = '''"""Another sentence
on the room."""
# a remark
LIMIT = 3
"""The most rows."""
def double(x: int) -> int:
    """Double it."""
    return 2 * x  # exact
'''


@pytest.fixture
def digest_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(runtime, "__file__", str(tmp_path / "runtime.py"))
    for room in runtime.LEARNING_ROOMS:
        (tmp_path / room).mkdir()

    def digest(code: str, room: str = "training") -> str:
        (tmp_path / room / "code.py").write_text(code)
        return runtime._code_digest.__wrapped__()

    return digest


def test_documentation_does_not_change_the_digest_of_the_learning_code(digest_of) -> None:
    assert digest_of(CODE) == digest_of(SAME)


@pytest.mark.parametrize("change", [("2 * x", "3 * x"), ("LIMIT = 3", "LIMIT = 4")])
def test_code_changes_the_digest(digest_of, change: tuple[str, str]) -> None:
    assert digest_of(CODE) != digest_of(CODE.replace(*change))


def test_a_missing_tensorflow_is_named_before_anything_starts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    monkeypatch.setattr("seqclass.workers._templates", [])
    processes = Workers(1)
    for needs_it in (runtime.tensorflow.__wrapped__, processes.start):
        with pytest.raises(ValueError, match="TensorFlow: expected it to be installed"):
            needs_it()
    assert processes.pids == []
