"""Score the candidates on the test rows. Only ``answer_test_rows`` reads these before."""

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, NamedTuple, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from seqclass.auxiliary_rows import find_auxiliary
from seqclass.evaluation.calibration import soften
from seqclass.evaluation.contribution import (
    LSTM,
    CommitteeAnswers,
    contribution_of,
)
from seqclass.evaluation.decisions import (
    AMBIGUOUS,
    UNFAMILIAR,
    UNKNOWN,
    Decision,
    abstention_scores,
    confidence_of,
    predict_labels,
    reasons_of,
)
from seqclass.evaluation.goals import goal_name
from seqclass.evaluation.intervals import Accuracy, accuracy_of
from seqclass.evaluation.lstm_alone import lstm_scores
from seqclass.evaluation.metrics import (
    FullScores,
    Truth,
    label_scores,
    score_predictions,
    seed_scores,
)
from seqclass.evaluation.rule_choice import scores_by_goal
from seqclass.inference.prediction import REFERENCES, nearest_names, possible_names
from seqclass.monitoring.first_champion import JudgedRows, champion_evidence
from seqclass.monitoring.seed_spread import SeedAnswers, agreement_of
from seqclass.pipeline.candidates import Assembled, Candidate, MemberAnswers, best_record
from seqclass.pipeline.explain import ExplainedAnswers, answer_in_full, explain
from seqclass.pipeline.held_rows import (
    answered_held_back,
    held_back_probabilities,
    held_back_table,
)
from seqclass.pipeline.replicas import (
    baseline_rows,
    out_of_fold_logits,
    out_of_fold_rows,
    rule_of,
    truth_of_training,
)
from seqclass.row_split import describe_split, leaks_of
from seqclass.store.datasets import Dataset
from seqclass.store.manifests import DecisionRecord
from seqclass.store.models import ANSWERS, HELD
from seqclass.store.root import Root
from seqclass.store.split import Split
from seqclass.stored_records import (
    Committee,
    Decided,
    EnsembleRecord,
    Gain,
    Metrics,
    Scores,
    SeedRecord,
    Stability,
)
from seqclass.training.committee import pooled_logits
from seqclass.training.spec import TrainingSpec
from seqclass.workers import workers

logger = logging.getLogger(__name__)

METRICS, STABILITY = "metrics.json", "stability.json"


@dataclass(frozen=True)
class Evaluated:
    """Scores of the registered classifier and of seeds: ``metrics.json``, ``stability.json``."""

    metrics: Metrics
    stability: Stability


def evaluate(
    candidate: Candidate, assembled: Assembled, by_member: list[MemberAnswers]
) -> Evaluated:
    """Score the registered classifier, every seed and the baselines on the same test rows.

    by_member: what ``answer_test_rows`` returns for each seed of the candidate.
    """
    dataset, split, spec = candidate.dataset, candidate.split, candidate.training
    root, records, best = dataset.root, assembled.seeds, assembled.best
    decision = rule_of(assembled.ensemble or best)
    predicted = _answers(candidate, dataset, split, assembled, by_member, decision)
    answers, by_seed, baselines = predicted.registered, predicted.by_seed, predicted.baselines
    y, n_classes = split.codes[split.test], len(split.classes)
    seeds = [_scored_seed(record, predicted, y, split.classes) for record in records]
    labels = predict_labels(answers.probabilities, decision)
    held_back = held_back_probabilities(candidate, assembled)
    scored = _scored(answers, decision, split, spec, held_back)
    codes = {r["seed"]: predict_labels(by_seed[r["seed"]], rule_of(r)) for r in records}
    tested = JudgedRows(y, labels, baselines, [*codes.values()], np.ones(len(y)), split.test_groups)
    held = answered_held_back(candidate, records)
    evidence = champion_evidence(tested, held, spec.limits, n_classes, spec.split_seed)
    metrics: Metrics = {
        **scored,
        "registered_seed": None if assembled.ensemble else best["seed"],
        "lstm": next(seed for seed in seeds if seed["seed"] == best["seed"])["lstm"],
        **_committee(best, predicted.members[best["seed"]], labels, split),
        "out_of_fold": _out_of_fold(candidate, split, best),
        "set_coverage": spec.abstention.set_coverage,
        "baselines": {k: label_scores(v, y, n_classes) for k, v in baselines.items()},
        "evidence": evidence,
        "split": describe_split(dataset, split, spec),
        "leaks": leaks_of(dataset, split, find_auxiliary(dataset, split, spec)),
        "symbols": _symbols(dataset.channels, records),
        **explain(dataset, split, answers, labels, candidate.workspace),
        "ensemble": _ensemble(assembled, scored["metrics"], seeds),
    }
    _write_json(root.fs, candidate.path(METRICS), metrics)
    learnt = pa.array(split.train[np.array(best["references"], dtype=np.int64)])
    references = dataset.labels().take(learnt).select(["series_id", "label"])
    _write_table(root.fs, candidate.path(REFERENCES), references)
    table = predictions(dataset, split, answers, decision, codes, references)
    _write_table(root.fs, candidate.path(ANSWERS), table)
    _write_table(root.fs, candidate.path(HELD), held_back_table(candidate, held_back))
    by_row, names = np.stack(list(codes.values())), table["series_id"].to_pylist()
    of_seeds = SeedAnswers(by_row, y, names, n_classes, split.test_groups)
    agreement = agreement_of(seeds, of_seeds, spec.limits, spec.split_seed, evidence["seeds"])
    stability: Stability = {"seeds": seeds, **agreement}
    _write_json(root.fs, candidate.path(STABILITY), stability)
    logger.info("macro F1 %.4f on %d test rows", metrics["metrics"]["macro_f1"], len(y))
    return Evaluated(metrics, stability)


