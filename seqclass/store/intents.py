"""Intents: notes about folders that are being created or removed.

An intent is written before the change and removed after it. While it exists, an incomplete folder
is no damage, and the leftovers of a killed process are collected. A folder that lacks its manifest
without an intent was sealed before: it is damaged, and is kept.
"""

import contextlib
import fcntl
import json
import os
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

from seqclass.store.kept_records import IntentRecord
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
    """An intent: its file, and the folder that it is about."""

    path: str
    target: tuple[str, ...]


@contextlib.contextmanager
def intending(root: Root, *target: str) -> Iterator[None]:
    """Keep an intent while the block lasts; it stays if the block fails."""
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
    """Create a file that appears under its name complete, and locked by this process."""
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
    """Return all intents, including those of killed processes."""
    paths = [path for path in entries(root, root.join(STAGING)) if path.endswith(ENDING)]
    found = ((path, _target(root, path)) for path in paths)
    return [Intent(path, target) for path, target in found if target]


def _target(root: Root, path: str) -> tuple[str, ...]:
    """Return the folder of an intent; nothing if it can't be read, or has just been removed."""
    try:
        target = read_record(root, path, IntentRecord)["target"]
    except DamagedError:
        return ()
    return () if ".." in target else tuple(target)


def lacks_manifest(root: Root, *folder: str) -> bool:
    """Check whether a folder lacks its manifest although nobody creates or removes it."""
    return (
        not root.exists(*folder, MANIFEST)
        and root.exists(*folder)
        and folder not in [intent.target for intent in intents(root)]
        and not root.exists(*folder, MANIFEST)
    )
