"""Training rows that decided nothing about the model that predicts them.

They are used as evidence if test rows are few, and to find labels that may be wrong.
"""

import numpy as np
import pyarrow as pa

from seqclass.evaluation.calibration import mean_log_probabilities, soften
from seqclass.evaluation.decisions import predict_labels
from seqclass.evaluation.goals import Goal
from seqclass.evaluation.metrics import Truth, row_losses
from seqclass.evaluation.rule_choice import rule_for
from seqclass.monitoring.first_champion import JudgedRows, worth_of_held_rows
from seqclass.pipeline.candidates import Assembled, Candidate
from seqclass.pipeline.replicas import (
    folds_of,
    held_back_baselines,
    out_of_fold_logits,
    out_of_fold_rows,
    read_nested_scores,
    truth_of_training,
)
from seqclass.row_split import tested_draws
from seqclass.stored_records import SeedRecord
from seqclass.workers import workers


def answered_held_back(candidate: Candidate, records: list[SeedRecord]) -> JudgedRows | None:
    """Return the answers of the registered model, every baseline and every seed to held-back rows.

    The rows are those that all seeds held back. None if test rows are enough draws, or no row was
    answered so.
    """
    split, spec, root = candidate.split, candidate.training, candidate.root
    if tested_draws(split) >= spec.limits.min_test_rows:
        return None
    scores = [read_nested_scores(root, candidate.seed_path(record["seed"])) for record in records]
    n_folds, n = np.min([of_seed.shape[:2] for of_seed in scores], axis=0)
    if not n:
        return None
    folds = folds_of(split, spec)
    ends = np.cumsum([len(held) for _, held in folds])
    folds = folds[: int((ends <= n).sum())]
    job = candidate.dataset, split, folds, spec.split_seed
    baselines = workers().call(held_back_baselines, *job)
    truth = truth_of_training(split).take(np.concatenate([held for _, held in folds]))
    sizes = [len(held) for _, held in folds]
    scores = [of_seed[:n_folds, :n] for of_seed in scores]
    answers = [answers_by_fold(of_seed, truth, sizes, spec.goal) for of_seed in scores]
    if spec.ensemble:
        best = answers_by_fold(np.mean(scores, axis=0), truth, sizes, spec.goal)
    else:
        best = by_others(answers, losses_by_fold(scores, truth.y, sizes), sizes)
    return JudgedRows(
        truth.y,
        best,
        baselines,
        answers,
        np.full(n, worth_of_held_rows(len(folds))),
        truth.groups,
    )


def answers_by_fold(scores: np.ndarray, truth: Truth, sizes: list[int], goal: Goal) -> np.ndarray:
    """Return the answer ``(n,)`` to each row, by a rule that the other folds choose.

    scores: log-probabilities ``(folds, n, classes)`` without each fold; sizes: rows of each fold.
    """
    answers = np.empty(len(truth.y), np.int64)
    for without_fold, part in zip(scores, parts_of(sizes), strict=True):
        probabilities, others = np.exp(without_fold), np.delete(np.arange(len(answers)), part)
        rule = rule_for(probabilities[others], truth.take(others), goal)
        answers[part] = predict_labels(probabilities[part], rule)
    return answers


def losses_by_fold(scores: list[np.ndarray], y: np.ndarray, sizes: list[int]) -> np.ndarray:
    """Return the log-loss (nats) of each seed for each row, ``(seeds, n)``, without its fold."""
    parts = parts_of(sizes)
    return np.array([
        np.concatenate([row_losses(np.exp(without_fold[part]), y[part])
                        for without_fold, part in zip(of_seed, parts, strict=True)])
        for of_seed in scores
    ])  # fmt: skip


def by_others(answers: list[np.ndarray], losses: np.ndarray, sizes: list[int]) -> np.ndarray:
    """Select for each fold the answers ``(n,)`` of the seed that is best on the other folds.

    losses: ``(seeds, n)``. The best has the lowest mean, like the seed that is registered. sizes:
    rows of each fold.
    """
    return np.concatenate([
        answers[int(np.delete(losses, rows, axis=1).sum(axis=1).argmin())][rows]
        for rows in parts_of(sizes)
    ])  # fmt: skip


def parts_of(sizes: list[int]) -> list[slice]:
    """Return the place of each fold's rows among those of all folds, one fold after the other."""
    ends = np.cumsum(sizes).tolist()
    return [slice(end - size, end) for end, size in zip(ends, sizes, strict=True)]


def held_back_table(candidate: Candidate, probabilities: np.ndarray) -> pa.Table:
    """Return id, label and these probabilities of the first held-back training rows."""
    split = candidate.split
    rows = split.train[out_of_fold_rows(split, candidate.training, len(probabilities))]
    table = candidate.dataset.labels().take(pa.array(rows)).select(["series_id", "label"])
    shares = pa.array(list(probabilities.astype(np.float32)), pa.list_(pa.float32()))
    return table.append_column("probabilities", shares)


def held_back_probabilities(candidate: Candidate, assembled: Assembled) -> np.ndarray:
    """Return probabilities ``(n, classes)`` of training rows by members not fitted to them.

    The members are those of the registered seed, or of all seeds of an ensemble. The rows are the
    first n of ``out_of_fold_rows``.
    """
    ensemble = assembled.ensemble
    seeds = assembled.seeds if ensemble else [assembled.best]
    scores = [
        out_of_fold_logits(candidate.root, candidate.seed_path(seed["seed"])) / seed["temperature"]
        for seed in seeds
    ]
    mean = mean_log_probabilities(scores) if ensemble else scores[0]
    return soften(mean, ensemble["temperature"] if ensemble else 1.0)
