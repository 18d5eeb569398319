"""Label Studio's exports: which labels are read of them, with who and when."""

import json
import tracemalloc
from pathlib import Path

import pytest

from seqclass.store.formats import Limits, RefusalError
from seqclass.store.formats.label_studio import _parsed_bytes, read_export

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


@pytest.mark.parametrize("time", [None, "yesterday", 7, "0001-01-01T00:00:00+14:00"])
def test_who_and_when_may_be_missing(tmp_path: Path, time: object) -> None:
    assert answers(tmp_path, full(CHOICE, updated_at=time)) == [["a", "up", None, None]]


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


@pytest.mark.parametrize(
    "piece",
    ["{},", "[],", '{"a":{"b":[]}},', '{"a":1.5,"b":1234},', '["ab","\u00e9\u00e8","\u20ac"],',
     '["\U0001f600",1.5],', "[1.25],", f"[{'1.25,' * 99}1.25],",
     '{"series_id":"ab","label":"cd"},'],
)  # fmt: skip
def test_parsed_json_takes_no_more_memory_than_is_said(piece: str) -> None:
    text = f"[{piece * (2**20 // len(piece))}0]"
    tracemalloc.start()
    parsed = json.loads(content := text.encode())
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert parsed
    assert most < _parsed_bytes(content)


def test_a_large_export_is_refused_before_it_is_read(tmp_path: Path) -> None:
    (path := tmp_path / "l.json").write_text("[]" + " " * 100)
    with pytest.raises(RefusalError, match="--limit whole_bytes=102"):
        list(read_export(str(path), Limits(whole_bytes=99)))
