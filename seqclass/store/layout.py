"""The folders and files of a root that the store owns: nobody else writes there, or moves files."""

import os
import re
from collections.abc import Iterator

from seqclass.store.inbox import DONE, INBOX, QUARANTINE
from seqclass.store.intents import lacks_manifest
from seqclass.store.root import MANIFEST, Root, open_root

OWNED = ("datasets", "models", "scores", "studies", "searches", "retrainings", "comparisons",
         "digests", "prunings", "unfinished", "index.html", "index.json", "metrics.prom",
         INBOX)  # fmt: skip
"""Names at the top of a root; those that begin with a dot are the store's as well."""
DIGEST = r"[0-9a-f]{16}"
SEALED = {
    "datasets": (DIGEST, 2), "models": (r"v\d+", 2), "studies": (DIGEST, 2),
    "searches": (DIGEST, 2), "retrainings": (r"\d{8}T.*", 2), "scores": (DIGEST, 4),
}  # fmt: skip
"""What sealed folders of each kind are called, and how deep below their kind they lie."""


def sealed_folders(root: Root, kind: str) -> Iterator[tuple[str, ...]]:
    """Places of all sealed folders of a kind, also of those that have lost their manifest."""
    pattern, depth = SEALED[kind]
    places: list[tuple[str, ...]] = [(kind,)]
    for _ in range(depth):
        places = [(*place, name) for place in places for name in root.names(*place)]
    for place in places:
        if root.exists(*place, MANIFEST) or (
            re.fullmatch(pattern, place[-1]) and lacks_manifest(root, *place)
        ):
            yield place


def check_free(root: Root, argument: str, place: str) -> None:
    """Refuse with ValueError a place to write to that the store owns; links are followed.

    place: a path or URL as ``open_root`` takes it.
    """
    if _owned_parts(root, place) is not None:
        raise ValueError(_refusal(root, argument, place))


def check_inbox(root: Root, argument: str, place: str) -> None:
    """Refuse with ValueError an inbox that the store owns, but for a folder of ``inbox/``.

    The same holds for the folders into which its files are moved; links are followed.
    """
    url = open_root(place).url.rstrip("/")
    for path, depth in ((place, 2), (f"{url}/{DONE}", 3), (f"{url}/{QUARANTINE}", 3)):
        parts = _owned_parts(root, path)
        if parts is not None and (parts[:1] != [INBOX] or len(parts) != depth):
            raise ValueError(_refusal(root, argument, path))


def _refusal(root: Root, argument: str, place: str) -> str:
    return (
        f"{argument}: expected a place that the store {root.url!r} does not keep for itself, got "
        f"{place!r}; choose a folder outside of it, or one of your own in it"
    )


def _owned_parts(root: Root, place: str) -> list[str] | None:
    """Names that lead from the root to a place that the store owns: none for the root itself.

    None for any other place.
    """
    if "::" in place:
        return []
    wanted = open_root(place)
    if not isinstance(wanted.fs, type(root.fs)):
        return None
    path, base = _real(wanted, wanted.path), _real(root, root.path)
    if path == base:
        return []
    parts = _below(path, base)
    if parts and (parts[0] in OWNED or parts[0].startswith(".")):
        return parts
    linked = ((name, _real(root, root.join(name))) for name in OWNED)
    below = ((name, _below(path, folder)) for name, folder in linked)
    return next(([name, *parts] for name, parts in below if parts is not None), None)


def _real(root: Root, path: str) -> str:
    """A path without links, in the form in which a disk that ignores case compares it."""
    return os.path.realpath(path).casefold() if root.is_local else path.rstrip("/")


def _below(path: str, folder: str) -> list[str] | None:
    """Names that lead from a folder to a path; None where the path does not lie in it."""
    if path == folder:
        return []
    start = f"{folder.rstrip('/')}/"
    return path.removeprefix(start).split("/") if path.startswith(start) else None
