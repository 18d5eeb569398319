"""Looking back: who answered when, versions on common rows, the digest of some days."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seqclass.pages.comparison import compare_versions
from seqclass.pages.digest import digest
from seqclass.store.datasets import Provenance, open_dataset, write_rows
from seqclass.store.log import next_turn
from seqclass.store.models import Model, commit_model
from seqclass.store.registry import MoveReason, moments, move_champion, open_model, write_refusal
from seqclass.store.root import Root
from seqclass.store.split import Split, write_split
from seqclass.store.staging import staging
from tests.support.commands import Command
from tests.support.evidence import stored
from tests.support.places import NOW
from tests.support.stored import DESCRIBED, make_champion, store_series, store_version

SCORES = {"macro_f1": 0.8, "accuracy": 0.8, "log_loss": 0.4}
DAY = timedelta(days=1)


def moved(root: Root) -> None:
    """v1, v2 a day later, a refusal of v3, and back to v1 on the fourth day."""
    for number in range(3):
        store_version(root, "m", metrics=SCORES)
        if number < 2:
            version, now = f"v{number + 1}", NOW + number * DAY
            move_champion(
                next_turn(root, "m"), version, MoveReason("me", f"reason {number}", {}, now)
            )
    write_refusal(next_turn(root, "m"), "v3", MoveReason("me", "worse", {}, NOW + 2 * DAY))
    move_champion(
        next_turn(root, "m"),
        "v1",
        MoveReason("you", "complaints", {}, NOW + 3 * DAY),
        what="rollback",
    )


def test_who_answered_on_a_day_is_told_with_the_reason(
    root: Root, seqclass: Command, seqclass_json: Callable[..., dict]
) -> None:
    moved(root)
    answered = seqclass_json("history", "m", "--at", "2026-01-04")["answered"]
    assert [(term["version"], term["reason"]) for term in answered] == [("v2", "reason 1")]
    handed_over = seqclass_json("history", "m", "--at", "2026-01-03")["answered"]
    assert [term["version"] for term in handed_over] == ["v1", "v2"]
    at_once = seqclass_json("history", "m", "--at", "2026-01-03T02:00")["answered"]
    assert [term["version"] for term in at_once] == ["v1"]
    code, out, _ = seqclass("history", "m")
    assert code == 0
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert lines[1] == "v1 2026-01-05 03:04 now rollback you complaints"
    assert "no version answered at 2025-12-31" in seqclass("history", "m", "--at", "2025-12-31")[1]


def test_refused_and_declined_versions_are_told_with_time_and_reason(
    root: Root, seqclass: Command, seqclass_json: Callable[..., dict]
) -> None:
    store_version(root, "idle")
    write_refusal(next_turn(root, "idle"), "v1", MoveReason("me", "worse", {}, NOW))
    lines = seqclass("history", "idle")[1].splitlines()
    assert (lines[0], "worse" in " ".join(lines)) == ("idle: no version answered", True)
    moved(root)
    at = NOW + 4 * DAY
    write_refusal(next_turn(root, "m"), "v2", MoveReason("ann", "odd labels", {"question": 5}, at))
    refused = seqclass_json("history", "m")["refused"]
    assert [tuple(refusal.values()) for refusal in refused] == [
        ("v3", (NOW + 2 * DAY).isoformat(), "refuse", "me", "worse"),
        ("v2", at.isoformat(), "decline", "ann", "odd labels"),
    ]
    on_its_day = seqclass_json("history", "m", "--at", f"{NOW + 2 * DAY:%Y-%m-%d}")
    assert [refusal["version"] for refusal in on_its_day["refused"]] == ["v3"]
    _, *events = seqclass("history", "m")[1].splitlines()
    assert [event.split()[0] for event in events] == ["v2", "v1", "v3", "v2", "v1"]


def test_a_time_with_a_zone_is_meant_in_that_zone() -> None:
    start, stop = moments("--at", "2026-01-03T02:00+05:30")
    assert start == datetime(2026, 1, 2, 20, 30, tzinfo=UTC)
    assert stop > start


def answered(root: Root, dataset: str, answers: list[str], rows: range, name: str = "m") -> Model:
    """A version that answered these rows of the toy dataset; the truth is down, up, down, …"""
    table = {
        "series_id": [f"s{row:03d}" for row in rows],
        "label": [("down", "up")[row % 2] for row in rows],
        "prediction": answers,
        "answer": answers,
        "confidence": [0.9 - row / 1000 for row in rows],
    }
    with staging(root, "model") as workspace:
        root.fs.makedirs(workspace, exist_ok=True)
        with root.fs.open(f"{workspace}/predictions.parquet", "wb") as file:
            pq.write_table(pa.table(table), file)
        records = {"comparison": stored("v0"), "metrics": {"goal": "accuracy", "by_goal": {}}}
        for record, content in records.items():
            root.fs.pipe_file(f"{workspace}/{record}.json", json.dumps(content).encode())
        ids = open_dataset(root, dataset).labels()["series_id"]
        split = Split(
            ["down", "up"], np.arange(len(ids)) % 2, None, np.array([], int), np.array(rows)
        )
        write_split(root, workspace, split, ids)
        return commit_model(root, workspace, name, {**DESCRIBED, "dataset": dataset}, NOW)


@pytest.fixture
def versions(root: Root) -> Root:
    """v1 is right on all of rows 0..39, v2 wrong on the first ten of rows 10..49."""
    dataset = store_series(root).ref
    truth = [("down", "up")[row % 2] for row in range(60)]
    answered(root, dataset, truth[:40], range(40))
    answered(root, dataset, ["down"] * 10 + truth[20:50], range(10, 50))
    return root


def test_versions_are_compared_on_rows_that_both_answered(
    versions: Root, seqclass: Command
) -> None:
    code, out, err = seqclass("compare", "m@v1", "m@v2", "--json")
    result = json.loads(out)
    assert (code, result["verdict"]) == (1, "refused")
    assert result["reasons"][0] in err
    assert result["rows"] == {"down": 15, "up": 15}
    second = result["standings"][1]
    assert (second["won"], second["lost"]) == (0, 5)
    assert second["recalls"] == {"down": 1.0, "up": pytest.approx(2 / 3)}
    low, high = second["interval"]
    assert low < second["difference"] < high < 0
    assert second["verdict"] == "worse beyond chance (p 0.031)"
    beside = json.loads(Path(result["page"].replace(".html", ".json")).read_text())
    more = ("verdict", "reasons", "page")
    assert beside == {key: value for key, value in result.items() if key not in more}
    assert "m@v2 does not pass the gate" in seqclass("compare", "m@v1", "m@v2")[1]
    make_champion(versions, "m", "v1")
    code, out, _ = seqclass("compare", "m@v2", "m@v1")
    assert code == 0
    assert "m@v1 is the champion" in out
    assert "better beyond chance (p 0.031)" in out


def test_all_wrong_answers_of_a_version_are_listed(
    versions: Root, seqclass: Command, seqclass_json: Callable[..., dict]
) -> None:
    result = seqclass_json("show", "m@v2", "--wrong")
    assert (result["model"], result["rows"]) == ("models/m@v2", 40)
    ids = [row["series_id"] for row in result["wrong"]]
    assert ids == ["s011", "s013", "s015", "s017", "s019"]
    assert {(row["label"], row["prediction"]) for row in result["wrong"]} == {("up", "down")}
    code, out, _ = seqclass("show", "m@v2", "--wrong")
    assert (code, [line.split()[0] for line in out.splitlines()[1:6]]) == (0, ids)
    assert seqclass_json("show", "m@v1", "--wrong")["wrong"] == []


def test_versions_of_one_dataset_with_common_rows_are_compared_twenty_at_most(
    versions: Root, seqclass: Command
) -> None:
    dataset = f"datasets/toy@{versions.names('datasets', 'toy')[0]}"
    answered(versions, dataset, ["down"], range(52, 53))
    other = store_series(versions, "other", 8).ref
    answered(versions, other, ["down"] * 8, range(8), "o")
    rng = np.random.default_rng(0)
    for _ in range(19):
        answered(versions, dataset, list(rng.choice(["down", "up"], 40)), range(40))
    twenty = [f"m@v{number}" for number in (1, 2, *range(4, 22))]
    for words, says in (
        (["m@v1", "m@v3"], "common test rows"),
        (["m@v1", "o@v1"], "tested on one dataset"),
        ([*twenty, "m@v22"], "expected 2 to 20"),
    ):
        code, _, err = seqclass("compare", *words)
        assert (code, err.count("\n")) == (2, 1), err
        assert says in err
    make_champion(versions, "m", "v20")
    assert seqclass("compare", *twenty)[0] in (0, 1)


def test_a_dataset_that_was_added_to_keeps_its_rows_comparable(versions: Root) -> None:
    first = open_dataset(versions, "toy")
    rows = [pa.concat_tables(first.tables()).slice(0, 55)]
    parents = {"parents": [first.ref]}
    later = write_rows(versions, "toy", rows, Provenance({}, NOW + DAY, lambda: parents)).ref
    answered(versions, later, ["down"] * 20, range(20))
    models = [open_model(versions, f"m@v{number}") for number in (1, 3)]
    assert sum(compare_versions(models).rows.values()) == 20


def test_the_digest_tells_of_its_days_alone(
    root: Root, seqclass: Command, seqclass_json: Callable[..., dict]
) -> None:
    moved(root)
    store_series(root, "lately")
    whole = seqclass_json("digest", "--days", 3650)
    assert [arrival["added"] for arrival in whole["arrived"]] == [60]
    assert [move["what"] for _, move in whole["decided"]] == [
        "promote", "promote", "refuse", "rollback",
    ]  # fmt: skip
    assert [model["version"] for model in whole["trained"]] == ["m@v1", "m@v2", "m@v3"]
    assert Path(whole["page"]).exists()
    _, out, _ = seqclass("digest", "--days", 3650)
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert "2026-01-05 03:04 m rollback v1 complaints" in lines
    quiet = digest(root, NOW + 2 * DAY, NOW + 3 * DAY)
    assert [move.what for _, move in quiet.decided] == ["refuse"]
    assert quiet.arrived == quiet.trained == quiet.answered == ()


def test_a_digest_counts_no_series_twice_after_a_removal_and_tells_of_it(
    root: Root, seqclass_json: Callable[..., dict]
) -> None:
    series = store_series(root)
    rows = pa.concat_tables(series.tables())
    made = [series.ref]
    for number in (1, 2):
        more = [rows, *(renamed(rows, f"{part}-") for part in range(number))]
        remarks = {"parents": [made[-1]]}
        provenance = Provenance({}, NOW + number * DAY, lambda remarks=remarks: remarks)
        made.append(write_rows(root, "toy", more, provenance).ref)
    words = ("digest", "--days", 3650)
    assert sum(arrival["added"] for arrival in seqclass_json(*words)["arrived"]) == 180
    assert seqclass_json("delete", made[1], "--yes")["removed"] == [made[1]]
    digested = seqclass_json(*words)
    assert [arrival["added"] for arrival in digested["arrived"]] == [60, None]
    assert digested["removed"] == [made[1]]


def renamed(rows: pa.Table, prefix: str) -> pa.Table:
    ids = [prefix + name for name in rows["series_id"].to_pylist()]
    return rows.set_column(rows.column_names.index("series_id"), "series_id", [ids])
