"""The layout of a root: every path and how it is stored, as the rest of the store reads it.

``verify`` reports what the layout doesn't list, garbage collection looks for drafts in its folders,
prune and delete remove what it calls sealed, and no other code writes or moves files in these
places.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from seqclass.store.inbox import DONE, INBOX, QUARANTINE
from seqclass.store.root import MANIFEST, Damages, Root, entries, open_root
from seqclass.store.staging import lacks_manifest

SEALED, KEPT, CHECKED, AGAIN, WORK, OTHERS = "sealed", "kept", "checked", "again", "work", "others'"
Parts = tuple[str, ...]
"""Names that lead from the root to a folder or file."""


@dataclass(frozen=True)
class Place:
    """A place below the root, as names or patterns joined by slashes, and how it is stored.

    how: SEALED, a folder whose manifest names its files; KEPT, a record that is written whole;
    CHECKED, an entry of a log, which the next one holds the digest of; AGAIN, a file that is
    made anew from others, so that its loss or change is no damage; WORK, files that are removed
    when the work has ended; OTHERS, the user's files.
    """

    path: str
    how: str

    @property
    def steps(self) -> list[str]:
        """A pattern for each name of the path; ``**`` for everything below."""
        return [EXPRESSIONS.get(step, step) for step in self.path.split("/")]


EXPRESSIONS = {
    "NAME": r"[^.].*", "DIGEST": r"[0-9a-f]{16}", "VERSION": r"v\d+", "TIME": r"\d{8}T.*",
    "RECORD": r"[^.].*\.json", "PAGE": r"[^.].*\.(html|json)", "INDEX": r"index\.(html|json)",
}  # fmt: skip
LAYOUT = (
    Place("datasets/NAME/DIGEST", SEALED),
    Place(r"datasets/NAME/quarantine/[0-9a-f]{16}\.parquet", KEPT),
    Place(r"datasets/NAME/recordings/[0-9a-f]{16}\.html", KEPT),
    Place("datasets/NAME/INDEX", AGAIN),
    Place(r"datasets/NAME/[0-9a-f]{16}\.(html|json)", AGAIN),
    Place("models/NAME/VERSION", SEALED),
    Place(r"models/NAME/VERSION/report\.html", AGAIN),
    Place("models/NAME/INDEX", AGAIN),
    Place("studies/NAME/DIGEST", SEALED),
    Place("studies/NAME/runs/RECORD", KEPT),
    Place("retrainings/NAME/TIME", SEALED),
    Place(r"retrainings/NAME/(attempt|overdue)\.json", WORK),
    Place("queues/NAME/TIME", SEALED),
    Place("labels/NAME/DIGEST", SEALED),
    Place("scores/NAME/VERSION/NAME/DIGEST", SEALED),
    Place(r"scores/NAME/VERSION/votes-[0-9a-f]{16}\.json", KEPT),
    Place("(comparisons|digests)/PAGE", AGAIN),
    Place("prunings/RECORD", KEPT),
    Place(r"log/(models|datasets)/NAME/\d{6,}\.json", CHECKED),
    Place("unfinished/**", WORK),
    Place(r"format\.json", KEPT),
    Place("INDEX", AGAIN),
    Place(r"models\.json", AGAIN),
    Place(r"metrics\.(prom|json)", AGAIN),
    Place("inbox/**", OTHERS),
)
AREA_DEPTHS = {"prunings": 1, "scores": 3}
"""Number of names that lead to the folder of one item, if it is not two."""
DRAFTED = sorted({"*/" * (len(place.steps) - 1) for place in LAYOUT if place.how != SEALED})
"""Patterns of the folders in which files are first written as drafts."""


def area_of(parts: Parts) -> Parts:
    """Return the names that lead to the folder of an item, as ``models/<name>``."""
    return parts[: AREA_DEPTHS.get(parts[0], 2)]


def owned_names(root: Root) -> list[str]:
    """Return the existing names at the top of a root that belong to the store."""
    return [name for name in root.names() if _is_owned(name)]


def _is_owned(name: str) -> bool:
    """Check whether a name at the top of a root is in the layout, or begins with a dot."""
    return name.startswith(".") or any(_leads(place, (name,)) for place in LAYOUT)


def place_of(parts: Parts) -> Place | None:
    """Return the layout's entry for a folder or file, or None."""
    return next((place for place in LAYOUT if _leads(place, parts) == len(place.steps)), None)


def is_sealed(parts: Parts) -> bool:
    """Check whether a folder is at a place of sealed ones."""
    place = place_of(parts)
    return place is not None and place.how == SEALED


