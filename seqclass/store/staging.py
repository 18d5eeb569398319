"""Work in progress, which is kept in ``.staging/`` and moved to its final folder whole.

A manifest is written last. A folder without a manifest does not count as existing. In a folder of
this machine it appears and disappears by one rename. In an object store its files are copied or
removed one by one: meanwhile a staged file names the place, so that what a killed process leaves
there is told from damage.
"""

import contextlib
import os
import time
import uuid
from collections.abc import Iterator

from seqclass.store.format_version import mark_format
from seqclass.store.root import (
    MANIFEST,
    DamagedError,
    Root,
    check_unlinked,
    create_file,
    entries,
    sync_folder,
)

STAGING, TARGET = ".staging", ".target"
"""The folder of work in progress, and the file in it that names a place that is being changed."""


@contextlib.contextmanager
def staging(root: Root, purpose: str) -> Iterator[str]:
    """Provide a private folder for work in progress; it is removed at the end unless committed."""
    folder = root.join(STAGING, f"{int(time.time())}-{purpose}-{uuid.uuid4().hex[:8]}")
    if root.is_local:
        os.makedirs(folder)
    _own_staging.append((root, folder))
    try:
        yield folder
    finally:
        _own_staging.remove((root, folder))
        _remove(root, folder)


_own_staging: list[tuple[Root, str]] = []


def discard_staging() -> None:
    """Remove all work in progress of this process, which is about to end."""
    for root, folder in _own_staging:
        with contextlib.suppress(OSError):
            _remove(root, folder)


def _remove(root: Root, folder: str) -> None:
    if root.fs.exists(folder):
        root.fs.rm(folder, recursive=True)


def commit(root: Root, folder: str, *final: str) -> bool:
    """Move a staged folder with its manifest to its final place; False if that is taken.

    DamagedError if a folder there has lost its manifest, or a link leads there.
    """
    target = root.join(*final)
    if root.fs.exists(f"{target}/{MANIFEST}"):
        return False
    mark_format(root)
    name_target(root, folder, *final)
    check_unlinked(root, target)
    if lacks_manifest(root, *final):
        raise DamagedError(
            f"{target}: expected a {MANIFEST} in a folder that was sealed, it is missing; restore "
            "it from a copy, or move the folder out of the store"
        )
    return _commit_local(folder, target) if root.is_local else _copy(root, folder, final)


def _copy(root: Root, folder: str, final: tuple[str, ...]) -> bool:
    """Copy a staged folder, its manifest last; False if another was first."""
    names = [path.rsplit("/", 1)[-1] for path in root.fs.find(folder)]
    target = root.join(*final)
    for name in names:
        if name not in (MANIFEST, TARGET):
            root.fs.cp_file(f"{folder}/{name}", f"{target}/{name}")
    try:
        create_file(root, f"{target}/{MANIFEST}", root.fs.cat_file(f"{folder}/{MANIFEST}"))
    except FileExistsError:
        return False
    return True


def remove(root: Root, *place: str) -> None:
    """Remove a sealed folder; garbage collection removes what a kill has left of it."""
    path = root.join(*place)
    with staging(root, "removed") as folder:
        if root.is_local:
            os.rename(path, f"{folder}/removed")
            return
        name_target(root, folder, *place)
        if root.fs.exists(f"{path}/{MANIFEST}"):
            root.fs.rm(f"{path}/{MANIFEST}")
        root.fs.rm(path, recursive=True)


def name_target(root: Root, staged: str, *place: str) -> None:
    """Note in a staged folder of an object store which place is about to be changed."""
    if not root.is_local:
        root.fs.pipe_file(f"{staged}/{TARGET}", "/".join(place).encode())


def target_of(root: Root, staged: str) -> tuple[str, ...]:
    """Return the place that a staged folder of an object store is copied to or removed from."""
    try:
        named = root.fs.cat_file(f"{staged}/{TARGET}").decode(errors="replace")
    except FileNotFoundError:
        return ()
    return () if ".." in named else tuple(named.split("/"))


def lacks_manifest(root: Root, *folder: str) -> bool:
    """Check whether a folder lacks its manifest although nobody creates or removes it."""
    if root.exists(*folder, MANIFEST) or not root.exists(*folder):
        return False
    if root.is_local:
        return not root.exists(*folder, MANIFEST) and root.exists(*folder)
    staged = entries(root, root.join(STAGING))
    return folder not in [target_of(root, path) for path in staged] and not root.exists(
        *folder, MANIFEST
    )


def _commit_local(folder: str, target: str) -> bool:
    for name in os.listdir(folder):
        with open(f"{folder}/{name}", "rb") as file:
            os.fsync(file.fileno())
    sync_folder(folder)
    os.makedirs(os.path.dirname(target), exist_ok=True)
    try:
        os.rename(folder, target)
        sync_folder(os.path.dirname(target))
    except OSError:
        if os.path.isdir(target):
            return False
        raise
    return True
