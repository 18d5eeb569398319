"""Times are those of the acts: of a move, a commit and a decision, whenever their work began."""

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from seqclass.monitoring.policy import ModelPolicy
from seqclass.monitoring.retrain_spec import RetrainSpec
from seqclass.pipeline.detection import find_new_data
from seqclass.pipeline.promote import promote_version, roll_back
from seqclass.policies import set_policy
from seqclass.store.audit import entry_name, read_audit
from seqclass.store.catalogue import verify_tree
from seqclass.store.datasets import write_dataset
from seqclass.store.leases import locked
from seqclass.store.registry import MoveReason, champion_since, move_champion, tenures_of
from seqclass.store.retrainings import retrainings_of
from seqclass.store.root import Damages, Root
from tests.support.places import NOW
from tests.support.stored import SCORES, store_series, store_version
from tests.support.verdicts import REFUSED, VERDICT, apply_verdict, store_two


def moment(text: str | None) -> datetime:
    assert text is not None
    return datetime.fromisoformat(text)


def test_a_move_bears_the_time_at_which_it_was_made(root: Root) -> None:
    """The retraining began long ago; audit, pointer, history and record name the move."""
    store_two(root)
    before = datetime.now(UTC)
    apply_verdict(root, VERDICT, now=None)  # a retraining that began at NOW
    moved = moment(read_audit(root, "toy")[-1]["time"])
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
def test_who_waits_for_the_lock_takes_the_time_within_it(
    root: Root, command: Callable[[Root], object]
) -> None:
    store_two(root)
    waiting = threading.Thread(target=command, args=(root,))
    with locked(root, "models", "toy"):
        waiting.start()
        waiting.join(0.3)
        move_champion(root, "toy", "v2", MoveReason("me", "first", {}))
        released = datetime.now(UTC)
    waiting.join()
    *_, first, second = read_audit(root, "toy")
    assert first["reason"] == "first"
    assert moment(second["time"]) >= released


def test_a_clock_that_is_behind_makes_no_entry_earlier_than_the_one_before(root: Root) -> None:
    store_two(root)
    ahead = datetime.now(UTC) + timedelta(hours=1)
    move_champion(root, "toy", "v2", MoveReason("me", "its clock is ahead", {}, ahead))
    roll_back(root, "toy", "why")
    apply_verdict(root, VERDICT, now=NOW)
    times = [moment(entry["time"]) for entry in read_audit(root, "toy")]
    assert times == sorted(set(times))
    assert times[1] == ahead
    assert verify_tree(root)["bad"] == []


def test_verify_names_an_entry_that_runs_backwards(root: Root) -> None:
    store_two(root)
    folder = Path(root.join("models", "toy", "audit"))
    first = folder / entry_name(1)
    earlier = {**json.loads(first.read_text()), "what": "policy", "from": "v1", "number": 2,
               "previous": hashlib.sha256(first.read_bytes()).hexdigest(),
               "time": (NOW - timedelta(seconds=1)).isoformat()}  # fmt: skip
    content = json.dumps(earlier).encode()
    (folder / entry_name(2)).write_bytes(content)
    head = {"number": 2, "sha256": hashlib.sha256(content).hexdigest()}
    (folder / ".head.json").write_text(json.dumps(head))
    [bad] = [one for one in verify_tree(root)["bad"] if one["path"].endswith(entry_name(2))]
    assert bad["problem"].startswith(f"expected a time from {NOW.isoformat()} on")


def test_a_dataset_is_created_when_it_is_committed(root: Root) -> None:
    read: list[datetime] = []

    def slow(tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
        yield from tables
        read.append(datetime.now(UTC))

    rows = list(store_series(root).tables())
    made = write_dataset(root, "later", slow(iter(rows)), {})
    assert moment(made.manifest["created"]) >= read[0]
    latest = json.loads(Path(root.join("datasets", "later", "latest.json")).read_text())
    assert latest["since"] == made.manifest["created"]


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
    times = [moment(entry["time"]) for entry in read_audit(root, "toy")]
    assert times == [NOW, later, later + timedelta(microseconds=1)]
