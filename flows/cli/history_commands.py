"""Commands that look back: history, compare, digest."""

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from flows.cli.command_line import JsonFlag, RootOption, existing, existing_writable, name_damaged
from flows.cli.history_printing import show_comparison, show_digest, show_history
from flows.cli.printing import print_json
from seqclass.store.root import Damages


def history(
    model: Annotated[str, typer.Argument(help="A model: NAME.")],
    at: Annotated[
        str | None, typer.Option(help="A day or a time in UTC: who answered then, and why.")
    ] = None,
    root: RootOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Show which versions answered when, who decided it, and why."""
    from seqclass.store.registry import check_model, plain_name
    from seqclass.store.tenures import moments, tenures_of

    store, bad = existing(root), Damages()
    span = None if at is None else moments("--at", at)
    name = check_model(store, plain_name(model, "every version"))
    terms = tenures_of(store, name, bad)
    name_damaged(bad)
    answered = terms if span is None else [term for term in terms if term.overlaps(*span)]
    if as_json:
        told = [{**asdict(term), "since": term.since.isoformat(),
                 "until": term.until and term.until.isoformat()} for term in answered]  # fmt: skip
        print_json({"model": name, "at": at, "answered": told})
    else:
        show_history(name, at, answered)


def compare(
    models: Annotated[
        list[str], typer.Argument(metavar="A B [C …]", help="Versions: NAME@vN, or NAME.")
    ],
    root: RootOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Compare versions on the test rows that all of them answered.

    Takes 2 to 20 versions and compares each with the first.
    """
    from seqclass.store.registry import open_model

    store = existing_writable(root)
    versions = [open_model(store, ref) for ref in models]
    from seqclass.pages.comparison import compare_versions, write_comparison

    found = compare_versions(versions)
    page = write_comparison(store, found)
    if as_json:
        print_json({**asdict(found), "page": page})
    else:
        show_comparison(found, store.address(page))


def digest(
    days: Annotated[int, typer.Option(help="How many days to look back.")] = 7,
    root: RootOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Summarise what arrived and was decided in the last days."""
    if not 1 <= days <= 36_500:
        raise ValueError(f"--days: expected 1 to 36500, got {days}; correct the number")
    store, now = existing_writable(root), datetime.now(UTC)
    from seqclass.pages.digest import digest as look_back
    from seqclass.pages.digest import write_digest

    found = look_back(store, now - timedelta(days=days), now)
    page = write_digest(store, found)
    if as_json:
        print_json({**asdict(found), "page": page})
    else:
        show_digest(found, store.address(page))