def read_evaluated(root: Root, folder: str) -> Evaluated:
    """Read the evaluation from the folder of a candidate or of a version."""
    metrics, stability = (
        json.loads(root.fs.cat_file(f"{folder}/{name}")) for name in (METRICS, STABILITY)
    )
    return Evaluated(metrics, stability)


def _committee(
    best: SeedRecord, alone: dict[str, np.ndarray], labels: np.ndarray, split: Split
) -> Committee:
    """Return the contribution of each member of the best seed, and its number of references."""
    answered: CommitteeAnswers = {
        "alone": alone,
        "committee": _mixed(best, alone, "weight", best["committee_temperature"]),
        "registered": labels,
        "y": split.codes[split.test],
        "groups": split.test_groups,
    }
    return {
        "committee": contribution_of(best["members"], answered),
        "left_out": [member for member in best["members"] if member["accuracy"] is None],
        "references": len(best["references"]),
    }


def _scored(
    answers: ExplainedAnswers,
    decision: Decision,
    split: Split,
    spec: TrainingSpec,
    held_back: np.ndarray,
) -> Decided:
    """Return all scores of the registered classifier, and its decision rule."""
    probabilities, y = answers.probabilities, split.codes[split.test]
    reasons = reasons_of(probabilities, answers.p_value, decision)
    truth = Truth(y, split.classes, split.test_groups)
    rows = out_of_fold_rows(split, spec, len(held_back))
    held = held_back, truth_of_training(split).take(rows)
    return {
        "unknown": {name: reasons.count(name) for name in (AMBIGUOUS, UNFAMILIAR)},
        "classes": split.classes,
        "train_rows": len(split.train),
        "test_rows": len(split.test),
        "metrics": score_predictions(probabilities, truth, spec.split_seed, decision),
        "decision": cast(DecisionRecord, asdict(decision)),
        "abstention": abstention_scores(probabilities, y, decision),
        "goal": goal_name(spec.goal),
        "by_goal": scores_by_goal(held, (probabilities, truth), spec.goal, spec.abstention),
    }


class TestPredictions(NamedTuple):
    """Predictions for the test rows.

    They are those of the registered model; probabilities ``(n, classes)`` of single members, by
    seed and name, and of each seed; and codes ``(n,)`` of the baselines.
    """

    registered: ExplainedAnswers
    members: dict[int, dict[str, np.ndarray]]
    by_seed: dict[int, np.ndarray]
    baselines: dict[str, np.ndarray]


def _answers(
    candidate: Candidate,
    dataset: Dataset,
    split: Split,
    assembled: Assembled,
    by_member: list[MemberAnswers],
    decision: Decision,
) -> TestPredictions:
    """Let the registered model and the baselines answer the test rows, as the seeds have done."""
    best, path = assembled.best["seed"], candidate.path("model.keras")
    answers, baselines = workers().run([
        (answer_in_full, (dataset, split, path, decision)),
        (baseline_rows, (dataset, split, candidate.training.split_seed)),
    ])  # fmt: skip
    pairs = list(zip(assembled.seeds, by_member, strict=True))
    alone = {record["seed"]: members for record, members in pairs}
    by_seed = {
        record["seed"]: _mixed(record, members, "registered", record["temperature"])
        for record, members in pairs
    }
    if assembled.ensemble is None:
        by_seed[best] = answers.probabilities
    return TestPredictions(answers, alone, by_seed, baselines)


