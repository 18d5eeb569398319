"""Claims: one at a time, who comes meanwhile is heard, and nobody gives up another's."""

import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from seqclass.store.leases import check_lease, run_exclusive, try_lock
from seqclass.store.root import Root
from tests.support.commands import HOLDER
from tests.support.places import REPOSITORY

FOLDER = ("models", "toy")


class Work:
    """What takes turns; the first one waits for a word."""

    def __init__(self, fails: bool = False) -> None:
        self.seen: list[int] = []
        self.rows, self.fails = 0, fails
        self.began, self.may_end = threading.Event(), threading.Event()

    def __call__(self, claim: str) -> int:
        rows = self.rows
        self.seen.append(rows)
        if len(self.seen) == 1:
            self.began.set()
            assert self.may_end.wait(30)
            if self.fails:
                raise ValueError("the first turn failed")
        return rows


def meet(root: Root, work: Work, meanwhile: Callable[[], None]) -> list[int]:
    """Do something while the first turn is at work; what its holder gets."""
    gained: list[int] = []

    def hold() -> None:
        try:
            gained.extend(run_exclusive(root, "retraining", FOLDER, work))
        except ValueError:
            gained.append(-1)

    holder = threading.Thread(target=hold)
    holder.start()
    assert work.began.wait(30)
    meanwhile()
    work.may_end.set()
    holder.join(30)
    return gained


def test_who_comes_meanwhile_gets_nothing_and_the_holder_looks_again(root: Root) -> None:
    work = Work()

    def come() -> None:
        work.rows = 7
        assert run_exclusive(root, "retraining", FOLDER, work) == []
        assert run_exclusive(root, "retraining", FOLDER, work) == []

    assert meet(root, work, come) == [0, 7]
    assert work.seen == [0, 7]
    assert run_exclusive(root, "retraining", FOLDER, work) == [7]


def test_whoever_is_alone_has_one_turn(root: Root) -> None:
    assert meet(root, Work(), lambda: None) == [0]


def test_a_failed_turn_loses_no_word(root: Root) -> None:
    work = Work(fails=True)

    def come() -> None:
        work.rows = 7
        assert run_exclusive(root, "retraining", FOLDER, work) == []

    assert meet(root, work, come) == [-1]
    assert work.seen == [0, 7]


def test_of_many_at_once_one_works_and_the_last_news_are_seen(root: Root) -> None:
    lock, inside, most = threading.Lock(), 0, 0
    rows, seen = 0, [0]

    def work(claim: str) -> None:
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
        seen.append(rows)
        with lock:
            inside -= 1

    def arrive() -> None:
        nonlocal rows
        for _ in range(20):
            with lock:
                rows += 1
            run_exclusive(root, "retraining", FOLDER, work)

    threads = [threading.Thread(target=arrive) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert most == 1
    assert max(seen) == rows == 160
    assert not Path(root.join(*FOLDER, ".retraining.wanted")).exists()


def test_a_local_claim_is_held_to_its_end(root: Root) -> None:
    with try_lock(root, "retraining", *FOLDER) as own:
        assert own is not None
        check_lease(root, own)
        with try_lock(root, "retraining", *FOLDER) as other:
            assert other is None
    with try_lock(root, "retraining", *FOLDER) as own:
        assert own is not None


@pytest.mark.parametrize("purpose", ["retraining", "other"])
def test_claims_of_another_purpose_are_free(root: Root, purpose: str) -> None:
    with try_lock(root, "retraining", *FOLDER), try_lock(root, purpose, *FOLDER) as own:
        assert (own is None) == (purpose == "retraining")


def test_the_claim_of_a_killed_process_is_free_at_once(root: Root) -> None:
    words = [sys.executable, "-c", HOLDER, root.path]
    assert subprocess.run(words, cwd=REPOSITORY).returncode == -signal.SIGKILL
    with try_lock(root, "retraining", *FOLDER) as own:
        assert own is not None
