"""``python -m benchmarks.ragas``: what an LSTM hears in ragas that counting does not.

``python -m benchmarks.ragas [PART …] [--root FOLDER] [--per-raga N]``. Each part is made of cells;
a cell that is done lies as JSON under the root, so that a run that was stopped goes on where it
was. Melodies of a cell's test rows are drawn from another seed than its training rows; nothing is
chosen by them. Figures and their meaning are in ``docs/ragas-evaluation.md``.
"""

import argparse
import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
from rich.console import Console

from benchmarks.contest import TEST_PER_RAGA, TEST_SEED, TRAIN_SEED, Cell, Row, contest, draw
from benchmarks.orders import orders
from benchmarks.raga_pictures import draw_pictures
from benchmarks.tables import as_table
from benchmarks.transfer import DATA, transfer
from seqclass.runtime import environment
from seqclass.training.recipe import Recipe
from seqclass.training.spec import TrainingSpec

ROOT = Path(__file__).parent / "results" / "ragas"
LENGTHS = (64, 16, 32, 128)
"""Svaras of a melody, the most telling first."""
PER_RAGA, MANY, MAX_CONTOURS = 200, 600, 2000
"""Training melodies of a raga."""
PLENTY, LONG = 2400, Recipe(updates=10_000, epochs=3)
"""Four times as many melodies, each seen three times."""


def allied(options: argparse.Namespace) -> list[Cell]:
    """All shipped ragas and the forms of the allied sets at four lengths, honest rule."""
    lengths = [Cell(f"allied-{n}", lambda n=n: _allied(MANY, n, "svara")) for n in LENGTHS]
    return [
        *lengths,
        *orders(MANY, LENGTHS),
        Cell("allied-64-long", lambda: _allied(PLENTY, 64, "svara", LONG)),
        Cell("allied-64-few", lambda: _allied(options.per_raga, 64, "svara")),
        Cell("allied-letters-64", lambda: _allied(MANY, 64, "letters")),
    ]


def _allied(per_raga: int, n_notes: int, representation: str, recipe: Recipe | None = None) -> Row:
    from seqclass.ragas.raga_table import SETS

    options = {"ragas": ("all", "Sri without PDNP"), "n_notes": (n_notes, n_notes),
               "representation": representation}  # fmt: skip
    train, test = draw(TRAIN_SEED, per_raga, **options), draw(TEST_SEED, TEST_PER_RAGA, **options)
    sets = {name: members for name, members in SETS.items() if name[0] in "AB"}
    return {"n_notes": n_notes, **contest(train, test, range(1), sets, recipe)}


def author(options: argparse.Namespace) -> list[Cell]:
    """The author's seven ragas and his seven main ones, 64 svaras, five seeds, both rules."""
    return [
        Cell(f"{name}-{rule}", lambda name=name, rule=rule: _seven(options.per_raga, name, rule))
        for name in ("author", "main")
        for rule in ("author", "honest")
    ]


def _seven(per_raga: int, name: str, rule: str) -> Row:
    options = {"ragas": (name,), "rule": rule}
    train, test = draw(TRAIN_SEED, per_raga, **options), draw(TEST_SEED, TEST_PER_RAGA, **options)
    row = contest(train, test, range(5), {})
    f1 = [seed["macro_f1"] for seed in row["seeds"]]
    limits = TrainingSpec().limits
    kept = (
        np.std(f1, ddof=1) <= limits.spread
        and min(s["balanced_accuracy"] for s in row["seeds"]) >= 1 / 7 + limits.above_chance
        and np.mean([s["restarts"] for s in row["seeds"]]) <= limits.restarts
    )
    spread = {"mean": float(np.mean(f1)), "min": min(f1), "sd": float(np.std(f1, ddof=1))}
    return {"rule": rule, "macro_f1": spread, "gate": "passed" if kept else "refused", **row}


def twins(options: argparse.Namespace) -> list[Cell]:
    """Ragas that are one on paper, drawn from their lines alone: nothing tells them apart."""
    return [Cell("twins", lambda: _twins(options.per_raga))]


def _twins(per_raga: int) -> Row:
    from seqclass.ragas.raga_table import SETS

    sets = {name: members for name, members in SETS.items() if name[0] == "A"}
    options = {"ragas": tuple(sets), "phrases": False}
    train, test = draw(TRAIN_SEED, per_raga, **options), draw(TEST_SEED, 1000, **options)
    return contest(train, test, range(1), sets)


def tonic(options: argparse.Namespace) -> list[Cell]:
    """The author's thirteen ragas with Sa between 120 and 220 Hz, told or not."""
    return [
        Cell(f"tonic-{told}", lambda told=told: _tonic(options.per_raga, told))
        for told in ("known", "unknown")
    ]


def _tonic(per_raga: int, told: str) -> Row:
    from seqclass.synthesis.random_series import Uniform

    options = {"ragas": ("author", "main"), "tonic": told}
    train, test = draw(TRAIN_SEED, per_raga, **options), draw(TEST_SEED, TEST_PER_RAGA, **options)
    low, high = (
        draw(TEST_SEED, TEST_PER_RAGA, **options, tonic_hz=Uniform(hz, hz)) for hz in (120.0, 220.0)
    )
    alike = bool(np.array_equal(low.x, high.x))
    return {"series_at_120_and_220_hz_alike": alike, **contest(train, test, range(1), {})}


