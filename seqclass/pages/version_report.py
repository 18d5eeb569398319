"""The report of a version, from the data sealed with it and its present standing."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from seqclass.auxiliary_rows import auxiliary_line
from seqclass.pages.drawing import Axes, Strip
from seqclass.pages.records import Drawings, ModelSummary, Move, Version
from seqclass.pages.rendering import adapter, render, words, write_pages
from seqclass.pages.trust import weakest_class, worth_of
from seqclass.store.few_references import ambiguity_rule, too_few_references
from seqclass.store.models import COMPARISON, DRAWINGS, REPORT, Model, read_model
from seqclass.store.references import DatasetRef
from seqclass.store.root import Root
from seqclass.store.states import MOVES

if TYPE_CHECKING:
    from seqclass.evaluation.decisions import AbstentionScores
    from seqclass.stored_records import Metrics

HOME = "../../../"
MAX_OTHERS = 20
MIN_POINTS = 4
MAX_MATRIX = 40
"""Number of classes up to which the whole confusion matrix is shown."""
SCORE_NAMES = {
    "accuracy": "accuracy",
    "macro_f1": "macro F1",
    "balanced_accuracy": "balanced accuracy",
    "macro_precision": "macro precision",
    "macro_recall": "macro recall",
    "log_loss": "log-loss (nats)",
    "brier": "Brier score",
    "ece": "calibration error",
}
MEMBER_NOTES = {
    "convolutions": "ridge regression on features of fixed convolutions (MiniRocket)",
    "view-kernels": "kernels on features of fixed convolutions: on all, and on each view",
    "steps": "kernel ridge regression on the values of the steps",
    "conv-lstm": "the LSTM: a trained convolution and LSTM, in both directions",
}


def has_report(root: Root, name: str, version: str) -> bool:
    """Check whether a version has a report."""
    return root.exists("models", name, version, REPORT)


def write_version_report(
    root: Root, summary: ModelSummary, version: Version, newest: Sequence[str]
) -> None:
    """Write a version's page if it has what is drawn on it.

    newest: the versions with a report, as ``with_reports`` finds them.
    """
    model = read_model(root, summary.name, version.version)
    if not model.has(DRAWINGS):
        return
    others = [other for other in newest if other != version.version]
    dataset = dataset_link(root, version.dataset, HOME)
    page = _page(model, summary, version, others=others, dataset=dataset,
                 **_moves_of(summary, version.version))  # fmt: skip
    write_pages(root, [(f"{model.folder}/{REPORT}", page)])


def _moves_of(summary: ModelSummary, number: str) -> dict[str, Move | None]:
    """Return the moves that last made a version the champion and last refused it."""
    moves: dict[str, Move | None] = {"led": None, "barred": None}
    for move in summary.moves:
        if move.what in MOVES and move.after == number:
            moves["led"] = move
        if move.what == "refuse" and move.candidate == number:
            moves["barred"] = move
    return moves


def _page(model: Model, summary: ModelSummary, version: Version, **links: Any) -> str:
    drawings = adapter(Drawings).validate_json(model.read(DRAWINGS))
    metrics = cast("Metrics", model.read_json("metrics.json"))
    stability = model.read_json("stability.json")
    auxiliary = model.manifest["spec"].get("auxiliary")
    return render(
        "report",
        HOME,
        model=summary,
        version=version,
        manifest=model.manifest,
        metrics=metrics,
        stability=stability,
        auxiliary=auxiliary and auxiliary_line(auxiliary, stability["seeds"]),
        comparison=model.read_json(COMPARISON),
        drawings=drawings,
        score_names=SCORE_NAMES,
        member_notes=MEMBER_NOTES,
        **links,
        strips=_strips(metrics, stability["seeds"]),
        **_scores(metrics),
        **_curves(drawings),
    )


def dataset_link(root: Root, ref: str, home: str) -> str | None:
    """Return the path from ``home`` to a dataset version's page, or None without one."""
    reference = DatasetRef.parse(ref)
    exists = root.exists("datasets", reference.name, f"{reference.version}.html")
    return f"{home}datasets/{reference.name}/{reference.version}.html" if exists else None