def _leads(place: Place, parts: Parts) -> int:
    """Return how many steps of a place these names match; 0 if they lead elsewhere."""
    steps = place.steps
    if steps[-1] == "**" and len(parts) >= len(steps):
        parts = (*parts[: len(steps) - 1], "**")
    fits = len(parts) <= len(steps) and all(
        name == step or re.fullmatch(step.replace("**", "x"), name)
        for name, step in zip(parts, steps, strict=False)
    )
    return len(parts) if fits else 0


def strangers(root: Root, *area: str) -> Damages:
    """Return links and paths that the layout doesn't list, in a folder of the store or in all."""
    tops: list[Parts] = [area] if area else [(name,) for name in owned_names(root) if name != INBOX]
    return [
        {"path": root.join(*parts), "problem": problem}
        for top in tops
        if root.exists(*top)
        for parts, _, problem in _walk(root, top)
        if problem
    ]


def within(root: Root, parts: Parts) -> Iterator[Parts]:
    """Yield places in a folder that are sealed or kept, sound or not; links are not followed."""
    if root.exists(*parts):
        for place, how, _ in _walk(root, parts):
            if how in (SEALED, KEPT):
                yield place


def _walk(root: Root, parts: Parts) -> Iterator[tuple[Parts, str, str]]:
    """Yield each place at or below a path, how it is stored, and its problem; both may be empty.

    Links are not followed. What is below a sealed folder is left to its manifest.
    """
    place, path = place_of(parts), root.join(*parts)
    if place and place.how in (WORK, OTHERS):
        yield parts, place.how, ""
    elif root.is_local and os.path.islink(path):
        yield parts, "", "expected a file or folder of the store, got a symbolic link"
    elif place:
        is_wrong = place.how != SEALED and root.fs.isdir(path)
        yield parts, place.how, "expected a file of the store, got a folder" if is_wrong else ""
    elif any(_leads(listed, parts) for listed in LAYOUT) and root.fs.isdir(path):
        for entry in entries(root, path):
            yield from _walk(root, (*parts, entry.rpartition("/")[2]))
    elif not parts[-1].startswith("."):
        yield parts, "", "expected only what the store keeps there, nothing refers to it"


def sealed_folders(root: Root, kind: str) -> Iterator[Parts]:
    """Yield all sealed folders of a kind, including those that have lost their manifest."""
    [listed] = [p for p in LAYOUT if p.how == SEALED and re.fullmatch(p.steps[0], kind)]
    places: list[Parts] = [(kind,)]
    for _ in listed.steps[1:]:
        places = [(*place, name) for place in places for name in root.names(*place)]
    for place in places:
        if root.exists(*place, MANIFEST) or (
            _leads(listed, place) and lacks_manifest(root, *place)
        ):
            yield place


def check_free(root: Root, argument: str, place: str) -> None:
    """Refuse with ValueError to write to a place that belongs to the store; links are followed.

    place: a path or URL as ``open_root`` takes it.
    """
    if _owned_parts(root, place) is not None:
        raise ValueError(_refusal(root, argument, place))


def check_inbox(root: Root, argument: str, place: str) -> None:
    """Refuse with ValueError an inbox that belongs to the store, except a folder of ``inbox/``.

    The folders into which its files are moved are checked too; links are followed.
    """
    url = open_root(place).url.rstrip("/")
    for path, depth in ((place, 2), (f"{url}/{DONE}", 3), (f"{url}/{QUARANTINE}", 3)):
        parts = _owned_parts(root, path)
        if parts is not None and (parts[:1] != (INBOX,) or len(parts) != depth):
            raise ValueError(_refusal(root, argument, path))


def _refusal(root: Root, argument: str, place: str) -> str:
    return (
        f"{argument}: expected a place that the store {root.url!r} does not keep for itself, got "
        f"{place!r}; choose a folder outside of it, or one of your own in it"
    )


def _owned_parts(root: Root, place: str) -> Parts | None:
    """Return the names that lead from the root to a place of the store; none for the root itself.

    None for any other place.
    """
    if "::" in place:
        return ()
    other = open_root(place)
    if not isinstance(other.fs, type(root.fs)):
        return None
    path = _real(other, other.path)
    bases: dict[Parts, str] = {(): root.path}
    bases |= {(name,): root.join(name) for name in owned_names(root)}  # it may be on another disk
    for above, folder in bases.items():
        base = _real(root, folder)
        if path.is_relative_to(base):
            parts = (*above, *path.relative_to(base).parts)
            if not parts or _is_owned(parts[0]):
                return parts
    return None


def _real(root: Root, path: str) -> PurePosixPath:
    """Return a path without links, in the form in which a disk that ignores case compares it."""
    return PurePosixPath(os.path.realpath(path).casefold() if root.is_local else path)
