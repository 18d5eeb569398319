"""Files of questions: what people and Label Studio get, and what comes back of it."""

import csv
import json
import math
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

import pandas as pd
import pytest

from seqclass.labelling.label_queue import Queue
from seqclass.labelling.relabelling import Answer, check_answers, read_answers
from seqclass.labelling.sheets import SAID, check_sheet, inert, write_sheet
from seqclass.store.formats import Limits
from seqclass.store.root import Root

THEN = datetime(2026, 5, 3, tzinfo=UTC)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_pandas_reads_a_row_for_each_series_and_writes_labels_into_it(
    queue: Queue, tmp_path: Path, ending: str
) -> None:
    path, filled = tmp_path / "queue.csv", tmp_path / f"filled.{ending}"
    assert write_sheet(queue, ".csv", str(path)) == [str(path)]
    table = pd.read_csv(path)
    assert list(table.columns) == ["series_id", "label", *SAID]
    assert table["series_id"].tolist() == [question.series_id for question in queue.questions]
    with pytest.raises(ValueError, match="at least one label"):
        read_answers(str(path), "ann", THEN, Limits())
    table.loc[0, "label"] = "down"
    table.loc[1, "label"] = None
    table.to_csv(filled, index=False) if ending == "csv" else table.to_parquet(filled)
    answers = read_answers(str(filled), "ann", THEN, Limits())
    assert answers == [Answer(queue.questions[0].series_id, "down", "ann", THEN.isoformat())]


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_an_empty_column_of_labels_is_text_and_takes_some(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"labels.{ending}"
    for labels in ([math.nan, math.nan], [None, "up"]):
        table = pd.DataFrame({"series_id": ["a", "b"], "label": labels})
        table.to_csv(path, index=False) if ending == "csv" else table.to_parquet(path)
        if "up" in labels:
            [answer] = read_answers(str(path), "ann", THEN, Limits())
            assert answer[:2] == ("b", "up")
        else:
            with pytest.raises(ValueError, match="at least one label"):
                read_answers(str(path), "ann", THEN, Limits())


FORMULA = "=cmd|' /C calc'!A0"


def test_no_text_of_the_csv_is_a_formula_and_labels_are_read_back(
    queue: Queue, tmp_path: Path
) -> None:
    questions = [*queue.questions]
    questions[0] = replace(questions[0], series_id=FORMULA, label="@sum(1)", why="-2+3")
    path = tmp_path / "queue.csv"
    write_sheet(replace(queue, questions=questions), ".csv", str(path))
    with path.open(newline="") as file:
        lines = list(csv.reader(file))
    runs = re.compile(r"\s*[=+\-@](?![0-9.]+$)")
    assert [cell for line in lines for cell in line if runs.match(cell)] == []
    assert lines[1][0] == f"'{FORMULA}"
    assert [lines[1][lines[0].index(name)] for name in SAID[:2]] == ["'-2+3", "'@sum(1)"]
    lines[1][1] = "down"
    for sign in ",;\t":  # as spreadsheets save it in one country or another
        with path.open("w", newline="") as file:
            csv.writer(file, delimiter=sign).writerows(lines)
        answers = check_answers(read_answers(str(path), "ann", THEN, Limits()), {FORMULA}, {"down"})
        assert answers == [Answer(FORMULA, "down", "ann", THEN.isoformat())]


def test_what_would_run_is_made_inert_and_the_rest_stays_as_it_is() -> None:
    for text in ("=1+1", "+x", "-2+3", "@sum(1)", " =1", "\t=1"):
        assert inert(text) == f"'{text}"
    for text in ("-1.5", "+2e3", "up", "a=b", "", "'=1"):
        assert inert(text) == text


def test_label_studio_gets_tasks_answers_and_a_configuration(queue: Queue, tmp_path: Path) -> None:
    path = tmp_path / "tasks.json"
    assert write_sheet(queue, ".json", str(path)) == [str(tmp_path / "tasks.xml"), str(path)]
    tasks = json.loads(path.read_text())
    assert [task["data"]["series_id"] for task in tasks] == [q.series_id for q in queue.questions]
    first = tasks[0]
    assert set(first["data"]["series"]) == {"step", "value"}
    assert not any(math.isnan(v) for v in first["data"]["series"]["value"])
    [prediction] = first["predictions"]
    assert prediction["model_version"] == "toy@v1"
    assert prediction["score"] == pytest.approx(queue.questions[0].stored.probability)
    view = ElementTree.parse(tmp_path / "tasks.xml").getroot()  # noqa: S314 - our own file
    drawn, choices = view.find("TimeSeries"), view.find("Choices")
    assert drawn is not None
    assert choices is not None
    [result] = prediction["result"]
    assert (result["from_name"], result["to_name"]) == (choices.get("name"), drawn.get("name"))
    assert result["value"]["choices"][0] in {element.get("value") for element in choices}
    assert [element.get("column") for element in drawn] == ["value"]


def annotation(label: str, **known: object) -> dict:
    choice = {"from_name": "label", "to_name": "series", "type": "choices"}
    return {"result": [{**choice, "value": {"choices": [label]}}], **known}


def task(name: object, *annotations: dict) -> dict:
    return {"id": 7, "data": {"series_id": name}, "annotations": list(annotations)}


def test_an_export_says_who_labelled_and_when(tmp_path: Path) -> None:
    path = tmp_path / "export.json"
    made = {"completed_by": {"email": "ann@x.org"}, "updated_at": "2026-05-02T10:00:00.000Z"}
    path.write_text(json.dumps([
        task("a", annotation("up", **made)),
        task("b", annotation("down", completed_by=3, created_at="2026-05-01T10:00:00+02:00")),
        task("c", annotation("up", was_cancelled=True)),
        task("d"),
    ]))  # fmt: skip
    assert read_answers(str(path), "me", THEN, Limits()) == [
        Answer("a", "up", "ann@x.org", "2026-05-02T10:00:00+00:00"),
        Answer("b", "down", "3", "2026-05-01T08:00:00+00:00"),
    ]
    path.write_text(json.dumps([{"series_id": "a", "label": "up", "annotator": 2}, {"id": 3}]))
    assert read_answers(str(path), "me", THEN, Limits()) == [
        Answer("a", "up", "2", THEN.isoformat())
    ]


HOSTILE: dict[str, tuple[str, str | bytes]] = {
    "one label for every series": ("a.json", json.dumps([task("a", annotation("up")),
                                                          task("a", annotation("down"))])),
    "a series_id and a label as text": ("a.json", json.dumps([task(["a"], annotation("up"))])),
    "labels given until now, 2026": ("a.json", json.dumps([task("a", annotation(
        "up", created_at="2026-05-03T00:06:00Z"))])),
    "that Label Studio exports": ("a.json", b"\x00\xff\x00"),
    "at least one label": ("a.csv", "series_id,label\na,\n"),
    "series_id and label, each once": ("a.csv", "id,x\na,1\n"),
    "a file ending in": ("a.xlsx", b""),
    "existing file": ("none.json", b""),
}  # fmt: skip


@pytest.mark.parametrize("says", HOSTILE)
def test_hostile_answers_are_one_line(says: str, tmp_path: Path) -> None:
    name, content = HOSTILE[says]
    path = tmp_path / name
    if not name.startswith("none"):
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(ValueError, match="expected") as refused:
        read_answers(str(path), "me", THEN, Limits())
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)


