"""The dataset store: versions by content, write-once, checked when read."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqclass.store import dataset_writer as row_groups
from seqclass.store import datasets
from seqclass.store.catalogue import verify_tree
from seqclass.store.datasets import (
    Dataset,
    OvertakenParentError,
    Provenance,
    dataset_versions,
    on_newest,
    open_dataset,
    write_dataset,
    write_rows,
)
from seqclass.store.root import DamagedError, Root, open_root
from tests.support.places import NOW
from tests.support.stored import store_series


def ragged(lengths: list[int], seed: int = 0) -> pa.Table:
    rng = np.random.default_rng(seed)
    values = [rng.standard_normal(n).astype(np.float32) for n in lengths]
    return pa.table(
        {
            "series_id": [f"r{i}" for i in range(len(lengths))],
            "label": [("a", "b", None)[i % 3] for i in range(len(lengths))],
            "n_steps": np.array(lengths, np.int32),
            "x": pa.array(values, pa.list_(pa.float32())),
            "y": pa.array([-v for v in values], pa.list_(pa.float32())),
        }
    )


def with_column(table: pa.Table, column: str, values: list) -> pa.Table:
    place = table.column_names.index(column)
    return table.set_column(place, column, pa.array(values, table.schema.field(column).type))


def pieces(table: pa.Table, size: int) -> list[pa.Table]:
    return [table.slice(start, size) for start in range(0, len(table), size)]


def test_rows_come_back_as_they_went_in(root: Root) -> None:
    table = ragged([3, 1, 7, 2, 5])
    stored = write_dataset(root, "r", [table], {}, NOW)
    assert pa.concat_tables(stored.tables()).equals(table)
    assert stored.manifest["n_steps"] == [1, 7]
    assert stored.manifest["classes"] == {"a": 2, "b": 2}
    assert stored.manifest["unlabelled"] == 1
    values = stored.values()
    assert values.shape == (5, 7, 2)
    assert np.isnan(values).sum(axis=(1, 2)).tolist() == [8, 12, 0, 10, 4]
    np.testing.assert_array_equal(stored.values(np.array([1, 4])), values[[1, 4]])


def test_series_are_read_part_by_part_as_from_an_array(
    root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(row_groups, "ROW_GROUP_ROWS", 8)
    monkeypatch.setattr(row_groups, "ROW_GROUPS_PER_FILE", 2)
    monkeypatch.setattr(datasets, "PART_BYTES", 6 * 9 * 2 * 4)
    stored = write_dataset(root, "r", [ragged([1 + i % 9 for i in range(70)])], {}, NOW)
    rows = np.arange(3, 66, 2)
    whole, parts = stored.values(rows), stored.series(rows)
    assert (parts.shape, len(parts)) == (whole.shape, len(whole))
    for start in range(0, len(rows), 4):
        np.testing.assert_array_equal(parts[start : start + 4], whole[start : start + 4])
    np.testing.assert_array_equal(parts[2:20], whole[2:20])
    np.testing.assert_array_equal(parts[np.array([9, 1, 30, 1])], whole[[9, 1, 30, 1]])
    assert stored.group_sizes() == [8] * 8 + [6]


@settings(max_examples=10)
@given(
    lengths=st.lists(st.integers(1, 9), min_size=1, max_size=30),
    size=st.integers(1, 40),
    rows=st.integers(1, 7),
)
def test_bytes_do_not_depend_on_how_rows_arrive(
    tmp_path_factory: pytest.TempPathFactory, lengths: list[int], size: int, rows: int
) -> None:
    table, manifests = ragged(lengths), []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(row_groups, "ROW_GROUP_ROWS", rows)
        patch.setattr(row_groups, "ROW_GROUP_VALUES", 24)
        patch.setattr(row_groups, "ROW_GROUPS_PER_FILE", 2)
        for parts in ([table], pieces(table, size)):
            root = open_root(tmp_path_factory.mktemp("tree"))
            manifests.append(write_dataset(root, "r", parts, {}, NOW).manifest)
    assert manifests[0] == manifests[1]


def test_the_version_follows_the_rows_alone(root: Root) -> None:
    table = ragged([3, 4]).append_column("split", pa.array(["train", "test"]))

    def version_of(table: pa.Table, name: str = "a", source: str = "here") -> str:
        return write_dataset(root, name, [table], {"from": source}, NOW).manifest["version"]

    changes = {"series_id": ["r0", "q1"], "label": ["a", None], "split": ["train", "train"],
               "x": [table["x"][0].as_py(), [0.0, 0.0, 0.0, 0.5]]}  # fmt: skip
    others = [with_column(table, *change) for change in changes.items()]
    assert version_of(table) == version_of(table, "b", "there")
    assert len({version_of(rows) for rows in (table, *others)}) == 5


def test_the_same_rows_again_find_the_version_that_is_there(root: Root) -> None:
    first = store_series(root)
    before = Path(first.folder, "manifest.json").read_bytes()
    assert store_series(root).ref == first.ref
    assert Path(first.folder, "manifest.json").read_bytes() == before
    assert dataset_versions(root, "toy") == [first.manifest["version"]]


def test_of_two_that_follow_the_same_rows_the_second_leaves_nothing(root: Root) -> None:
    parent = write_dataset(root, "r", [ragged([3, 1, 7])], {}, NOW)
    first, second = (
        pa.concat_tables([ragged([3, 1, 7]), ragged([2, 4], seed)]).set_column(
            0, "series_id", [["r0", "r1", "r2", f"{seed}a", f"{seed}b"]]
        )
        for seed in (1, 2)
    )
    after = Provenance({}, parent=parent)
    made = write_rows(root, "r", [first], after)
    with pytest.raises(OvertakenParentError):
        write_rows(root, "r", [second], after)
    assert dataset_versions(root, "r") == [parent.manifest["version"], made.manifest["version"]]
    assert verify_tree(root)["bad"] == []
    assert on_newest(lambda: write_rows(root, "r", [second], replace(after, parent=made)))


def test_rows_follow_a_version_that_the_log_does_not_name(root: Root) -> None:
    """The process that made it was killed before its entry."""
    parent = write_dataset(root, "r", [ragged([3, 1, 7])], {}, NOW)
    root.fs.rm(root.join("log"), recursive=True)
    longer = ragged([3, 1, 7, 2])
    made = write_rows(root, "r", [longer], Provenance({}, parent=parent))
    assert open_dataset(root, "r").ref == made.ref
    root.fs.rm(made.folder, recursive=True)
    again = write_rows(root, "r", [longer], Provenance({}, parent=open_dataset(root, "r")))
    assert again.ref == made.ref


def test_lost_rows_that_are_written_again_are_registered_again(root: Root) -> None:
    lost = write_dataset(root, "r", [ragged([3, 1, 7])], {}, NOW)
    root.fs.rm(root.join("datasets", "r"), recursive=True)
    assert write_dataset(root, "r", [ragged([3, 1, 7])], {}).ref == lost.ref
    assert verify_tree(root, lost.ref)["bad"] == verify_tree(root)["bad"] == []


def test_a_dataset_that_would_not_fit_when_padded_is_refused(
    root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = write_dataset(root, "r", [ragged([1] * 50 + [1000])], {}, NOW)
    monkeypatch.setattr(datasets, "MAX_BYTES", 4 * 51 * 1000)
    with pytest.raises(ValueError, match=r"DATASET: expected series that fit .*1000 steps"):
        stored.values()


def test_writers_at_once_do_not_damage_each_other(root: Root) -> None:
    with ThreadPoolExecutor(8) as pool:
        refs = list(pool.map(lambda i: store_series(root, n=60 + 2 * (i % 2)).ref, range(8)))
    assert len(set(refs)) == 2
    for ref in set(refs):
        assert len(open_dataset(root, ref).values()) in (60, 62)
    assert list(Path(root.path, ".staging").iterdir()) == []


def test_what_is_damaged_is_never_read_silently(root: Root) -> None:
    stored = store_series(root)
    part, manifest = (Path(stored.folder, name) for name in ("part-00000.parquet", "manifest.json"))
    whole, content = part.read_bytes(), bytearray(part.read_bytes())
    content[100] ^= 1
    part.write_bytes(content)
    with pytest.raises(DamagedError, match=r"part-00000\.parquet: expected SHA-256"):
        stored.values()
    part.unlink()
    with pytest.raises(DamagedError, match="missing"):
        stored.labels()
    part.write_bytes(whole)
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "n_series": 61}))
    with pytest.raises(DamagedError, match="altered"):
        open_dataset(root, stored.ref)


def test_references_may_be_short_but_not_wrong(root: Root) -> None:
    stored = store_series(root)
    version = stored.manifest["version"]
    for ref in ("toy", f"toy@{version}", f"datasets/toy@{version[:4]}"):
        assert open_dataset(root, ref).ref == stored.ref
    for ref in ("toy2", "toy@ffff", "", "../toy"):
        with pytest.raises(ValueError, match="DATASET: expected one of toy@"):
            open_dataset(root, ref)
    store_series(root, n=40)
    store_series(root)
    assert open_dataset(root, "toy").ref == stored.ref, "a bare name means what was made last"


@pytest.mark.parametrize(
    ("column", "values", "problem"),
    [
        ("series_id", ["r0", None], "an id for every series"),
        ("series_id", ["r0", "r0"], "a different id"),
        ("n_steps", [0, 3], "at least one step"),
        ("n_steps", [2, 2], "n_steps values in every channel"),
        ("label", ["", "b"], "a label or null"),
        ("label", ["unknown", "b"], "the answer that is none"),
        ("tonic_hz", [0.0, None], "above 0 Hz"),
        ("tonic_hz", [1.0, float("inf")], "above 0 Hz"),
        ("split", ["train", "dev"], "'train' or 'test'"),
        ("x", [[1.0, float("inf")], [1.0, 2.0, 3.0]], "finite numbers"),
        ("x", [[1.0, None], [1.0, 2.0, 3.0]], "a number or NaN at every step"),
    ],
)
def test_bad_rows_are_refused_and_leave_nothing(
    root: Root, column: str, values: list, problem: str
) -> None:
    table = ragged([2, 3])
    if column in table.column_names:
        bad = with_column(table, column, values)
    else:
        bad = table.append_column(column, pa.array(values))
    with pytest.raises(ValueError, match=problem):
        write_dataset(root, "r", [bad], {}, NOW)
    assert root.names("datasets") == []
    assert list(Path(root.path, ".staging").iterdir()) == []


def test_no_rows_and_rows_of_other_columns_are_refused(root: Root) -> None:
    with pytest.raises(ValueError, match="at least one series"):
        write_dataset(root, "r", [], {}, NOW)
    other = ragged([2]).drop_columns(["y"])
    with pytest.raises(ValueError, match=r"columns: expected .*x, y"):
        write_dataset(root, "r", [ragged([2]), other], {}, NOW)


def with_event(start: list, stop: list) -> pa.Table:
    table = ragged([2, 3])
    for name, steps in (("event_start", start), ("event_stop", stop)):
        table = table.append_column(name, pa.array(steps, pa.int32()))
    return table


def test_events_are_kept_and_a_dataset_without_them_stays_as_it_is(root: Root) -> None:
    stored = write_dataset(root, "r", [with_event([0, None], [2, None])], {}, NOW)
    assert stored.labels().select(["event_start", "event_stop"]).to_pylist() == [
        {"event_start": 0, "event_stop": 2},
        {"event_start": None, "event_stop": None},
    ]
    plain = write_dataset(root, "r", [ragged([2, 3])], {}, NOW)
    assert plain.labels().column_names == ["series_id", "label", "n_steps"]
    np.testing.assert_array_equal(plain.values(), stored.values())


@pytest.mark.parametrize(
    ("start", "stop", "problem"),
    [
        ([-1, None], [2, None], "event_start.*a step from 0 on"),
        ([1, None], [1, None], "event_stop.*more than event_start"),
        ([0, 1], [2, 4], "event_stop.*at most n_steps.*'r1'"),
        ([0, 1], [2, None], "event_stop.*both ends"),
    ],
)
def test_impossible_events_are_refused(root: Root, start: list, stop: list, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        write_dataset(root, "r", [with_event(start, stop)], {}, NOW)
    with pytest.raises(ValueError, match="event_start alone"):
        write_dataset(root, "r", [with_event(start, stop).drop_columns(["event_stop"])], {}, NOW)


def test_row_groups_are_bounded_by_values_for_long_series(
    root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(row_groups, "ROW_GROUP_VALUES", 1000)
    stored = write_dataset(root, "r", [ragged([300] * 10)], {}, NOW)
    groups = pq.ParquetFile(f"{stored.folder}/part-00000.parquet").metadata
    assert [groups.row_group(i).num_rows for i in range(groups.num_row_groups)] == [2] * 5


def append(parent: Dataset, rows: pa.Table) -> Dataset:
    tables = [*parent.tables(), rows]
    return write_rows(parent.root, "r", tables, Provenance({}, parent=parent))


def test_added_rows_alone_are_written(root: Root) -> None:
    table = ragged([30] * 400)
    first = write_dataset(root, "r", [table.slice(0, 380)], {}, NOW)
    second = append(first, table.slice(380))
    assert second.manifest["files"][:1] == first.manifest["files"]
    parts = [Path(version.folder, "part-00000.parquet") for version in (first, second)]
    assert parts[0].samefile(parts[1])
    written = [entry["bytes"] for entry in second.manifest["files"][1:]]
    assert sum(written) < 0.2 * first.manifest["files"][0]["bytes"]
    assert pa.concat_tables(second.tables()).equals(table)
    at_once = write_dataset(root, "whole", [table], {}, NOW)
    assert second.manifest["version"] == at_once.manifest["version"]
    assert second.manifest["parents"] == [first.ref]


def test_rows_that_are_added_often_lie_in_few_files(root: Root) -> None:
    table = ragged([3] * 50)
    version = write_dataset(root, "r", [table.slice(0, 10)], {}, NOW)
    for start in range(10, 50):
        version = append(version, table.slice(start, 1))
        assert len(version.manifest["files"]) <= 8
    assert pa.concat_tables(version.tables()).equals(table)
