"""Output of ``seqclass vote``."""

from typing import TYPE_CHECKING

import typer

from flows.cli.printing import add_row, new_table, print_table

if TYPE_CHECKING:
    from seqclass.evaluation.votes import Accuracy, Lead
    from seqclass.stored_records import Poll


def show_votes(found: "Poll", path: str) -> None:
    typer.echo(f"{found['kind']}: {found['model']}, trained on {found['trained_on']}")
    if found["trained_rows"]:
        typer.echo(f"{found['trained_rows']} series that the model was trained on are left out")
    print_answers(found)
    print_accuracies(found)
    print_sets(found)
    for way, row in found["tonics"].items():
        accuracy, interval = cells(row)
        typer.echo(f"tonic {way}: {accuracy} of {row['rows']} recordings {interval}")
    if found["of_other_classes"]:
        names = ", ".join(found["of_other_classes"])
        typer.echo(f"of classes that the model does not know, so not scored: {names}")
    for who, lead in found["leads"].items():
        typer.echo(lead_line(who, lead))
    typer.echo(f"all answers: {path}")


def spaced(name: str) -> str:
    """Return the name of a baseline as text."""
    return name.replace("_", " ")


def lead_line(who: str, lead: "Lead") -> str:
    low, high = lead["interval"]
    ahead = f"windows: {lead['lead']:+.4f} against the {spaced(who)}"
    return f"{ahead}, 95% interval over pieces {low:+.4f} to {high:+.4f}"


def print_answers(found: "Poll") -> None:
    baselines = [who for who in found["who"] if who != "this model"]
    table = new_table("piece", "label", "windows", "answer", "agreement", *map(spaced, baselines))
    for row in found["answers"]:
        add_row(table,
            row["piece"], row["label"] or "", str(row["windows"]), row["answer"],
            f"{row['agreement']:.2f}", *(row[who] for who in baselines),
            style="bold" if row["answer"] == row["label"] else "",
        )  # fmt: skip
    print_table(table)


def print_accuracies(found: "Poll") -> None:
    table = new_table(f"{found['kind']}, accuracy of", "windows", "over pieces", "pieces", "",
                      "unknown", "of the answered")  # fmt: skip
    for who, row in found["who"].items():
        pieces = row["pieces"]
        add_row(table, spaced(who), *cells(row["windows"]), *cells(pieces), str(pieces["unknown"]),
                cells(pieces["answered"])[0])  # fmt: skip
    print_table(table)


def print_sets(found: "Poll") -> None:
    names = list(next(iter(found["who"].values()))["sets"])
    if not names:
        return
    table = new_table("windows within a set", "rows", "chance", *map(spaced, found["who"]))
    for name in names:
        rows = [row["sets"][name] for row in found["who"].values()]
        add_row(table, name, f"{rows[0]['rows']:,}", f"{rows[0]['chance']:.2f}",
                *(" ".join(cells(row)) for row in rows))  # fmt: skip
    print_table(table)


def cells(score: "Accuracy") -> tuple[str, str]:
    """Return the cells of an accuracy and its interval."""
    if score["interval"] is None:
        return "-", ""
    low, high = score["interval"]
    return f"{score['accuracy']:.4f}", f"{low:.3f}..{high:.3f}"
