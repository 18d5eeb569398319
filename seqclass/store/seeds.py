"""Finished seeds of unfinished trainings, so that none is trained twice after a kill.

``unfinished/<digest>/`` holds the result of training a seed, under a digest of all that decides it.
It is removed when the training has its version, or decision, and else by age (``collect_garbage``).
"""

from collections.abc import Mapping
from typing import Any

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


def keep_seed(root: Root, key: str, paths: list[str], record: Mapping[str, Any]) -> None:
    """Keep copies of a seed's files beside its record; an existing seed stays."""
    with staging(root, f"seed-{key}") as folder:
        names = [path.rpartition("/")[2] for path in paths]
        for path, name in zip(paths, names, strict=True):
            root.fs.cp_file(path, f"{folder}/{name}")
        files = [describe_file(root, folder, name) for name in names]
        write_manifest(root, folder, {"kind": "seed", "record": record, "files": files})
        commit(root, folder, UNFINISHED, key)


def restore_seed(root: Root, key: str, paths: list[str]) -> Any:
    """Copy a seed's files to these paths and return its record, which is JSON.

    None if there is no such seed, or one without these files.
    """
    kept, places = root.join(UNFINISHED, key), {path.rpartition("/")[2]: path for path in paths}
    try:
        manifest = read_manifest(root, kept, SeedManifest) if root.fs.exists(kept) else None
        if manifest and {entry["path"] for entry in manifest["files"]} != places.keys():
            raise DamagedError(f"{kept}: expected the files {', '.join(places)}")
        for entry in manifest["files"] if manifest else []:
            target = places[entry["path"]]
            root.fs.makedirs(target.rpartition("/")[0], exist_ok=True)
            root.fs.cp_file(check_file(root, kept, entry), target)
    except (DamagedError, FileNotFoundError):
        forget_seed(root, key)
        return None
    return manifest and manifest["record"]


def forget_seed(root: Root, key: str) -> None:
    """Remove a kept seed, if it is there."""
    remove_file(root, root.join(UNFINISHED, key))
