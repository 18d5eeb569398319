"""A look before anything is taken, and what is refused without a server."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from seqclass.store.root import Root
from tests.support.commands import Command

HEAD = "unit;kind;t;note;x;y"


def logged(path: Path, n: int = 12, classes: str = "ab", head: str = HEAD) -> Path:
    """Semicolons and decimal commas; two channels, a note, series of three steps."""
    rng = np.random.default_rng(0)
    rows = [
        f"u{i};{classes[i % len(classes)]};{t};ok;{rng.normal():.3f};7.5".replace(".", ",")
        for i in range(n)
        for t in range(3)
    ]
    path.write_text("\n".join([head, *rows, ""]))
    return path


WORDS = ("--series-id-column", "unit", "--label-column", "kind", "--step-column", "t")


def test_it_says_how_a_file_is_understood(seqclass: Command, tmp_path: Path) -> None:
    path = logged(tmp_path / "in.csv")
    code, out, err = seqclass("inspect", path, *WORDS, "--ignore", "note", "--json")
    assert code == 0, err
    found = json.loads(out)
    file = found["files"][str(path)]
    assert {k: file[k] for k in ("layout", "delimiter", "decimal", "encoding")} == {
        "layout": "long", "delimiter": ";", "decimal": ",", "encoding": "utf-8",
    }  # fmt: skip
    assert file["columns"] == {
        "unit": "series_id", "kind": "label", "t": "step", "note": "left out by --ignore",
        "x": "channel", "y": "channel",
    }  # fmt: skip
    assert (found["n_series"], found["n_steps"], found["classes"]) == (
        12,
        [3, 3, 3],
        {"a": 6, "b": 6},
    )
    assert "channel 'y' is 7.5 everywhere: --ignore y" in found["amiss"]
    assert any("12 series: a first champion needs about 100" in said for said in found["amiss"])


def test_what_looks_wrong_is_said(seqclass: Command, tmp_path: Path) -> None:
    lines = [f"s{i},{'ab'[i % 2] if i else ''},{t},{0 if i < 3 else i * t}" for i in range(9)
             for t in range(3)]  # fmt: skip
    path = tmp_path / "in.csv"
    path.write_text("\n".join(["series_id,label,step,x", *lines, ""]))
    code, out, _ = seqclass("inspect", path)
    assert code == 0
    for said in ("1 series has no label", "2 series are copies", "3 series never change"):
        assert said in out
    assert re.search(r"^steps +3 *$", out, re.MULTILINE)


def test_a_channel_that_stays_constant_in_few_series_is_said(
    seqclass: Command, tmp_path: Path
) -> None:
    rng, path = np.random.default_rng(0), tmp_path / "in.csv"
    lines = [f"s{i},{'ab'[i % 2]},{t},{rng.normal():.3f},{rng.normal() if i else 7.5:.3f}"
             for i in range(40) for t in range(20)]  # fmt: skip
    path.write_text("\n".join(["series_id,label,step,x,y", *lines, ""]))
    code, out, err = seqclass("inspect", path, "--json")
    assert code == 0, err
    [said] = [line for line in json.loads(out)["amiss"] if "channel" in line]
    assert "'y'" in said


def test_test_rows_are_looked_at_too(seqclass: Command, tmp_path: Path) -> None:
    words = (*WORDS, "--ignore", "note")
    paths = [logged(tmp_path / f"{name}.csv", n) for name, n in (("in", 12), ("test", 5))]
    code, out, err = seqclass("inspect", paths[0], "--test", paths[1], *words, "--json")
    assert code == 0, err
    found = json.loads(out)
    assert found["splits"] == {"train": 12, "test": 5}
    assert list(found["files"]) == list(map(str, paths))
    code, _, err = seqclass("inspect", paths[0], "--test", tmp_path / "no.csv", *words)
    assert (code, len(err.splitlines())) == (2, 1)
    assert "--test: expected an existing file or folder" in err


def test_what_gives_labels_away_is_said(seqclass: Command, tmp_path: Path) -> None:
    lines = [f"s{i},{'ab'[i // 20]},{t},{i * t % 7},{i}" for i in range(40)
             for t in range(8 + i // 20)]  # fmt: skip
    path = tmp_path / "in.csv"
    path.write_text("\n".join(["series_id,label,step,x,row", *lines, ""]))
    code, out, err = seqclass("inspect", path)
    assert code == 0, err
    assert "channel 'row' never changes within a series" in out
    assert "the length of a series alone tells the class" in out


def test_nothing_is_stored_by_a_look(seqclass: Command, tmp_path: Path, root: Root) -> None:
    assert seqclass("inspect", logged(tmp_path / "in.csv"), *WORDS, "--ignore", "note")[0] == 0
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


@pytest.mark.parametrize("value", ["inf", "1e300"])
def test_a_look_says_what_an_import_refuses(seqclass: Command, tmp_path: Path, value: str) -> None:
    path = logged(tmp_path / "in.csv")
    path.write_text(path.read_text().replace("7,5", value, 1))
    code, out, err = seqclass("inspect", path, *WORDS, "--ignore", "note")
    assert code == 0, err
    assert "1 series has infinite values" in " ".join(out.split())
    code, _, err = seqclass("import", path, "--name", "mine", *WORDS, "--ignore", "note")
    assert code == 2
    assert "finite numbers in column 'y'" in err


def test_a_file_without_any_value_is_said_and_refused(seqclass: Command, tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    rows = [f"s{i},{'ab'[i % 2]},{t}," for i in range(6) for t in range(3)]
    path.write_text("\n".join(["series_id,label,step,x", *rows, ""]))
    code, out, _ = seqclass("inspect", path)
    assert code == 0
    assert "6 series have no value at all" in " ".join(out.split())
    code, _, err = seqclass("import", path, "--name", "mine")
    assert (code, err.count("\n")) == (2, 1)
    assert "got no value in x" in err
