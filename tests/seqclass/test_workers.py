"""The processes that train: they end when they are told to, and others take their place."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from seqclass.store.capacity import GIB, Capacity
from seqclass.workers import Progress, Workers, at_once
from tests.support.jobs import refuse, tell_and_answer, tell_and_wait
from tests.support.places import REPOSITORY

ENDED = """
import os
from seqclass.workers import end_workers, workers
pids = []
for _ in range(2):
    pids += workers().run([(os.getpid, ())])
    os.kill(pids[-1], 0)
    end_workers()
    try:
        os.kill(pids[-1], 0)
    except ProcessLookupError:
        continue
    raise SystemExit("it lives on")
assert pids[0] != pids[1]
"""


def test_ended_processes_are_gone_and_the_next_job_has_another() -> None:
    found = subprocess.run(
        [sys.executable, "-c", ENDED], cwd=REPOSITORY, capture_output=True, text=True
    )
    assert found.returncode == 0, found.stderr


@pytest.fixture
def one() -> Iterator[Workers]:
    found = Workers(1)
    yield found
    found.end()


def test_an_answer_that_nobody_awaited_is_given_to_no_other_call(one: Workers) -> None:
    def interrupt(told: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        one.call(tell_and_answer, "first", 3, watch=interrupt)
    assert one.call(tell_and_answer, "second") == "second"


def test_progress_is_heard_in_order_and_the_process_stays(one: Workers) -> None:
    told: list[Progress] = []
    first = one.call(os.getpid)
    assert one.call(tell_and_answer, "done", 3, watch=told.append) == "done"
    assert [progress.update for progress in told] == [1, 2, 3]
    assert one.call(os.getpid) == first


def test_an_error_of_a_job_is_raised_as_it_was_and_the_process_stays(one: Workers) -> None:
    first = one.call(os.getpid)
    with pytest.raises(ValueError, match=r"^no\b"):
        one.call(refuse, "no")
    assert one.call(os.getpid) == first


def test_a_killed_process_fails_its_call_alone(one: Workers) -> None:
    def kill(progress: Progress) -> None:
        os.kill(*one.pids, 9)

    with pytest.raises(ChildProcessError, match="ended from outside"):
        one.call(tell_and_wait, watch=kill)
    assert one.call(tell_and_answer, "found") == "found"


def test_where_a_job_fails_the_others_are_ended() -> None:
    two = Workers(2)
    with pytest.raises(ValueError, match=r"^no\b"):
        two.run([(time.sleep, (600,)), (refuse, ("no",)), (time.sleep, (600,))])


def test_as_many_trainings_at_a_time_as_cores_and_memory_allow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for cores, gibibytes, threads, expected in ((8, 64, 1, 8), (8, 64, 3, 2), (8, 3, 1, 3),
                                                (8, 0, 1, 1), (1, 64, 4, 1)):  # fmt: skip
        own = Capacity(cores, gibibytes * GIB, True)
        monkeypatch.setattr("seqclass.workers.capacity", lambda own=own: own)
        monkeypatch.setenv("SEQCLASS_THREADS", str(threads))
        assert at_once() == expected
