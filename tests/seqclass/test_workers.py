"""The processes that train: they end when they are told to, and others take their place."""

import os
import time
from collections.abc import Iterator

import pytest

from seqclass.store.capacity import GIB, Capacity
from seqclass.workers import Progress, Workers, at_once
from tests.support.jobs import refuse, tell_and_answer, tell_and_wait


@pytest.fixture
def worker() -> Iterator[Workers]:
    single = Workers(1)
    yield single
    single.end()


def test_an_ended_process_is_gone_and_the_next_job_has_another(worker: Workers) -> None:
    first = worker.call(os.getpid)
    worker.end()
    with pytest.raises(ProcessLookupError):
        os.kill(first, 0)
    assert worker.call(os.getpid) != first


def test_an_answer_that_nobody_awaited_is_given_to_no_other_call(worker: Workers) -> None:
    def interrupt(progress: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        worker.call(tell_and_answer, "first", 3, watch=interrupt)
    assert worker.call(tell_and_answer, "second") == "second"


def test_progress_is_heard_in_order_and_the_process_stays(worker: Workers) -> None:
    heard: list[Progress] = []
    first = worker.call(os.getpid)
    assert worker.call(tell_and_answer, "done", 3, watch=heard.append) == "done"
    assert [progress.update for progress in heard] == [1, 2, 3]
    assert worker.call(os.getpid) == first


def test_an_error_of_a_job_is_raised_as_it_was_and_the_process_stays(worker: Workers) -> None:
    first = worker.call(os.getpid)
    with pytest.raises(ValueError, match=r"^no\b"):
        worker.call(refuse, "no")
    assert worker.call(os.getpid) == first


def test_a_killed_process_fails_its_call_alone(worker: Workers) -> None:
    def kill(progress: Progress) -> None:
        os.kill(*worker.pids, 9)

    with pytest.raises(ChildProcessError, match="ended from outside"):
        worker.call(tell_and_wait, watch=kill)
    assert worker.call(tell_and_answer, "found") == "found"


def test_a_new_process_has_the_present_environment(
    worker: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker.call(os.getpid)
    monkeypatch.setenv("SEQCLASS_THREADS", "2")
    monkeypatch.delenv("PATH")
    another = Workers(1)
    names = ("SEQCLASS_THREADS", "PATH")
    assert [another.call(os.getenv, name) for name in names] == ["2", None]
    another.end()


def test_where_a_job_fails_the_others_are_ended() -> None:
    two = Workers(2)
    with pytest.raises(ValueError, match=r"^no\b"):
        two.run([(time.sleep, (600,)), (refuse, ("no",)), (time.sleep, (600,))])


def test_as_many_trainings_at_a_time_as_cores_and_memory_allow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for cores, gibibytes, threads, expected in ((8, 64, 1, 8), (8, 64, 3, 2), (8, 3, 1, 3),
                                                (8, 0, 1, 1), (1, 64, 4, 1)):  # fmt: skip
        machine = Capacity(cores, gibibytes * GIB, True)
        monkeypatch.setattr("seqclass.workers.capacity", lambda machine=machine: machine)
        monkeypatch.setenv("SEQCLASS_THREADS", str(threads))
        assert at_once() == expected
