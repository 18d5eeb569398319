"""Claims and locks: only one process at a time works on a folder.

A claim is optional: a process that finds it taken leaves a request, and the holder runs again. In a
local store both are locks of the system, which end with their process. In an object store they are
leases: files that their holder renews, and that are free after ``LEASE_S`` seconds without renewal.
A holder's own clock tells it that a renewal is late before others may take the lease; it then
writes nothing more.
"""

import contextlib
import fcntl
import math
import os
import random
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from typing import TypeVar

from seqclass.store import objects
from seqclass.store.root import Root, replace_file

LEASE_S, RENEWAL_S, PAUSE_S = 60.0, 10.0, (0.05, 0.3)
FREE = b"free"
Result = TypeVar("Result")


class Lease:
    """A file of an object store that belongs to the process that renews it."""

    def __init__(self, root: Root, path: str) -> None:
        self.root, self.path = root, path
        self.token = uuid.uuid4().hex
        self._turn, self._tag, self._renewed_s = 0, "", -math.inf
        self._failure: Exception | None = None
        self._ended, self._renewal = threading.Event(), threading.Thread(target=self._renew)

    def take(self) -> bool:
        """Take the file if it is free or its holder is late, and keep renewing it."""
        seen = objects.see(self.root.fs, self.path)
        if seen is not None and seen.content != FREE and seen.age_s <= LEASE_S:
            return False
        if not self._write(None if seen is None else seen.tag):
            return False
        self._renewal.daemon = True
        self._renewal.start()
        _held[self.token] = self
        return True

    def _write(self, tag: str | None) -> bool:
        before_s = _now_s()
        self._turn += 1
        content = f"{self.token} {self._turn}".encode()
        written = objects.put(self.root.fs, self.path, content, tag)
        if written is not None:
            self._tag, self._renewed_s, self._failure = written, before_s, None
        return written is not None

    def _renew(self) -> None:
        """Renew the file repeatedly; a lasting failure of any kind makes the lease unsure."""
        while not self._ended.wait(RENEWAL_S):
            try:
                if not self._write(self._tag) and not self._has_own_word():
                    self._renewed_s = -math.inf
                    return
            except Exception as error:
                self._failure = error

    def _has_own_word(self) -> bool:
        """Check whether an own write is there whose response was lost; the next one follows it."""
        seen = objects.see(self.root.fs, self.path)
        if seen is None or not seen.content.startswith(self.token.encode()):
            return False
        self._tag = seen.tag
        return True

    @property
    def is_sure(self) -> bool:
        """True if no other process can have taken the file, with a margin of one renewal."""
        return _now_s() - self._renewed_s <= LEASE_S - RENEWAL_S

    def check(self) -> None:
        """Raise ValueError if the lease was not renewed in time, so another may hold it."""
        if not self.is_sure:
            raise ValueError(
                f"{self.path}: expected to be alone at this work, it was not renewed for "
                f"{LEASE_S - RENEWAL_S:g} s and another may have taken it over; nothing more is "
                "written, run the command again"
            ) from self._failure

    def give_up(self) -> None:
        """End the lease now, unless another process has taken it over."""
        self._ended.set()
        self._renewal.join()
        del _held[self.token]
        if self.is_sure:
            with contextlib.suppress(Exception):  # it is free after a minute, and the work is done
                objects.put(self.root.fs, self.path, FREE, self._tag)


_held: dict[str, Lease] = {}
"""The leases of this process."""


