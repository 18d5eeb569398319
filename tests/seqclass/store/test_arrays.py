"""Arrays in files: headers before content, rows in blocks, lengths and labels."""

from itertools import count
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays as drawn

from seqclass.store.formats import arrays as module
from seqclass.store.formats.arrays import read_npy, read_npz, unpadded_lengths
from seqclass.store.formats.table import ColumnNames, Limits, Reading, RefusalError

VALUES = st.floats(-9, 9, width=32) | st.just(float("nan"))


def reading(**more: object) -> Reading:
    return Reading(**{"names": ColumnNames(), "split": None, "serial": count(),
                      "limits": Limits(), **more})  # type: ignore[arg-type]  # fmt: skip


def rows(path: Path, **members: np.ndarray) -> list[dict]:
    np.savez(path, **members)
    return pa.concat_tables(read_npz([str(path)], reading())).to_pylist()


@given(drawn(np.float32, st.tuples(st.integers(1, 6), st.integers(0, 5), st.integers(1, 3)),
             elements=VALUES))  # fmt: skip
def test_a_length_ends_with_the_last_step_that_has_a_value(x: np.ndarray) -> None:
    for row, length in zip(x, unpadded_lengths(x), strict=True):
        assert np.isnan(row[length:]).all()
        assert length == 0 or not np.isnan(row[length - 1]).all()


@pytest.mark.parametrize(("order", "dtype"), [("C", "<f8"), ("F", ">f4"), ("C", "u1")])
def test_blocks_of_any_layout_and_kind_are_the_array(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, order: str, dtype: str
) -> None:
    monkeypatch.setattr(module, "BLOCK_CELLS", 24)
    x = np.arange(7 * 4 * 3).reshape(7, 4, 3).astype(dtype)
    np.savez(tmp_path / "a.npz", X=np.asarray(x, order=order), y=np.arange(7))
    blocks = list(read_npz([str(tmp_path / "a.npz")], reading()))
    assert [len(block) for block in blocks] == [2, 2, 2, 1]
    series = pa.concat_tables(blocks).to_pylist()
    assert [row["label"] for row in series] == [str(k) for k in range(7)]
    assert [row["series_id"] for row in series] == [f"series-{k:06d}" for k in range(7)]
    for channel in range(3):
        values = np.array([row[f"channel_{channel}"] for row in series])
        np.testing.assert_array_equal(values, x[:, :, channel].astype(np.float32))


def test_an_array_in_fortran_order_has_a_limit_since_it_is_read_whole(tmp_path: Path) -> None:
    np.savez(tmp_path / "f.npz", X=np.ones((4, 100), order="F"), y=np.arange(4))
    with pytest.raises(RefusalError, match=r"whole bytes of series in Fortran order, got 3,200"):
        list(read_npz([str(tmp_path / "f.npz")], reading(limits=Limits(whole_bytes=1000))))


def test_stated_lengths_count_though_more_is_there(tmp_path: Path) -> None:
    series = rows(
        tmp_path / "a.npz", X=np.ones((3, 4)), y=np.array(list("aba")), len=np.array([4, 2, 1])
    )
    assert [len(row["value"]) for row in series] == [4, 2, 1]
    for wrong in ([5, 1, 1], [-1, 1, 1], [1, 1], [1.0, 1.0, 1.0]):
        with pytest.raises(RefusalError, match="a length of at most 4 for each of 3 series"):
            rows(tmp_path / "b.npz", X=np.ones((3, 4)), y=np.zeros(3), len=np.array(wrong))


def test_an_archive_with_parts_gives_each_row_its_split(tmp_path: Path) -> None:
    x, y = np.ones((2, 3)), np.array([0, 1])
    series = rows(tmp_path / "a.npz", X_train=x, y_train=y, X_test=2 * x, y_test=y)
    assert [row["split"] for row in series] == ["train"] * 2 + ["test"] * 2
    assert [row["value"][0] for row in series] == [1, 1, 2, 2]
    assert series[0]["series_id"].startswith("train-")
    with pytest.raises(RefusalError, match="expected an array 'X'"):
        list(read_npz([str(tmp_path / "a.npz")], reading(split="test")))


