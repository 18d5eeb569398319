"""Commands that remove or rename what nothing else needs: prune, delete, rename."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from seqclass.flows.cli.command_line import ReasonOption
from seqclass.flows.cli.option_groups import OutputPlace
from seqclass.flows.cli.printing import print_result, print_table
from seqclass.store.prune_spec import PruneSpec
from seqclass.store.root import Root

if TYPE_CHECKING:
    from seqclass.store.pruning import Item

YesFlag = Annotated[bool, typer.Option("--yes", help="Remove it; without, only say what goes.")]


def prune(
    place: OutputPlace,
    days: Annotated[
        float, typer.Option(help="Keep what was made within as many days.")
    ] = PruneSpec.days,
    rollbacks: Annotated[
        int, typer.Option(help="Keep as many champions before the present one.")
    ] = PruneSpec.rollbacks,
    yes: YesFlag = False,
    reason: ReasonOption = "by hand",
) -> None:
    """List what nothing needs any more; --yes removes it.

    That may be versions, datasets, scores, studies, files that were taken and trained seeds.
    """
    from seqclass.store.pruning import plan_pruning, remove_items

    store, spec, now = place.store(), PruneSpec(days, rollbacks), datetime.now(UTC)
    items = plan_pruning(store, spec, now)
    if yes:
        items = remove_items(store, spec, [item.ref for item in items if not item.why], reason, now)
        _refresh(store, items)
    _show(items, yes, place.as_json)


def delete(
    ref: Annotated[
        str, typer.Argument(help="A version of a model or dataset: NAME@VERSION; with --all NAME.")
    ],
    place: OutputPlace,
    every: Annotated[
        bool, typer.Option("--all", help="All versions, a champion too, and what belongs to them.")
    ] = False,
    yes: YesFlag = False,
    reason: ReasonOption = "by hand",
) -> None:
    """Remove a version that nothing needs, or all of a name."""
    from seqclass.store.datasets import open_dataset
    from seqclass.store.pruning import check_deletable, plan_pruning, remove_items
    from seqclass.store.registry import open_model

    store, now = place.store(), datetime.now(UTC)
    spec = PruneSpec(days=0, newest=False, unregistered=False)
    if every:
        _delete_all(store, ref, reason if yes else None, place.as_json)
        return
    name, _, version = ref.partition("@")
    if not name or not version:
        raise ValueError(
            f"REF: expected a version as NAME@vN or NAME@DIGEST, got {ref!r}; 'seqclass models' "
            "and 'seqclass datasets' list them; all versions of a name go with --all"
        )
    is_number = re.fullmatch(r"v\d+|champion", version) and "/" not in name
    is_model = name.startswith("models/") or is_number
    target = (open_model if is_model else open_dataset)(store, ref).ref
    [item] = [item for item in plan_pruning(store, spec, now) if item.ref == target]
    check_deletable(store, item)
    items = [item]
    if yes:
        items = remove_items(store, spec, [target], reason, now)
        _refresh(store, items)
    _show([item for item in items if not item.why], yes, place.as_json)


def _delete_all(store: Root, ref: str, reason: str | None, as_json: bool) -> None:
    """Remove all of a name, or say what would go, if there is no reason to do it."""
    from seqclass.store.pruning import delete_all, find_name, plan_deletion

    name = find_name(store, ref)
    items, reasons = plan_deletion(store, name)
    if reason is not None:
        items = delete_all(store, name, reason, datetime.now(UTC))
        _refresh(store, items)
    _show(items, reason is not None, as_json, reasons)


def rename(
    ref: Annotated[
        str, typer.Argument(help="A model or dataset: NAME, models/NAME or datasets/NAME.")
    ],
    new: Annotated[str, typer.Argument(help="Its new name, which nothing has or had.")],
    place: OutputPlace,
    yes: Annotated[
        bool, typer.Option("--yes", help="Rename it; without, only say what would be done.")
    ] = False,
    reason: ReasonOption = "by hand",
) -> None:
    """Rename a model or dataset that nothing else refers to.

    Its versions, the champion and the policy get the new name; the old name's log stays.
    """
    from seqclass.pipeline.rename import plan_rename
    from seqclass.pipeline.rename import rename as rename_all

    store = place.store()
    renamed = rename_all(store, ref, new, reason) if yes else plan_rename(store, ref, new)
    print_result({**renamed, "renamed": yes}, place.as_json, *([] if yes else ["--yes renames"]))


def _refresh(store: Root, items: "list[Item]") -> None:
    """Update the pages, so that they no longer name removed items."""
    from seqclass.pages.index_pages import KINDS, refresh

    gone = [item.ref for item in items if not item.why and "@" in item.ref]
    refresh(store, [ref for ref in gone if ref.partition("/")[0] in KINDS])


def _show(
    items: "list[Item]", done: bool, as_json: bool, notes: Mapping[str, str] | None = None
) -> None:
    going = [item.ref for item in items if not item.why]
    kept = {i.ref: i.why for i in items if i.why and i.ref.startswith(("models/", "datasets/"))}
    if not as_json:
        what = "removed" if done else "goes"
        print_table([{"": "stays", "item": ref, "why": why} for ref, why in kept.items()]
                    + [{"": what, "item": ref, "why": (notes or {}).get(ref)}
                       for ref in going])  # fmt: skip
    record = {"removed": going if done else [], "goes": going, "kept": kept}
    counts = {"removed": len(record["removed"]), "goes": len(going), "kept": len(kept)}
    more = [] if done or not going else ["--yes removes what goes"]
    print_result(record, as_json, *more, people=counts)