def contours(options: argparse.Namespace) -> list[Cell]:
    """The author's seven from ten seconds of a sung contour with gamaka, the tonic told or not."""
    numbers = {"few": options.per_raga, "many": MANY, "most": MAX_CONTOURS}
    return [
        Cell(f"contour-{told}-{size}", lambda told=told, n=n: _contours(n, told))
        for told, size in (("known", "many"), ("known", "most"), ("unknown", "many"),
                           ("known", "few"))
        for n in [numbers[size]]
    ]  # fmt: skip


def _contours(per_raga: int, told: str) -> Row:
    options = {"ragas": ("author",), "representation": "contour", "tonic": told}
    train, test = draw(TRAIN_SEED, per_raga, **options), draw(TEST_SEED, TEST_PER_RAGA, **options)
    return contest(train, test, range(1), {})


def measured(cell: Cell, root: Path) -> Row:
    path = root / f"{cell.name}.json"
    if not path.exists():
        row = {"cell": cell.name, **cell.measure()}
        root.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(row, indent=1, ensure_ascii=False))
    return json.loads(path.read_text())


PARTS: dict[str, Callable[[argparse.Namespace], list[Cell]]] = {
    "allied": allied, "author": author, "twins": twins, "tonic": tonic, "contours": contours,
    "transfer": transfer,
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--root", default=str(ROOT))
    parser.add_argument("--per-raga", type=int, default=PER_RAGA)
    parser.add_argument("--data", default=str(DATA), help="folder of geethams.jsonl")
    parser.add_argument("--pictures", metavar="FOLDER", help="draw what is there, and end")
    parser.add_argument("--cells", nargs="*", help="only the cells of these names")
    chosen = parser.parse_args()
    if strange := [name for name in chosen.parts if name not in PARTS]:
        parser.error(f"PART: expected some of {', '.join(PARTS)}, got {strange[0]!r}")
    if chosen.pictures:
        for path in draw_pictures(Path(chosen.root), Path(chosen.pictures)):
            print(path)
        return
    os.environ.update(environment())
    cells = [cell for part in chosen.parts or PARTS for cell in PARTS[part](chosen)]
    for cell in cells:
        if not chosen.cells or cell.name in chosen.cells:
            show(measured(cell, Path(chosen.root)))


def show(row: Row) -> None:
    """Print a cell's figures."""
    plain = {k: v for k, v in row.items() if not isinstance(v, list | dict)}
    console = Console(width=160)
    console.print(f"{row['cell']}: {plain}", highlight=False)
    for part in ("tuning half", "reported half"):
        if part in row:
            console.print(as_table(f"{row['kind']}, {part}", _heard_rows(row[part])))
    if "orders" in row:
        console.print(as_table("naive Bayes on runs of so many svaras", _order_rows(row)))
    if "who" not in row:
        return
    console.print(as_table(row["cell"], _contest_rows(row)))
    if row["set_leads"]:
        console.print(as_table("within the allied sets", _set_rows(row)))


def _order_rows(row: Row) -> list[Row]:
    found, beyond = row["orders"], row["beyond_pairs"]
    shares = {"all": found} | {
        name: {order: part["sets"][name] for order, part in found.items()}
        for name in next(iter(found.values()))["sets"]
    }
    return [
        {"set": name, **{order: part["accuracy"] for order, part in orders.items()}}
        | {f"{order} beyond pairs": leads[name]["lead"] for order, leads in beyond.items()}
        | {f"interval of {order}": leads[name]["interval"] for order, leads in beyond.items()}
        for name, orders in shares.items()
    ]


def _heard_rows(part: Row) -> list[Row]:
    return [
        {
            "who": who,
            "windows": found["windows"]["accuracy"],
            "interval": found["windows"]["interval"],
            "log_loss": found["log_loss"],
            "pieces by vote": found["pieces"]["accuracy"],
            "of the answered": found["answered"]["accuracy"],
            "answered": found["answered"]["rows"],
            "of pieces": part["pieces"],
            "pieces by mean score": found["mean_score"]["accuracy"],
            "lead of the LSTM": part["leads"].get(who, {}).get("lead"),
            "its interval": part["leads"].get(who, {}).get("interval"),
            "lead in pieces": part["piece_leads"].get(who, {}).get("lead"),
            "interval of that": part["piece_leads"].get(who, {}).get("interval"),
        }
        for who, found in part["who"].items()
    ]


def _contest_rows(row: Row) -> list[Row]:
    return [
        {
            "who": who,
            "accuracy": found["accuracy"],
            "interval": found["interval"],
            "macro_f1": found["macro_f1"],
            "choice": row["choices"].get(who),
            "lead of the LSTM": row["leads"].get(who, {}).get("lead"),
            "its interval": row["leads"].get(who, {}).get("interval"),
        }
        for who, found in row["who"].items()
    ]


def _set_rows(row: Row) -> list[Row]:
    first = row["who"]["lstm"]["sets"]
    return [
        {
            "set": name,
            "rows": first[name]["rows"],
            "chance": first[name]["chance"],
            **{who: found["sets"][name]["accuracy"] for who, found in row["who"].items()},
            "lead over the bigram": row["set_leads"][name]["bigram"]["lead"],
            "its interval": row["set_leads"][name]["bigram"]["interval"],
        }
        for name in first
    ]


if __name__ == "__main__":
    main()
