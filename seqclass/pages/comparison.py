"""Comparison of versions on the test rows that all of them predicted."""

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np

from seqclass.evaluation.goals import GoalScores
from seqclass.monitoring.paired import Paired, PairedPredictions, compare_paired, recalls_of
from seqclass.pages.index_pages import COMPARISONS, refresh
from seqclass.pages.records import Ends
from seqclass.pages.rendering import record_bytes, render, write_pages
from seqclass.pages.version_report import has_report
from seqclass.store.datasets import open_dataset
from seqclass.store.models import ANSWERS, Model
from seqclass.store.references import ModelRef
from seqclass.store.root import DamagedError, Root
from seqclass.store.split import SPLIT, groups_of_tests
from seqclass.store.tables import read_table

MIN_VERSIONS, MAX_VERSIONS = 2, 20
ALPHA = 0.05
Pair = tuple[str, str]
"""Id and label of a row."""


@dataclass(frozen=True)
class Standing:
    """A version compared with the first one.

    won: number of rows that only this version gets right. lost: number of rows that only the first
    one gets right. difference: of macro F1. interval: of the difference, 95%. recalls: by class.
    verdict: in words. goal: what its answers are chosen for. by_goal: scores of its own test rows
    by goal.
    """

    version: str
    macro_f1: float
    accuracy: float
    recalls: dict[str, float]
    won: int = 0
    lost: int = 0
    difference: float = 0.0
    interval: Ends = (0.0, 0.0)
    verdict: str = "the one the others are compared with"
    goal: str | None = None
    by_goal: dict[str, GoalScores] = field(default_factory=dict)


@dataclass(frozen=True)
class Comparison:
    """The result of ``seqclass compare``.

    versions: that are compared. rows: number of rows by class, tested with every version.
    standings: each version beside the first.
    """

    versions: tuple[str, ...]
    rows: dict[str, int]
    standings: tuple[Standing, ...]
    made: str


def compare_versions(models: list[Model]) -> Comparison:
    """Compare versions with the first of them, row by row, by their stored answers."""
    names = [ModelRef(model.name, model.version).short for model in models]
    _check(names, models)
    answers = [_answers(model) for model in models]
    common = sorted(set(answers[0]).intersection(*answers[1:]))
    if not common:
        raise ValueError(
            f"MODEL: expected versions with common test rows, {' and '.join(names)} have none; "
            "compare versions whose splits share rows"
        )
    predictions = [[by_pair[pair] for pair in common] for by_pair in answers]
    classes = sorted({label for _, label in common}.union(*predictions))
    codes = {label: code for code, label in enumerate(classes)}
    truth = np.array([codes[label] for _, label in common])
    coded = [np.array([codes[label] for label in labels]) for labels in predictions]
    groups = _groups(models, [name for name, _ in common])
    sides = [PairedPredictions(truth, coded[0], challenger, groups) for challenger in coded]
    standings = [
        _standing(name, side, classes, model)
        for name, side, model in zip(names, sides, models, strict=True)
    ]
    rows = Counter(label for _, label in common)
    made = datetime.now(UTC).isoformat()
    return Comparison(tuple(names), dict(sorted(rows.items())), tuple(standings), made)


def _check(names: list[str], models: list[Model]) -> None:
    if not MIN_VERSIONS <= len(set(names)) == len(names) <= MAX_VERSIONS:
        raise ValueError(
            f"MODEL: expected {MIN_VERSIONS} to {MAX_VERSIONS} different versions, got "
            f"{', '.join(names)}; 'seqclass models' lists them"
        )
    lines = {_origin(model.root, model.manifest["dataset"]) for model in models}
    if len(lines) > 1:
        raise ValueError(
            f"MODEL: expected versions that were tested on one dataset, got {', '.join(names)} "
            f"on {', '.join(sorted(lines))}; compare versions of one dataset and its successors"
        )


def _origin(root: Root, ref: str) -> str:
    """Return the first dataset in this one's line of versions, in which ids mean the same rows."""
    try:
        parents = open_dataset(root, ref).manifest.get("parents")
    except (DamagedError, ValueError):
        parents = None
    return _origin(root, parents[0]) if parents else ref


def _answers(model: Model) -> dict[Pair, str]:
    table = read_table(model.root, model.path(ANSWERS), ["series_id", "label", "prediction"])
    ids, labels, predictions = (table[name].to_pylist() for name in table.column_names)
    return dict(zip(zip(ids, labels, strict=True), predictions, strict=True))


def _groups(models: list[Model], ids: list[str]) -> np.ndarray | None:
    """Return the groups ``(n,)`` of common test rows by the first split; None without."""
    groups = groups_of_tests(models[0].root, models[0].path(SPLIT))
    return np.array([groups[name] for name in ids]) if groups else None


def _standing(name: str, answers: PairedPredictions, classes: list[str], model: Model) -> Standing:
    paired = compare_paired(answers, len(classes), seed=0)
    recalls = {label: r["challenger"] for label, r in recalls_of(answers, classes).items()}
    metrics = model.read_json("metrics.json")
    scores, (low, high) = paired["challenger"], paired["interval"]
    beside: dict[str, Any] = {} if answers.challenger is answers.champion else {
        "won": paired["won"], "lost": paired["lost"], "difference": paired["difference"],
        "interval": (low, high), "verdict": _verdict(paired),
    }  # fmt: skip
    return Standing(name, scores["macro_f1"], scores["accuracy"], recalls, **beside,
                    goal=metrics["goal"], by_goal=metrics["by_goal"])  # fmt: skip


def _verdict(paired: Paired) -> str:
    if paired["better_p"] < ALPHA:
        return f"better beyond chance (p {paired['better_p']:.2g})"
    if paired["worse_p"] < ALPHA:
        return f"worse beyond chance (p {paired['worse_p']:.2g})"
    return "no difference beyond chance"


def write_comparison(root: Root, comparison: Comparison) -> str:
    """Write the page, the JSON beside it and the links to it; returns the page's path."""
    content = json.dumps(comparison.versions).encode()
    digest = hashlib.sha256(content).hexdigest()[:16]
    path = root.join(COMPARISONS, digest)
    versions = [ModelRef.parse(short) for short in comparison.versions]
    reports = {v.short: f"../models/{v.name}/{v.version}/report.html"
               for v in versions if has_report(root, v.name, v.version)}  # fmt: skip
    page = render("comparison", "../", comparison=comparison, reports=reports,
                  beside=f"{digest}.json", names=sorted({v.name for v in versions}))  # fmt: skip
    write_pages(root, [(f"{path}.html", page), (f"{path}.json", record_bytes(comparison))])
    refresh(root, [f"{COMPARISONS}/{digest}"])
    return f"{path}.html"
