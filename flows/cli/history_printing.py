"""Output of the commands on history."""

from typing import TYPE_CHECKING

import typer

from flows.cli.printing import add_row, new_table, print_table
from seqclass.store.root import printable
from seqclass.store.tenures import Tenure

if TYPE_CHECKING:
    from seqclass.pages.comparison import Comparison
    from seqclass.pages.digest import Digest

MAX_COLUMNS = 4
"""Number of versions up to which a terminal shows every class."""


def show_history(name: str, at: str | None, terms: list[Tenure]) -> None:
    if not terms:
        typer.echo(f"{name}: no version answered{'' if at is None else f' at {at}'}")
        return
    for term in reversed(terms):
        until = "now" if term.until is None else f"{term.until:%Y-%m-%d %H:%M}"
        typer.echo(f"{name}@{term.version}: {term.since:%Y-%m-%d %H:%M} to {until} UTC")
        typer.echo(f"  {term.what} by {printable(term.actor)}: {printable(term.reason)}")


def show_comparison(found: "Comparison", page: str) -> None:
    first = found.versions[0]
    typer.echo(f"{sum(found.rows.values()):,} common test rows; differences to {first}")
    table = new_table("version", "macro F1", "difference", "95% interval", "won", "lost")
    for own in found.standings:
        beside = (f"{own.difference:+.4f}", "{:+.3f} to {:+.3f}".format(*own.interval),
                  str(own.won), str(own.lost))  # fmt: skip
        rest = beside if own is not found.standings[0] else ("", "", "", "")
        add_row(table, own.version, f"{own.macro_f1:.4f}", *rest)
    print_table(table)
    for own in found.standings[1:]:
        typer.echo(f"{own.version}: {own.verdict}")
    if len(found.versions) <= MAX_COLUMNS:
        table = new_table("recall of class", "rows", *found.versions)
        for label, count in found.rows.items():
            add_row(table, printable(label, 30), f"{count:,}",
                    *(f"{own.recalls[label]:.4f}" for own in found.standings))  # fmt: skip
        print_table(table)
    typer.echo(f"page: {page}")


def show_digest(found: "Digest", page: str) -> None:
    typer.echo(f"from {found.since[:16]} to {found.until[:16]} UTC")
    for own in found.arrived:
        typer.echo(f"arrived:  {own.dataset}, {own.n_series:,} series ({own.added:+,})")
    for said in found.answered:
        typer.echo(f"answered: {said.rows:,} series by {said.version}, {said.unknown:,} unknown")
    for made in found.trained:
        gate = f"refused: {made.refused}" if made.refused else "passed the gate"
        typer.echo(f"trained:  {made.version}, macro F1 {made.macro_f1:.4f}, {gate}")
    for name, look in found.looked:
        typer.echo(f"looked:   {name}: {'; '.join((look.decision, *look.seen))}")
    for name, move in found.decided:
        version = move.candidate or move.after
        typer.echo(f"decided:  {move.what} {name}@{version}: {printable(move.reason)}")
    typer.echo(f"page: {page}")
