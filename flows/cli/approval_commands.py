"""Commands that answer for a version that awaits approval: approve, decline."""

from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.command_line import REFUSED, complain
from flows.cli.model_commands import tell_server
from flows.cli.option_groups import Place
from flows.cli.printing import print_json
from seqclass.store.root import Root

if TYPE_CHECKING:
    from tasks.registry.promote import Move

VersionArgument = Annotated[
    str, typer.Argument(metavar="MODEL", help="The version that awaits approval: NAME@vN.")
]
WhyOption = Annotated[str, typer.Option(help="Why, for the audit.")]


def approve(model: VersionArgument, reason: WhyOption, place: Place) -> None:
    """Approve a version that waits: it becomes the champion."""
    store = place.store()
    move = _answer(store, model, True, reason)
    if not move["moved"]:
        command = f"'seqclass decline {model} --reason WHY'"
        raise typer.Exit(complain(f"{move['refused']}; {command} declines it", REFUSED))
    tell_server(store, "seqclass.model.promoted", move, reason)
    _show(f"{move['model']}: approved; it is the champion, before: {move['from'] or 'none'}",
          move, place.as_json)  # fmt: skip


def decline(model: VersionArgument, reason: WhyOption, place: Place) -> None:
    """Decline a version that waits: the champion stays."""
    store = place.store()
    move = _answer(store, model, False, reason)
    tell_server(store, "seqclass.model.refused", move, reason)
    _show(f"{move['model']}: declined; champion: {move['from'] or 'none'}", move, place.as_json)


def _answer(store: Root, model: str, approved: bool, reason: str) -> "Move":
    from seqclass.pages.index_pages import refresh
    from seqclass.store.audit import actor
    from tasks.registry.approve import Answer, answer_question

    move = answer_question(store, model, Answer(approved, reason, actor()))
    refresh(store, [move["model"]])
    return move


def _show(words: str, move: "Move", as_json: bool) -> None:
    print_json(move) if as_json else typer.echo(words)
