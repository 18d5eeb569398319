"""Names of classes and series: of some length, each once, and told apart by people."""

import unicodedata
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pytest

from seqclass.screening.contract import Policy
from seqclass.screening.screening import Screening, ValidationContext
from seqclass.store import duplicates, objects
from seqclass.store.datasets import write_dataset
from seqclass.store.duplicates import find_lookalikes, repeated_name
from seqclass.store.formats.overview import Overview
from seqclass.store.quarantine import Quarantine
from seqclass.store.root import Root, write_manifest
from tests.support.arrivals import drop, rows, sweep
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


def test_names_that_look_the_same_are_found_and_others_are_not() -> None:
    for names in ALIKE:
        assert find_lookalikes(names) == tuple(names[-2:])
    for names in APART:
        assert find_lookalikes(names) is None
    assert find_lookalikes(["new"], ["up", "up\ufeff"]) is None, "both were taken before"
    assert find_lookalikes(["up"], ["up\ufeff"]) == ("up\ufeff", "up")


def test_classes_that_look_the_same_are_refused(root: Root) -> None:
    table = rows(0, label=ALIKE[0] * 2)
    screening = Screening(ValidationContext(Policy()), Quarantine(root, root.join("aside")))
    with pytest.raises(ValueError, match="expected classes that can be told apart") as caught:
        list(screening.passing([table]))
    assert str(caught.value).isascii()
    overview = Overview()
    overview.add(table)
    assert any("look the same" in line for line in overview.describe()["amiss"])


def test_a_class_that_looks_like_a_stored_one_goes_aside_with_its_file(
    root: Root, inbox: Root
) -> None:
    policy = Policy(new_class="accept")
    drop(inbox, "a.parquet", rows(0, label=["u\u200bp", "down"] * 2))
    drop(inbox, "b.parquet", rows(9, label=["other", "down"] * 2))
    files = {file["file"]: file for file in sweep(root, inbox, policy=policy)["files"]}
    assert files["b.parquet"]["became"] == "added"
    assert files["a.parquet"]["became"] == "quarantined"
    assert "'u\\u200bp'" in files["a.parquet"]["reason"]


def test_a_text_has_a_length(root: Root) -> None:
    for column in ("series_id", "label", "group"):
        for n in (1024, 1025):
            texts = {column: [f"{'x' * (n - 1)}{k}" for k in range(4)]}
            table = pa.table({**dict(zip(rows(0).column_names, rows(0).columns, strict=True)),
                              **texts})  # fmt: skip
            if n == 1024:
                write_dataset(root, column, [table], {}, NOW)
                continue
            problem = f"column '{column}': expected at most 1,024 bytes"
            with pytest.raises(ValueError, match=problem):
                write_dataset(root, "long", [table], {}, NOW)
    assert root.names("datasets") == ["group", "label", "series_id"]
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


def pieces(*names: list[str]) -> Callable[[], list[pa.ChunkedArray]]:
    return lambda: [pa.chunked_array([piece], pa.string()) for piece in names]


def test_a_name_that_comes_twice_is_found_even_among_equal_digests(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for _ in range(2):
        assert repeated_name(pieces()) is None
        assert repeated_name(pieces(["a", "b"], [], ["c"])) is None
        assert repeated_name(pieces(["a", "b"], ["c", "b"])) == "b"
        monkeypatch.setattr(
            duplicates, "name_digests", lambda names: np.zeros(len(names), np.uint64)
        )
