"""Import: what each format becomes, and what is refused with file, row and reason."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seqclass.store import formats
from seqclass.store.formats import ColumnNames, expand, read_files
from seqclass.store.formats.builtin import FORMATS
from seqclass.store.formats.file_format import by_ending
from seqclass.store.rows import channels_of, check_form, dataset_schema

NAMES = ColumnNames()


def read(*paths: Path, names: ColumnNames = NAMES, split: str | None = None) -> list[dict]:
    return pa.concat_tables(read_files([str(p) for p in paths], names, split)).to_pylist()


def text(folder: Path, name: str, content: str) -> Path:
    path = folder / name
    path.write_text(content)
    return path


LONG = "series_id,label,step,x,y\na,up,1,10,5\na,up,0,9,\nb,,0,1,2\n"


def test_long_csv_gathers_series_in_the_order_of_steps(tmp_path: Path) -> None:
    a, b = read(text(tmp_path, "l.csv", LONG))
    assert (a["series_id"], a["label"], a["n_steps"], a["x"]) == ("a", "up", 2, [9.0, 10.0])
    np.testing.assert_array_equal(a["y"], [np.nan, 5.0])
    assert (b["label"], b["x"]) == (None, [1.0])


def test_long_parquet_equals_long_csv(tmp_path: Path) -> None:
    table = pa.table({"series_id": ["a", "a", "b"], "label": ["up", "up", None],
                      "step": [1, 0, 0], "x": [10, 9, 1], "y": [5.0, None, 2.0]})  # fmt: skip
    pq.write_table(table, tmp_path / "l.parquet")
    from_csv = read(text(tmp_path, "l.csv", LONG))
    assert repr(read(tmp_path / "l.parquet")) == repr(from_csv)


def test_long_form_keeps_group_and_takes_other_column_names(tmp_path: Path) -> None:
    path = text(tmp_path, "l.csv", "unit,kind,t,group,x\nu,k,0,g,1\nu,k,1,g,2\n")
    [row] = read(path, names=ColumnNames("unit", "kind", "t"))
    assert (row["series_id"], row["label"], row["group"], row["x"]) == ("u", "k", "g", [1.0, 2.0])


def test_every_format_with_columns_takes_the_place_of_an_event(tmp_path: Path) -> None:
    csv = "series_id,label,event_start,event_stop,x\na,k,1,2,5\na,k,1,2,6\nb,l,,,7\n"
    rows = read(text(tmp_path, "l.csv", csv))
    assert [(r["event_start"], r["event_stop"]) for r in rows] == [(1, 2), (None, None)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "w.parquet")
    assert repr(read(tmp_path / "w.parquet")) == repr(rows)


def test_any_column_can_be_the_step_but_it_must_be_there(tmp_path: Path) -> None:
    path = text(tmp_path, "l.csv", "series_id,label,time,x\na,k,2,3\na,k,1,1\n")
    [row] = read(path, names=ColumnNames(step="time"))
    assert row["x"] == [1.0, 3.0]
    assert "time" not in row
    with pytest.raises(ValueError, match=r"a column 'tik'.*--step-column"):
        read(path, names=ColumnNames(step="tik"))


def test_the_named_split_counts_whatever_the_file_says(tmp_path: Path) -> None:
    table = pa.table({"series_id": ["a"], "label": ["k"], "x": [[1.0]], "split": ["train"]})
    pq.write_table(table, tmp_path / "w.parquet")
    assert [row["split"] for row in read(tmp_path / "w.parquet", split="test")] == ["test"]


def test_missing_labels_are_null_in_every_format(tmp_path: Path) -> None:
    np.savez(tmp_path / "z.npz", X=np.ones((3, 2)), y=np.array([1, np.nan, 2.5]))
    np.savez(tmp_path / "b.npz", X=np.ones((2, 2)), y=np.array([b"p", b"?"]))
    tsv, ts = "\ufeffNaN\t1\n1.0\t2\n", "\ufeff@classLabel true a\n@data\n1:?\n1:a\n"
    found = [
        [row["label"] for row in read(path)]
        for path in (
            tmp_path / "z.npz",
            tmp_path / "b.npz",
            text(tmp_path, "u.tsv", tsv),
            text(tmp_path, "u.ts", ts),
        )
    ]
    assert found == [["1", None, "2.5"], ["p", None], [None, "1"], [None, "a"]]


def test_a_parquet_column_of_nulls_is_no_label(tmp_path: Path) -> None:
    pq.write_table(
        pa.table({"series_id": ["a"], "label": [None], "x": [1.0]}), tmp_path / "l.parquet"
    )
    assert read(tmp_path / "l.parquet")[0]["label"] is None


def test_lists_of_a_fixed_size_are_series_too(tmp_path: Path) -> None:
    fixed = pa.FixedSizeListArray.from_arrays(pa.array([1.0, 2.0, 3.0, 4.0]), 2)
    pq.write_table(pa.table({"series_id": ["a", "b"], "label": ["k", "l"], "x": fixed}),
                   tmp_path / "w.parquet")  # fmt: skip
    assert [row["x"] for row in read(tmp_path / "w.parquet")] == [[1.0, 2.0], [3.0, 4.0]]


def test_long_form_without_steps_takes_the_file_s_order(tmp_path: Path) -> None:
    [row] = read(text(tmp_path, "l.csv", "series_id,label,x\na,k,3\na,k,1\na,k,2\n"))
    assert row["x"] == [3.0, 1.0, 2.0]


def test_wide_parquet_is_our_own_layout(tmp_path: Path) -> None:
    table = pa.table({"series_id": ["a", "b"], "label": [1, 2], "x": [[1, 2, None], [3]],
                      "split": ["train", "test"]})  # fmt: skip
    pq.write_table(table, tmp_path / "w.parquet")
    a, b = read(tmp_path / "w.parquet")
    assert (a["label"], a["n_steps"], b["n_steps"], b["split"]) == ("1", 3, 1, "test")
    np.testing.assert_array_equal(a["x"], [1.0, 2.0, np.nan])


def test_tsv_has_its_label_first_and_trailing_nan_is_padding(tmp_path: Path) -> None:
    rows = read(text(tmp_path, "u.tsv", "1\t0.5\tNaN\t2\n-1.0\t3\t4\tNaN\n"), split="train")
    assert [r["label"] for r in rows] == ["1", "-1"]
    assert [r["n_steps"] for r in rows] == [3, 2]
    assert [r["series_id"] for r in rows] == ["train-000000", "train-000001"]


TS = "# a comment\n@problemName x\n@classLabel true a b\n@data\n1,2,?:3,4,5:a\n6:7:b\n"


def test_ts_has_channels_of_any_length(tmp_path: Path) -> None:
    a, b = read(text(tmp_path, "m.ts", TS))
    np.testing.assert_array_equal(a["channel_0"], [1, 2, np.nan])
    assert (a["channel_1"], b["channel_1"], b["n_steps"], b["label"]) == ([3, 4, 5], [7.0], 1, "b")


def test_npz_holds_its_own_split_and_lengths(tmp_path: Path) -> None:
    x = np.array([[1, 2, np.nan], [1, np.nan, np.nan]])
    np.savez(tmp_path / "z.npz", X_train=x, y_train=["p", "q"], len_train=[3, 1],
             X_test=x, y_test=["q", "p"])  # fmt: skip
    rows = read(tmp_path / "z.npz")
    assert [r["n_steps"] for r in rows] == [3, 1, 2, 1]
    assert [r["split"] for r in rows] == ["train", "train", "test", "test"]


def test_npy_pairs_take_one_hot_labels(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.ones((2, 4, 3)))
    np.save(tmp_path / "y.npy", np.array([[0, 1], [1, 0]]))
    rows = read(tmp_path / "x.npy", tmp_path / "y.npy")
    assert [r["label"] for r in rows] == ["1", "0"]
    assert [n for n in rows[0] if n.startswith("channel")] == [
        "channel_0",
        "channel_1",
        "channel_2",
    ]


def test_each_ending_has_one_reader() -> None:
    endings = [ending for form in FORMATS for ending in form.endings]
    assert len(endings) == len(set(endings))
    assert set(endings) < set(by_ending())


def test_a_folder_means_the_files_in_it(tmp_path: Path) -> None:
    first, second = text(tmp_path, "a.csv", LONG), text(tmp_path, "b.tsv", "1\t2\n")
    text(tmp_path, "notes.txt", "")
    assert expand([str(tmp_path)], "PATH") == [str(first), str(second)]


def test_other_files_of_a_folder_need_not_be_readable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (table := tmp_path / "a.csv").write_text("series_id,step,value,label\na,0,1,x\n")
    (tmp_path / "secret.key").write_text("x")

    def format_by_content(path: str) -> None:
        if path.endswith(".key"):
            raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(formats, "format_by_content", format_by_content)
    assert expand([str(tmp_path)], "PATH") == [str(table)]


def test_real_files_agree_in_every_format(shared_data: Path) -> None:
    from_tsv = read(shared_data / "native" / "CBF_TRAIN.tsv", split="train")
    archive = read(shared_data / "archive" / "CBF.npz")
    from_npz = [row for row in archive if row["split"] == "train"]
    assert [r["label"] for r in from_tsv] == [r["label"] for r in from_npz]
    np.testing.assert_allclose(from_tsv[7]["value"], from_npz[7]["value"], rtol=1e-6)
    from_ts = read(shared_data / "native" / "JapaneseVowels_TRAIN.ts")
    vowels = [
        r for r in read(shared_data / "archive" / "JapaneseVowels.npz") if r["split"] == "train"
    ]
    assert [r["n_steps"] for r in from_ts] == [r["n_steps"] for r in vowels]
    np.testing.assert_allclose(from_ts[5]["channel_3"], vowels[5]["channel_3"], rtol=1e-5)


def archive(**arrays: np.ndarray) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        np.savez(folder / "bad.npz", **arrays)
        return folder / "bad.npz"

    return write


def table(**columns: list) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        pq.write_table(pa.table(columns), folder / "bad.parquet")
        return folder / "bad.parquet"

    return write


def lines(name: str, content: str) -> Callable[[Path], Path]:
    return lambda folder: text(folder, name, content)


HEAD = "@problemName x\n@classLabel true a b\n@data\n"
BAD = {
    "csv without the label column": (lines("b.csv", "series_id,x\na,1\n"), "a column 'label'"),
    "csv with text among numbers": (lines("b.csv", LONG + "b,,1,oops,2\n"), "'oops' in row 5"),
    "csv with infinity": (lines("b.csv", LONG + "b,,1,inf,2\n"), "row 5.*finite"),
    "csv beyond float32": (lines("b.csv", LONG + "b,,1,1e300,2\n"), "row 5.*float32"),
    "csv with two labels": (lines("b.csv", LONG + "a,down,2,1,2\n"), "row 5.*'down' beside 'up'"),
    "csv with two events for a series": (
        lines("b.csv", "series_id,label,event_start,x\na,k,1,1\na,k,2,1\n"),
        "row 3.*one event_start",
    ),
    "csv with half a step": (
        lines("b.csv", "series_id,label,event_start,x\na,k,0.5,1\n"),
        "int32 in column 'event_start'",
    ),
    "csv with a step twice": (lines("b.csv", LONG + "a,up,1,1,2\n"), "row 5.*one row per step"),
    "csv without an id": (lines("b.csv", "series_id,label,x\n,a,1\n"), "row 2.*series_id"),
    "csv with a short line": (lines("b.csv", LONG + "a,up\n"), "row 5.*5 columns as in the header"),
    "csv with semicolons": (lines("b.csv", "a;b;c\n1;2;3\n"), "and 'label', got 'a', 'b', 'c'"),
    "csv with two label columns": (
        lines("b.csv", "series_id,label,kind,x\na,k,k,1\n"), "numbers in every channel",
    ),
    "csv that is empty": (lines("b.csv", ""), "CSV table.*[Ee]mpty"),
    "csv with a header alone": (lines("b.csv", "series_id,label,x\n"), "at least one row"),
    "csv without channels": (lines("b.csv", "series_id,label\na,k\n"), "at least one column"),
    "csv with torn series": (
        lines("b.csv", "series_id,label,x\na,k,1\nb,k,1\na,k,2\n"), "row 4.*together",
    ),
    "csv with words for steps": (
        lines("b.csv", "series_id,label,step,x\na,k,one,1\n"), "a number or a time.*in row 2",
    ),
    "csv with pandas' index": (lines("b.csv", ",series_id,label,x\n0,a,k,1\n"), "index=False"),
    "csv with a column twice": (lines("b.csv", "series_id,label,x,x\na,k,1,2\n"), "different name"),
    "parquet with struct labels": (
        table(series_id=["a"], label=[{"p": 1}], x=[1.0]), "texts or numbers",
    ),
    "parquet that is none": (lines("b.parquet", "not parquet"), "a Parquet file"),
    "parquet with lists of text": (
        table(series_id=["a"], label=["k"], x=[["p"]]), "lists of numbers|numbers",
    ),
    "parquet with a null list": (
        table(series_id=["a", "b"], label=["k", "k"], x=[[1.0], None]), "null in series 'b'",
    ),
    "tsv with a word": (lines("b.tsv", "1\t2\n1\t2\tx\n"), "row 2.*'x'"),
    "tsv with infinity": (lines("b.tsv", "1\t2\tinf\n"), "row 1.*finite"),
    "ts without data": (lines("b.ts", "@problemName x\n"), "@data"),
    "ts without classes": (lines("b.ts", "@problemName x\n@data\n1:a\n"), "row 2.*@classLabel"),
    "ts with an unknown class": (lines("b.ts", HEAD + "1,2:c\n"), "row 4.*label out of a, b"),
    "ts with uneven channels": (lines("b.ts", HEAD + "1,2:1:a\n"), "row 4.*one length"),
    "ts with fewer channels": (lines("b.ts", HEAD + "1:2:a\n1:b\n"), "2 channels as in the first"),
    "ts with time stamps": (lines("b.ts", "@timeStamps true\n" + HEAD), "row 1.*time stamps"),
    "ts with other text first": (lines("b.ts", "hello\n"), "row 1.*header"),
    "text that is not UTF-8": (
        lambda folder: (folder / "b.ts").write_bytes(b"@data \xff\n") and folder / "b.ts", "UTF-8",
    ),
    "npz that is none": (lines("b.npz", "not a zip"), "an .npz archive"),
    "npz without labels": (archive(X=np.ones((2, 3))), "an array 'y'"),
    "npz of objects": (archive(X=np.array([None, 1]), y=np.ones(2)), "numbers or text"),
    "npz of one dimension": (archive(X=np.ones(3), y=np.ones(3)), "of shape"),
    "npz with too few labels": (archive(X=np.ones((3, 4)), y=np.ones(2)), "as many labels"),
    "npz with infinity": (archive(X=np.array([[1.0], [np.inf]]), y=np.ones(2)), "row 2.*finite"),
    "npz with wrong lengths": (
        archive(X=np.ones((2, 3)), y=np.ones(2), len=np.array([3, 9])), "a length of at most 3",
    ),
    "npz of no steps": (archive(X=np.ones((2, 0)), y=np.ones(2)), "of shape"),
    "npz with lengths in text": (
        archive(X=np.ones((2, 3)), y=np.ones(2), len=np.array(["3", "3"])), "a length of at most 3",
    ),
    "npz with one label": (archive(X=np.ones((2, 3)), y=np.array(1)), "as many labels"),
    "npz with two text labels": (archive(X=np.ones((2, 3)), y=np.full((2, 2), "a")), "one-hot"),
    "npy by the name of npz": (
        lambda folder: np.save(folder / "b.npy", np.ones(2))
        or (folder / "b.npy").rename(folder / "b.npz"),
        "an .npz archive",
    ),
    "tsv with commas": (lines("b.tsv", "1,2,3\n"), "row 1.*separated by tabs"),
    "tsv with Python's digits": (lines("b.tsv", "1\t1_000\n"), "row 1.*'1_000'"),
    "labels that are not one-hot": (
        archive(X=np.ones((2, 3)), y=np.array([[1, 0], [1, 1]])), "row 2.*one-hot",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_malformed_files_are_refused_with_the_reason(tmp_path: Path, case: str) -> None:
    write, problem = BAD[case]
    path = write(tmp_path)
    with pytest.raises(ValueError, match=problem) as caught:
        read(path)
    assert str(path) in str(caught.value)
    assert "expected" in str(caught.value)


def test_one_npy_file_is_not_a_dataset(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.ones((2, 4)))
    with pytest.raises(ValueError, match=r"pairs of \.npy files"):
        read(tmp_path / "x.npy")


@pytest.mark.parametrize("name", ["missing.csv", "b.ods"])
def test_missing_and_unknown_files_are_refused(tmp_path: Path, name: str) -> None:
    text(tmp_path, "b.ods", "")
    with pytest.raises(ValueError, match=r"^PATH: expected .*got "):
        expand([str(tmp_path / name)], "PATH")


def labelled(values: pa.Array) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        n = len(values)
        table = pa.table({"series_id": [f"s{i}" for i in range(n)], "label": values,
                          "value": [[1.0]] * n})  # fmt: skip
        pq.write_table(table, folder / "labels.parquet")
        return folder / "labels.parquet"

    return write


def test_a_label_that_is_nan_or_no_time_is_missing_in_parquet(tmp_path: Path) -> None:
    rows = read(labelled(pa.array([1.0, float("nan"), 2.5, None]))(tmp_path))
    assert [row["label"] for row in rows] == ["1", None, "2.5", None]


@pytest.mark.parametrize(
    "values",
    [
        pa.array([1.0, float("inf")]),
        pa.array([0, None], pa.timestamp("us")),
        pa.array([5, 6], pa.duration("s")),
        pa.array([{"a": 1}, {"a": 2}]),
        pa.array([[1], [2]]),
    ],
    ids=["inf", "times", "durations", "structs", "lists"],
)
def test_a_label_of_another_kind_is_refused(tmp_path: Path, values: pa.Array) -> None:
    with pytest.raises(ValueError, match=r"label|lists of numbers"):
        list(passed(labelled(values)(tmp_path)))


def passed(path: Path) -> list[pa.Table]:
    """Tables as an import takes them: with the checks of stored rows."""
    tables = list(read_files([str(path)], NAMES))
    for table in tables:
        check_form(table, channels_of(dataset_schema(table.schema)))
    return tables


ARRAYS = {
    "inf": np.array([1.0, np.inf]),
    "durations": np.array([1, 2], "m8[s]"),
    "times": np.array(["2026-01-01", "NaT"], "M8[D]"),
    "structures": np.array([(1, 2), (3, 4)], [("a", "i4"), ("b", "i4")]),
}


@pytest.mark.parametrize("kind", ARRAYS)
def test_a_label_of_another_kind_is_refused_in_arrays_too(tmp_path: Path, kind: str) -> None:
    np.savez(tmp_path / "a.npz", X=np.ones((2, 3)), y=ARRAYS[kind])
    with pytest.raises(ValueError, match=r"a class in every label|an array of numbers or text"):
        read(tmp_path / "a.npz")


def test_durations_are_no_numbers(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", X=np.ones((2, 3), "m8[s]"), y=np.array([1, 2]))
    with pytest.raises(ValueError, match="an array of numbers or text"):
        read(tmp_path / "a.npz")
    table = pa.table({"series_id": ["a"], "label": ["k"], "value": pa.array([1], pa.duration("s"))})
    pq.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(ValueError, match="value"):
        read(tmp_path / "a.parquet")


@pytest.mark.parametrize(
    ("column", "value", "says"),
    [("label", "unknown", "the answer that is none"), ("tonic_hz", -1.0, "above 0 Hz"),
     ("tonic_hz", 0.0, "above 0 Hz"), ("tonic_hz", float("inf"), "above 0 Hz")],
)  # fmt: skip
def test_values_that_mean_something_else_are_refused(
    tmp_path: Path, column: str, value: object, says: str
) -> None:
    known = {"series_id": ["a", "b"], "label": ["k", "l"], "value": [[1.0]] * 2}
    table = pa.table({**known, column: [{"label": "k"}.get(column), value]})
    pq.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(ValueError, match=says):
        passed(tmp_path / "a.parquet")
