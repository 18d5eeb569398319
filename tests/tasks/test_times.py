"""Times are those of the acts: of a move, a commit and a decision, whenever their work began."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import seqclass.store.log
from seqclass.monitoring.policy import ModelPolicy
from seqclass.monitoring.retrain_spec import RetrainSpec
from seqclass.pipeline.detection import find_new_data
from seqclass.pipeline.promote import promote_version, roll_back
from seqclass.policies import set_policy
from seqclass.store.catalogue import verify_tree
from seqclass.store.datasets import became_newest, write_dataset
from seqclass.store.log import entry_name, next_turn, read_decisions, read_log
from seqclass.store.registry import MoveReason, champion_since, move_champion, tenures_of
from seqclass.store.retrainings import retrainings_of
from seqclass.store.root import Damages, Root, manifest_digest
from tests.support.places import NOW
from tests.support.stored import SCORES, make_champion, newest_entry_of, store_series, store_version
from tests.support.verdicts import REFUSED, VERDICT, apply_verdict, store_two


def moment(text: str | None) -> datetime:
    assert text is not None
    return datetime.fromisoformat(text)


def test_a_move_bears_the_time_at_which_it_was_made(root: Root) -> None:
    """The retraining began long ago; log, history and record name the move."""
    store_two(root)
    before = datetime.now(UTC)
    apply_verdict(root, VERDICT, now=None)  # a retraining that began at NOW
    moved = moment(read_log(root, "toy")[-1]["time"])
    assert before <= moved <= datetime.now(UTC)
    assert moment(champion_since(root, "toy")) == moved
    assert before <= moment(retrainings_of(root, "toy")[-1]["created"]) <= moved
    first, second = tenures_of(root, "toy")
    assert (first.until, second.since) == (moved, moved)
    just_before = (before, before + timedelta(microseconds=1))
    assert [t.version for t in (first, second) if t.overlaps(*just_before)] == ["v1"]


COMMANDS: dict[str, Callable[[Root], object]] = {
    "promote": lambda root: promote_version(root, "toy@v1", "why", True),
    "rollback": lambda root: roll_back(root, "toy", "why"),
    "policy": lambda root: set_policy(root, "toy", ModelPolicy(owner="ann"), "why"),
}


@pytest.mark.parametrize("command", COMMANDS.values(), ids=list(COMMANDS))
def test_who_comes_second_takes_the_time_after_the_first(
    root: Root, command: Callable[[Root], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    store_two(root)
    make_champion(root, "toy", "v2", 1)
    write, moments = seqclass.store.log.create_file, []

    def overtaken(*words: Any) -> None:
        if not moments:
            moments.append(datetime.now(UTC))
            set_policy(root, "toy", ModelPolicy(owner="first"), "first")
            moments[0] = datetime.now(UTC)
        write(*words)

    monkeypatch.setattr(seqclass.store.log, "create_file", overtaken)
    command(root)
    *_, first, second = read_log(root, "toy")
    assert first["reason"] == "policy set: first"
    assert moment(second["time"]) >= moments[0]


def test_a_clock_that_is_behind_makes_no_entry_earlier_than_the_one_before(root: Root) -> None:
    store_two(root)
    ahead = datetime.now(UTC) + timedelta(hours=1)
    move_champion(next_turn(root, "toy"), "v2", MoveReason("me", "its clock is ahead", {}, ahead))
    roll_back(root, "toy", "why")
    apply_verdict(root, VERDICT, now=NOW)
    times = [moment(entry["time"]) for entry in read_log(root, "toy")]
    assert times == sorted(times)
    assert ahead in times
    assert verify_tree(root)["bad"] == []


def test_verify_names_an_entry_that_runs_backwards(root: Root) -> None:
    store_two(root)
    last = next_turn(root, "toy")
    early = {"number": last.number, "previous": last.previous, "what": "policy", "from": "v1",
             "to": "v1", "actor": "me", "reason": "", "evidence": {},
             "state": last.state, "time": (NOW - timedelta(seconds=1)).isoformat()}  # fmt: skip
    path = Path(newest_entry_of(root, "toy")).with_name(entry_name(last.number))
    path.write_text(json.dumps({**early, "sha256": manifest_digest(early)}))
    [bad] = [one for one in verify_tree(root)["bad"] if one["path"].endswith(path.name)]
    assert bad["problem"].startswith("expected a time from 2026-01-02T03:04:05")


def test_a_dataset_is_created_when_it_is_committed(root: Root) -> None:
    read: list[datetime] = []

    def slow(tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
        yield from tables
        read.append(datetime.now(UTC))

    rows = list(store_series(root).tables())
    made = write_dataset(root, "later", slow(iter(rows)), {})
    assert moment(made.manifest["created"]) >= read[0]
    assert became_newest(made).isoformat() == made.manifest["created"]


def test_a_cool_down_counts_from_the_decision(root: Root) -> None:
    """Not from the begin of the retraining, which NOW was."""
    store_two(root)
    apply_verdict(root, REFUSED, now=None)
    store_series(root, n=90)
    spec = RetrainSpec(cool_down_s=3600)
    decided = moment(retrainings_of(root, "toy")[-1]["created"])
    early = find_new_data(root, "toy", spec, decided + timedelta(seconds=3599), Damages()).waiting
    assert early is not None
    assert early.startswith("the last training was 3599 s ago")
    late = find_new_data(root, "toy", spec, decided + timedelta(seconds=3600), Damages())
    assert late.waiting is None


def test_a_simulated_time_goes_the_same_way(root: Root) -> None:
    store_two(root)
    third = store_version(root, "toy", dataset="datasets/toy@0", metrics=SCORES)
    later = NOW + timedelta(days=7)
    apply_verdict(root, VERDICT, now=later)
    promote_version(root, third.ref, "why", True, later)
    times = [moment(entry["time"]) for entry in read_decisions(root, "toy")]
    assert times == [NOW, later, later + timedelta(microseconds=1)]
