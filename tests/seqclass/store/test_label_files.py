"""Files of labels, Label Studio's too: what is read of them, and what harms only its reader."""

import json
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seqclass.store.formats import Limits, RefusalError
from seqclass.store.formats.delimited import BLOCK_BYTES
from seqclass.store.formats.isolated import IsolatedReader
from seqclass.store.formats.label_files import MAX_BYTES, NEEDED, _parsed_bytes, read_export


@pytest.fixture(scope="module")
def reader() -> Iterator[IsolatedReader]:
    with IsolatedReader() as started:
        yield started


def labels(reader: IsolatedReader, path: Path, limits: Limits | None = None) -> list[dict]:
    tables = reader.read_labels(str(path), limits or Limits())
    return pa.concat_tables(tables).to_pylist()


def pair(name: str | None, label: str) -> dict:
    return {"series_id": name, "label": label}


@pytest.mark.parametrize(
    "text",
    [
        "series_id,label\n007,1\nb,2\n007,1\nc,\nd,?\n",
        "\ufefflabel;x;series_id\r\n1;0,5;007\r\n2;0,7;b\r\n",
        "label\tx|y,z\tseries_id\n1\t\t007\n2\t\tb\n",
        '"series_id"|"label"\n"007"|"1"\n"b"|"2"',
        '"x\ny",series_id,label\n1,007,1\n1,b,2\n',
    ],
)
def test_a_csv_in_any_dialect_gives_texts(
    reader: IsolatedReader, tmp_path: Path, text: str
) -> None:
    (path := tmp_path / "l.csv").write_text(text, newline="")
    assert labels(reader, path) == [pair("007", "1"), pair("b", "2")]


def test_a_label_in_one_of_many_rows_is_enough(reader: IsolatedReader, tmp_path: Path) -> None:
    rows = [f"s{k % 1000},{'up' if k >= 99_000 else ''},{k}" for k in range(100_000)]
    (path := tmp_path / "l.csv").write_text("\n".join(["series_id,label,x", *rows]))
    assert path.stat().st_size > BLOCK_BYTES
    assert labels(reader, path) == [pair(f"s{k}", "up") for k in range(1000)]


@pytest.mark.parametrize(
    ("names", "given", "expected"),
    [
        (["007", "b", "007"], ["1", "2", "1"], [pair("007", "1"), pair("b", "2")]),
        ([7, 8], [1.0, float("nan")], [pair("7", "1")]),
        (pa.array(["a", "a", "b"]).dictionary_encode(), [True, True, False],
         [pair("a", "true"), pair("b", "false")]),
        ([], [], []),
    ],
)  # fmt: skip
def test_parquet_gives_texts(
    reader: IsolatedReader, tmp_path: Path, names: list, given: list, expected: list[dict]
) -> None:
    table = pa.table({"series_id": names, "x": [[1.0]] * len(names), "label": given})
    pq.write_table(table, path := tmp_path / "l.parquet")
    assert labels(reader, path) == expected


def coded(n: int, *texts: str) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(
        pa.array(np.arange(n, dtype=np.int32) % len(texts)), texts
    )


def many_rows(path: Path) -> None:
    """Some kilobytes that are 40 million ids and labels."""
    table = pa.table({"series_id": coded(2**21, "a"), "label": coded(2**21, "b")})
    with pq.ParquetWriter(path, table.schema) as writer:
        for _ in range(20):
            writer.write_table(table)


def long_texts(path: Path) -> None:
    """A small file in which each of 4,000 rows has a text of a megabyte."""
    pq.write_table(
        pa.table({"series_id": coded(4000, "k" * 2**20), "label": coded(4000, "x")}), path
    )


def columns(path: Path) -> None:
    names = ",".join(f"c{k}" for k in range(10**6))
    path.write_text(f"series_id,label,{names}\ns,p{',1' * 10**6}\n")


def text(content: str) -> Callable[[Path], None]:
    return lambda path: path.write_text(content)  # type: ignore[return-value]


REFUSED: dict[str, tuple[str, Callable[[Path], None]]] = {
    "--limit ratio=": ("l.parquet", many_rows),
    f"texts of at most {MAX_BYTES:,} bytes in column 'series_id'": ("l.parquet", long_texts),
    "--limit channels=": ("l.csv", columns),
    "close the quotes": ("l.csv", text("series_id,label\na," + "x" * 2**23)),
    "expected text, got a zero byte": ("l.csv", text("series_id,label\na,1\nb\0,1\n")),
    "recursion": ("l.json", text("[" * 10**5)),
    "surrogates": ("l.json", text('[{"series_id": "\\ud800", "label": "x"}]')),
    "'1' and '2' for 'a'": ("l.csv", text("series_id,label\na,1\nb,1\na,2\n")),
    "'x' and 'y' for None": ("l.parquet", lambda path: pq.write_table(
        pa.table({"series_id": pa.nulls(2, pa.string()), "label": ["x", "y"]}), path)),
    "Expected 2 columns, got 3": ("l.csv", text("series_id,label\na,1,2\n")),
    "got 'series_id', 'label', 'label'": ("l.csv", text("series_id,label,label\na,1,1\n")),
    "save it as UTF-8": ("l.csv", lambda path: path.write_bytes(b"series_id,label\n\xe4,1\n")),
    "a sign of a missing one": ("l.csv", text("series_id,label\na,1\nb,NA\n")),
    "texts or numbers in the label's column": ("l.parquet", lambda path: pq.write_table(
        pa.table({"series_id": ["a"], "label": [[1]]}), path)),
    "expected a Parquet file": ("l.parquet", text("series_id,label\n")),
}  # fmt: skip


