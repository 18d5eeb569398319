"""Training rows that decided nothing about the model that predicts them.

They are used as evidence if test rows are few, and to find labels that may be wrong.
"""

import numpy as np
import pyarrow as pa
from scipy.special import softmax

from seqclass.evaluation.calibration import mean_log_probabilities, soften
from seqclass.evaluation.metrics import row_losses
from seqclass.monitoring.first_champion import Answered, worth_of_held_rows
from seqclass.pipeline.candidates import Assembled, Candidate
from seqclass.pipeline.replicas import (
    folds_of,
    held_back_baselines,
    nested_scores,
    out_of_fold_logits,
    out_of_fold_rows,
)
from seqclass.row_split import tested_draws
from seqclass.stored_records import SeedRecord
from seqclass.training.splits import Part
from seqclass.workers import workers


def answered_held_back(candidate: Candidate, records: list[SeedRecord]) -> Answered | None:
    """Return the answers of the registered model, every baseline and every seed to held-back rows.

    The rows are those that all seeds held back. None if test rows are enough draws, or no row was
    answered so.
    """
    chosen, spec, root = candidate.split, candidate.training, candidate.root
    if tested_draws(chosen) >= spec.limits.min_test_rows:
        return None
    scores = [nested_scores(root, candidate.seed_path(record["seed"])) for record in records]
    n = min(map(len, scores))
    if not n:
        return None
    scores = [part[:n] for part in scores]
    folds = _first_folds(folds_of(chosen, spec), n)
    job = candidate.dataset, chosen, folds, spec.split_seed
    baselines = workers().call(held_back_baselines, *job)
    rows, groups = np.concatenate([held for _, held in folds]), chosen.train_groups
    truth = chosen.codes[chosen.train][rows]
    sizes = [len(held) for _, held in folds]
    best = mean_log_probabilities(scores) if spec.ensemble else by_others(scores, truth, sizes)
    return Answered(
        truth,
        best.argmax(axis=1),
        baselines,
        [part.argmax(axis=1) for part in scores],
        np.full(n, worth_of_held_rows(len(folds))),
        None if groups is None else groups[rows],
    )


def held_back_table(candidate: Candidate, assembled: Assembled) -> pa.Table:
    """Return id, label and probabilities of training rows, by members that were not fitted to them.

    The members are those of the registered seed, or of all seeds of an ensemble.
    """
    chosen, root, ensemble = candidate.split, candidate.root, assembled.ensemble
    seeds = assembled.seeds if ensemble else [assembled.best]
    scores = [
        out_of_fold_logits(root, candidate.seed_path(own["seed"])) / own["temperature"]
        for own in seeds
    ]
    mean = mean_log_probabilities(scores) if ensemble else scores[0]
    probabilities = soften(mean, ensemble["temperature"] if ensemble else 1.0)
    rows = chosen.train[out_of_fold_rows(chosen, candidate.training, len(mean))]
    table = candidate.dataset.labels().take(pa.array(rows)).select(["series_id", "label"])
    shares = pa.array(list(probabilities.astype(np.float32)), pa.list_(pa.float32()))
    return table.append_column("probabilities", shares)


def by_others(scores: list[np.ndarray], y: np.ndarray, sizes: list[int]) -> np.ndarray:
    """Select for each fold the scores ``(n, classes)`` of the seed that is best on the other folds.

    The best has the lowest log-loss, like the seed that is registered. sizes: rows of each fold.
    """
    ends = np.cumsum(sizes)
    losses = np.array([row_losses(softmax(own, axis=1), y) for own in scores])
    return np.concatenate([
        scores[int(np.delete(losses, own, axis=1).sum(axis=1).argmin())][own]
        for own in (slice(end - size, end) for end, size in zip(ends, sizes, strict=True))
    ])  # fmt: skip


def _first_folds(folds: list[Part], n: int) -> list[Part]:
    """Return the folds that together hold back the first ``n`` rows."""
    ends = np.cumsum([len(held) for _, held in folds])
    return folds[: int((ends <= n).sum())]
