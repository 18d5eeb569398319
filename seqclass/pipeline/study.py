"""Studies: many seeds of several recipes on one dataset, and how they spread."""

import json
import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any, NamedTuple, cast

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from seqclass.monitoring.seed_spread import SeedAnswers, agreement_of
from seqclass.pages.drawing import Strip
from seqclass.pages.rendering import render
from seqclass.pipeline.candidates import decisive
from seqclass.pipeline.progress import followed, training_line
from seqclass.pipeline.replicas import study_seed
from seqclass.pipeline.train import check_validation
from seqclass.row_split import select_rows
from seqclass.runtime import numerics
from seqclass.store.datasets import Dataset
from seqclass.store.references import StudyRef
from seqclass.store.staging import staging
from seqclass.store.studies import commit_study, digest_of, read_run, run_path
from seqclass.stored_records import RunRecord, VariantSummary
from seqclass.training.spec import TrainingSpec
from seqclass.training.study_spec import StudySpec, Variant
from seqclass.workers import workers

logger = logging.getLogger(__name__)

TABLE, SUMMARY, REPORT = "runs.parquet", "stability.json", "report.html"
SPREAD = ("mean", "sd", "min", "max")


COLUMNS = (
    "seed", "accuracy", "macro_f1", "balanced_accuracy", "log_loss", "log_loss_untempered", "ece",
    "lstm_accuracy", "lstm_macro_f1", "lstm_log_loss", "validation_log_loss",
    "validation_macro_f1", "temperature", "updates", "restarts", "seconds", "weights_sha256",
    "predictions_sha256",
)  # fmt: skip
"""Columns of ``runs.parquet`` behind the recipe: scores of the test rows, losses in nats, seconds
of training. lstm_…: of its LSTM alone, null without one. log_loss_untempered: not calibrated."""
StudyRow = dict[str, Any]


class _Run(NamedTuple):
    """A run's name and its record."""

    name: str
    record: RunRecord


def run_name(dataset: Dataset, spec: TrainingSpec, seed: int) -> str:
    """Return the name of a seed's run."""
    return digest_of(decisive(dataset, spec, seed))


def missing_runs(dataset: Dataset, spec: StudySpec) -> dict[str, TrainingSpec]:
    """Return the specs of one seed each whose runs are not stored yet, by their labels.

    ValueError if a variant's split is too small for a training.
    """
    labels, missing = dataset.labels(), dict[str, TrainingSpec]()
    for variant in spec.variants():
        check_validation(select_rows(dataset, variant.spec, labels), variant.spec)
        for seed in variant.spec.replica_seeds:
            seed_spec = replace(variant.spec, seeds=1, first_seed=seed)
            run = run_name(dataset, seed_spec, seed)
            if read_run(dataset.root, dataset.manifest["name"], run) is None:
                missing[variant.label(seed)] = seed_spec
    return missing


def train_run(label: str, spec: TrainingSpec, dataset: Dataset) -> None:
    """Train the spec's one seed, answer the test rows, and store its record, once."""
    name, run = dataset.manifest["name"], run_name(dataset, spec, spec.first_seed)
    job = dataset, select_rows(dataset, spec), spec, label, run_path(dataset.root, name, run)
    with followed(label) as watch:
        record = cast(RunRecord | None, read_run(dataset.root, name, run))
        watch.finish(training_line(record or workers().call(study_seed, *job, watch=watch)))


def summarise_study(dataset: Dataset, spec: StudySpec) -> str:
    """Seal the table of all runs, their spread and a page; return the study's reference."""
    root, labels = dataset.root, dataset.labels()
    results = [_summary(dataset, labels, variant) for variant in spec.variants()]
    summaries = [summary for summary, _ in results]
    runs = [row for _, rows in results for row in rows]
    with staging(root, "study") as workspace:
        with root.fs.open(f"{workspace}/{TABLE}", "wb") as file:
            pq.write_table(pa.Table.from_pylist(runs), file)
        summary = json.dumps({"variants": summaries}, indent=2, ensure_ascii=False)
        root.fs.pipe_file(f"{workspace}/{SUMMARY}", summary.encode())
        page = _page(dataset, summaries, runs)
        root.fs.pipe_file(f"{workspace}/{REPORT}", page.encode())
        study = commit_study(
            root,
            workspace,
            StudyRef(dataset.manifest["name"], digest_of([run["run"] for run in runs])),
            {"dataset": dataset.ref, "spec": asdict(spec), "numerics": numerics()},
            datetime.now(UTC),
        )
    return study.ref


def _summary(
    dataset: Dataset, labels: pa.Table, variant: Variant
) -> tuple[VariantSummary, list[StudyRow]]:
    """Return the spread of a variant's seeds, and its runs as rows of the table."""
    split = select_rows(dataset, variant.spec, labels)
    names = labels["series_id"].take(pa.array(split.test)).to_pylist()
    runs = list(_runs(dataset, variant))
    rows = [_row(variant, run) for run in runs]
    answers = np.array([run.record["answers"] for run in runs])
    seed_answers = SeedAnswers(
        answers, split.codes[split.test], names, len(split.classes), split.test_groups
    )
    f1 = np.array([row["macro_f1"] for row in rows])
    summary: VariantSummary = {
        "recipe": variant.recipe,
        "architecture": variant.architecture,
        "n_seeds": len(rows),
        **agreement_of(
            [run.record for run in runs], seed_answers, variant.spec.limits, variant.spec.split_seed
        ),
        "farthest_from_mean": float(np.abs(f1 - f1.mean()).max()),
        "restarts": sum(row["restarts"] for row in rows),
        "log_loss_mean": _mean(row["log_loss"] for row in rows),
        "log_loss_untempered_mean": _mean(row["log_loss_untempered"] for row in rows),
        "ece_mean": _mean(row["ece"] for row in rows),
        "validation_log_loss_mean": _mean(row["validation_log_loss"] for row in rows),
        "seconds_median": float(np.median([row["seconds"] for row in rows])),
    }
    return summary, rows


def _mean(values: Iterable[float]) -> float:
    return float(np.mean(list(values)))


def _runs(dataset: Dataset, variant: Variant) -> Iterator[_Run]:
    for seed in variant.spec.replica_seeds:
        run = run_name(dataset, variant.spec, seed)
        record = read_run(dataset.root, dataset.manifest["name"], run)
        if record is None:
            raise ValueError(
                f"study: expected run {run} ({variant.label(seed)}), its record is gone; start "
                "the study again"
            )
        yield _Run(run, cast(RunRecord, record))


def _row(variant: Variant, run: _Run) -> StudyRow:
    record = dict[str, Any](run.record)
    for part in ("lstm", "validation"):
        record |= {f"{part}_{score}": value for score, value in (record[part] or {}).items()}
    recipe = {"recipe": variant.recipe, "architecture": variant.architecture}
    return {"run": run.name, **recipe, **{name: record.get(name) for name in COLUMNS}}


def _page(dataset: Dataset, variants: list[VariantSummary], runs: list[StudyRow]) -> str:
    scores = {_title(v): [r["macro_f1"] for r in runs if _title(r) == _title(v)] for v in variants}
    strips = [Strip(name, f1, interval=(min(f1), max(f1))) for name, f1 in scores.items()]
    return render("study", "../../../", dataset=dataset.ref, variants=variants, runs=runs,
                  strips=strips)  # fmt: skip


def _title(recipe: Mapping[str, Any]) -> str:
    return f"{recipe['recipe']}, {recipe['architecture']}"
