"""The version of a root's layout: a release reads roots of its own layout and refuses others."""

import contextlib
import json

from typing_extensions import TypedDict

from seqclass.store.log import LOG, state_of
from seqclass.store.root import Damages, Root, create_file, read_record
from seqclass.store.states import DATASETS

FORMAT, FILE = 2, "format.json"
_marked: set[str] = set()
"""Object stores that this process knows to have the file."""


class FormatRecord(TypedDict):
    """The version of a root's layout. format: its number, from 1 on."""

    format: int


def mark_format(root: Root) -> None:
    """Write the version of the layout into a root that lacks it."""
    if root.url in _marked or (root.is_local and root.exists(FILE)):
        return
    with contextlib.suppress(FileExistsError):
        create_file(root, root.join(FILE), _content())
    if not root.is_local:
        _marked.add(root.url)


def check_format(root: Root) -> Root:
    """Return a root of this release's layout; ValueError for another says how to go on."""
    layout = FORMAT
    if root.exists(FILE):
        layout = read_record(root, root.join(FILE), FormatRecord)["format"]
    elif not root.exists(LOG) and (root.names("datasets") or root.names("models")):
        layout = 0
    if layout > FORMAT:
        raise ValueError(
            f"storage root: expected the layout {FORMAT} of this release, got {layout} in "
            f"{root.url}; install the release that wrote it, or choose another root"
        )
    if layout < FORMAT:
        raise ValueError(
            f"storage root: expected a root of this release, got {root.url}, which an older one "
            f"wrote; {_way_out(root)}"
        )
    return root


def format_problems(root: Root) -> Damages:
    """Return why the version of the layout can't be right, if a root holds anything."""
    path = root.join(FILE)
    try:
        check_format(root)
    except ValueError as error:
        return [{"path": path, "problem": str(error)}]
    if root.exists(FILE) or not root.exists(LOG):
        return []
    problem = f"expected the version of the layout, there is none; write {_content().decode()}"
    return [{"path": path, "problem": problem}]


def _content() -> bytes:
    return json.dumps({"format": FORMAT}).encode()


def _way_out(root: Root) -> str:
    for name in root.names("datasets"):
        if versions := root.sealed_names("datasets", name):
            folder = root.address(root.join("datasets", name, _newest(root, name, versions)))
            return (
                f"'seqclass import {folder} --name {name} --root NEW' carries rows and labels over "
                "to a folder NEW; do so for each dataset, and train there"
            )
    return "choose another root"


def _newest(root: Root, name: str, versions: list[str]) -> str:
    """Return the newest of a dataset's versions: by its log, or the file that named it before."""
    newest = None
    with contextlib.suppress(ValueError):
        newest = state_of(root, name, DATASETS)["newest"]
    with contextlib.suppress(ValueError):
        path = root.join("datasets", name, "latest.json")
        newest = newest or read_record(root, path, dict).get("version")
    return newest if newest in versions else versions[-1]
