"""Output of the commands on registered models."""

from typing import TYPE_CHECKING

import typer

from flows.cli.printing import add_row, new_table, print_json, print_table
from seqclass.store.root import Root

if TYPE_CHECKING:
    from flows.cli.simulation import Week
    from seqclass.inference.assessment import Assessed, Promise, Quality
    from tasks.registry.promote import Move
    from tasks.retraining.decision import Outcome


def show_scores(store: Root, found: "Assessed", as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    before = found["rows"] - found["scored"]
    typer.echo(
        f"{found['model']}: {found['rows']:,} series answered, {found['unknown']:,} of them "
        f"unknown{f'; {before:,} had been scored before' if before else ''}"
    )
    if found["metrics"]:
        typer.echo(quality_line(found["metrics"]))
    elif found["estimate"]:
        typer.echo(promise_line(found["estimate"]))
    typer.echo(f"scores: {store.address(found['out'])}")


def quality_line(m: "Quality") -> str:
    low, high = m["intervals"]["accuracy"]
    said = (
        f"on {m['labelled']:,} labelled rows: macro F1 {m['macro_f1']:.4f}, accuracy "
        f"{m['accuracy']:.4f} (95%: {low:.4f} to {high:.4f}), log-loss {m['log_loss']:.4f}"
    )
    if not (trained := m.get("trained")):
        return said
    return f"{said}; {trained:,} of these rows trained the model, by their ids: this flatters it"


def promise_line(e: "Promise") -> str:
    if e["accuracy_interval"] is None:
        return f"accuracy can't be estimated without labels: {e['doubt']}"
    low, high = e["accuracy_interval"]
    return (
        f"estimated without labels, from {e['tested_rows']:,} test rows and calibrated "
        f"confidence: accuracy {e['accuracy']:.4f} (95%: {low:.4f} to {high:.4f})"
    )


def show_retraining(store: Root, outcome: "Outcome", as_json: bool) -> None:
    if as_json:
        print_json(outcome)
        return
    for words in outcome.get("seen", []):
        typer.echo(words)
    typer.echo(f"{outcome['decision']}: {'; '.join(outcome['reasons'])}")
    if outcome["challenger"]:
        typer.echo(f"challenger: {outcome['challenger']}")
    typer.echo(f"champion: {outcome['model']}")
    if outcome.get("folder"):
        typer.echo(f"record: {store.address(outcome['folder'])}")


def show_move(outcome: "Move", as_json: bool) -> None:
    if as_json:
        print_json(outcome)
        return
    before = outcome["from"] or "none"
    what = f"champion moved from {before} to" if outcome["moved"] else "champion stays, asked for"
    typer.echo(f"{what} {outcome['to']}: {outcome['model']}")


def show_weeks(rows: "list[Week]", as_json: bool) -> None:
    if as_json:
        print_json({"weeks": rows})
        return
    table = new_table("week", "what came", "decision", "drift", "why")
    for row in rows:
        moved = ", ".join(row.get("drifted", [])[:2])
        add_row(table, str(row["week"]), row["event"], row["decision"], moved, row["why"])
    print_table(table)
