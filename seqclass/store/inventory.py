"""The inventory: digests of all sealed folders and kept records, so that a loss is noticed.

``inventory/<kind>/<name>.json`` lists the content of ``<kind>/<name>``: for a sealed folder the
digest of its manifest, for a record its own. A change is listed before it is made and completed
after, so that a kill in between leaves two digests, either of which is sound.
"""

import contextlib
import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from typing import Any

from seqclass.store.kept_records import Inventory
from seqclass.store.layout import KEPT, SEALED, Parts, is_sealed, owned_names, place_of, within
from seqclass.store.manifests import Sealed
from seqclass.store.root import (
    LISTED,
    MANIFEST,
    DamagedError,
    Damages,
    Root,
    parse_record,
    read_bytes,
    read_record,
    replace_file,
    see_file,
    sha256_of,
    swap_file,
)

INVENTORY, ABSENT, UNREADABLE = "inventory", "", "unreadable"
"""The folder of the inventory, and the digests of a missing place and of an unreadable one."""
AREA_DEPTHS = {"prunings": 1, "scores": 3}
"""Number of names that lead to the folder of one inventory file, if it is not two."""
LOOKS = 3
Items = dict[str, list[str]]
"""Sound digests by path below their area; there are several during a change."""


def digest_of(content: bytes) -> str:
    """Return the hexadecimal digest of a record, or of the manifest of a sealed folder."""
    return hashlib.sha256(content).hexdigest()


@contextlib.contextmanager
def listing(root: Root, parts: Parts, becomes: str) -> Iterator[None]:
    """Keep the inventory correct for a place that the block makes, replaces or removes.

    becomes: the digest of the place after the block, or ABSENT. Only places that the layout calls
    sealed or kept are listed.
    """
    place = place_of(parts)
    if place is None or place.how not in (SEALED, KEPT):
        yield
        return
    area, name = area_of(parts)

    def begin(items: Items) -> None:
        items[name] = list(dict.fromkeys([*items.get(name, [ABSENT]), becomes]))

    def settle(items: Items) -> None:
        items[name] = [_found(root, parts)]
        if items[name] == [ABSENT]:
            del items[name]

    _update(root, area, begin)
    try:
        yield
    finally:
        _update(root, area, settle)


def keep(root: Root, path: str, content: bytes) -> None:
    """Write a record whole, and list it."""
    with listing(root, tuple(root.parts_of(path)), digest_of(content)):
        replace_file(root, path, content)


def discard(root: Root, path: str) -> None:
    """Remove a record, if it exists, and its entry."""
    with listing(root, tuple(root.parts_of(path)), ABSENT):
        if root.fs.exists(path):
            root.fs.rm(path, recursive=True)


def area_of(parts: Parts) -> tuple[Parts, str]:
    """Return the folder of one inventory file, and the path from there to a place."""
    depth = AREA_DEPTHS.get(parts[0], 2)
    return parts[:depth], "/".join(parts[depth:])


def _path(root: Root, area: Parts) -> str:
    return f"{root.join(INVENTORY, *area)}.json"


def _found(root: Root, parts: Parts) -> str:
    """Return the digest of the present content of a place."""
    place = place_of(parts)
    path = root.join(*parts, MANIFEST) if place and place.how == SEALED else root.join(*parts)
    try:
        is_large = path.endswith(".parquet")
        return sha256_of(root, path) if is_large else digest_of(read_bytes(root, path))
    except (DamagedError, OSError):
        return UNREADABLE if root.fs.exists(path) else ABSENT


def _present(root: Root, area: Parts) -> dict[str, Parts]:
    """Return the sealed and kept places in an area, by their path below it."""
    return {area_of(parts)[1]: parts for parts in within(root, area)}


def _update(root: Root, area: Parts, change: Callable[[Items], None]) -> None:
    """Change an area's list; the first change lists everything that already exists."""
    path = _path(root, area)
    with _alone(root, path):
        while True:
            content, tag = see_file(root, path)
            if content is None:
                items = {n: [_found(root, parts)] for n, parts in _present(root, area).items()}
            else:
                items = _items(path, parse_record(path, content, Inventory))
            change(items)
            if swap_file(root, path, _sealed(items), tag):
                return


