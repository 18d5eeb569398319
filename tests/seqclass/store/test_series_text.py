"""UCR ``.tsv`` and sktime ``.ts``: a line is a series."""

from itertools import count
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seqclass.store.formats.table import CHUNK_ROWS, ColumnNames, Limits, Reading, RefusalError
from seqclass.store.formats.text import read_ts, read_tsv

FLOATS = st.none() | st.floats(-1e6, 1e6, width=32)
SERIES = st.lists(FLOATS, min_size=1, max_size=6)
HERE = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=20
)
HEAD = "@problemName p\n@timeStamps false\n@classLabel true a b\n@data\n"


def rows(path: Path, content: str, **options: object) -> list[dict]:
    path.write_text(content)
    reading = Reading(**{"names": ColumnNames(), "split": None, "serial": count(),
                         "limits": Limits(), **options})  # type: ignore[arg-type]  # fmt: skip
    read = read_tsv if path.suffix == ".tsv" else read_ts
    return pa.concat_tables(read([str(path)], reading)).to_pylist()


def written(value: float | None) -> str:
    return "NaN" if value is None else repr(value)


@HERE
@given(st.lists(st.tuples(st.integers(-3, 9), SERIES), min_size=1, max_size=5))
def test_a_tsv_gives_the_numbers_that_were_written(tmp_path: Path, given_rows: list) -> None:
    content = "".join(
        "\t".join([f"{label}.0", *map(written, values)]) + "\n" for label, values in given_rows
    )
    for row, (label, values) in zip(rows(tmp_path / "f.tsv", content), given_rows, strict=True):
        while values and values[-1] is None:
            values = values[:-1]
        assert (row["label"], row["n_steps"]) == (str(label), len(values))
        expected = [np.nan if value is None else value for value in values]
        np.testing.assert_array_equal(row["value"], np.array(expected, np.float32))


@HERE
@given(st.lists(st.lists(SERIES, min_size=2, max_size=2), min_size=1, max_size=4))
def test_a_ts_gives_its_channels_and_keeps_holes(tmp_path: Path, given_rows: list) -> None:
    alike = [[part[: min(map(len, parts))] for part in parts] for parts in given_rows]
    lines = [
        ":".join(",".join("?" if v is None else repr(v) for v in part) for part in parts) + ":b"
        for parts in alike
    ]
    for row, parts in zip(rows(tmp_path / "f.ts", HEAD + "\n".join(lines)), alike, strict=True):
        assert (row["label"], row["n_steps"]) == ("b", len(parts[0]))
        for name, part in zip(("channel_0", "channel_1"), parts, strict=True):
            expected = [np.nan if value is None else value for value in part]
            np.testing.assert_array_equal(row[name], np.array(expected, np.float32))


def test_a_number_is_one_class_however_it_is_written(tmp_path: Path) -> None:
    content = "".join(f"{label}\t1\t2\n" for label in ("1", "1.0", "1.0000000e+00", " 1 "))
    assert {row["label"] for row in rows(tmp_path / "f.tsv", content)} == {"1"}


def test_comments_blank_lines_and_a_mark_are_no_series(tmp_path: Path) -> None:
    series = rows(tmp_path / "f.ts", f"\ufeff# by hand\n\n{HEAD}# one\n1,2:a\n\n3,4:?\n")
    assert [row["label"] for row in series] == ["a", None]
    assert [row["series_id"] for row in series] == ["series-000000", "series-000001"]


def test_many_series_come_in_tables_and_are_numbered_through(tmp_path: Path) -> None:
    series = rows(tmp_path / "f.tsv", "1\t2\n" * (CHUNK_ROWS + 3), split="train")
    assert len({row["series_id"] for row in series}) == len(series) == CHUNK_ROWS + 3
    assert series[-1]["series_id"] == f"train-{CHUNK_ROWS + 2:06d}"


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("f.tsv", "1;2;3\n", "row 1: expected a label and values, separated by tabs, got '1;2;3"),
        ("f.tsv", "1\t2\n1\tx\n", "row 2: expected numbers, got 'x'"),
        ("f.tsv", "1\t1_000\n", "expected numbers, got '1_000'"),
        ("f.tsv", "1\t1e9\t1000000001\t1000000002\n", "column 'value' (float32), got 2 changes"),
        ("f.ts", HEAD + "1,2:1e9,1000000001:a\n", "seven digits in column 'channel_1'"),
        ("f.ts", "1,2:a\n", "row 1: expected a header line that begins with @"),
        ("f.ts", HEAD.replace("@data\n", ""), "expected a line @data, got none"),
        ("f.ts", HEAD.replace("true a b", "false"), "@classLabel true and the classes"),
        ("f.ts", "@data\n1:a\n", "a line @classLabel before @data"),
        ("f.ts", HEAD.replace("false", "true", 1), "series without time stamps"),
        ("f.ts", HEAD + "1,2:c\n", "row 5: expected channels and then a label out of a, b"),
        ("f.ts", HEAD + "a\n", "channels and then a label"),
        ("f.ts", HEAD + "1,2:3:a\n", "channels of one length, got [2, 1] values; pad"),
        ("f.ts", HEAD + "1:2:a\n1:a\n", "2 channels as in the first series, got 1 channels"),
    ],
)
def test_a_line_that_is_no_series_is_refused_with_its_number(
    tmp_path: Path, name: str, content: str, says: str
) -> None:
    with pytest.raises(RefusalError) as refused:
        rows(tmp_path / name, content)
    assert says in str(refused.value)


def test_text_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    (path := tmp_path / "f.ts").write_bytes(HEAD.encode() + b"1,2:\xff\n")
    with pytest.raises(RefusalError, match="expected UTF-8 text"):
        list(read_ts([str(path)], Reading(ColumnNames(), None, count(), Limits())))


@pytest.mark.parametrize(
    ("name", "content", "limit"),
    [
        ("f.tsv", "1\t1\t2\t3\n", {"steps": 2}),
        ("f.tsv", "1\t1\n" * 3, {"series": 2}),
        ("f.tsv", "1\t1\t2\t3\n", {"line_bytes": 5}),
        ("f.ts", HEAD + "1:2:3:a\n", {"channels": 2}),
        ("f.ts", HEAD + "1,2,3:a\n", {"steps": 2}),
    ],
)
def test_more_than_a_limit_is_refused_by_its_name(
    tmp_path: Path, name: str, content: str, limit: dict
) -> None:
    with pytest.raises(RefusalError, match=f"--limit {next(iter(limit))}="):
        rows(tmp_path / name, content, limits=Limits(**limit))
