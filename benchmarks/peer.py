"""The product, the author's recipe and the oracle, side by side on the same rows."""

import os
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks.author import train_author
from benchmarks.oracle import oracle_answers
from seqclass.evaluation.metrics import label_scores, scores
from seqclass.generators import signal_tables
from seqclass.pipeline.replicas import baseline_rows, predict_rows, train_and_store
from seqclass.row_split import select_rows
from seqclass.runtime import environment
from seqclass.store.datasets import Dataset, open_dataset, write_dataset
from seqclass.store.formats import ColumnNames, read_files
from seqclass.store.root import Root, open_root
from seqclass.store.split import Split
from seqclass.synthesis.signals import PRESETS, SignalSpec
from seqclass.training.spec import TrainingSpec
from seqclass.workers import workers

SHIPPED = Path(__file__).parent.parent.parent / "shared" / "data" / "author"
PARTS = ("train", "test")
Row = dict[str, Any]


def compare_with_author(n_series: int, n_seeds: int) -> list[Row]:
    """Rows of macro F1 over seeds for each preset and each contender.

    The author's own shipped arrays, on his split, stand beside the presets where they are at hand.
    """
    os.environ.update(environment())
    rows: list[Row] = []
    with TemporaryDirectory() as folder:
        root = open_root(folder)
        for preset, changes in PRESETS.items():
            spec = SignalSpec(n_series=n_series, **changes)
            now = datetime.now(UTC)
            dataset = write_dataset(root, preset, signal_tables(spec), {}, now)
            chosen = select_rows(dataset, TrainingSpec())
            rows += _contenders(root, dataset, chosen, n_seeds, preset)
            if preset != "author":
                truth, guessed = oracle_answers(spec)
                rows.append(_row(preset, "oracle", [_f1(guessed[chosen.test], truth[chosen.test])]))
        if SHIPPED.is_dir():
            dataset = _shipped(root)
            rows += _contenders(
                root, dataset, select_rows(dataset, TrainingSpec()), n_seeds, "shipped"
            )
    return rows


def _shipped(root: Root) -> Dataset:
    paths = {part: [str(SHIPPED / f"{part}{axis}.npy") for axis in "XY"] for part in PARTS}
    tables = (t for part in PARTS for t in read_files(paths[part], ColumnNames(), part))
    return write_dataset(root, "shipped", tables, {}, datetime.now(UTC))


def _contenders(
    root: Root, dataset: Dataset, chosen: Split, n_seeds: int, preset: str
) -> list[Row]:
    training, y = TrainingSpec(seeds=n_seeds), chosen.codes[chosen.test]
    paths = [root.join(f"{preset}-{seed}.keras") for seed in training.replica_seeds]
    jobs = [
        (train_and_store, (dataset, chosen, training, seed, path))
        for seed, path in zip(training.replica_seeds, paths, strict=True)
    ]
    records = workers().run(jobs)
    [ours] = workers().run([(predict_rows, (dataset, chosen.test, paths))])
    author = workers().run([(author_rows, (root.url, dataset.ref, s)) for s in range(n_seeds)])
    baselines = baseline_rows(dataset, chosen, training.split_seed)
    seconds = [record["seconds"] for record in records]
    return [
        _row(preset, "this product", [scores(p, y)["macro_f1"] for p in ours], seconds),
        _row(preset, "author's recipe", [_f1(a, y) for a, _ in author], [s for _, s in author]),
        *(_row(preset, name, [_f1(guessed, y)]) for name, guessed in baselines.items()),
    ]


def author_rows(root_url: str, dataset_ref: str, seed: int) -> tuple[np.ndarray, float]:
    """The author's recipe on the product's own training and test rows, in a worker."""
    dataset = open_dataset(open_root(root_url), dataset_ref)
    chosen = select_rows(dataset, TrainingSpec())
    x, x_test = dataset.values(chosen.train), dataset.values(chosen.test)
    return train_author(x, chosen.codes[chosen.train], x_test, seed)


def _f1(guessed: np.ndarray, y: np.ndarray) -> float:
    return label_scores(guessed, y, 3)["macro_f1"]


def _row(preset: str, who: str, f1: list[float], seconds: list[float] | None = None) -> Row:
    return {
        "preset": preset,
        "who": who,
        "seeds": len(f1),
        "macro_f1_mean": float(np.mean(f1)),
        "macro_f1_sd": float(np.std(f1, ddof=1)) if len(f1) > 1 else None,
        "macro_f1_range": [min(f1), max(f1)],
        "seconds_per_seed": float(np.median(seconds)) if seconds else None,
    }
