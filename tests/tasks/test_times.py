"""Times are those of the acts: of a move, a commit and a decision, whenever their work began."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pyarrow as pa

from seqclass.monitoring.retrain_spec import RetrainSpec
from seqclass.pipeline.detection import find_new_data
from seqclass.pipeline.promote import roll_back
from seqclass.store.catalogue import verify_tree
from seqclass.store.datasets import became_newest, write_dataset
from seqclass.store.log import next_turn, read_log, state_of
from seqclass.store.registry import MoveReason, move_champion, tenures_of
from seqclass.store.retrainings import retrainings_of
from seqclass.store.root import Damages, Root
from tests.support.places import NOW
from tests.support.stored import store_series
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
    assert moment(state_of(root, "toy")["since"]) == moved
    assert before <= moment(retrainings_of(root, "toy")[-1]["created"]) <= moved
    first, second = tenures_of(root, "toy")
    assert (first.until, second.since) == (moved, moved)
    just_before = (before, before + timedelta(microseconds=1))
    assert [t.version for t in (first, second) if t.overlaps(*just_before)] == ["v1"]


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
