"""Long tables are streamed: the order of their rows and the size of a part change nothing."""

import os
import tempfile
from itertools import product
from pathlib import Path
from typing import IO

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqclass.store.datasets import write_dataset
from seqclass.store.formats import ColumnNames, delimited, longform, read_files
from seqclass.store.root import Root, open_root
from tests.support.places import NOW


def frame(lengths: list[int], seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    series = np.repeat(np.arange(len(lengths)), lengths)
    return pd.DataFrame(
        {
            "series_id": [f"s{i}" for i in series],
            "label": [("a", "b", None)[i % 3] for i in series],
            "step": np.concatenate([np.arange(n) for n in lengths]),
            "group": [f"g{i // 2}" for i in series],
            "x": np.where(rng.random(len(series)) < 0.1, np.nan, rng.integers(0, 9, len(series))),
            "y": rng.standard_normal(len(series)).round(3),
        }
    )


def shuffled(rows: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Rows in any order in which the series first appear as they did."""
    later = rows["step"] > 0
    mixed = rows[later].sample(frac=1, random_state=seed)
    return pd.concat([rows[~later], mixed])


def rows_of(path: Path) -> list[dict]:
    return pa.concat_tables(read_files([str(path)], ColumnNames())).to_pylist()


@settings(max_examples=10)
@given(
    lengths=st.lists(st.integers(1, 9), min_size=1, max_size=20),
    cells=st.integers(1, 200),
    block=st.integers(120, 2000),
    form=st.sampled_from(["csv", "parquet"]),
)
def test_the_dataset_is_the_same_bytes_by_every_way(
    tmp_path_factory: pytest.TempPathFactory, lengths: list[int], cells: int, block: int, form: str
) -> None:
    folder, rows = tmp_path_factory.mktemp("ways"), frame(lengths)
    rows.to_csv(folder / "plain.csv", index=False)
    whole = write(open_root(folder / "plain"), folder / "plain.csv")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(longform, "PART_CELLS", cells)
        patch.setattr(delimited, "BLOCK_BYTES", block)
        for number, order in enumerate((rows, shuffled(rows, cells))):
            path = folder / f"{number}.{form}"
            if form == "csv":
                order.to_csv(path, index=False)
            else:
                pq.write_table(pa.Table.from_pandas(order, preserve_index=False), path)
            assert write(open_root(folder / f"tree{number}"), path) == whole


def write_repeated(folder: Path, form: str, n_other: int = 0) -> Path:
    """Ten series in any order, of which rows come again: 11 identical, and others."""
    rows = frame([4] * 10)
    other = rows[rows["x"].notna()][:n_other].assign(x=99.0)
    mixed = pd.concat([rows, rows[::5], rows[:3], other]).sample(frac=1, random_state=0)
    path = folder / f"repeated.{form}"
    if form == "csv":
        mixed.to_csv(path, index=False)
    else:
        pq.write_table(pa.Table.from_pandas(mixed, preserve_index=False), path)
    return path


@pytest.mark.parametrize(
    ("form", "cells"), [("csv", 1), ("csv", longform.PART_CELLS), ("parquet", 50)]
)
def test_identical_rows_of_a_step_are_dropped_and_counted_where_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str, cells: int
) -> None:
    monkeypatch.setattr(longform, "PART_CELLS", cells)
    frame([4] * 10).to_csv(tmp_path / "plain.csv", index=False)
    whole = {row["series_id"]: str(row) for row in rows_of(tmp_path / "plain.csv")}
    path = write_repeated(tmp_path, form)
    with pytest.raises(ValueError, match=r"row \d+: expected one row per step.*got 11 that repeat "
                       "one, identical in all columns.*--policy repeated_steps=drop"):  # fmt: skip
        rows_of(path)
    tables = list(read_files([str(path)], ColumnNames(repeated_steps="drop")))
    assert {row["series_id"]: str(row) for table in tables for row in table.to_pylist()} == whole
    assert sum(longform.dropped_steps(table) for table in tables) == 11


def test_rows_of_a_step_with_other_values_are_never_dropped(tmp_path: Path) -> None:
    path = write_repeated(tmp_path, "csv", 2)
    for repeated_steps in (None, "drop"):
        names = ColumnNames(repeated_steps=repeated_steps)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match=r"got 13 that repeat one, \d of them"):
            list(read_files([str(path)], names))


def write(root: Root, path: Path) -> list[dict]:
    tables = read_files([str(path)], ColumnNames())
    return write_dataset(root, "x", tables, {}, NOW).manifest["files"]


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delimited, "BLOCK_BYTES", 64)
    monkeypatch.setattr(longform, "PART_CELLS", 12)


def csv(folder: Path, header: str, lines: list[str]) -> Path:
    path = folder / "in.csv"
    path.write_text("\n".join([header, *lines]) + "\n")
    return path


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["1", "2", "3.5"], [1.0, 2.0, 3.5]),
        (["", "", "4"], [np.nan, np.nan, 4.0]),
        (["1", "NaN", " 2 "], [1.0, np.nan, 2.0]),
        (["true", "false", "true"], [1.0, 0.0, 1.0]),
        (["1", "nan", "null"], [1.0, np.nan, np.nan]),
    ],
)
def test_a_column_may_change_its_looks_far_down(
    tmp_path: Path, cells: list[str], values: list[float]
) -> None:
    lines = [f"s,k,{i},{cells[i * 3 // 60]}" for i in range(60)]
    [row] = rows_of(csv(tmp_path, "series_id,label,step,x", lines))
    np.testing.assert_array_equal(row["x"], np.repeat(values, 20))


@pytest.mark.usefixtures("small_blocks")
def test_steps_far_down_may_be_of_a_wider_kind(tmp_path: Path) -> None:
    lines = [f"s,k,{i + 3},{i}" for i in range(30)] + ["s,k,2.5,99"]
    [row] = rows_of(csv(tmp_path, "series_id,label,step,x", lines))
    assert row["x"] == [99.0, *range(30)]


@pytest.mark.usefixtures("small_blocks")
def test_empty_rows_of_a_spreadsheet_are_left_out(tmp_path: Path) -> None:
    header, lines = "series_id,label,step,x", [f"s{i % 9},a,{i},1" for i in range(90)]
    expected = rows_of(csv(tmp_path, header, lines))
    empty = [",,,"] * 20
    assert rows_of(csv(tmp_path, header, [*lines[:7], *empty, "", *lines[7:], *empty])) == expected
    with pytest.raises(ValueError, match="row 92: expected the id of a series"):
        rows_of(csv(tmp_path, header, [*lines, ",,90,"]))
    with pytest.raises(ValueError, match="expected at least one row"):
        rows_of(csv(tmp_path, header, empty))


@pytest.mark.usefixtures("small_blocks")
def test_text_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    path = csv(tmp_path, "series_id,label,step,x", [f"s,k,{i},{i}" for i in range(30)])
    path.write_bytes(path.read_bytes() + b"s,\xff,31,1\n")
    with pytest.raises(ValueError, match=r"expected UTF-8 text.*--encoding latin-1"):
        rows_of(path)


@pytest.mark.usefixtures("small_blocks")
def test_times_are_steps_at_any_resolution(tmp_path: Path) -> None:
    lines = [f"s,k,2026-01-01 00:00:{i:02d},{i}" for i in range(30, 0, -1)]
    lines += ["s,k,2026-01-01 00:00:00.5,0"]
    [row] = rows_of(csv(tmp_path, "series_id,label,step,x", lines))
    assert row["x"] == list(range(31))


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("s9,a,7,oops", "row 42: expected a number in column 'x', got 'oops'"),
        ("s9,a,7,-inf", "row 42: expected finite numbers"),
        ("s9,a", "row 42: expected 4 columns as in the header, got 2"),
        ("s0,a,2,1\ns9,a,2,1", "row 42: expected one row per step of a series, got 2 that repeat"),
        ("s3,b,9,1", "row 42: expected one label.*'b' beside 'a'"),
        (",a,9,1", "row 42: expected the id of a series"),
        ("s9,a,,1", "row 42: expected a number or a time in column 'step'"),
    ],
)
def test_a_refusal_far_down_names_the_row_by_either_way(
    tmp_path: Path, line: str, problem: str
) -> None:
    by_series = [(s, t) for s in range(10) for t in range(4)]
    for pairs in (by_series, sorted(by_series, key=lambda pair: pair[1])):
        lines = [f"s{s},a,{t},1" for s, t in pairs]
        with pytest.raises(ValueError, match=problem):
            rows_of(csv(tmp_path, "series_id,label,step,x", [*lines, line]))


@pytest.mark.parametrize("form", ["csv", "xlsx", "parquet"])
@pytest.mark.parametrize(
    ("layout", "column", "notation"),
    [
        ("long", "step", "number"),
        *product(["long"], ["step", "time"], ["%Y-%m-%d %H:%M", "%d/%m/%Y"]),
        *product(["wide"], ["time"], ["%Y-%m-%d %H:%M", "%d/%m/%Y"]),
    ],
)
def test_a_word_among_steps_or_times_is_named_with_its_row_and_column(
    tmp_path: Path, layout: str, column: str, notation: str, form: str
) -> None:
    rows = frame([4] * 300)
    if layout == "wide":
        rows = rows[rows["step"] == 0].drop(columns=["x", "y", "step"]).assign(t1=1.0, t2=2.0)
    codes = rows["step" if column == "step" else "series_id"].astype("category").cat.codes
    moments = pd.Timestamp(2026, 1, 1) + pd.to_timedelta(codes, "D")
    texts = codes.astype(str) if notation == "number" else moments.dt.strftime(notation)
    for place in (67, len(rows) - 2):
        rows[column] = texts.where(np.arange(len(rows)) != place, "late")
        path = tmp_path / f"in.{form}"
        getattr(rows, {"csv": "to_csv", "xlsx": "to_excel", "parquet": "to_parquet"}[form])(
            path, index=False
        )
        names = ColumnNames(
            dates="dd/mm/yyyy" if "/" in notation else None,
            layout="wide" if layout == "wide" else None,
        )
        with pytest.raises(ValueError, match=f"a time in column '{column}', got 'late'") as refused:
            pa.concat_tables(read_files([str(path)], names))
        assert f"row {place + 2 - (form == 'parquet')}" in str(refused.value)


@pytest.mark.parametrize(
    ("header", "lines", "problem"),
    [
        ("series_id,label,x", ["a,k,1", "b,k,1", "a,k,2"], "row 4: expected the rows of a series"),
        ("series_id,label,x", [], "expected at least one row"),
        ("series_id,label,step", ["a,k,0"], "expected at least one column of numbers"),
        ("series_id,label,step,x", ["a,k,0,1", "a ,k,0,2"], "'a ' beside 'a'; remove the spaces"),
    ],
)
def test_a_table_that_is_not_long_is_refused(
    tmp_path: Path, header: str, lines: list[str], problem: str
) -> None:
    with pytest.raises(ValueError, match=problem):
        rows_of(csv(tmp_path, header, lines))


@pytest.mark.usefixtures("small_blocks")
def test_the_temporary_file_has_no_name_to_leave_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spill, make, made = tmp_path / "spill", tempfile.TemporaryFile, list[IO[bytes]]()
    spill.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(spill))
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda: made.append(make()) or made[-1])
    path = csv(tmp_path, "series_id,label,step,x", [f"s{i % 9},a,{i},1" for i in range(90)])
    links = [
        (os.listdir(spill), os.fstat(made[0].fileno()).st_nlink)
        for _ in read_files([str(path)], ColumnNames())
    ]
    assert links == [([], 0)] * 9


@pytest.mark.usefixtures("small_blocks")
def test_a_part_is_bounded_by_cells_not_by_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(longform, "PART_CELLS", 400)
    frame([10] * 50).sample(frac=1, random_state=0).to_csv(tmp_path / "in.csv", index=False)
    tables = read_files([str(tmp_path / "in.csv")], ColumnNames())
    sizes = [sum(table["n_steps"].to_pylist()) for table in tables]
    assert sum(sizes) == 500
    assert max(sizes) <= 400 // 7 + 10