def test_labels_of_any_form_are_the_same_classes(tmp_path: Path) -> None:
    one_hot = np.array([[0, 1], [1, 0], [0, 1]])
    for y in ([1, 0, 1], [[1], [0], [1]], one_hot, one_hot == 1, [1.0, 0.0, 1.0],
              ["1", "0", "1"], [b"1", b"0", b"1"]):  # fmt: skip
        series = rows(tmp_path / "a.npz", X=np.ones((3, 2)), y=np.array(y))
        assert [row["label"] for row in series] == ["1", "0", "1"], y


@pytest.mark.parametrize(
    ("members", "says"),
    [
        ({"X": np.ones((2, 3))}, "expected an array 'y'"),
        ({"Z": np.ones(2)}, "expected an array 'X' (X_train, y_train with"),
        ({"X": np.ones(2), "y": np.ones(2)}, "numbers of shape (series, steps)"),
        ({"X": np.ones((2, 0)), "y": np.ones(2)}, "float64 of shape (2, 0); reshape"),
        ({"X": np.array([["a"]]), "y": np.ones(1)}, "numbers of shape"),
        ({"X": np.ones((2, 3)), "y": np.ones(3)}, "as many labels as series (2)"),
        ({"X": np.ones((2, 3)), "y": np.array(1)}, "as many labels as series (2)"),
        ({"X": np.ones((2, 3)), "y": np.full((2, 2), "a")}, "row 1: expected one-hot labels"),
        ({"X": np.ones((2, 3)), "y": np.array([1, np.inf])}, "row 2: expected a class in every"),
        ({"X": np.ones((2, 3)), "y": np.array([[1, 1], [0, 1]])}, "row 1: expected one-hot labels"),
        ({"X": np.array([[1, np.inf]]), "y": np.ones(1)}, "row 1: expected finite numbers"),
        ({"X": 1e9 + np.ones((2, 6)).cumsum(1), "y": np.ones(2)}, "lost beside a size of 1e+09"),
        ({"X": np.ones((1, 2)), "y": np.array(["\ud800"])}, "labels of Unicode text"),
        ({"X": np.ones((1, 2)), "y": np.array([2**31 - 1], np.int32).view("U1")}, "of Unicode"),
        ({"X": np.ones((1, 2)), "y": np.array(["2026-01-01"], "M8[D]")}, "an array of datetime64"),
    ],
)  # fmt: skip
def test_arrays_that_are_no_series_are_refused(tmp_path: Path, members: dict, says: str) -> None:
    with pytest.raises(RefusalError) as refused:
        rows(tmp_path / "a.npz", **members)
    assert says in str(refused.value)


def test_a_pair_of_files_is_series_and_labels(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.arange(6.0).reshape(2, 3))
    np.save(tmp_path / "y.npy", np.array(["up", "down"]))
    paths = [str(tmp_path / "x.npy"), str(tmp_path / "y.npy")]
    [table] = read_npy(paths, reading())
    assert table["label"].to_pylist() == ["up", "down"]
    assert table["value"].to_pylist() == [[0, 1, 2], [3, 4, 5]]


def test_what_is_cut_off_or_no_array_of_numbers_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.ones((50, 3)))
    np.save(tmp_path / "y.npy", np.ones(50))
    whole = (tmp_path / "x.npy").read_bytes()
    paths = [str(tmp_path / "x.npy"), str(tmp_path / "y.npy")]
    for content, says in (
        (whole[:-8], "an array of 1,200 bytes"),
        (b"not an array", "an array of numbers or text"),
        (whole[:20], "an array of numbers or text"),
    ):
        (tmp_path / "x.npy").write_bytes(content)
        with pytest.raises(RefusalError, match=says):
            list(read_npy(paths, reading()))
    np.save(tmp_path / "x.npy", np.array([{"a": 1}], dtype=object))
    with pytest.raises(RefusalError, match="an array of object; save it as numbers or text"):
        list(read_npy(paths, reading()))
    with pytest.raises(RefusalError, match=r"an \.npz archive"):
        list(read_npz(paths, reading()))