def _now_s() -> float:
    """Return seconds of a clock that goes on while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@contextlib.contextmanager
def locked(root: Root, *folder: str) -> Iterator[None]:
    """Hold a folder for one process; wait while another one holds it."""
    path = root.join(*folder)
    if not root.is_local:
        lease = Lease(root, f"{path}/.lock")
        while not lease.take():
            time.sleep(random.uniform(*PAUSE_S))
        try:
            yield
        finally:
            lease.give_up()
        return
    os.makedirs(path, exist_ok=True)
    handle = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


@contextlib.contextmanager
def locked_within(seconds: float, root: Root, *folder: str) -> Iterator[bool]:
    """Hold a folder as ``locked`` does; False if another process does not free it in time."""
    path, end_s = root.join(*folder), _now_s() + seconds
    with contextlib.ExitStack() as held:
        while not (is_held := held.enter_context(_try_to_hold(root, path))) and _now_s() < end_s:
            held.close()
            time.sleep(random.uniform(*PAUSE_S))
        yield is_held


@contextlib.contextmanager
def _try_to_hold(root: Root, path: str) -> Iterator[bool]:
    if root.is_local:
        os.makedirs(path, exist_ok=True)
        with exclusive(os.open(path, os.O_RDONLY)) as is_free:
            yield is_free
    else:
        with _leased(root, f"{path}/.lock") as token:
            yield token is not None


def check_held(root: Root, *folder: str) -> None:
    """Refuse to write into a folder whose lease this process may have lost."""
    path = f"{root.join(*folder)}/.lock"
    for lease in list(_held.values()):
        if lease.path == path:
            lease.check()


@contextlib.contextmanager
def try_lock(root: Root, claim: str, *folder: str) -> Iterator[str | None]:
    """Try to claim a folder for one purpose; yields the holder's token, or None if it is taken."""
    path = root.join(*folder, f".{claim}.lock")
    with (_locked if root.is_local else _leased)(root, path) as token:
        yield token


def is_claimed(root: Root, claim: str, *folder: str) -> bool:
    """Check whether somebody holds the claim on a folder for this purpose."""
    path = root.join(*folder, f".{claim}.lock")
    if not root.is_local:
        seen = objects.see(root.fs, path)
        return seen is not None and seen.content != FREE and seen.age_s <= LEASE_S
    if not os.path.exists(path):
        return False
    with _locked(root, path) as token:
        return token is None


@contextlib.contextmanager
def _locked(root: Root, path: str) -> Iterator[str | None]:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with exclusive(os.open(path, os.O_RDWR | os.O_CREAT, 0o644)) as is_free:
        yield path if is_free else None


@contextlib.contextmanager
def exclusive(handle: int) -> Iterator[bool]:
    """Hold an open file or folder, and close it at the end; False if another process holds it."""
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(handle)


@contextlib.contextmanager
def _leased(root: Root, path: str) -> Iterator[str | None]:
    lease = Lease(root, path)
    if not lease.take():
        yield None
        return
    try:
        yield lease.token
    finally:
        lease.give_up()


def check_lease(root: Root, token: str) -> None:
    """Refuse to go on under a claim, by its token, that another holder may have taken."""
    if not root.is_local:
        _held[token].check()


def run_exclusive(
    root: Root, claim: str, folder: tuple[str, ...], work: Callable[[str], Result]
) -> list[Result]:
    """Do the work under a claim, and again for each later request; returns all results.

    A caller that finds the claim taken leaves a request and gets an empty list. The holder then
    runs again, even if the present run fails; the first failure is raised at the end.
    """
    mark = root.join(*folder, f".{claim}.wanted")
    done: list[Result] = []
    failures: list[Exception] = []
    has_left_word = False
    while True:
        with try_lock(root, claim, *folder) as token:
            if token is not None:
                _take_off(root, mark)
                try:
                    done.append(work(token))
                except Exception as error:
                    failures.append(error)
        if token is not None and root.fs.exists(mark):
            continue
        if token is not None or has_left_word or done or failures:
            break
        replace_file(root, mark, b"")
        has_left_word = True
    if failures:
        raise failures[0]
    return done


def _take_off(root: Root, mark: str) -> None:
    if root.fs.exists(mark):
        with contextlib.suppress(FileNotFoundError):
            root.fs.rm(mark)
