"""Files of questions for people: a CSV, in which labels are filled in, and Label Studio."""

import csv
import io
import json
import math
import os
import re
from collections.abc import Iterator
from pathlib import PurePath
from typing import Any
from xml.sax.saxutils import quoteattr

from seqclass.inference.answer_files import FORMULA, NUMBER, check_target, written_whole
from seqclass.labelling.doubtful_rows import RowQuestion
from seqclass.labelling.label_queue import Queue
from seqclass.store.formats.label_files import LABEL, UNANSWERED
from seqclass.store.root import Root

ENDINGS = {".csv": "CSV", ".json": "tasks of Label Studio"}
SAID = ("why", "present_label", "answer", "probability", "nearest")
"""Columns of the CSV that say why a series is asked about, and what is known of it."""
TIME, SERIES = "step", "series"
"""Names in Label Studio's configuration."""


def check_sheet(root: Root, out: str) -> str:
    """Return the ending of a file of questions; ValueError if it can't be written or is there."""
    ending = PurePath(out).suffix.lower()
    if ending not in ENDINGS:
        raise ValueError(
            f"--out: expected a name ending in {' or '.join(ENDINGS)}, got {out!r}; rename it"
        )
    check_target(root, out)
    for path in (out, _configuration_of(out)) if ending == ".json" else (out,):
        if os.path.lexists(path):
            raise ValueError(
                f"--out: expected a file that is not there yet, got {path!r}, which may hold "
                "labels; choose another name, or move it away"
            )
    return ending


def write_sheet(queue: Queue, ending: str, out: str) -> list[str]:
    """Write the questions whole or not at all; returns the paths of what was written."""
    if ending == ".csv":
        contents = {out: _csv(queue)}
    else:
        tasks = [json.dumps(_task(queue, question, row), ensure_ascii=False, allow_nan=False)
                 for question, row in _rows(queue)]  # fmt: skip
        written = "[\n" + ",\n".join(tasks) + "\n]\n"
        contents = {_configuration_of(out): configuration(queue), out: written}
    for path, content in contents.items():
        with written_whole(path) as file:
            file.write(content.encode())
    return list(contents)


def _configuration_of(out: str) -> str:
    return str(PurePath(out).with_suffix(".xml"))


def _rows(queue: Queue) -> Iterator[tuple[RowQuestion, dict[str, Any]]]:
    for number, question in enumerate(queue.questions):
        [row] = queue.series.slice(number, 1).to_pylist()
        yield question, row


def _csv(queue: Queue) -> str:
    """Return a table with a row for each question; a label is to be written over ``?``.

    Without this sign pandas would read the empty column as numbers, and take no text into it.
    """
    buffer = io.StringIO()
    out = csv.writer(buffer, lineterminator="\n")
    out.writerow(["series_id", LABEL, *SAID])
    for question in queue.questions:
        out.writerow([inert(question.series_id), UNANSWERED, *map(inert, _cells(question))])
    return buffer.getvalue()


def _cells(question: RowQuestion) -> list[str]:
    stored = question.stored
    answer = ["", "", ""]
    if stored is not None:
        answer = [stored.answer, f"{stored.probability:.4f}", stored.nearest or ""]
    return [question.why, question.label or "", *answer]


def inert(text: str) -> str:
    """Put an apostrophe before a text that a spreadsheet would run as a formula."""
    runs = re.match(FORMULA, text) and not re.match(NUMBER, text)
    return f"'{text}" if runs else text


def _task(queue: Queue, question: RowQuestion, row: dict[str, Any]) -> dict[str, Any]:
    """Return a task of Label Studio; a missing value is null."""
    series: dict[str, list[float | None]] = {TIME: list(range(row["n_steps"]))}
    for channel in queue.channels:
        series[channel] = [None if math.isnan(v) else v for v in row[channel]]
    cells = dict(zip(SAID, _cells(question), strict=True))
    task: dict[str, Any] = {"data": {"series_id": question.series_id, **cells, SERIES: series}}
    if question.stored is not None:
        choice = {"from_name": LABEL, "to_name": SERIES, "type": "choices",
                  "value": {"choices": [question.stored.answer]}}  # fmt: skip
        task["predictions"] = [
            {"model_version": queue.model.removeprefix("models/"),
             "score": question.stored.probability, "result": [choice]}
        ]  # fmt: skip
    return task


def configuration(queue: Queue) -> str:
    """Return Label Studio's labelling configuration for the tasks of a queue."""
    channels = "".join(f"\n    <Channel column={quoteattr(name)}/>" for name in queue.channels)
    choices = "".join(f"\n    <Choice value={quoteattr(name)}/>" for name in queue.classes)
    return f"""<View>
  <Header value="$why"/>
  <TimeSeries name="{SERIES}" valueType="json" value="${SERIES}" timeColumn="{TIME}">{channels}
  </TimeSeries>
  <Choices name="{LABEL}" toName="{SERIES}" choice="single" showInline="true">{choices}
  </Choices>
</View>
"""