def with_reports(root: Root, summary: ModelSummary) -> list[str]:
    """Return the newest versions that have a report, or will have one."""
    newest = [version.version for version in summary.versions[-MAX_OTHERS:]]
    place = ("models", summary.name)
    return [
        number
        for number in newest
        if has_report(root, summary.name, number) or root.exists(*place, number, DRAWINGS)
    ]


def _scores(record: "Metrics") -> dict[str, Any]:
    metrics = record["metrics"]
    scores: Mapping[str, object] = metrics
    rows, confidence, accuracy = zip(*metrics["reliability"], strict=True)
    possible = record["decision"]["possible"] or [1.0] * len(record["classes"])
    return {
        "score_rows": [
            (label, scores[key], metrics["intervals"].get(key))
            for key, label in SCORE_NAMES.items()
        ],
        "mistakes": _mistakes(record) if len(record["classes"]) > MAX_MATRIX else None,
        "weakest": weakest_class(record),
        "few_references": too_few_references(
            record["references"], record["decision"]["unfamiliar"]
        ),
        "worth": list(worth_of(record)),
        "reliability": list(zip(confidence, accuracy, strict=True)),
        "weights": rows,
        "reliability_axes": Axes("mean confidence of a bin", "accuracy", (0, 1), (0, 1),
                                 guide=[(0, 0), (1, 1)]),
        "ambiguity": ambiguity_rule(record["decision"]),
        "risk_curve": [(1 - x, 1 - y) for x, y in reversed(record["abstention"]["curve"])],
        "risk_axes": _risk_axes(record["abstention"]),
        "too_few": [label for label, p in zip(record["classes"], possible, strict=True) if not p],
    }  # fmt: skip


def _mistakes(record: "Metrics") -> list[tuple[str, str, int, int]]:
    """Return class, answer, number of series and size of the class of the most frequent mistakes.

    They are shown of models whose whole matrix would not fit.
    """
    confusion, names = np.array(record["metrics"]["confusion"]), record["classes"]
    wrong = confusion - np.diag(np.diag(confusion))
    order = np.argsort(-wrong, axis=None, kind="stable")[: min(MAX_MATRIX, (wrong > 0).sum())]
    pairs = zip(*np.unravel_index(order, wrong.shape), strict=True)
    return [(names[row], names[column], int(wrong[row, column]), int(confusion[row].sum()))
            for row, column in pairs]  # fmt: skip


def _strips(record: "Metrics", seeds: Sequence[Mapping[str, Any]]) -> list[Strip]:
    """Return macro F1 of what is registered, of each seed's LSTM alone, and of the baselines."""
    metrics, baselines = record["metrics"], record["baselines"].items()
    low, high = metrics["intervals"]["macro_f1"]
    alone = [seed["lstm"]["macro_f1"] for seed in seeds if seed["lstm"]]
    return [
        Strip("this model", [metrics["macro_f1"]], True, (low, high)),
        *([Strip("the LSTM alone", alone)] if alone else []),
        *(Strip(words(name), [scores["macro_f1"]]) for name, scores in baselines),
    ]


def _risk_axes(abstention: "AbstentionScores") -> Axes:
    highest = max((1 - accuracy for _, accuracy in abstention["curve"]), default=0.0)
    top = max(math.ceil(10 * highest) / 10, 0.1)
    return Axes("share unknown", "share of answers that are wrong", (0, 1), (0, top),
                mark=1 - abstention["coverage"])  # fmt: skip


def _curves(drawings: Drawings) -> dict[str, Any]:
    """Return the curves with enough points to draw, over common axes."""
    curves = {name: points for name, points in drawings.curves.items() if len(points) >= MIN_POINTS}
    if not curves:
        return {"curves": {}, "curve_axes": None}
    every = [point for points in curves.values() for point in points]
    last, top = max(x for x, _ in every), max(y for _, y in every)
    return {"curves": curves,
            "curve_axes": Axes("update", "log-loss (nats)", (0, last), (0, top))}  # fmt: skip
