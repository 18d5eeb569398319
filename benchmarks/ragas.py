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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from benchmarks.tables import as_table
from tasks.learning.spec import TrainingSpec
from tasks.workers import environment

ROOT = Path(__file__).parent / "results" / "ragas"
DATA = Path(__file__).parent.parent.parent / "shared" / "data" / "raga"
LENGTHS = (64, 16, 32, 128)
"""Svaras of a melody, the most telling first."""
TRAIN_SEED, TEST_SEED = 0, 1
PER_RAGA, TEST_PER_RAGA = 200, 100

Row = dict[str, Any]


@dataclass(frozen=True)
class Rows:
    """Series ``(n, steps, 1)`` float32, class codes ``(n,)`` and the classes' names."""

    x: np.ndarray
    y: np.ndarray
    classes: list[str]


def melodies(
    names: tuple[str, ...], per_raga: int, n_notes: int, seed: int, *, rule: str = "honest",
    letters: bool = False, plain: bool = False,
) -> Rows:  # fmt: skip
    """Generated melodies in an order of their own: pitches in semitones above Sa, or letters.

    plain: only what the scales say, without phrases, turns and svaras to dwell on.
    """
    from tasks.synthesis.melodies import LETTER_CODES, Manner, author_melodies, honest_melodies
    from tasks.synthesis.ragatable import choose_ragas

    ragas = choose_ragas(names)
    drawn = tuple(raga.plain for raga in ragas) if plain else ragas
    rng = np.random.default_rng(seed)
    codes = rng.permutation(np.repeat(np.arange(len(ragas)), per_raga))
    parts = []
    for start in range(0, len(codes), 2048):
        part = codes[start : start + 2048]
        lengths = np.full(len(part), n_notes)
        walked = (
            author_melodies(drawn, part, n_notes, rng)
            if rule == "author"
            else honest_melodies(drawn, Manner(), part, lengths, n_notes, rng)
        )
        parts.append(LETTER_CODES[walked.svara] if letters else walked.height)
    x = np.concatenate(parts).astype(np.float32)[..., None]
    return Rows(x, codes.astype(np.int32), [raga.name for raga in ragas])


def contest(
    train: Rows, test: Rows, seeds: range, channels: tuple[str, ...], sets: dict[str, list[str]]
) -> Row:
    """Train the seeds and both baselines on the same rows, and score them on the same rows.

    The LSTM's answer is that of its seeds' mean log-probability, as ``train --ensemble`` registers
    it; each seed's own macro F1 is told too.
    """
    from tasks.learning.metrics import label_scores, scores
    from tasks.learning.ngrams import fit_symbol_models
    from tasks.learning.votes import accuracy_of, lead_of, set_scores

    models = fit_symbol_models(train.x, train.y, channels, 0)
    found = {name: model.log_scores(test.x) for name, model in models.items()}
    replicas = [train_one(train, test, seed) for seed in seeds]
    found["lstm"] = np.mean([logs for logs, _ in replicas], axis=0)
    right = {who: s.argmax(axis=1) == test.y for who, s in found.items()}
    codes = {
        name: np.array([test.classes.index(member) for member in members])
        for name, members in sets.items()
        if set(members) <= set(test.classes)
    }
    n = len(test.classes)
    return {
        "classes": n,
        "train_rows": len(train.y),
        "test_rows": len(test.y),
        "who": {
            who: {
                **accuracy_of(right[who]),
                "macro_f1": label_scores(s.argmax(axis=1), test.y, n)["macro_f1"],
                "sets": set_scores(s, test.y, codes),
            }
            for who, s in found.items()
        },
        "choices": {name: model.choice for name, model in models.items()},
        "leads": {who: lead_of(right["lstm"], right[who]) for who in models},
        "set_leads": set_leads(found, test.y, codes),
        "seeds": [
            {**scores(logs, test.y), **record} for logs, record in replicas
        ],
        "confusion": confusion_of(found, test, sets.get("B2", [])),
    }  # fmt: skip


def set_leads(found: dict[str, np.ndarray], y: np.ndarray, codes: dict[str, np.ndarray]) -> Row:
    """The LSTM's lead over each baseline within each set."""
    from tasks.learning.votes import lead_of, within_set

    leads: Row = {}
    for name, members in codes.items():
        rows = np.isin(y, members)
        right = {who: within_set(s[rows], members) == y[rows] for who, s in found.items()}
        leads[name] = {w: lead_of(right["lstm"], right[w]) for w in right if w != "lstm"}
    return leads