@contextlib.contextmanager
def _alone(root: Root, path: str) -> Iterator[None]:
    """Hold a list for this process; in an object store the write itself detects conflicts."""
    if not root.is_local:
        yield
        return
    folder, name = os.path.split(path)
    os.makedirs(folder, exist_ok=True)
    handle = os.open(f"{folder}/.{name}.lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _sealed(items: Items) -> bytes:
    listed = dict(sorted(items.items()))
    return json.dumps({"items": listed, "sha256": _digest_of_items(listed)}, indent=1).encode()


def _digest_of_items(items: Any) -> str:
    return digest_of(json.dumps(items, sort_keys=True).encode())


def _items(path: str, record: Inventory) -> Items:
    items = record["items"]
    if record["sha256"] != _digest_of_items(items):
        raise DamagedError(f"{path}: expected the inventory as it was written, it was altered")
    return items


def inventory_problems(root: Root, *area: str) -> Damages:
    """Return what is missing, changed or not listed, in one area or in all."""
    areas = [area] if area else _areas(root)
    return [problem for own in areas for problem in _lasting_problems(root, own)]


def _lasting_problems(root: Root, area: Parts) -> Damages:
    """Return problems of an area; places that change meanwhile are checked again."""
    found = _problems(root, area)
    for _ in range(LOOKS - 1):
        found = found and _problems(root, area)
    return found


def _areas(root: Root) -> list[Parts]:
    """Return areas that exist, or that the inventory lists."""
    found = {area_of(parts)[0] for kind in owned_names(root) for parts in within(root, (kind,))}
    return sorted(found | set(_listed_areas(root, ())))


def lost_folders(root: Root, kind: str) -> list[Parts]:
    """Return sealed folders of a kind that the inventory lists but that do not exist."""
    found = []
    for area in _listed_areas(root, (kind,)):
        with contextlib.suppress(DamagedError):
            path = _path(root, area)
            items = _items(path, read_record(root, path, Inventory))
            places = [(*area, *name.split("/")) for name, own in items.items() if ABSENT not in own]
            found += [parts for parts in places if is_sealed(parts) and not root.exists(*parts)]
    return found


def _listed_areas(root: Root, area: Parts) -> Iterator[Parts]:
    for name in root.names(INVENTORY, *area):
        if name.endswith(".json"):
            yield (*area, name.removesuffix(".json"))
        else:
            yield from _listed_areas(root, (*area, name))


def _problems(root: Root, area: Parts) -> Damages:
    path, present = _path(root, area), _present(root, area)
    if not root.fs.exists(path):
        is_listed = any(_says_listed(root, parts) for parts in present.values())
        lost = f"expected the inventory of {'/'.join(area)}, it is missing; restore it"
        return [{"path": path, "problem": lost}] if is_listed else []
    try:
        items = _items(path, read_record(root, path, Inventory))
    except DamagedError as error:
        return [{"path": path, "problem": str(error)}]
    bad = Damages()
    for name in sorted(items.keys() | present.keys()):
        parts = (*area, *name.split("/"))
        if problem := _problem(items.get(name, [ABSENT]), _found(root, parts)):
            bad.append({"path": root.join(*parts), "problem": problem})
    return bad


def _problem(sound: list[str], found: str) -> str | None:
    if found in sound:
        return None
    if found == ABSENT:
        return "expected what the inventory lists, it is missing; restore it from a copy"
    if sound == [ABSENT]:
        return "expected only what the inventory lists, another hand has put this there"
    return "expected the content that the inventory lists, it was changed or replaced"


def _says_listed(root: Root, parts: Parts) -> bool:
    """Check whether a sealed folder is of a release that lists what it seals."""
    try:
        return bool(read_record(root, root.join(*parts, MANIFEST), Sealed).get(LISTED))
    except DamagedError:
        return False
