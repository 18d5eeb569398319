"""Train on generated melodies alone, score real ones: letters only, windows vote.

What is changed in the generator is chosen by synthetic rows and the tuning half of the pieces, and
reported on the other half, beside both baselines trained on the same generated rows.
"""

import argparse
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.contest import (
    TEST_PER_RAGA,
    TEST_SEED,
    Cell,
    Row,
    Rows,
    draw,
    log_answers,
    together,
    trained,
)
from benchmarks.geethams import REPORTED, TUNING, Piece, read_pieces, windows
from seqclass.ragas.chains import MelodyConfig

DATA = Path(__file__).parent.parent.parent / "shared" / "data" / "raga"
WINDOW, HOP, AGREEMENT = 64, 16, 0.6
MELODIES = 1200
"""Training melodies a raga, where a draw does not say another number."""
CUTS = 5
"""Windows that a composition is cut into, where training rows begin and end as those of pieces do:
anywhere."""
LSTM = "lstm"

MANNERS = (
    MelodyConfig(),
    MelodyConfig(repeat=0.18, turn=0.3, phrase=0.06),
    MelodyConfig(repeat=0.04, turn=0.4, skip=0.2, phrase=0.2),
    MelodyConfig(skip=0.08, leap=0.03, rare=0.1),
    MelodyConfig(turn=0.25, skip=0.2, copied=(0.6, 0.1)),
)
"""How differently melodies of one raga may move; the first is the usual way."""
NOISE = {
    "some noise": {"dropped": 0.03, "doubled": 0.05, "wrong": 0.03},
    "much noise": {"dropped": 0.08, "doubled": 0.1, "wrong": 0.1},
    "heavy noise": {"dropped": 0.15, "doubled": 0.15, "wrong": 0.2},
}
"""Shares of svaras that are left out, sung twice, and moved to a neighbour."""
AUGMENTED: dict[str, list[dict[str, Any]]] = {
    "as drawn": [{}],
    **{name: [noise] for name, noise in NOISE.items()},
    "many manners": [{"manner": manner} for manner in MANNERS],
    **{
        f"manners, {name}": [{"manner": manner, **noise} for manner in MANNERS]
        for name, noise in NOISE.items()
    },
    "manners, any noise": [
        {"manner": manner, **noise} for manner in MANNERS for noise in NOISE.values()
    ],
}
"""What is changed in the generator, by the name of the change; the training rows are shared out
among the draws of a list. Octaves are lost in letters anyway, and so is their spelling."""


class Drawn(NamedTuple):
    """Generated melodies: what is changed (by its name), how many a raga, how many windows one
    composition is cut into, and of how many seeds the LSTM's answer is."""

    augmented: str
    melodies: int = MELODIES
    windows: int = 1
    seeds: int = 3

    @property
    def title(self) -> str:
        cut = "cut, " if self.windows > 1 else ""
        many = f", {self.melodies:,}" if self.melodies != MELODIES else ""
        return f"{cut}{self.augmented}{many}"

    @property
    def name(self) -> str:
        return self.title.replace(", ", "-").replace(" ", "-").replace(",", "")


MANNERS_MUCH, MANNERS_ANY = "manners, much noise", "manners, any noise"
DRAWS = (
    *(Drawn(name) for name in AUGMENTED),
    Drawn(MANNERS_MUCH, 2400),
    *(Drawn(MANNERS_MUCH, melodies, CUTS, 5) for melodies in (MELODIES, 4800, 9600)),
    Drawn(MANNERS_ANY, 4800, CUTS, 5),
)


def transfer(options: argparse.Namespace) -> list[Cell]:
    """Letters of generated melodies against real pieces."""
    data = Path(options.data)
    return [
        Cell(f"transfer-{drawn.name}", lambda drawn=drawn: _transfer(data, drawn))
        for drawn in DRAWS
    ]


def _transfer(data: Path, drawn: Drawn) -> Row:
    from seqclass.evaluation.intervals import accuracy_of

    pieces = read_pieces(data / "geethams.jsonl")
    ragas = tuple(sorted({piece.raga for piece in pieces}))
    usual = {"ragas": ragas, "representation": "letters", "n_notes": (40, WINDOW)}
    changes = AUGMENTED[drawn.augmented]
    per_draw = drawn.melodies // len(changes)
    train = together([
        draw(100 * k, per_draw, **usual, **change, windows=drawn.windows)
        for k, change in enumerate(changes)
    ])  # fmt: skip
    test = draw(TEST_SEED, TEST_PER_RAGA, **usual)
    answers, records = train_all(train, range(drawn.seeds))
    return {
        "kind": "synthetic → real",
        "augmented": drawn.title,
        "train_rows": len(train.y),
        "synthetic": {
            who: accuracy_of(answer(test.x).argmax(axis=1) == test.y)
            for who, answer in answers.items()
        },
        "seeds": records,
        **{
            half: heard([p for p in pieces if p.half == half], train.classes, answers)
            for half in (TUNING, REPORTED)
        },
    }


def train_all(train: Rows, seeds: range) -> tuple[dict[str, Any], list[Row]]:
    """What answers with log-scores ``(n, classes)``, by name; and the seeds' records."""
    from seqclass.training.ngrams import fit_symbol_models

    models = fit_symbol_models(train.x, train.y, train.channels, 0)
    replicas = [trained(train, seed) for seed in seeds]

    def ours(x: np.ndarray) -> np.ndarray:
        return np.mean([log_answers(classifier, x) for classifier, _ in replicas], axis=0)

    answers = {LSTM: ours, **{name: model.log_scores for name, model in models.items()}}
    return answers, [record for _, record in replicas]


def heard(pieces: list[Piece], classes: list[str], answers: dict[str, Any]) -> Row:
    """What each hears in pieces: window by window, by vote, and by the windows' mean log-score."""
    from seqclass.evaluation.intervals import accuracy_of, lead_of
    from seqclass.ragas.votes import answer_names, vote

    x, owners = windows(pieces, WINDOW, HOP)
    truth = np.array([classes.index(piece.raga) for piece in pieces])
    scores = {who: answer(x) for who, answer in answers.items()}
    right = {who: s.argmax(axis=1) == truth[owners] for who, s in scores.items()}
    found: Row = {"pieces": len(pieces), "windows": len(x), "who": {}}
    heard_rightly = {}
    for who, s in scores.items():
        voted, share = vote(s.argmax(axis=1), owners, len(classes), AGREEMENT)
        mean = np.stack([s[owners == p].mean(axis=0) for p in range(len(pieces))]).argmax(axis=1)
        answered, heard_rightly[who] = voted >= 0, voted == truth
        found["who"][who] = {
            "windows": accuracy_of(right[who], owners),
            "log_loss": float(-s[np.arange(len(s)), truth[owners]].clip(-30).mean()),
            "pieces": accuracy_of(voted == truth),
            "answered": accuracy_of((voted == truth)[answered]),
            "mean_score": accuracy_of(mean == truth),
            "answers": answer_names(voted, classes),
            "agreement": share.tolist(),
        }
    found["leads"] = {
        who: lead_of(right[LSTM], right[who], owners) for who in scores if who != LSTM
    }
    found["piece_leads"] = {
        who: lead_of(heard_rightly[LSTM], heard_rightly[who]) for who in scores if who != LSTM
    }
    found["truth"] = [[piece.id, piece.form, piece.raga] for piece in pieces]
    return found
