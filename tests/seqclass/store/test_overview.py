"""What a look at files says before anything is stored: counts, and what looks wrong."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqclass.store.formats import understood
from seqclass.store.formats.overview import FEW, Overview
from seqclass.store.formats.table import ColumnNames, Limits, RefusalError
from seqclass.store.rows import SERIES

NAN = float("nan")
TWOS = pa.array([[2, 2]] * 4, SERIES)


def table(
    series: Sequence[Sequence[float]], labels: Sequence[str | None], **columns: Any
) -> pa.Table:
    return pa.table(
        {
            "series_id": [f"s{k}" for k in range(len(series))],
            "label": pa.array(labels, pa.string()),
            "n_steps": np.array([len(values) for values in series], np.int32),
            "x": pa.array(list(series), SERIES),
            **columns,
        }
    )


def seen(*tables: pa.Table) -> dict[str, Any]:
    overview = Overview()
    for table in tables:
        overview.add(table)
    return overview.describe()


def plain(n: int, label: str = "a") -> pa.Table:
    return table([[k, k + 1.5, k + 0.5] for k in range(n)], [label] * n)


@settings(max_examples=15)
@given(
    st.lists(
        st.tuples(
            st.lists(st.floats(-9, 9, width=32) | st.just(NAN), min_size=1, max_size=5),
            st.sampled_from(["a", "b", None]),
        ),
        min_size=1,
        max_size=12,
    ),
    st.integers(1, 12),
)
def test_counts_are_those_of_the_rows_however_they_come(rows: list, cut: int) -> None:
    parts = [rows[:cut], rows[cut:]]
    counts = seen(*(table(*zip(*part, strict=True)) for part in parts if part))
    values = np.concatenate([np.array(series, np.float32) for series, _ in rows])
    lengths = [len(series) for series, _ in rows]
    labels = [label for _, label in rows]
    assert counts["n_series"] == len(rows)
    assert counts["n_steps"] == [min(lengths), int(np.median(lengths)), max(lengths)]
    assert counts["classes"] == {k: labels.count(k) for k in ("a", "b") if k in labels}
    assert counts["unlabelled"] == labels.count(None)
    present = values[~np.isnan(values)]
    lowest, highest = (present.min(), present.max()) if len(present) else (None, None)
    missing = pytest.approx(np.isnan(values).mean())
    assert counts["channels"]["x"] == {"lowest": lowest, "highest": highest, "missing": missing}
    bits = {np.array(series, np.float32).tobytes() for series, _ in rows}
    assert counts["copies"] == len(rows) - len(bits)


def test_what_is_well_says_nothing() -> None:
    both = [plain(FEW // 2), table([[k, -k, 2.0 * k] for k in range(1, 1 + FEW)], ["b"] * FEW)]
    assert seen(*both)["amiss"] == []


def test_few_series_are_enough_where_twenty_of_them_are_official_test_rows() -> None:
    series, labels = [[k, k + 1.5, k + 0.5] for k in range(60)], ["a", "b"] * 30
    for tested, amiss in ((20, []), (19, [f"60 series: fewer than {FEW}"])):
        split = pa.array(["train"] * (60 - tested) + ["test"] * tested)
        texts = seen(table(series, labels, split=split))["amiss"]
        assert [text.partition(",")[0] for text in texts] == amiss


STUCK = np.random.default_rng(0).normal(20, 1, (100, 40))
STUCK[:4] = 20.5


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (plain(120).drop_columns("label").append_column("label", pa.nulls(120, pa.string())),
         "no series has a label"),
        (plain(120), "one class, or fewer than three series"),
        (table([[1, 2], [2, 1], [3, 1]], ["a", "b", None]), "1 series has no label"),
        (table([[1, 2]] * 4, ["a", "a", "a", "b"]), "class 'b' (1) has no series to test"),
        (table([[1, 2]] * 9, ["a", "a", "a"] + ["b"] * 6),
         "class 'a' (3), 'b' (6) has fewer than 5 series to test"),
        (table([[1, 2]] * 5, list("abcde")), "class 'a' (1), 'b' (1), 'c' (1) and 2 more"),
        (table([[1, 2]] * 20, ["a", "b"] * 10, split=pa.array(["train"] * 12 + ["test"] * 8)),
         "class 'a' (10), 'b' (10) has fewer than 5 series to test"),
        (table([[1, 2]] * 20, ["a"] * 10 + ["b"] * 10, split=["train"] * 12 + ["test"] * 8),
         "class 'a' (10) has no series to test"),
        (table([[1, 2]] * 4, ["a", "b"] * 2), "3 series are copies of others"),
        (table([[1, 1], [2, 3], [4, 5], [7, 8]], ["a", "b"] * 2), "1 series never changes"),
        (table(STUCK, ["a", "b"] * 50), "4 series are frozen in channel 'x', which moves in"),
        (table([[1], [2], [3], [4]], ["a", "b"] * 2), "is a row a series (--layout wide)?"),
        (table([[1, 2]] * 5 + [[*range(50)]], ["a", "b"] * 3), "are two run together?"),
        (table([[NAN, NAN]] * 4, ["a", "b"] * 2), "'x' has no value at all: there is nothing"),
        (table([[5, 5]] * 4, ["a", "b"] * 2), "channel 'x' is 5 everywhere: there is nothing"),
        (table([[NAN, NAN, 1], [NAN, 2, NAN]] * 2, ["a", "b"] * 2), "missing in 67% of the steps"),
        (table([[1, 2]] * 4, ["a", "b"] * 2), f"4 series: fewer than {FEW}"),
        (table([[1, 2]] * 4, ["a", "N/A"] * 2), "class 'N/A' reads like no label"),
        (table([[np.inf, 2], [1, 3]] * 2, ["a", "b"] * 2), "2 series have infinite values"),
        (table([[NAN, NAN], [1, 3]] * 2, ["a", "b"] * 2), "2 series have no value at all"),
        (table([[1, k] for k in range(40)], [str(0.01 + k / 7) for k in range(40)]),
         "40 classes are numbers such as 0.01"),
        (table([[1, 2]] * 4, ["Up", "up"] * 2), "'Up' and 'up' differ in capitals alone"),
        (table([[1, 2], [3, -999]] * 2, ["a", "b"] * 2), "channel 'x' reaches -999: where that"),
        (table([[1, 2]] * 8, ["a", "b"] * 4, group=["p", "q"] * 4), "fewer than three groups"),
    ],
)  # fmt: skip
def test_what_looks_wrong_is_said_in_one_line(rows: pa.Table, says: str) -> None:
    amiss = seen(rows)["amiss"]
    assert any(says in line for line in amiss), amiss
    assert not any("\n" in line for line in amiss)


def test_a_series_without_values_is_not_counted_among_those_that_never_change() -> None:
    counts = seen(table([[NAN, NAN], [1, 1], [1, 3]], ["a", "b", "b"]))
    assert counts["flat"] == 1


def test_no_channel_that_is_needed_is_to_be_left_out() -> None:
    infinite = seen(table([[1, np.inf], [1, 1]] * 2, ["a", "b"] * 2))["amiss"]
    assert any("2 series have infinite values" in line for line in infinite)
    for amiss in (infinite, seen(table([[1, 1]] * 4, ["a", "b"] * 2, y=TWOS))["amiss"]):
        assert not any("--ignore" in line for line in amiss), amiss
    idle = seen(table([[1, 2], [2, 1]] * 2, ["a", "b"] * 2, y=TWOS))["amiss"]
    assert "channel 'y' is 2 everywhere: --ignore y" in idle


def test_channels_of_other_lengths_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="column 'y': expected n_steps values in every channel"):
        seen(table([[1, 2], [3, 4]], ["a", "b"], y=pa.array([[1, 2], [3]], SERIES)))


def test_groups_and_times_are_counted_where_they_are() -> None:
    times = pa.array([1, None, 3], pa.timestamp("us", tz="UTC"))
    counts = seen(table([[1, 2]] * 3, list("abc"), group=["p", "q", "p"], time=times))
    assert (counts["groups"], counts["times"]) == (2, 2)
    bare = seen(plain(3))
    assert (bare["groups"], bare["times"]) == (None, None)


def test_columns_are_told_by_what_they_are_taken_for(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text("unit;kind;step;x;note\na;p;0;1,5;n\n")
    names = ColumnNames(series_id="unit", label="kind", ignore=("note",))
    assert understood(str(tmp_path / "f.csv"), names, Limits()) == {
        "layout": "long", "delimiter": ";", "decimal": ",", "encoding": "utf-8",
        "columns": {"unit": "series_id", "kind": "label", "step": "step", "x": "channel",
                    "note": "left out by --ignore"},
    }  # fmt: skip
    only = ColumnNames("unit", "kind", channels=("x",))
    columns = understood(str(tmp_path / "f.csv"), only, Limits())["columns"]
    assert columns["note"] == "left out, not in --channels"
    np.savez(tmp_path / "f.npz", x=np.zeros((2, 3, 1)))
    assert understood(str(tmp_path / "f.npz"), ColumnNames(), Limits())["columns"] == {}


def test_a_look_keeps_to_the_limits(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for row in (["series_id", "label", "x"], ["s", "a", 1]):
        book.active.append(row)
    book.save(tmp_path / "f.xlsx")
    pq.write_table(table([[1, 2]], ["a"], y=pa.array([[1, 2]], SERIES)), tmp_path / "f.parquet")
    for name, limit in (("f.xlsx", "whole_bytes"), ("f.parquet", "cells")):
        with pytest.raises(RefusalError, match=f"--limit {limit}="):
            understood(str(tmp_path / name), ColumnNames(), Limits(**{limit: 1}))
        assert understood(str(tmp_path / name), ColumnNames(), Limits())["columns"]
