"""References between stored items: the versions that a sealed folder names."""

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, cast

from seqclass.store.layout import Parts, sealed_folders
from seqclass.store.manifests import SEALED_TYPES, ModelDescription, known_dataset
from seqclass.store.record_types import Pruning
from seqclass.store.references import DatasetRef, ModelRef, Reference
from seqclass.store.root import DamagedError, Root, read_record, readable

PRUNINGS = "prunings"
VERSIONS = {DatasetRef.kind: r"[0-9a-f]{16}", ModelRef.kind: r"v\d+"}
"""Pattern of the version in a reference; text that does not match is no reference."""


def needs_of(manifest: ModelDescription) -> list[Reference]:
    """Return what a model's version depends on: the rows that it chose from and learned from, and
    the version whose weights it started with."""
    rows = _read(DatasetRef, manifest["dataset"], known_dataset(manifest),
                 manifest["spec"].get("auxiliary"))  # fmt: skip
    return rows + _read(ModelRef, manifest["spec"].get("warm_start"))


def cited_by(place: Parts, manifest: Mapping[str, Any]) -> list[Reference]:
    """Return the versions that a sealed folder's manifest names."""
    kind = place[0]
    if kind == ModelRef.kind:
        return needs_of(cast(ModelDescription, manifest))
    if kind == DatasetRef.kind:
        return _read(DatasetRef, *manifest.get("parents", []))
    references = _read(DatasetRef, manifest.get("dataset"))
    references += _read(ModelRef, manifest.get("challenger"), manifest.get("model"))
    champion = manifest.get("champion")
    return references + (_read(ModelRef, f"{place[1]}@{champion}") if champion else [])


def citing(root: Root, target: Reference, *kinds: str) -> Iterator[tuple[Parts, bool]]:
    """Yield sealed folders of these kinds that name a version of a model or dataset, or may.

    Each comes with whether it is damaged, so that nobody knows what it names. Versions of the name
    itself are left out.
    """
    for kind in kinds:
        for place in sealed_folders(root, kind):
            manifest = readable(root, root.join(*place), SEALED_TYPES[kind])
            cited = cited_by(place, manifest) if manifest else [target]
            if place[:2] != target.parts[:2] and any(
                reference.parts[:2] == target.parts[:2] for reference in cited
            ):
                yield place, manifest is None


def _read(kind: type[Reference], *texts: object) -> list[Reference]:
    read = [kind.parse(text) for text in dict.fromkeys(texts) if isinstance(text, str)]
    return [r for r in read if r.name and re.fullmatch(VERSIONS[kind.kind], r.version)]


def removals(root: Root) -> Iterator[Pruning]:
    """Yield the records of ``prune`` and ``delete``, oldest first; damaged ones are left out."""
    for file in root.names(PRUNINGS):
        with suppress(DamagedError):
            yield read_record(root, root.join(PRUNINGS, file), Pruning)


def removed_refs(root: Root) -> set[str]:
    """Return all that ``prune`` and ``delete`` have removed, from their records."""
    return {ref for record in removals(root) for ref in record["removed"]}