def _mixed(
    record: SeedRecord,
    alone: dict[str, np.ndarray],
    share: Literal["weight", "registered"],
    temperature: float,
) -> np.ndarray:
    """Mix probabilities ``(n, classes)`` of a seed's members, weighted by a share."""
    parts = [member[share] * alone[member["name"]] for member in record["members"] if member[share]]
    return soften(pooled_logits(np.sum(parts, axis=0)), temperature)


def _out_of_fold(candidate: Candidate, split: Split, record: SeedRecord) -> Accuracy:
    """Return the accuracy of a seed's members on training rows they were not fitted to, by fold."""
    logits = out_of_fold_logits(candidate.root, candidate.seed_path(record["seed"]))
    rows = out_of_fold_rows(split, candidate.training, len(logits))
    answers = predict_labels(soften(logits, record["temperature"]), rule_of(record))
    right = answers == split.codes[split.train][rows]
    groups = split.train_groups
    return accuracy_of(right, None if groups is None else groups[rows])


def _ensemble(
    assembled: Assembled, scores: FullScores, seeds: list[SeedRecord]
) -> EnsembleRecord | None:
    """Return the record of an ensemble with its gain over its seeds; None if a seed is registered.

    scores: those of the ensemble.
    """
    if assembled.ensemble is None:
        return None
    best = best_record(seeds)
    gain: dict[str, Gain] = {
        name: {
            "ensemble": scores[name],
            "mean_of_seeds": float(np.mean([seed[name] for seed in seeds])),
            "best_validated_seed": best[name],
        }
        for name in ("accuracy", "macro_f1", "log_loss", "ece")
    }
    return {**assembled.ensemble, "gain": gain}


def _symbols(channels: list[str], records: list[SeedRecord]) -> dict[str, list[int]]:
    """Return the lowest and highest symbol of each channel that all seeds treat as symbols."""
    limits_of_channels = zip(channels, records[0]["symbols"], strict=True)
    return {channel: limits for channel, limits in limits_of_channels if limits is not None}


def _scored_seed(
    record: SeedRecord, predicted: TestPredictions, y: np.ndarray, classes: list[str]
) -> SeedRecord:
    """Return a seed's record with its scores, without the references.

    The references of the registered seed are a table of their own.
    """
    test_scores = cast(Scores, seed_scores(predicted.by_seed[record["seed"]], y, rule_of(record)))
    lstm = predicted.members[record["seed"]].get(LSTM)
    scored: SeedRecord = {
        **record, **test_scores, "lstm": None if lstm is None else lstm_scores(lstm, y, classes)
    }  # fmt: skip
    del scored["references"]
    return scored


def _write_table(fs: Any, path: str, table: pa.Table) -> None:
    with fs.open(path, "wb") as file:
        pq.write_table(table, file)


def predictions(
    dataset: Dataset,
    split: Split,
    answers: ExplainedAnswers,
    decision: Decision,
    by_seed: dict[int, np.ndarray],
    references: pa.Table,
) -> pa.Table:
    """Build a row per test series: truth, the registered model's answer, every seed's answer.

    ``answer`` is the prediction, or ``unknown`` with its ``reason``, see ``reasons_of``.
    ``possible``: the classes that can't be ruled out; ``nearest``: the most similar training
    series.
    """
    probabilities = answers.probabilities
    names = pa.array(split.classes, pa.string())
    table = dataset.labels().take(pa.array(split.test)).select(["series_id", "label"])
    guessed = names.take(pa.array(predict_labels(probabilities, decision)))
    confidence = confidence_of(probabilities, decision)
    reasons = pa.array(reasons_of(probabilities, answers.p_value, decision), pa.string())
    columns = {
        "series_id": table["series_id"],
        "label": table["label"],
        "prediction": guessed,
        "answer": pc.if_else(pc.is_null(reasons), guessed, UNKNOWN),
        "reason": reasons,
        "confidence": pa.array(confidence, pa.float32()),
        "familiarity": pa.array(answers.p_value, pa.float32()),
        "possible": possible_names(probabilities, decision.possible, split.classes),
        "nearest": nearest_names(answers.nearest, references["series_id"]),
        "probabilities": pa.array(list(probabilities), pa.list_(pa.float32())),
        **{f"seed_{seed}": names.take(pa.array(answer)) for seed, answer in by_seed.items()},
    }
    return pa.table(columns)


def _write_json(fs: Any, path: str, content: Mapping[str, Any]) -> None:
    fs.pipe_file(path, json.dumps(content, indent=2, ensure_ascii=False).encode())
