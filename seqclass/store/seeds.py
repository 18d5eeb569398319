"""Trained seeds, so that none is trained twice after a kill, or for another goal.

``unfinished/<digest>/`` holds the result of training a seed, under a digest of all that decides it.
When all seeds of a training have answered, a smaller folder without most networks takes its place;
it goes with the next version of the model. ``collect_garbage`` removes both by age.
"""

from collections.abc import Collection, Mapping
from typing import Any

from seqclass.store.dataset_writer import share_file
from seqclass.store.manifests import SeedManifest
from seqclass.store.root import (
    DamagedError,
    Root,
    check_file,
    describe_file,
    read_manifest,
    remove_file,
    write_manifest,
)
from seqclass.store.staging import commit, staging

UNFINISHED = "unfinished"
"""Folder of seeds that a later training may use."""


def keep_seed(
    root: Root, key: str, paths: list[str], record: Mapping[str, Any], answered: bool = False
) -> None:
    """Keep a seed's files, which never change, beside its record; an existing seed stays.

    answered: all seeds of its training have answered the test rows.
    """
    with staging(root, f"seed-{key}") as folder:
        names = [path.rpartition("/")[2] for path in paths]
        for path, name in zip(paths, names, strict=True):
            share_file(root, path, f"{folder}/{name}")
        files = [describe_file(root, folder, name) for name in names]
        manifest = {"kind": "seed", "answered": answered, "record": record, "files": files}
        write_manifest(root, folder, manifest)
        commit(root, folder, UNFINISHED, key)


def restore_seed(root: Root, key: str, folder: str, needed: Collection[str]) -> Any:
    """Copy a seed's files into a folder and return its record, which is JSON.

    None if there is no such seed, or one without the needed files.
    """
    kept = root.join(UNFINISHED, key)
    try:
        if not root.fs.exists(kept):
            return None
        manifest = read_manifest(root, kept, SeedManifest)
        if missing := set(needed) - {entry["path"] for entry in manifest["files"]}:
            raise DamagedError(f"{kept}: expected the files {', '.join(sorted(missing))}")
        root.fs.makedirs(folder, exist_ok=True)
        for entry in manifest["files"]:
            target = f"{folder}/{entry['path']}"
            remove_file(root, target)  # it may be this very file, which an earlier try has kept
            root.fs.cp_file(check_file(root, kept, entry), target)
    except (DamagedError, FileNotFoundError):
        forget_seed(root, key)
        return None
    return manifest["record"]


def forget_seed(root: Root, key: str) -> None:
    """Remove a kept seed, if it is there."""
    remove_file(root, root.join(UNFINISHED, key))
