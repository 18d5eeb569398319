"""An LSTM against counting: generated ragas, one training, one comparison on the same rows."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from seqclass.training.recipe import Recipe
from seqclass.training.spec import TrainingSpec

TRAIN_SEED, TEST_SEED = 0, 1
TEST_PER_RAGA = 100
Row = dict[str, Any]


@dataclass(frozen=True)
class Rows:
    """Series ``(n, steps, channels)`` float32, class codes ``(n,)``, the names of classes and
    channels."""

    x: np.ndarray
    y: np.ndarray
    classes: list[str]
    channels: tuple[str, ...]


def draw(seed: int, per_raga: int, **options: Any) -> Rows:
    """Series of ``seqclass generate ragas`` with these options of its spec."""
    from seqclass.ragas.raga_series import generate_ragas
    from seqclass.ragas.raga_spec import RagaSpec

    classes = RagaSpec(**options).classes
    spec = RagaSpec(**options, seed=seed, n_series=per_raga * len(classes))
    blocks = list(generate_ragas(spec))
    x, y = (
        np.concatenate([getattr(block, name) for block in blocks]) for name in ("values", "codes")
    )
    return Rows(x.astype(np.float32), y.astype(np.int32), list(classes), tuple(spec.channels))


def together(parts: list[Rows]) -> Rows:
    """Rows of several draws of the same ragas, filled up with NaN to one length."""
    longest = max(part.x.shape[1] for part in parts)
    x = [
        np.pad(p.x, ((0, 0), (0, longest - p.x.shape[1]), (0, 0)), constant_values=np.nan)
        for p in parts
    ]
    first = parts[0]
    y = np.concatenate([part.y for part in parts])
    return Rows(np.concatenate(x), y, first.classes, first.channels)


def contest(
    train: Rows,
    test: Rows,
    seeds: range,
    sets: dict[str, tuple[str, ...]],
    recipe: Recipe | None = None,
) -> Row:
    """Train the seeds and both baselines on the same rows, and score them on the same rows.

    The LSTM's answer is that of its seeds' mean log-probability, as ``train --ensemble`` registers
    it; each seed's own macro F1 is told too.
    """
    from seqclass.evaluation.intervals import accuracy_of, lead_of
    from seqclass.evaluation.metrics import label_scores, scores
    from seqclass.ragas.votes import set_scores
    from seqclass.training.ngrams import fit_symbol_models

    models = fit_symbol_models(train.x, train.y, train.channels, 0)
    found = {name: model.log_scores(test.x) for name, model in models.items()}
    replicas = [train_one(train, test, seed, recipe) for seed in seeds]
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
        "confusion": confusion_of(found, test, sets.get("B2", ())),
    }  # fmt: skip


def set_leads(found: dict[str, np.ndarray], y: np.ndarray, codes: dict[str, np.ndarray]) -> Row:
    """The LSTM's lead over each baseline within each set."""
    from seqclass.evaluation.intervals import lead_of
    from seqclass.ragas.votes import within_set

    leads: Row = {}
    for name, members in codes.items():
        rows = np.isin(y, members)
        right = {who: within_set(s[rows], members) == y[rows] for who, s in found.items()}
        leads[name] = {w: lead_of(right["lstm"], right[w]) for w in right if w != "lstm"}
    return leads


def confusion_of(found: dict[str, np.ndarray], test: Rows, members: tuple[str, ...]) -> Row | None:
    """Rows true and columns answered, within a set of classes."""
    from sklearn.metrics import confusion_matrix

    from seqclass.ragas.votes import within_set

    if not members or not set(members) <= set(test.classes):
        return None
    codes = np.array([test.classes.index(member) for member in members])
    rows = np.isin(test.y, codes)
    tables = {
        who: confusion_matrix(test.y[rows], within_set(s[rows], codes), labels=codes).tolist()
        for who, s in found.items()
    }
    return {"classes": list(members), "tables": tables}


def train_one(train: Rows, test: Rows, seed: int, recipe: Recipe | None) -> tuple[np.ndarray, Row]:
    """Log-probabilities ``(n, classes)`` of the test rows by one seed, and its record."""
    classifier, record = trained(train, seed, recipe)
    return log_answers(classifier, test.x), record


def trained(train: Rows, seed: int, recipe: Recipe | None = None) -> tuple[Any, Row]:
    """A classifier by the default recipe or another, and its record."""
    from seqclass.runtime import tensorflow

    tensorflow()
    from seqclass.evaluation.metrics import log_loss
    from seqclass.training.learnt_rows import Rows as Fitted
    from seqclass.training.replica import TrainingRows, train_replica

    fitted = Fitted(train.x, train.y)
    replica = train_replica(
        TrainingRows(fitted, len(train.classes), channels=train.channels),
        TrainingSpec(recipe=recipe or Recipe()),
        seed,
        lambda *_: None,
    )
    return replica.classifier, {
        "seed": seed,
        "symbols": [alphabet and alphabet.limits for alphabet in replica.alphabets],
        "seconds": round(replica.seconds, 1),
        "restarts": sum(fit.restarts for fit in replica.fits),
        "updates": sum(len(fit.losses) for fit in replica.fits),
        "validation_log_loss": log_loss(replica.held_probabilities, train.y[replica.held]),
        "members": replica.members,
    }


def log_answers(classifier: Any, x: np.ndarray) -> np.ndarray:
    from seqclass.networks.classifier import probabilities_of
    from seqclass.networks.outputs import predict_all

    probabilities = predict_all(probabilities_of(classifier), x)
    return np.log(np.maximum(probabilities, np.finfo(np.float32).tiny))


@dataclass(frozen=True)
class Cell:
    """One thing to measure, kept under its name."""

    name: str
    measure: Callable[[], Row]
