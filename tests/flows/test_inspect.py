"""A look before anything is taken: how files are read, and what looks wrong."""

import json
from pathlib import Path

import numpy as np
import pytest

from seqclass.store.root import Root
from tests.support.commands import Command

WORDS = ("--series-id-column", "unit", "--label-column", "kind", "--step-column", "t", "--ignore")


def logged(path: Path, n: int = 12) -> Path:
    """Semicolons and decimal commas; two channels, a note, series of three steps."""
    rng = np.random.default_rng(0)
    rows = [
        f"u{i};{'ab'[i % 2]};{t};ok;{rng.normal():.3f};7.5".replace(".", ",")
        for i in range(n)
        for t in range(3)
    ]
    path.write_text("\n".join(["unit;kind;t;note;x;y", *rows, ""]))
    return path


def test_it_says_how_files_are_understood_and_stores_nothing(
    seqclass: Command, tmp_path: Path, root: Root
) -> None:
    path, test = (logged(tmp_path / f"{name}.csv", n) for name, n in (("in", 12), ("test", 5)))
    code, out, err = seqclass("inspect", path, "--test", test, *WORDS, "note", "--json")
    assert code == 0, err
    look = json.loads(out)
    assert list(look["files"]) == [str(path), str(test)]
    file = look["files"][str(path)]
    assert {k: file[k] for k in ("layout", "delimiter", "decimal", "encoding")} == {
        "layout": "long", "delimiter": ";", "decimal": ",", "encoding": "utf-8",
    }  # fmt: skip
    assert file["columns"] == {
        "unit": "series_id", "kind": "label", "t": "step", "note": "left out by --ignore",
        "x": "channel", "y": "channel",
    }  # fmt: skip
    assert look["splits"] == {"train": 12, "test": 5}
    assert (look["n_series"], look["n_steps"]) == (17, [3, 3, 3])
    assert look["classes"] == {"a": 9, "b": 8}
    assert "channel 'y' is 7.5 everywhere: --ignore y" in look["amiss"]
    assert not Path(root.path).exists()


def test_the_steps_of_wide_text_stand_in_one_line(seqclass: Command, tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    names = [f"{channel}{t}" for channel in "xy" for t in range(180)]
    lines = [",".join(["ab"[i % 2], *(str(i * t) for t in range(360))]) for i in range(4)]
    path.write_text("\n".join([",".join(["label", *names]), *lines, ""]))
    code, out, err = seqclass("inspect", path, "--layout", "wide")
    assert code == 0, err
    assert len(out.splitlines()) < 30
    assert "x0 to x179" in out
    assert "step of y (180)" in out


@pytest.mark.parametrize("role", ["series-id", "label", "group", "time"])
@pytest.mark.parametrize("content", ["unit,kind,t,x\n1,0,0,5\n", "unit,kind,a,b\n1,0,2,5\n"])
def test_a_mistyped_column_is_refused_as_an_import_does(
    seqclass: Command, tmp_path: Path, role: str, content: str
) -> None:
    (tmp_path / "in.csv").write_text(content)
    layout = "long" if ",t," in content else "wide"
    words = ["--series-id-column", "unit", "--label-column", "kind", "--layout", layout]
    words += [f"--{role}-column", "knd"]
    for command in (["inspect"], ["import", "--name", "mine"]):
        code, out, err = seqclass(*command, tmp_path / "in.csv", *words)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert "expected a column 'knd'" in err


def test_a_look_says_what_an_import_refuses(seqclass: Command, tmp_path: Path) -> None:
    path, words = logged(tmp_path / "in.csv"), (*WORDS, "note,x")
    text = path.read_text()
    for content, seen, refused in (
        (text.replace("7,5", "inf", 1), "1 series has infinite values", "finite numbers in column"),
        (text.replace("7,5", ""), "12 series have no value at all", "got no value in y"),
    ):
        path.write_text(content)
        code, out, err = seqclass("inspect", path, *words)
        assert code == 0, err
        assert seen in " ".join(out.split())
        code, _, err = seqclass("import", path, "--name", "mine", *words)
        assert (code, err.count("\n")) == (2, 1)
        assert refused in err