@pytest.mark.parametrize("says", REFUSED)
def test_what_is_no_file_of_labels_is_refused_in_one_line(
    reader: IsolatedReader, tmp_path: Path, says: str
) -> None:
    name, write = REFUSED[says]
    write(path := tmp_path / name)
    with pytest.raises(RefusalError) as refused:
        labels(reader, path)
    assert str(refused.value).startswith(str(path))
    assert says in str(refused.value)
    assert str(refused.value).isprintable()


def test_a_limit_that_is_raised_takes_the_file(reader: IsolatedReader, tmp_path: Path) -> None:
    names = [*NEEDED, *(f"c{k}" for k in range(5000))]
    (path := tmp_path / "l.csv").write_text(f"{','.join(names)}\na,1{',0' * 5000}\n")
    assert labels(reader, path, Limits(channels=5000)) == [pair("a", "1")]


def test_an_export_that_takes_too_much_memory_ends_its_reader_alone(tmp_path: Path) -> None:
    (large := tmp_path / "large.json").write_text("[" + "[[]]," * 2**20 + "{}]")
    (small := tmp_path / "small.csv").write_text("series_id,label\na,1\n")
    tight = Limits(memory_bytes=2**26)
    with IsolatedReader() as reader:
        with pytest.raises(RefusalError, match="--limit memory_bytes=536870912"):
            labels(reader, large, tight)
        assert labels(reader, small, tight) == [pair("a", "1")]


CHOICE = {"type": "choices", "value": {"choices": ["up"]}}


def answers(folder: Path, *tasks: object) -> list[list[str | None]]:
    (path := folder / "l.json").write_text(json.dumps(tasks))
    tables = read_export(str(path), Limits())
    return [list(row.values()) for table in tables for row in table.to_pylist()]


def full(*results: object, **annotation: object) -> dict:
    return {"data": {"series_id": "a"}, "annotations": [{"result": results, **annotation}]}


def test_a_long_and_a_short_export_say_the_same(tmp_path: Path) -> None:
    short = {
        "series_id": "a",
        "label": "up",
        "annotator": 3,
        "updated_at": "2026-05-04T12:00+02:00",
    }
    long = full(CHOICE, completed_by={"id": 3}, created_at="2026-05-04T10:00:00Z")
    expected = ["a", "up", "3", "2026-05-04T10:00:00+00:00"]
    assert answers(tmp_path, short, long) == [expected, expected]


def test_what_is_no_answer_is_left_out(tmp_path: Path) -> None:
    others = [{"type": "number", "value": {"number": 1}}, {"type": "choices"}]
    empty = [full(), full(*others), full(CHOICE, was_cancelled=True), {"id": 1}, {}]
    assert answers(tmp_path, *empty) == []


def test_who_and_when_may_be_missing(tmp_path: Path) -> None:
    tasks = [full(CHOICE, updated_at=time) for time in (None, 7, "0001-01-01T00:00:00+14:00")]
    assert answers(tmp_path, *tasks) == [["a", "up", None, None]] * 3


@pytest.mark.parametrize(
    ("task", "says"),
    [
        (1, "no list of objects"),
        (full(1), "no list of objects"),
        ({"data": {}, "annotations": {}}, "no list of objects"),
        ({**full(CHOICE), "data": {}}, "got None and 'up'"),
        ({"series_id": "a", "label": ["up"]}, "got 'a' and ['up']"),
    ],
)
def test_what_is_no_export_is_refused(tmp_path: Path, task: object, says: str) -> None:
    with pytest.raises(RefusalError, match="expected") as refused:
        answers(tmp_path, task)
    assert says in str(refused.value)
    assert str(refused.value).count("expected") == 1


def test_parsed_json_takes_no_more_memory_than_is_said() -> None:
    for piece in ("{},", '{"a":{"b":[]}},', '["ab","\u00e9\u00e8","\u20ac"],',
                  '["\U0001f600",1.5],', f"[{'1.25,' * 99}1.25],"):  # fmt: skip
        content = f"[{piece * (2**18 // len(piece))}0]".encode()
        tracemalloc.start()
        assert json.loads(content)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert most < _parsed_bytes(content), piece


def test_a_large_export_is_refused_before_it_is_read(tmp_path: Path) -> None:
    (path := tmp_path / "l.json").write_text("[]" + " " * 100)
    with pytest.raises(RefusalError, match="--limit whole_bytes=102"):
        list(read_export(str(path), Limits(whole_bytes=99)))
