"""Compare a candidate with the champion on rows that neither was trained on, and judge it."""

import json
import logging
from collections.abc import Collection
from dataclasses import asdict
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from seqclass.evaluation.decisions import Decision, predict_labels
from seqclass.inference.prediction import answer_rows
from seqclass.monitoring.decide import (
    Evidence,
    LabelEvidence,
    PairedEvidence,
    Refuse,
    SeedEvidence,
    decide,
    doubt_of,
)
from seqclass.monitoring.paired import PairedPredictions, compare_paired, recalls_of
from seqclass.monitoring.retrain_spec import Rules
from seqclass.pipeline.candidates import Candidate
from seqclass.pipeline.evaluate import Evaluated
from seqclass.row_split import groups_of, split_of
from seqclass.store.datasets import Dataset, open_dataset
from seqclass.store.manifests import known_dataset
from seqclass.store.models import ANSWERS, COMPARISON, Model, read_model
from seqclass.store.registry import champion_of
from seqclass.store.retrainings import Pair
from seqclass.store.root import Root
from seqclass.store.split import Split
from seqclass.store.tables import read_table
from seqclass.stored_records import Verdict
from seqclass.workers import workers

logger = logging.getLogger(__name__)

UNPAIRED: PairedEvidence = {
    "incomparable": None, "new_rows": 0, "old": None, "newest": None, "recalls": {},
}  # fmt: skip


class Side(NamedTuple):
    """One of two models: its file, the channels that it takes, its classes and its rule."""

    path: str
    channels: list[str]
    classes: list[str]
    rule: Decision


def compare(candidate: Candidate, evaluated: Evaluated, name: str) -> Verdict:
    """Judge a candidate beside the champion, if there is one, and store the verdict."""
    champion = champion_of(candidate.root, name)
    verdict = compare_with(champion, candidate, evaluated, name)
    store_verdict(candidate, verdict)
    logger.info("%s", verdict["reason"])
    return verdict


def compare_with(
    champion: str | None, candidate: Candidate, evaluated: Evaluated, name: str
) -> Verdict:
    """Return the verdict on a candidate beside a champion, by the limits of its training."""
    paired = UNPAIRED
    if champion is not None:
        theirs = read_model(candidate.root, name, champion)
        paired, _ = pair_with(theirs, candidate.dataset, candidate, evaluated)
    evidence = evidence_of(evaluated, champion, paired)
    return verdict_of(evidence, Rules(limits=candidate.training.limits))


def evidence_of(
    evaluated: Evaluated,
    champion: str | None,
    paired: PairedEvidence,
    labels: LabelEvidence | None = None,
) -> Evidence:
    """Collect the evidence from a candidate's evaluation and its comparison with the champion."""
    metrics, seeds = evaluated.metrics, evaluated.stability["seeds"]
    of_seeds: SeedEvidence = {
        **metrics["evidence"]["seeds"],
        "restarts": [seed["restarts"] for seed in seeds],
        "n_classes": len(metrics["classes"]),
    }
    return {
        "champion": champion,
        "seeds": of_seeds,
        "macro_f1": metrics["metrics"]["macro_f1"],
        "first": metrics["evidence"],
        **paired,
        "labels": labels,
    }


def verdict_of(evidence: Evidence, rules: Rules) -> Verdict:
    """Judge the evidence by the rules, in one record; a person is asked later."""
    decision = decide(evidence, rules)
    reasons = list(decision.reasons) if isinstance(decision, Refuse) else []
    return {
        **evidence,
        "rules": asdict(rules),
        "better": not reasons,
        "reason": "; ".join(reasons) if isinstance(decision, Refuse) else decision.reason,
        "reasons": reasons,
        "doubted": doubt_of(evidence, rules.gate) is not None,
    }


def store_verdict(candidate: Candidate, verdict: Verdict) -> None:
    """Store the verdict with the candidate."""
    content = json.dumps(verdict, indent=2).encode()
    candidate.root.fs.pipe_file(candidate.path(COMPARISON), content)


