"""Removal of leftovers of killed runs: staging folders, drafts, unfinished folders."""

import contextlib
import fcntl
import glob
import os
import re
import time

from seqclass.store.layout import DRAFTED
from seqclass.store.root import MANIFEST, Root, entries
from seqclass.store.seeds import UNFINISHED
from seqclass.store.staging import STAGING, target_of

LEFTOVER_AGE_S = 24 * 3600
"""Age at which work without a detectable owner (in a remote store) counts as abandoned."""
SEED_AGE_S = 7 * 24 * 3600
DRAFT_AGE_S = 60
_DRAFT = re.compile(r"\..+\.[0-9a-f]{8}")


def collect_garbage(root: Root) -> list[str]:
    """Remove the leftovers of killed runs; the work of living processes stays.

    Returns the folders and files that were removed. A folder that was sealed is never removed, even
    if it has lost its manifest.
    """
    staged = [path for path in entries(root, root.join(STAGING)) if _is_abandoned(root, path)]
    left = [place for path in staged for place in _half_made(root, path)] + staged
    left += _drafts(root) + _old_seeds(root)
    for path in left:
        with contextlib.suppress(FileNotFoundError):
            root.fs.rm(path, recursive=True)
    return left


def _old_seeds(root: Root) -> list[str]:
    """Return seeds of trainings that nobody has resumed."""
    paths = (root.join(UNFINISHED, key) for key in root.names(UNFINISHED))
    return [path for path in paths if _youngest_s(root, path) > SEED_AGE_S]


def _drafts(root: Root) -> list[str]:
    """Return files that were being written when their process was killed."""
    if not root.is_local:
        return []
    paths = (path for place in DRAFTED for path in
             glob.glob(os.path.join(glob.escape(root.path), place, ".*")))  # fmt: skip
    return [path for path in paths if _DRAFT.fullmatch(os.path.basename(path)) and _is_left(path)]


def _is_left(path: str) -> bool:
    """Check whether a file has no writer any more; a writer holds it locked."""
    try:
        if time.time() - os.lstat(path).st_mtime < DRAFT_AGE_S:
            return False
        with open(path, "rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _half_made(root: Root, staged: str) -> list[str]:
    """Return the folder that a killed process was filling or emptying, if there is one.

    In a local store a folder appears and disappears by one rename.
    """
    place = () if root.is_local else target_of(root, staged)
    is_half = place and root.exists(*place) and not root.exists(*place, MANIFEST)
    return [root.join(*place)] if is_half else []


def _is_abandoned(root: Root, path: str) -> bool:
    if not root.is_local:
        return _age_s(path) > LEFTOVER_AGE_S
    if path.endswith(".new") and _age_s(path) < DRAFT_AGE_S:
        return False
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except BlockingIOError:
        return False
    except OSError:
        return _age_s(path) > LEFTOVER_AGE_S
    finally:
        os.close(handle)


def _age_s(staged: str) -> float:
    began = re.match(r"\d+", staged.rsplit("/", 1)[-1])
    return time.time() - int(began.group()) if began else 0.0


def _youngest_s(root: Root, path: str) -> float:
    """Return the seconds since the last change of a folder's files; 0 if it has none."""
    ages = []
    for file in root.fs.find(path):
        with contextlib.suppress(FileNotFoundError):  # another run may remove it just now
            ages.append(time.time() - root.fs.modified(file).timestamp())
    return min(ages, default=0.0)
