"""What the files of each format become, and which files are taken."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seqclass.store import formats
from seqclass.store.formats import ColumnNames, expand, read_files

NAMES = ColumnNames()


def read(*paths: Path | str, names: ColumnNames = NAMES, split: str | None = None) -> list[dict]:
    return pa.concat_tables(read_files([str(p) for p in paths], names, split)).to_pylist()


def text(folder: Path, name: str, content: str) -> Path:
    path = folder / name
    path.write_text(content)
    return path


LONG = "series_id,label,step,x,y\na,up,1,10,5\na,up,0,9,\nb,,0,1,2\n"


def test_rows_of_steps_become_series_in_the_order_of_steps(tmp_path: Path) -> None:
    rows = a, b = read(text(tmp_path, "l.csv", LONG))
    assert (a["series_id"], a["label"], a["n_steps"], a["x"]) == ("a", "up", 2, [9.0, 10.0])
    np.testing.assert_array_equal(a["y"], [np.nan, 5.0])
    assert (b["label"], b["x"]) == (None, [1.0])
    table = pa.table({"series_id": ["a", "a", "b"], "label": ["up", "up", None],
                      "step": [1, 0, 0], "x": [10, 9, 1], "y": [5.0, None, 2.0]})  # fmt: skip
    pq.write_table(table, tmp_path / "l.parquet")
    assert repr(read(tmp_path / "l.parquet")) == repr(rows)


def test_without_steps_the_order_of_the_file_counts(tmp_path: Path) -> None:
    [row] = read(text(tmp_path, "l.csv", "series_id,label,x\na,k,3\na,k,1\na,k,2\n"))
    assert row["x"] == [3.0, 1.0, 2.0]


def test_columns_of_other_names_have_the_roles_that_are_named(tmp_path: Path) -> None:
    path = text(tmp_path, "l.csv", "unit,kind,t,machine,day,x\n"
                "u,k,1,g,02/01/2024,1\nu,k,0,g,02/01/2024,2\n")  # fmt: skip
    names = ColumnNames("unit", "kind", "t", "machine", "day", dates="dd/mm/yyyy")
    [row] = read(path, names=names)
    assert (row["series_id"], row["label"], row["group"]) == ("u", "k", "g")
    assert row["time"].isoformat().startswith("2024-01-02")
    assert row["x"] == [2.0, 1.0]
    assert "t" not in row
    with pytest.raises(ValueError, match=r"a column 'tik'.*--step-column"):
        read(path, names=ColumnNames("unit", "kind", "tik"))


def test_every_format_with_columns_takes_the_place_of_an_event(tmp_path: Path) -> None:
    csv = "series_id,label,event_start,event_stop,x\na,k,1,2,5\na,k,1,2,6\nb,l,,,7\n"
    rows = read(text(tmp_path, "l.csv", csv))
    assert [(r["event_start"], r["event_stop"]) for r in rows] == [(1, 2), (None, None)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "w.parquet")
    assert repr(read(tmp_path / "w.parquet")) == repr(rows)


def test_the_named_split_counts_whatever_the_file_says(tmp_path: Path) -> None:
    table = pa.table({"series_id": ["a"], "label": [1], "x": [[1.0]], "split": ["train"]})
    pq.write_table(table, tmp_path / "w.parquet")
    for split in (None, "test"):
        [row] = read(tmp_path / "w.parquet", split=split)
        assert (row["label"], row["split"]) == ("1", split or "train")


def test_missing_labels_are_null_in_every_format(tmp_path: Path) -> None:
    np.savez(tmp_path / "z.npz", X=np.ones((3, 2)), y=np.array([1, np.nan, 2.5]))
    np.savez(tmp_path / "b.npz", X=np.ones((2, 2)), y=np.array([b"p", b"?"]))
    nulls = pa.table({"series_id": ["a"], "label": [None], "x": [1.0]})
    pq.write_table(nulls, tmp_path / "l.parquet")
    tsv, ts = "\ufeffNaN\t1\n1.0\t2\n", "\ufeff@classLabel true a\n@data\n1:?\n1:a\n"
    paths = [
        tmp_path / "z.npz", tmp_path / "b.npz", tmp_path / "l.parquet",
        text(tmp_path, "u.tsv", tsv), text(tmp_path, "u.ts", ts),
    ]  # fmt: skip
    labels = [[row["label"] for row in read(path)] for path in paths]
    assert labels == [["1", None, "2.5"], ["p", None], [None], [None, "1"], [None, "a"]]


def test_a_folder_means_the_files_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = text(tmp_path, "a.csv", LONG), text(tmp_path, "b.tsv", "1\t2\n")
    text(tmp_path, "notes.txt", "")
    text(tmp_path, "secret.key", "")

    def format_by_content(path: str) -> None:
        if path.endswith(".key"):
            raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(formats, "format_by_content", format_by_content)
    assert expand([str(tmp_path)], "PATH") == [str(first), str(second)]


def test_a_folder_per_class_is_read_where_that_is_said(tmp_path: Path) -> None:
    series = {"p": ("up", [1.5, 2.25]), "q": ("down", [4.5, 0.25])}
    for name, (label, values) in series.items():
        (tmp_path / label).mkdir()
        steps = "".join(f"{t},{x}\n" for t, x in enumerate(values))
        text(tmp_path / label, f"{name}.csv", f"step,x\n{steps}")
    paths, names = expand([str(tmp_path)], "PATH"), ColumnNames(layout="folders")
    with pytest.raises(ValueError, match="--layout folders"):
        read(*paths)
    rows = {row["series_id"]: (row["label"], row["x"]) for row in read(*paths, names=names)}
    assert rows == {f"{label}/{name}": (label, values) for name, (label, values) in series.items()}
    with pytest.raises(ValueError, match="where folders are the classes"):
        read(text(tmp_path / "up", "odd.csv", LONG), names=names)


def test_real_files_agree_in_every_format(shared_data: Path) -> None:
    from_tsv = read(shared_data / "native" / "CBF_TRAIN.tsv", split="train")
    archive = read(shared_data / "archive" / "CBF.npz")
    from_npz = [row for row in archive if row["split"] == "train"]
    assert [r["label"] for r in from_tsv] == [r["label"] for r in from_npz]
    np.testing.assert_allclose(from_tsv[7]["value"], from_npz[7]["value"], rtol=1e-6)
    from_ts = read(shared_data / "native" / "JapaneseVowels_TRAIN.ts")
    archive = read(shared_data / "archive" / "JapaneseVowels.npz")
    vowels = [row for row in archive if row["split"] == "train"]
    assert [r["n_steps"] for r in from_ts] == [r["n_steps"] for r in vowels]
    np.testing.assert_allclose(from_ts[5]["channel_3"], vowels[5]["channel_3"], rtol=1e-5)


def test_two_npy_files_are_a_dataset_and_one_is_none(tmp_path: Path) -> None:
    x, y = tmp_path / "x.npy", tmp_path / "y.npy"
    np.save(x, np.ones((2, 4)))
    np.save(y, np.array(["up", "down"]))
    assert [row["label"] for row in read(x, y, x, y)] == ["up", "down"] * 2
    with pytest.raises(ValueError, match=r"pairs of \.npy files"):
        read(x)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("missing.csv", "an existing file or folder, got .*; check the path"),
        ("a.ods", "a file ending in .*; convert it"),
        ("a.arrow", "a file ending in .*; convert it to Parquet"),
        ("a.xls", "a file ending in .*; save it as .xlsx"),
    ],
)
def test_what_no_reader_takes_is_refused_with_what_to_do(
    tmp_path: Path, name: str, says: str
) -> None:
    if not name.startswith("missing"):
        text(tmp_path, name, "")
    with pytest.raises(ValueError, match=f"^PATH: expected {says}$"):
        expand([str(tmp_path / name)], "PATH")
