"""What killed runs left behind: work in progress, drafts, folders without a manifest."""

import contextlib
import fcntl
import glob
import os
import re
import time
from collections.abc import Iterator

from seqclass.store.root import MANIFEST, Root, entries
from seqclass.store.scores import SCORES, score_folders
from seqclass.store.seeds import UNFINISHED
from seqclass.store.staging import STAGING

LEFTOVER_AGE_S = 24 * 3600
"""Age at which work without a detectable owner (a remote store's) counts as abandoned."""
SEED_AGE_S = 7 * 24 * 3600
DRAFT_AGE_S = 60
DRAFTED = ("", "datasets/*", "models/*/aliases", "models/*/audit", "scores/*/*", "inbox/*/*",
           "*/*/runs", "retrainings/*", "models/*", "models/*/v*", "models/*/signatures",
           "prunings", "comparisons", "digests")  # fmt: skip
"""Folders in which files are written atomically."""
_DRAFT = re.compile(r"\..+\.[0-9a-f]{8}")


def collect_garbage(root: Root) -> list[str]:
    """Remove what killed runs left behind; the work of living processes stays.

    Returns the folders and files that were removed.
    """
    left = [path for path in entries(root, root.join(STAGING)) if _is_abandoned(root, path)]
    left += [path for path in _versions_without_manifest(root) if _may_collect_version(root, path)]
    left += _drafts(root) + _old_seeds(root)
    for path in left:
        with contextlib.suppress(FileNotFoundError):
            root.fs.rm(path, recursive=True)
    return left


def _old_seeds(root: Root) -> list[str]:
    """Seeds of trainings that nobody has taken up again."""
    found = (root.join(UNFINISHED, key) for key in root.names(UNFINISHED))
    return [path for path in found if _youngest_s(root, path) > SEED_AGE_S]


def _drafts(root: Root) -> list[str]:
    """Files that were being written beside their place when their process was killed."""
    if not root.is_local:
        return []
    found = (path for place in DRAFTED for path in
             glob.glob(os.path.join(glob.escape(root.path), place, ".*")))  # fmt: skip
    return [path for path in found if _DRAFT.fullmatch(os.path.basename(path)) and _is_left(path)]


def _is_left(path: str) -> bool:
    """Whether nobody writes a file any more: its writer holds it locked from the first byte on."""
    try:
        if time.time() - os.lstat(path).st_mtime < DRAFT_AGE_S:
            return False
        with open(path, "rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _versions_without_manifest(root: Root) -> Iterator[str]:
    digest = r"[0-9a-f]{16}"
    entry = r"\d{8}T.*"
    kinds = {"datasets": digest, "models": r"v\d+", "studies": digest, "searches": digest,
             "retrainings": entry}  # fmt: skip
    for kind, pattern in kinds.items():
        for name in root.names(kind):
            for version in root.names(kind, name):
                if re.fullmatch(pattern, version) and not root.exists(
                    kind, name, version, MANIFEST
                ):
                    yield root.join(kind, name, version)
    for model in root.names(SCORES):
        for path in score_folders(root, model, complete=False):
            if re.fullmatch(digest, path.rpartition("/")[2]):
                yield path


def _is_abandoned(root: Root, path: str) -> bool:
    if not root.is_local or path.endswith(".new"):
        return _age_s(path) > LEFTOVER_AGE_S
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


def _may_collect_version(root: Root, path: str) -> bool:
    """Locally a version appears by one rename; elsewhere a writer may still be copying."""
    if root.is_local:
        return True
    return _youngest_s(root, path) > LEFTOVER_AGE_S


def _youngest_s(root: Root, path: str) -> float:
    """Seconds since the last change of a folder's files; 0 where it has none."""
    ages = [time.time() - root.fs.modified(file).timestamp() for file in root.fs.find(path)]
    return min(ages, default=0.0)
