"""Training rows that decided nothing of what answers them, which count where test rows are few."""

from typing import Any

import numpy as np

from seqclass.evaluation.calibration import mean_log_probabilities
from seqclass.monitoring.first_champion import Answered, worth_of_held_rows
from seqclass.store.datasets import Dataset
from seqclass.store.split import Split
from seqclass.training.spec import TrainingSpec
from seqclass.training.splits import Part
from tasks.compute.candidates import best_record, candidate_path
from tasks.compute.records import SeedRecord
from tasks.compute.replicas import folds_of, held_back_baselines, nested_scores
from tasks.compute.workers import workers


def answered_held_back(
    dataset: Dataset,
    chosen: Split,
    spec: TrainingSpec,
    records: list[SeedRecord],
    workspace: str,
) -> Answered | None:
    """What is registered, every baseline and every seed answer to the rows that all seeds held
    back; None where test rows are enough, or no row was answered so."""
    if len(chosen.test) >= spec.limits.min_test_rows:
        return None
    scores = [nested_scores(dataset.root, candidate_path(workspace, r["seed"])) for r in records]
    n = min(map(len, scores))
    if not n:
        return None
    own = {r["seed"]: part[:n] for r, part in zip(records, scores, strict=True)}
    folds = _first_folds(folds_of(chosen, spec), n)
    job: Any = (held_back_baselines, (dataset, chosen, folds, spec.split_seed))
    [baselines] = workers().run([job])
    registered = (
        mean_log_probabilities(list(own.values()))
        if spec.ensemble
        else own[best_record(records)["seed"]]
    )
    return Answered(
        chosen.codes[chosen.train][np.concatenate([held for _, held in folds])],
        registered.argmax(axis=1),
        baselines,
        [part.argmax(axis=1) for part in own.values()],
        np.full(n, worth_of_held_rows(len(folds))),
    )


def _first_folds(folds: list[Part], n: int) -> list[Part]:
    """Those that hold back the first ``n`` rows between them."""
    ends = np.cumsum([len(held) for _, held in folds])
    return folds[: int((ends <= n).sum())]
