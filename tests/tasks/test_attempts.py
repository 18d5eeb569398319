"""Tries at a retraining: counted before they begin, and given up with a decision."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prefect.logging import disable_run_logger

from seqclass.monitoring.retrain_spec import RetrainSpec
from seqclass.pipeline.decision import note_failure
from seqclass.pipeline.detection import NewData, RetrainRun, begin_try, find_new_data
from seqclass.store.catalogue import verify_tree
from seqclass.store.retrainings import read_attempt, retrainings_of
from seqclass.store.root import Damages, Root
from tests.support.places import NOW
from tests.support.stored import store_champion, store_series

SPEC = RetrainSpec(tries=2)


@pytest.fixture
def waiting(root: Root) -> Root:
    """A champion and thirty rows that it does not know."""
    store_champion(root, "toy", dataset=store_series(root, n=60).ref)
    store_series(root, n=90)
    return root


def news(root: Root, now: datetime = NOW, spec: RetrainSpec = SPEC) -> NewData:
    return find_new_data(root, "toy", spec, now, Damages())


def attempt(root: Root, now: datetime, spec: RetrainSpec = SPEC, error: str = "") -> Any:
    """A try, which fails where there is an error and else is killed; what it decides."""
    new_data, turn = news(root, now, spec), RetrainRun("toy", spec, now, root)
    assert new_data.waiting is None
    with disable_run_logger():
        try:
            begin_try(new_data, turn)
        except ChildProcessError as exhausted:
            error = str(exhausted)
        return note_failure(new_data, error, turn) if error else None


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


@pytest.mark.parametrize("error", ["no memory", ""], ids=["fails", "is killed"])
def test_the_last_try_ends_in_one_decision_with_its_reason(waiting: Root, error: str) -> None:
    assert attempt(waiting, NOW, error=error) is None
    decided = attempt(waiting, later(600), error=error)
    if not error:  # only the next run can see that the last one was killed
        assert decided is None
        decided = attempt(waiting, later(900))
    reason = error or "its process was ended without a word"
    assert (decided["decision"], decided["challenger"]) == ("failed", None)
    assert decided["reasons"][0].startswith(f"2 tries failed, the last one: {reason}")
    [record] = retrainings_of(waiting, "toy")
    assert (record["decision"], record["settled"]) == ("failed", False)
    assert read_attempt(waiting, "toy") is None
    given_up = news(waiting, later(10_000)).waiting
    assert given_up.startswith("given up: 2 tries failed")
    assert given_up.endswith("'seqclass retrain toy --again' tries once more")
    assert verify_tree(waiting)["bad"] == []


def given_up(root: Root) -> None:
    attempt(root, NOW, error="no memory")
    attempt(root, later(600), error="no memory")
    assert news(root, later(700)).waiting.startswith("given up")


def test_a_hand_tries_once_more_and_nobody_goes_on_by_himself(waiting: Root) -> None:
    given_up(waiting)
    assert attempt(waiting, later(700), RetrainSpec(tries=2, again=True), "no memory") is None
    assert read_attempt(waiting, "toy") is not None
    assert news(waiting, later(10_000)).waiting.startswith("given up")
    assert read_attempt(waiting, "toy") is None
    assert len(retrainings_of(waiting, "toy")) == 1


def test_further_rows_are_another_retraining(waiting: Root) -> None:
    given_up(waiting)
    store_series(waiting, n=120)
    assert news(waiting, later(700)).waiting is None
    assert attempt(waiting, later(700), error="no memory") is None
    attempted = read_attempt(waiting, "toy")
    assert attempted is not None
    assert (attempted["tries"], attempted["error"]) == (1, "no memory")


def test_nothing_begins_in_quiet_hours_but_by_hand_and_tries_are_counted_on_after_them(
    waiting: Root,
) -> None:
    for hours, quiet in (((22, 6), {22, 23, 0, 5}), ((4, 5), {4}), ((5, 4), {*range(24)} - {4})):
        spec = RetrainSpec(quiet_hours=hours)
        assert [hour for hour in quiet if not spec.is_quiet(hour)] == []
    assert not RetrainSpec(quiet_hours=(22, 6)).is_quiet(6)
    assert attempt(waiting, NOW, error="no memory") is None
    hours = NOW.hour, NOW.hour + 1
    spec = RetrainSpec(tries=2, quiet_hours=hours)
    assert news(waiting, later(600), spec).waiting == f"quiet hours from {hours[0]} to 4 (UTC)"
    assert news(waiting, later(600), replace(spec, again=True)).waiting is None
    decided = attempt(waiting, later(3600), error="no memory")
    assert decided["decision"] == "failed"


def test_a_damaged_attempt_is_none(waiting: Root) -> None:
    attempt(waiting, NOW)
    path = Path(waiting.join("retrainings", "toy", "attempt.json"))
    for damaged in ("{", '{"champion": 3}'):
        path.write_text(damaged)
        assert read_attempt(waiting, "toy") is None, damaged
        assert verify_tree(waiting)["bad"] == []
