"""Locks of the system on folders of a local root; they end with their process.

They spare work: of two processes that sweep an inbox or retrain a model, one leaves. Nothing
depends on them, and in an object store nobody is held: what counts is decided by the next entry of
a log, which only one process can write.
"""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator

from seqclass.store.root import Root

PAUSE_S = 0.05


@contextlib.contextmanager
def locked(root: Root, *folder: str) -> Iterator[None]:
    """Hold a folder for one process; wait while another one holds it."""
    if not root.is_local:
        yield
        return
    path = root.join(*folder)
    os.makedirs(path, exist_ok=True)
    handle = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


@contextlib.contextmanager
def try_lock(root: Root, purpose: str, *folder: str) -> Iterator[bool]:
    """Try to hold a folder for one purpose; False if another process holds it for the same."""
    if not root.is_local:
        yield True
        return
    path = root.join(*folder, f".{purpose}.lock")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with contextlib.ExitStack() as held:
        for _ in range(2):  # somebody may only look whether it is free
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
            if is_free := held.enter_context(exclusive(handle)):
                break
            time.sleep(PAUSE_S)
        yield is_free


def is_locked(root: Root, purpose: str, *folder: str) -> bool:
    """Check whether another process holds a folder for this purpose; unknown in an object store."""
    if not root.is_local or not root.exists(*folder, f".{purpose}.lock"):
        return False
    with try_lock(root, purpose, *folder) as is_free:
        return not is_free


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
