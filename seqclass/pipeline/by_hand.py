"""What people do by hand: who decides by a form, prunings and deletions."""

import logging
import re
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from typing_extensions import TypedDict

from seqclass.pages.index_pages import KINDS, refresh
from seqclass.store.datasets import open_dataset
from seqclass.store.log import acting_as, actor
from seqclass.store.prune_spec import PruneSpec
from seqclass.store.pruning import (
    Item,
    check_deletable,
    delete_all,
    find_name,
    plan_deletion,
    plan_pruning,
    remove_items,
)
from seqclass.store.registry import open_model
from seqclass.store.root import Root

logger = logging.getLogger(__name__)
LONGEST_NAME = 80


@dataclass(frozen=True)
class Person:
    """The person who decides through a form in Prefect, and the reason; both are checked.

    ValueError if the audit can't hold them.
    """

    name: str
    reason: str

    def __post_init__(self) -> None:
        if not self.name.strip() or not self.name.isprintable() or len(self.name) > LONGEST_NAME:
            raise ValueError(
                f"name: expected 1 to {LONGEST_NAME} printable characters for the audit, got "
                f"{self.name[:LONGEST_NAME]!r}; say who answers"
            )
        if not self.reason.strip():
            raise ValueError("reason: expected words for the audit, got none; say why")

    @property
    def actor(self) -> str:
        """The name for the audit, with the account that executes the run."""
        return f"{self.name.strip()} (by the form in Prefect, run by {actor()})"

    def acting(self) -> AbstractContextManager[None]:
        """Return a block in which this person acts, as the audit then says."""
        return acting_as(self.actor)


class Pruned(TypedDict):
    """References of the items that were or would be removed, and of the pages to draw again."""

    removed: list[str]
    goes: list[str]
    pages: list[str]


def prune(spec: PruneSpec, remove: bool, reason: str, root: Root) -> Pruned:
    """Find what nothing needs any more, and remove it if ``remove`` is set."""
    now = datetime.now(UTC)
    going = [item.ref for item in plan_pruning(root, spec, now) if not item.why]
    removed = list[str]()
    if remove:
        items = remove_items(root, spec, going, reason, now)
        removed = [item.ref for item in items if not item.why]
    for ref in removed or going:
        logger.info("%s %s", "removed" if remove else "would go:", ref)
    return {"removed": removed, "goes": going, "pages": _with_pages(removed)}


def _with_pages(refs: Sequence[str]) -> list[str]:
    return [ref for ref in refs if "@" in ref and ref.partition("/")[0] in KINDS]


def redraw_after(root: Root, items: Sequence[Item]) -> None:
    """Bring the pages up to date after items without a reason to stay were removed."""
    refresh(root, _with_pages([item.ref for item in items if not item.why]))


class Deletion(NamedTuple):
    """Items that were or would be deleted, and why some of them would else stay."""

    items: list[Item]
    notes: Mapping[str, str]


def delete(root: Root, ref: str, every: bool, reason: str | None) -> Deletion:
    """Remove a version that nothing needs, or all of a name, and bring the pages up to date.

    every: all versions of a name, and what belongs to them. reason: for the audit; None only says
    what would go. ValueError if there is no such version or name, others need it, or the reason is
    empty.
    """
    if reason is not None and not reason.strip():
        raise ValueError("reason: expected words for the audit, got none; say why")
    spec, now = PruneSpec(days=0, newest=False, unregistered=False), datetime.now(UTC)
    if every:
        name = find_name(root, ref)
        items, notes = plan_deletion(root, name)
        if reason is not None:
            items = delete_all(root, name, reason, now)
    else:
        target, notes = _version(root, ref), {}
        [item] = [item for item in plan_pruning(root, spec, now) if item.ref == target]
        check_deletable(root, item)
        items = [item] if reason is None else remove_items(root, spec, [target], reason, now)
    if reason is not None:
        redraw_after(root, items)
    return Deletion(items, notes)


def _version(root: Root, ref: str) -> str:
    """Return the whole reference of a model's or dataset's version."""
    name, _, version = ref.partition("@")
    if not name or not version:
        raise ValueError(
            f"REF: expected a version as NAME@vN or NAME@DIGEST, got {ref!r}; 'seqclass models' "
            "and 'seqclass datasets' list them; all versions of a name go with --all"
        )
    is_number = re.fullmatch(r"v\d+|champion", version) and "/" not in name
    is_model = name.startswith("models/") or is_number
    return (open_model if is_model else open_dataset)(root, ref).ref
