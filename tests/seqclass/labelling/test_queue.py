"""The queue: what is asked, in which order, and that nothing is asked twice."""

from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest

from seqclass.labelling.label_queue import Queue, apart, keep_queue, queue_of
from seqclass.labelling.suspects import held_answers
from seqclass.store.catalogue import verify_tree
from seqclass.store.models import Model
from seqclass.store.root import Damages
from seqclass.store.rows import from_dense
from tests.support.labelled import DOUBTED, ELSEWHERE, TURNED
from tests.support.places import NOW


def asked(model: Model, limit: int = 50, again: bool = False) -> Queue:
    bad = Damages()
    queue = queue_of(model, limit, again, bad)
    assert bad == []
    return queue


def test_all_that_is_in_doubt_is_asked_the_least_sure_first(queue: Queue) -> None:
    ids = [question.series_id for question in queue.questions]
    assert set(ids[:2]) == TURNED
    assert DOUBTED in ids
    assert ELSEWHERE not in ids
    sureness = [question.sureness for question in queue.questions]
    assert sureness == sorted(sureness)
    reasons = {"label doubted": 2, "label doubted by a retraining": 1, "unknown": 4}
    assert queue.reasons == reasons
    assert queue.series["series_id"].to_pylist() == ids
    assert queue.left == 1


def test_of_two_series_alike_one_is_asked(queue: Queue) -> None:
    ids = {question.series_id for question in queue.questions}
    assert len(ids & {"t0100", "twin"}) == 1


def test_each_question_says_what_is_known(queue: Queue) -> None:
    questions = {question.series_id: question for question in queue.questions}
    turned, unknown = questions["s003"], questions["t0101"]
    assert turned.label == "up"
    assert turned.stored is not None
    assert (turned.stored.answer, turned.stored.nearest) == ("down", "s050")
    assert turned.stored.probability == pytest.approx(0.98)
    assert turned.sureness == pytest.approx(0.02)
    assert unknown.label is None
    assert unknown.stored is not None
    assert (unknown.why, unknown.stored.nearest) == ("unknown: ambiguous", "s001")
    assert questions[DOUBTED].sureness == 0.5


def test_nothing_is_asked_twice_but_on_request(doubting: Model) -> None:
    first = asked(doubting, limit=3)
    assert asked(doubting, limit=3).questions == first.questions  # looking asks nobody
    keep_queue(doubting, first, NOW)
    second = asked(doubting)
    before = {question.series_id for question in first.questions}
    assert not before & {question.series_id for question in second.questions}
    keep_queue(doubting, second, NOW + timedelta(seconds=1))
    third = asked(doubting)
    assert {question.series_id for question in third.questions} <= {"t0100", "twin"}
    assert len(asked(doubting, again=True).questions) == 7
    assert verify_tree(doubting.root, None)["bad"] == []


def test_suspects_are_told_by_class(doubts: Model) -> None:
    assert held_answers(doubts).taken_for == {"down": {"up": 1}, "up": {"down": 1}}


def test_series_that_only_noise_tells_apart_are_alike_and_others_are_not() -> None:
    rng = np.random.default_rng(0)
    line = np.linspace(0, 5, 40, dtype=np.float32)
    rising, falling = line, line[::-1]
    drawn = [rising, rising + rng.normal(0, 0.01, 40), falling, rising + rng.normal(0, 1, 40)]
    table = pa.table({"x": from_dense(np.stack(drawn).astype(np.float32)), "y": from_dense(
        np.full((4, 40), np.nan, np.float32))})  # fmt: skip
    assert apart(table, ["x", "y"]).tolist() == [0, 2, 3]
