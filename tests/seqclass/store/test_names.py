"""Names of classes and series: of some length, and told apart by people."""

import unicodedata
from pathlib import Path

import numpy as np
import pytest

from seqclass.screening.contract import Policy
from seqclass.screening.screening import Screening, ValidationContext
from seqclass.store import objects
from seqclass.store.datasets import write_dataset
from seqclass.store.formats.overview import Overview
from seqclass.store.quarantine import Quarantine
from seqclass.store.repeats import find_lookalikes
from seqclass.store.root import Root, write_manifest
from tests.support.arrivals import drop, rows, sweep
from tests.support.commands import Command
from tests.support.places import NOW

APART = [["up", "Up"], ["p", "p2"], ["ragā", "raga"], ["x²", "x2"], ["क्ष", "कष"]]
ALIKE = [
    ["up", "u\u200bp"],
    ["up", "up "],
    ["a b", "a\u00a0b"],
    ["café", unicodedata.normalize("NFD", "café")],
    ["up", "up\ufeff"],
    ["other", "♥", "♥\ufe0f"],
]


@pytest.mark.parametrize("names", ALIKE)
def test_names_that_look_the_same_are_found(names: list[str]) -> None:
    assert find_lookalikes(names) == tuple(names[-2:])


@pytest.mark.parametrize("names", APART)
def test_names_that_people_tell_apart_are_none(names: list[str]) -> None:
    assert find_lookalikes(names) is None


@pytest.mark.parametrize("names", ALIKE)
def test_classes_that_look_the_same_are_refused(root: Root, names: list[str]) -> None:
    table = rows(0, label=[names[-2], names[-1]] * 2)
    screening = Screening(ValidationContext(Policy()), Quarantine(root, root.join("aside")))
    with pytest.raises(ValueError, match="expected classes that can be told apart") as caught:
        list(screening.passing([table]))
    assert str(caught.value).isascii()
    seen = Overview()
    seen.add(table)
    assert any("look the same" in line for line in seen.describe()["amiss"])


def test_a_class_that_looks_like_a_known_one_goes_aside_with_its_file(
    root: Root, inbox: Root
) -> None:
    policy = Policy(new_class="accept")
    drop(inbox, "a.parquet", rows(0, label=["u\u200bp", "down"] * 2))
    drop(inbox, "b.parquet", rows(9, label=["other", "down"] * 2))
    files = {file["file"]: file for file in sweep(root, inbox, policy=policy)["files"]}
    assert files["b.parquet"]["became"] == "added"
    assert files["a.parquet"]["became"] == "quarantined"
    assert "'u\\u200bp'" in files["a.parquet"]["reason"]


def test_classes_that_were_taken_before_they_were_refused_stay() -> None:
    assert find_lookalikes(["new"], ["up", "up\ufeff"]) is None
    assert find_lookalikes(["up"], ["up\ufeff"]) == ("up\ufeff", "up")


@pytest.mark.parametrize("column", ["series_id", "label", "group"])
def test_a_text_has_a_length(root: Root, column: str) -> None:
    for n in (1024, 1025):
        own = {column: [f"{'x' * (n - 1)}{k}" for k in range(4)]}
        table = rows(0, **({} if column != "group" else own))
        if column != "group":
            place = table.column_names.index(column)
            table = table.set_column(place, column, [own[column]])
        if n == 1024:
            write_dataset(root, "toy", [table], {}, NOW)
            continue
        with pytest.raises(ValueError, match=f"column '{column}': expected at most 1,024 bytes"):
            write_dataset(root, "long", [table], {}, NOW)
    assert root.names("datasets") == ["toy"]


def test_a_channel_s_name_has_a_length(root: Root) -> None:
    with pytest.raises(ValueError, match="at most 255 printable characters"):
        write_dataset(
            root, "toy", [rows(0).rename_columns(["series_id", "label", "n_steps", "x" * 256])],
            {}, NOW,
        )  # fmt: skip


def test_more_classes_than_anybody_means_are_refused(root: Root) -> None:
    table = rows(0, 10_001, label=[f"c{k}" for k in range(10_001)])
    with pytest.raises(ValueError, match="expected at most 10,000 classes, got 10,001"):
        write_dataset(root, "toy", [table], {}, NOW)
    assert root.names("datasets") == []


def test_a_manifest_that_could_not_be_read_is_not_written(
    root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objects, "MAX_RECORD_BYTES", 1000)
    with pytest.raises(ValueError, match="expected at most 1,000 bytes"):
        write_manifest(root, root.join("datasets", "toy", "0"), {"files": ["x" * 1000]})
    assert root.names("datasets") == []


def test_an_import_of_endless_labels_leaves_nothing(
    root: Root, tmp_path: Path, seqclass: Command, prefect: str
) -> None:
    """257 KB whose three labels have 22 million characters each."""
    labels = np.array(["a" * 22_000_000, "b" * 22_000_000, "b" * 22_000_000])
    np.savez_compressed(tmp_path / "a.npz", X=np.arange(12.0).reshape(3, 4), y=labels)
    code, out, err = seqclass("import", tmp_path / "a.npz", "--name", "toy")
    assert (code, out) == (2, "")
    assert "expected at most 1,024 bytes" in err.splitlines()[-1]
    assert "Traceback" not in err
    assert root.names("datasets") == root.names(".staging") == []
