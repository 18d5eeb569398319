"""No series is read backwards without a word: what orders the rows is asked for, or evident."""

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import product
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seqclass.store.formats import ColumnNames, RefusalError, delimited, read_files
from seqclass.store.formats.order import FileOrder
from seqclass.store.formats.questions import counts

BEGIN = datetime(2026, 3, 1, 8)
FORMS: dict[str, Callable[[int], str]] = {
    "ISO": lambda t: (BEGIN + timedelta(days=t)).isoformat(" "),
    "ISO with a zone": lambda t: f"{BEGIN + timedelta(minutes=t)}Z",
    "days by the point, with a time": lambda t: f"{BEGIN + timedelta(days=t):%d.%m.%Y %H:%M:%S}",
    "days that may be months": lambda t: f"0{1 + t}/0{1 + t}/2026",
    "times of the day": lambda t: f"{BEGIN + timedelta(minutes=t):%H:%M:%S}",
    "months by name": lambda t: f"{BEGIN + timedelta(days=t):%d-%b-%Y}",
    "a counter": lambda t: str(7 + 3 * t),
}
RIGHT = [[10 * t * t + 1 for t in range(5)]] * 3
OLDEST_FIRST, NEWEST_FIRST, MIXED = [*range(5)], [4, 3, 2, 1, 0], [0, 2, 1, 4, 3]


def file(folder: Path, form: str, order: list[int]) -> str:
    """Three series of five steps, whose rows come in this order."""
    rows = [f"{i},{k},{FORMS[form](t)},{10 * t * t + 1}" for i, k in ("pu", "qd", "ru")
            for t in order]  # fmt: skip
    path = folder / "in.csv"
    path.write_text("\n".join(["series_id,label,Stamp #,x", *rows, ""]))
    return str(path)


def values(path: str, **options: object) -> list[list[float]]:
    tables = read_files([path], ColumnNames(**options))  # type: ignore[arg-type]
    return pa.concat_tables(tables)["x"].to_pylist()


@pytest.mark.parametrize("form", FORMS)
def test_rows_in_another_order_are_never_taken_as_they_lie(tmp_path: Path, form: str) -> None:
    newest_first = file(tmp_path, form, NEWEST_FIRST)
    for left_out in ({}, {"ignore": ("Stamp #",)}, {"channels": ("x",)}):
        with pytest.raises(RefusalError, match=r"--step-column 'Stamp #'"):
            values(newest_first, **left_out)
    if form != "a counter":
        with pytest.raises(RefusalError, match=r"--step-column 'Stamp #'"):
            values(file(tmp_path, form, MIXED), ignore=("Stamp #",))
    if form != "months by name":
        assert values(file(tmp_path, form, OLDEST_FIRST), ignore=("Stamp #",)) == RIGHT


@pytest.mark.parametrize(
    ("form", "dates"),
    [("ISO", None), ("days by the point, with a time", "dd.mm.yyyy"), ("a counter", None),
     ("days that may be months", "mm/dd/yyyy")],
)  # fmt: skip
def test_what_is_asked_for_sorts(tmp_path: Path, form: str, dates: str | None) -> None:
    for order, before in product((NEWEST_FIRST, MIXED), ({}, {"ignore": ("Stamp #",)})):
        options = {"step": "Stamp #", "dates": dates, **before}
        assert values(file(tmp_path, form, order), **options) == RIGHT


def test_times_of_a_day_that_go_back_need_their_date(tmp_path: Path) -> None:
    """Midnight may lie between, or the newest come first: sorted by them, one of both is wrong."""
    path = file(tmp_path, "times of the day", NEWEST_FIRST)
    with pytest.raises(RefusalError, match="add the date"):
        values(path, step="Stamp #")
    assert values(file(tmp_path, "times of the day", OLDEST_FIRST), step="Stamp #") == RIGHT
    late = [f"{i},u,{clock},{k}" for k, clock in enumerate(("23:50", "00:10")) for i in "pq"]
    (tmp_path / "late.csv").write_text("\n".join(["series_id,label,at,x", *late, ""]))
    with pytest.raises(RefusalError, match="add the date"):
        values(str(tmp_path / "late.csv"), step="at")


def test_far_down_the_order_is_looked_at_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delimited, "BLOCK_BYTES", 60)  # two or three rows
    for back in range(12, 17):  # between blocks, or within one
        rows = [f"p,u,{FORMS['ISO'](t)},1" for t in [*range(back), back - 2, *range(back, 20)]]
        (tmp_path / "in.csv").write_text("\n".join(["series_id,label,at,x", *rows, ""]))
        with pytest.raises(RefusalError, match="--step-column at"):
            values(str(tmp_path / "in.csv"), ignore=("at",))


def test_columns_with_a_type_are_looked_at_too(tmp_path: Path) -> None:
    path = str(tmp_path / "in.parquet")
    stamps = [BEGIN - timedelta(days=t) for t in range(5)]
    table = {"series_id": ["p"] * 5, "label": ["u"] * 5, "at": stamps, "x": [0, 1, 4, 9, 16]}
    pq.write_table(pa.table(table), path)
    for options in ({}, {"ignore": ("at",)}, {"time": "at"}):
        with pytest.raises(RefusalError, match="--step-column at"):
            values(path, **options)
    assert values(path, step="at") == [[16, 9, 4, 1, 0]]


def test_a_constant_time_says_nothing_of_the_order() -> None:
    names, codes = ColumnNames(ignore=("born",)), np.zeros(3, dtype=int)
    table = pa.table({"series_id": ["p"] * 3, "label": ["u"] * 3, "born": ["2 May 1980"] * 3,
                      "x": [1, 2, 3]})  # fmt: skip
    FileOrder("f", names).check(table, codes)
    FileOrder("f", names).check(table.set_column(2, "born", pa.array(["1980-05-02"] * 3)), codes)
    other = table.set_column(2, "born", pa.array(["2 May 1980", "3 May 1980", "2 May 1980"]))
    with pytest.raises(RefusalError, match="expected rows in the order"):
        FileOrder("f", names).check(other, codes)


def test_a_counter_is_even_or_bears_the_name() -> None:
    for numbers, name, expected in (
        ([1, 2, 3, 4, 5], "x", True),
        ([5, 4, 3, 2, 1], "x", True),
        ([0.1, 0.3, 0.2, 0.7], "time", True),
        ([0.1, 0.3, 0.2, 0.7], "x", False),
        ([3, 1, 2], "x", False),
        ([1, 1, 2, 3], "time", False),
    ):
        codes = np.zeros(len(numbers), dtype=int)
        assert counts(pa.chunked_array([numbers]), name, codes) is expected, (numbers, name)