def pair_with(
    champion: Model,
    latest: Dataset,
    candidate: Candidate,
    evaluated: Evaluated,
    fresh: Collection[str] = (),
) -> tuple[PairedEvidence, PairedPredictions]:
    """Compare both models on rows that neither was trained on: old and newest ones.

    Returns also their answers to those of the newest rows that are ``fresh``.
    """
    root, metrics = champion.root, evaluated.metrics
    theirs, classes = champion.manifest["classes"], metrics["classes"]
    channels = candidate.dataset.channels
    missing = [name for name in champion.manifest["channels"] if name not in channels]
    if missing or not set(theirs) & set(classes):
        what = f"takes {', '.join(missing)}" if missing else f"answers only {', '.join(theirs)}"
        why = (
            f"champion {champion.version} {what}, which the new version doesn't, so the two can't "
            "be compared; it stays, train under another name to start a new line"
        )
        return {**UNPAIRED, "incomparable": why}, _none()
    previous = open_dataset(root, known_dataset(champion.manifest))
    is_same = previous.manifest["digest"] == latest.manifest["digest"]
    new = set() if is_same else {i for i, _ in pairs_of(latest) - pairs_of(previous)}
    old_ids, new_ids = _frozen_ids(champion, new, candidate)
    id_sets = (old_ids, new_ids, new_ids & set(fresh))
    every = sorted({*theirs, *classes})
    sides = (
        Side(champion.path("model.keras"), champion.manifest["channels"], theirs,
             Decision(**champion.manifest["decision"])),
        Side(candidate.path("model.keras"), channels, classes, Decision(**metrics["decision"])),
    )  # fmt: skip
    old, newest, of_fresh = _answers(latest, id_sets, every, sides)
    seed = candidate.training.split_seed
    evidence: PairedEvidence = {
        "incomparable": None,
        "new_rows": len(new),
        "old": compare_paired(old, len(every), seed) if len(old) else None,
        "newest": compare_paired(newest, len(every), seed) if len(newest) else None,
        "recalls": {"old": recalls_of(old, every), "newest": recalls_of(newest, every)},
    }
    return evidence, of_fresh


def pairs_of(dataset: Dataset) -> set[Pair]:
    """Return ids with their labels; a row whose label was corrected is another pair."""
    table = dataset.labels()
    return set(zip(table["series_id"].to_pylist(), table["label"].to_pylist(), strict=True))


def _frozen_ids(champion: Model, new: set[str], candidate: Candidate) -> tuple[set[str], set[str]]:
    """Return ids of test rows of the champion, and of new test rows of the candidate.

    None of them has trained either of the two. A row whose label differs from the champion's
    dataset is new: its old label is no evidence.
    """
    root = champion.root
    champions_rows = open_dataset(root, champion.manifest["dataset"])
    tested = set(ids_of(root, champion.path(ANSWERS))) - new
    newest = set(ids_of(root, candidate.path(ANSWERS))) & new
    learned = _trained_on(candidate.dataset, candidate.split, tested)
    return tested - learned, newest - _trained_on(champions_rows, split_of(champion), newest)


def _trained_on(dataset: Dataset, split: Split, among: set[str]) -> set[str]:
    """Return the ids of training rows that are among some."""
    names = dataset.labels()["series_id"].take(pa.array(split.train))
    return set(names.filter(pc.is_in(names, pa.array([*among], pa.string()))).to_pylist())


def _answers(
    latest: Dataset, id_sets: tuple[set[str], ...], classes: list[str], sides: tuple[Side, Side]
) -> list[PairedPredictions]:
    """Predict the rows with each of these sets of ids by champion and challenger."""
    table = latest.labels()
    number = {name: code for code, name in enumerate(classes)}
    every = pa.array([*set().union(*id_sets)], pa.string())
    named = pc.is_in(table["series_id"], every)
    rows = np.flatnonzero(pc.and_(named, pc.is_in(table["label"], pa.array(classes))))
    if not len(rows):
        return [_none() for _ in id_sets]
    table = table.take(pa.array(rows))
    ids, labels = (table[name].to_pylist() for name in ("series_id", "label"))
    jobs = [(latest, rows, side.path, side.channels) for side in sides]
    outputs = workers().run([(answer_rows, job) for job in jobs])
    codes = [
        predict_labels(output["probabilities"], side.rule)
        for output, side in zip(outputs, sides, strict=True)
    ]
    predicted = [
        np.array([number[side.classes[code]] for code in side_codes])
        for side_codes, side in zip(codes, sides, strict=True)
    ]
    truth = np.array([number[label] for label in labels])
    answers = PairedPredictions(truth, predicted[0], predicted[1], groups_of(table))
    return [answers.take(np.array([name in ids_of_set for name in ids])) for ids_of_set in id_sets]


def _none() -> PairedPredictions:
    empty = np.empty(0, dtype=np.int64)
    return PairedPredictions(empty, empty, empty)


def ids_of(root: Root, path: str) -> list[str]:
    """Return the ids of the series in a table of answers."""
    return read_table(root, path, ["series_id"])["series_id"].to_pylist()
