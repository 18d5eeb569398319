"""Claims: one process at a time works on a folder for a purpose, and who comes meanwhile is heard.

Locally a claim is a lock, which ends with the process, however it ends. In a remote store claims
are files with ascending numbers, of which the highest counts: a claim that was given up is marked
as free, one that is left behind is overtaken by the next number after ``CLAIM_AGE_S`` seconds.
Nobody but its holder touches a claim that counts, so a late holder can't give up another's.
"""

import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from storage.root import Root, create_file, entries, replace_file

CLAIM_AGE_S = 6 * 3600
HELD, FREE = b"held", b"free"
Result = TypeVar("Result")


@contextlib.contextmanager
def claimed(root: Root, claim: str, *folder: str) -> Iterator[str | None]:
    """Try to be the only one to work on a folder for this purpose; the claim, None if taken."""
    path = root.join(*folder, f".{claim}.lock")
    with (_locked if root.is_local else _numbered)(root, path) as own:
        yield own


@contextlib.contextmanager
def _locked(root: Root, path: str) -> Iterator[str | None]:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
        else:
            yield path
    finally:
        os.close(handle)


@contextlib.contextmanager
def _numbered(root: Root, path: str) -> Iterator[str | None]:
    own = _take(root, path)
    try:
        yield own
    finally:
        if own is not None:
            replace_file(root, own, FREE)


def _take(root: Root, path: str) -> str | None:
    """Create the claim after the newest one, if that is free, and remove the ones before."""
    older = _numbers(root, path)
    newest = max(older, default=0)
    own = f"{path}.{newest + 1}"
    if newest and not _is_free(root, f"{path}.{newest}"):
        return None
    try:
        create_file(root, own, HELD)
    except FileExistsError:
        return None
    if max(_numbers(root, path)) != newest + 1:
        return None  # others have taken it, given it up and removed it since it was looked for
    for number in older:
        with contextlib.suppress(FileNotFoundError):
            root.fs.rm(f"{path}.{number}")
    return own


def _numbers(root: Root, path: str) -> list[int]:
    found = (entry.removeprefix(f"{path}.") for entry in entries(root, path.rpartition("/")[0]))
    return [int(number) for number in found if number.isdigit()]


def _is_free(root: Root, path: str) -> bool:
    """Whether a claim was given up or left behind; one that is gone was overtaken just now."""
    try:
        age_s = time.time() - root.fs.modified(path).timestamp()
        return age_s > CLAIM_AGE_S or root.fs.cat_file(path) == FREE
    except FileNotFoundError:
        return False


def check_claim(root: Root, own: str) -> None:
    """Refuse to go on under a claim that another holder has overtaken."""
    if root.is_local:
        return
    path, _, number = own.rpartition(".")
    if max(_numbers(root, path), default=0) != int(number):
        raise ValueError(
            f"{path}: expected to be alone at this work, another run has taken it over, since it "
            f"took longer than {CLAIM_AGE_S / 3600:g} h; nothing more is written"
        )


def in_turn(
    root: Root, claim: str, folder: tuple[str, ...], work: Callable[[str], Result]
) -> list[Result]:
    """Do the work under a claim, and again for those who came meanwhile; what each turn gave.

    Who finds the claim taken leaves word, gets nothing, and can rely on another turn of the
    holder, though the turn at hand should fail; that failure is raised in the end.
    """
    mark = root.join(*folder, f".{claim}.wanted")
    done: list[Result] = []
    failures: list[Exception] = []
    has_left_word = False
    while True:
        with claimed(root, claim, *folder) as own:
            if own is not None:
                _take_off(root, mark)
                try:
                    done.append(work(own))
                except Exception as error:
                    failures.append(error)
        if own is not None and _is_there(root, mark):
            continue
        if own is not None or has_left_word or done or failures:
            break
        replace_file(root, mark, b"")
        has_left_word = True
    if failures:
        raise failures[0]
    return done


def _is_there(root: Root, path: str) -> bool:
    root.fs.invalidate_cache()
    return root.fs.exists(path)


def _take_off(root: Root, mark: str) -> None:
    if _is_there(root, mark):
        with contextlib.suppress(FileNotFoundError):
            root.fs.rm(mark)