def confusion_of(found: dict[str, np.ndarray], test: Rows, members: list[str]) -> Row | None:
    """Rows true and columns answered, within a set of classes."""
    from sklearn.metrics import confusion_matrix

    from tasks.learning.votes import within_set

    if not members or not set(members) <= set(test.classes):
        return None
    codes = np.array([test.classes.index(member) for member in members])
    rows = np.isin(test.y, codes)
    tables = {
        who: confusion_matrix(test.y[rows], within_set(s[rows], codes), labels=codes).tolist()
        for who, s in found.items()
    }
    return {"classes": members, "tables": tables}


def train_one(train: Rows, test: Rows, seed: int) -> tuple[np.ndarray, Row]:
    """Log-probabilities ``(n, classes)`` of the test rows by one seed of the default recipe."""
    classifier, record = trained(train, seed)
    return log_answers(classifier, test.x), record


def trained(train: Rows, seed: int) -> tuple[Any, Row]:
    from tasks.workers import tensorflow

    tensorflow()
    import keras

    from tasks.learning.fitting import Rows as Fitted
    from tasks.learning.training import train_replica

    keras.utils.clear_session()
    fitted = Fitted(train.x, train.y)
    replica = train_replica(fitted, None, len(train.classes), TrainingSpec(), seed, lambda *_: None)
    return replica.classifier, {
        "seed": seed,
        "seconds": round(replica.seconds, 1),
        "restarts": sum(fit.restarts for fit in replica.fits),
        "updates": sum(fit.history[-1].update for fit in replica.fits),
        "validation_log_loss": replica.validation["log_loss"],
        "training_loss": replica.fits[-1].history[-1].training_loss,
    }


def log_answers(classifier: Any, x: np.ndarray) -> np.ndarray:
    from tasks.learning.fitting import predict_logits

    return np.log(np.maximum(predict_logits(classifier, x), np.finfo(np.float32).tiny))


def allied(per_raga: int) -> list["Cell"]:
    """All shipped ragas and the forms of the allied sets at four lengths, honest rule."""
    return [
        Cell(f"allied-{n}", lambda n=n: _allied(per_raga, n, letters=False)) for n in LENGTHS
    ] + [Cell("allied-letters-64", lambda: _allied(per_raga, 64, letters=True))]


def _allied(per_raga: int, n_notes: int, letters: bool) -> Row:
    from tasks.synthesis.ragatable import SETS

    names = ("all", "Sri without PDNP")
    train, test = (
        melodies(names, count, n_notes, seed, letters=letters)
        for count, seed in ((per_raga, TRAIN_SEED), (TEST_PER_RAGA, TEST_SEED))
    )
    sets = {name: list(members) for name, members in SETS.items() if name[0] in "AB"}
    return {"n_notes": n_notes, **contest(train, test, range(1), ("pitch",), sets)}


@dataclass(frozen=True)
class Cell:
    """One thing to measure, kept under its name."""

    name: str
    measure: Callable[[], Row]


def measured(cell: Cell, root: Path) -> Row:
    path = root / f"{cell.name}.json"
    if not path.exists():
        row = {"cell": cell.name, **cell.measure()}
        root.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(row, indent=1, ensure_ascii=False))
    return json.loads(path.read_text())


PARTS: dict[str, Callable[[int], list[Cell]]] = {"allied": allied}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--root", default=str(ROOT))
    parser.add_argument("--per-raga", type=int, default=PER_RAGA)
    parser.add_argument("--cell", help="only the cell of this name")
    chosen = parser.parse_args()
    if strange := [name for name in chosen.parts if name not in PARTS]:
        parser.error(f"PART: expected some of {', '.join(PARTS)}, got {strange[0]!r}")
    os.environ.update(environment())
    cells = [cell for part in chosen.parts or PARTS for cell in PARTS[part](chosen.per_raga)]
    for cell in cells:
        if chosen.cell in (None, cell.name):
            show(measured(cell, Path(chosen.root)))


def show(row: Row) -> None:
    print(row["cell"], {k: v for k, v in row.items() if not isinstance(v, list | dict)})
    for who, found in row["who"].items():
        print(f"  {who:10s} {found['accuracy']:.4f} {found['interval']}")
    print("  leads", row["leads"])
    names = next(iter(row["who"].values()))["sets"]
    table = [
        {"set": name, **{who: f["sets"][name]["accuracy"] for who, f in row["who"].items()},
         "rows": row["who"]["lstm"]["sets"][name]["rows"]} for name in names
    ]  # fmt: skip
    Console(width=160).print(as_table(row["cell"], table))


if __name__ == "__main__":
    main()