def test_only_ids_that_were_asked_and_classes_that_there_are() -> None:
    def given(name: str, label: str) -> list[Answer]:
        return [Answer(name, label, "me", "")]

    assert check_answers(given("'=a", "up"), {"=a"}, {"up"}) == given("=a", "up")
    twice = given("'=a", "up") * 2
    assert check_answers(twice, {"=a"}, {"up"}) == given("=a", "up")
    assert check_answers(given("'a", "up"), {"a", "'a"}, {"up"}) == given("'a", "up")
    for other in ("'=a", "=a"):
        with pytest.raises(ValueError, match="one label for every series, got 'up' and 'down'"):
            check_answers(given("'=a", "up") + given(other, "down"), {"=a"}, {"up", "down"})
    with pytest.raises(ValueError, match='an id of one series, got "\'=a"'):
        check_answers(given("'=a", "up"), {"=a", "'=a"}, {"up"})
    with pytest.raises(ValueError, match="ids of the dataset, got 'b'"):
        check_answers(given("b", "up"), {"a"}, {"up"})
    with pytest.raises(ValueError, match="labels out of up, got 'unknown'"):
        check_answers(given("a", "unknown"), {"a"}, {"up"})


@pytest.mark.parametrize("out", ["q.txt", "q", "models/m/q.csv"])
def test_a_place_for_questions_is_checked(out: str, root: Root) -> None:
    with pytest.raises(ValueError, match="--out: expected"):
        check_sheet(root, root.join(out) if "/" in out else out)
