"""Word of a folder that is about to appear or to go, left before and taken back when it is done.

How the folder looks meanwhile is no damage, and what a killed process leaves of it is swept. What
lacks its manifest without such word was sealed once: it is damaged, and stays.
"""

import contextlib
import fcntl
import json
import os
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

from seqclass.store.root import (
    MANIFEST,
    DamagedError,
    Root,
    create_file,
    entries,
    read_record,
    sync_folder,
)

STAGING, ENDING = ".staging", ".intent"


@dataclass(frozen=True)
class Intent:
    """Where the word lies, and the folders that lead to what it is about."""

    path: str
    target: tuple[str, ...]


@contextlib.contextmanager
def intending(root: Root, *target: str) -> Iterator[None]:
    """Leave word while the block lasts; it stays where the block does not end well."""
    path = root.join(STAGING, f"{int(time.time())}-{uuid.uuid4().hex[:8]}{ENDING}")
    content = json.dumps({"target": target}).encode()
    with contextlib.ExitStack() as held:
        if root.is_local:
            held.callback(os.close, _write_locked(path, content))
        else:
            create_file(root, path, content)
        yield
        with contextlib.suppress(FileNotFoundError):
            root.fs.rm(path)


def _write_locked(path: str, content: bytes) -> int:
    """Create a file that appears under its name whole, and locked by this process."""
    folder = os.path.dirname(path)
    os.makedirs(folder, exist_ok=True)
    unnamed = f"{path}.new"
    handle = os.open(unnamed, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    with contextlib.suppress(OSError):  # some network file systems lock nothing
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.write(handle, content)
    os.fsync(handle)
    os.rename(unnamed, path)
    sync_folder(folder)
    return handle


def intents(root: Root) -> list[Intent]:
    """All that processes intend, or intended when they were killed."""
    paths = [path for path in entries(root, root.join(STAGING)) if path.endswith(ENDING)]
    found = ((path, _target(root, path)) for path in paths)
    return [Intent(path, target) for path, target in found if target]


def _target(root: Root, path: str) -> tuple[str, ...]:
    """What a word is about; nothing where it can't be read, or was just taken back."""
    try:
        target = read_record(root, path).get("target")
    except DamagedError:
        return ()
    if not isinstance(target, list) or not all(isinstance(name, str) for name in target):
        return ()
    return () if ".." in target else tuple(target)


def lacks_manifest(root: Root, *folder: str) -> bool:
    """Whether a folder is there without a manifest, and nobody makes or removes it: it lost it."""
    return (
        not root.exists(*folder, MANIFEST)
        and root.exists(*folder)
        and folder not in [intent.target for intent in intents(root)]
        and not root.exists(*folder, MANIFEST)
    )
