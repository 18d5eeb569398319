"""Removal of leftovers of killed runs: staging folders, drafts, unfinished folders."""

import contextlib
import glob
import math
import os
import re
import time

from seqclass.store.layout import DRAFTED
from seqclass.store.root import MANIFEST, Root, entries, remove_file
from seqclass.store.seeds import UNFINISHED
from seqclass.store.staging import STAGING, target_of

LEFTOVER_AGE_S, SEED_AGE_S = 24 * 3600, 7 * 24 * 3600
"""Seconds without a change after which work, and a finished seed, count as abandoned."""
_DRAFT = re.compile(r"\..+\.[0-9a-f]{8}")


def collect_garbage(root: Root) -> list[str]:
    """Remove what killed runs have left and nobody has changed for a day, seeds for a week.

    Returns the folders and files that were removed. A folder that was sealed is never removed, even
    if it has lost its manifest.
    """
    staged = [path for path in entries(root, root.join(STAGING)) if _is_abandoned(root, path)]
    left = [place for path in staged for place in _half_made(root, path)] + staged
    seeds = [root.join(UNFINISHED, key) for key in root.names(UNFINISHED)]
    left += [path for path in seeds if unchanged_s(root, path) > SEED_AGE_S]
    if root.is_local:
        drafts = (path for place in DRAFTED for path in
                  glob.glob(os.path.join(glob.escape(root.path), place, ".*")))  # fmt: skip
        left += [path for path in drafts if _DRAFT.fullmatch(os.path.basename(path))
                 and unchanged_s(root, path) > LEFTOVER_AGE_S]  # fmt: skip
    for path in left:
        remove_file(root, path)
    return left


def _half_made(root: Root, staged: str) -> list[str]:
    """Return the folder that a killed process was filling or emptying, if there is one.

    In a local store a folder appears and disappears by one rename.
    """
    place = () if root.is_local else target_of(root, staged)
    is_half = place and root.exists(*place) and not root.exists(*place, MANIFEST)
    return [root.join(*place)] if is_half else []


def _is_abandoned(root: Root, staged: str) -> bool:
    """Check whether work began long ago, as its name says, and nothing of it has changed since."""
    began = re.match(r"\d+", staged.rpartition("/")[2])
    is_old = began is not None and time.time() - int(began.group()) > LEFTOVER_AGE_S
    return is_old and unchanged_s(root, staged) > LEFTOVER_AGE_S


def unchanged_s(root: Root, path: str) -> float:
    """Return the seconds since the last change of a file or of a folder's files."""
    ages = []
    for file in root.fs.find(path):
        with contextlib.suppress(FileNotFoundError):  # another run may remove it just now
            ages.append(time.time() - root.fs.modified(file).timestamp())
    return min(ages, default=math.inf)
