"""Commands that remove or rename what nothing else needs: prune, delete, rename."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from seqclass.flows.cli.command_line import ReasonOption
from seqclass.flows.cli.option_groups import OutputPlace
from seqclass.flows.cli.printing import print_result, print_table
from seqclass.store.prune_spec import PruneSpec

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
        from seqclass.pipeline.by_hand import redraw_after

        items = remove_items(store, spec, [item.ref for item in items if not item.why], reason, now)
        redraw_after(store, items)
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
    from seqclass.pipeline.by_hand import delete as remove

    items, notes = remove(place.store(), ref, every, reason if yes else None)
    _show([item for item in items if not item.why], yes, place.as_json, notes)


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
