"""A committee of every member that nothing was trained of, and a version whose answers are kept."""

import json
from dataclasses import replace

import keras
import numpy as np
import pyarrow.parquet as pq

from seqclass.evaluation.decisions import Decision, confidence_of
from seqclass.networks.architecture import Architecture
from seqclass.networks.classifier import (
    NetworkBuilder,
    ViewsBuilder,
)
from seqclass.networks.convolutions import fit_convolutions
from seqclass.networks.outputs import Predictor
from seqclass.networks.scaling import fit_scaling
from seqclass.networks.symbols import find_alphabets
from seqclass.pipeline.evaluate import ExplainedAnswers, predictions
from seqclass.store.datasets import Dataset
from seqclass.store.models import ANSWERS, Model, commit_model, save_keras
from seqclass.store.split import Split
from seqclass.store.staging import staging
from seqclass.training.assembly import Branch, committee_classifier
from seqclass.training.committee import Mixture
from seqclass.training.familiarity import fit_familiarity
from seqclass.training.kernel_ridge import fit_kernel, kernel_scores
from seqclass.training.learnt_rows import Rows
from seqclass.training.ridge import RidgeConfig
from seqclass.training.steps import fit_steps
from seqclass.training.view_kernels import KernelRows, fit_view_kernels, view_kernel_scores
from tests.support.networks import SMALL
from tests.support.places import NOW
from tests.support.stored import DESCRIBED


def views_branch(
    x: np.ndarray, n_classes: int, pooling: int, architecture: Architecture = SMALL
) -> Branch:
    """The LSTM upon views of each step, with random weights."""
    views = ViewsBuilder(fit_scaling(x), find_alphabets(x))()
    n_features = views.output_shape[-1] - 1
    return Branch(views, NetworkBuilder(n_classes, n_features, pooling, architecture)(0))


def whole_committee(rows: Rows, n_classes: int) -> keras.Model:
    """All members and familiarity; networks have random weights, the rest is fitted."""
    x, scaling = rows.x, fit_scaling(rows.x)
    drawn = fit_convolutions(x, x.shape[1], scaling, find_alphabets(x), 0)
    pooled = Predictor(drawn.pooled())
    steps = fit_steps(x, x.shape[1], scaling)
    seen = keras.Input(pooled.network.output_shape[1:])
    ridge = keras.Model(seen, keras.layers.Dense(n_classes)(seen), name="network")
    n = len(rows.y)
    halves = [np.arange(n)[::2], np.arange(n)[1::2]]
    among = KernelRows(pooled(x), rows.y, n_classes)
    kernels = fit_view_kernels(among, drawn.views, 0, RidgeConfig(folds=halves))
    members = [
        Branch(pooled.network, ridge),
        Branch(pooled.network, view_kernel_scores(kernels)),
        Branch(
            steps.network,
            kernel_scores(fit_kernel(steps.rows, rows.y, n_classes, 0, RidgeConfig())),
        ),
        views_branch(x, n_classes, 2),
    ]
    mixture = Mixture((0.1, 0.2, 0.3, 0.4), (30.0, 1.0, 2.0, 0.5), 1.5)
    return committee_classifier(
        members, mixture, fit_familiarity(rows, n_classes, drawn, pooled, 0)
    )


def store_answered(dataset: Dataset, classifier: keras.Model) -> Model:
    """A version of a classifier that was fitted to a dataset, tested by every third of its rows.

    It doubts half of them.
    """
    root, labels = dataset.root, dataset.labels()
    classes = sorted(dataset.manifest["classes"])
    rows = np.arange(len(labels))
    codes = np.array([classes.index(name) for name in labels["label"].to_pylist()])
    split = Split(classes, codes, None, rows[rows % 3 > 0], rows[rows % 3 == 0])
    outputs_of_keras = classifier(dataset.values(split.test), training=False)
    given = {name: part.numpy() for name, part in outputs_of_keras.items()}
    offsets, possible = (0.1, *[0.0] * (len(classes) - 1)), [0.45] * len(classes)
    rule = Decision(offsets, 0.0, 0.5, 0.0, 0.02, possible)
    sure = float(np.median(confidence_of(given["probabilities"], rule)))
    decision = replace(rule, threshold=sure)
    none = np.empty(0)
    outputs = (given[name] for name in ("probabilities", "p_value", "nearest"))
    answers = ExplainedAnswers(*outputs, none, none, none)
    references = labels.select(["series_id", "label"])
    kept = {
        "references.parquet": references,
        ANSWERS: predictions(dataset, split, answers, decision, {}, references),
    }
    description = {
        **DESCRIBED,
        "dataset": dataset.ref,
        "classes": classes,
        "channels": dataset.channels,
        "decision": vars(decision),
        "metrics": {"accuracy": 0.5, "macro_f1": 0.5, "log_loss": 0.7},
    }
    with staging(root, "model") as workspace:
        save_keras(classifier, root, f"{workspace}/model.keras")
        for name, table in kept.items():
            with root.fs.open(f"{workspace}/{name}", "wb") as file:
                pq.write_table(table, file)
        metrics = json.dumps({"references": len(references)}).encode()
        root.fs.pipe_file(f"{workspace}/metrics.json", metrics)
        return commit_model(root, workspace, "toy", description, NOW)  # type: ignore[arg-type]
