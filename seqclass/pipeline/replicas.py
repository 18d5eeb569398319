"""The work of worker processes: train one seed, or predict with stored classifiers.

TensorFlow is imported inside the functions, so only in the process that runs them.
"""

import contextlib
import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from seqclass.auxiliary_rows import find_auxiliary
from seqclass.evaluation.calibration import (
    fit_temperature,
    mean_log_probabilities,
    soften,
    without_temperature,
)
from seqclass.evaluation.contribution import LSTM
from seqclass.evaluation.decisions import Decision, predict_labels
from seqclass.evaluation.lstm_alone import LstmScores, lstm_scores
from seqclass.evaluation.metrics import Truth, log_loss, seed_scores
from seqclass.evaluation.rule_choice import choose_rule
from seqclass.plugins import parts
from seqclass.runtime import tensorflow
from seqclass.store.datasets import Dataset, SeriesReader
from seqclass.store.manifests import DecisionRecord
from seqclass.store.models import load_keras, save_keras
from seqclass.store.registry import open_model
from seqclass.store.root import Root, create_file
from seqclass.store.split import Split
from seqclass.stored_records import DecidedRecord, RunRecord, Scores, SeedRecord, TrainedRecord
from seqclass.training.row_order import sampled
from seqclass.training.spec import TrainingSpec
from seqclass.training.splits import Part, holdout_folds
from seqclass.workers import Reporter

if TYPE_CHECKING:
    from seqclass.training.baselines import Baseline

HISTORY = pa.schema({
    "seed": pa.int64(), "member": pa.string(), "network": pa.int64(), "update": pa.int64(),
    "training_loss": pa.float64(),
})  # fmt: skip
"""Columns of ``history.parquet``."""


def train_and_store(
    dataset: Dataset, split: Split, spec: TrainingSpec, seed: int, model_path: str
) -> SeedRecord:
    """Train a seed on the dataset's training rows, store its classifier, return its record.

    The logits of the held-back rows, their nested scores and the losses of every update are stored
    beside the classifier.
    """
    root = dataset.root
    replica = _train(dataset, split, spec, seed, f"seed {seed}")
    root.fs.makedirs(model_path.rpartition("/")[0], exist_ok=True)
    save_keras(replica.classifier, root, model_path)
    save_keras(replica.members_alone, root, members_path(model_path))
    for path, array in (
        (_out_of_fold_path(model_path), replica.validation_logits),
        (_nested_path(model_path), replica.nested),
    ):
        with root.fs.open(path, "wb") as file:
            np.save(file, array)
    with root.fs.open(history_path(model_path), "wb") as file:
        pq.write_table(_history(replica), file)
    symbols = [alphabet and alphabet.limits for alphabet in replica.alphabets]
    return {**_record(replica, f"seed {seed}", split, spec), "symbols": symbols}


def files_of_seed(model_path: str) -> list[str]:
    """Return the paths of all files that training a seed stores."""
    others = (members_path, history_path, _out_of_fold_path, _nested_path)
    return [model_path, *(path(model_path) for path in others)]


def files_of_answers(model_path: str) -> list[str]:
    """Return the paths of what another goal needs of a seed, besides a network to register."""
    needed = (history_path, _out_of_fold_path, _nested_path, answers_path)
    return [path(model_path) for path in needed]


def members_path(model_path: str) -> str:
    """Return the path of the members of a stored classifier, each of which can predict alone."""
    return model_path.removesuffix(".keras") + ".members.keras"


def history_path(model_path: str) -> str:
    """Return the path of the losses of its training."""
    return model_path.removesuffix(".keras") + ".history.parquet"


def answers_path(model_path: str) -> str:
    """Return the path of its members' answers to the test rows."""
    return model_path.removesuffix(".keras") + ".answers.npz"


def _out_of_fold_path(model_path: str) -> str:
    return model_path.removesuffix(".keras") + ".npy"


def _nested_path(model_path: str) -> str:
    return model_path.removesuffix(".keras") + ".nested.npy"


def _train(dataset: Dataset, split: Split, spec: TrainingSpec, seed: int, label: str) -> Any:
    tensorflow()
    import keras

    from seqclass.training.replica import train_replica

    keras.utils.clear_session()
    return train_replica(
        _training_rows(dataset, split, spec),
        spec,
        seed,
        Reporter(label),
        None if spec.warm_start is None else _weights_of(dataset, split, spec.warm_start),
    )


def _training_rows(dataset: Dataset, split: Split, spec: TrainingSpec) -> Any:
    """Return the training rows, or a sample of them and a way to read all, if they are many."""
    from seqclass.training.learnt_rows import Rows, WindowedRows
    from seqclass.training.replica import TrainingRows

    y, groups, sample = split.codes[split.train], split.train_groups, sample_of(split, spec)
    if sample is None or spec.window is None:
        rows, others = Rows(dataset.values(split.train), y), find_auxiliary(dataset, split, spec)
        auxiliary = None if others is None else Rows(others.values(dataset.channels), others.codes)
        return TrainingRows(
            rows, len(split.classes), groups, dataset.channels, auxiliary=auxiliary
        )  # fmt: skip
    many = WindowedRows(
        lambda numbers: dataset.values(split.train[numbers]), y, groups,
        np.searchsorted(split.train, np.cumsum(dataset.group_sizes())), spec.window,
        sample, np.arange(len(y), dtype=np.int32),
    )  # fmt: skip
    rows = Rows(many.read(sample), y[sample])
    of_sample = None if groups is None else groups[sample]
    return TrainingRows(rows, len(split.classes), of_sample, dataset.channels, many)


def _weights_of(dataset: Dataset, split: Split, model_ref: str) -> list[list[np.ndarray]]:
    from seqclass.networks.classifier import weights_by_network

    model = open_model(dataset.root, model_ref)
    for what, given, its in (
        ("classes", split.classes, model.manifest["classes"]),
        ("channels", dataset.channels, model.manifest["channels"]),
    ):
        if its != list(given):
            raise ValueError(
                f"warm_start: expected a model of the {what} {', '.join(given)}, got {model.ref} "
                f"of {', '.join(its)}; start fresh"
            )
    return weights_by_network(load_keras(dataset.root, model.path("model.keras")))


def _record(replica: Any, label: str, split: Split, spec: TrainingSpec) -> SeedRecord:
    record = decided(replica.validation_logits, replica.temperature, split, spec)
    return {
        "decision": record["decision"],
        "validation": record["validation"],
        "label": label,
        "seed": replica.seed,
        "temperature": replica.temperature,
        "committee_temperature": replica.committee_temperature,
        "updates": sum(len(fit.losses) for fit in replica.fits),
        "restarts": sum(fit.restarts for fit in replica.fits),
        "members": replica.members,
        "references": replica.references.tolist(),
        "auxiliary_weight": replica.auxiliary_weight,
        "seconds": round(replica.seconds, 2),
        "weights_sha256": weights_digest(replica.classifier.get_weights()),
    }


def decided(
    logits: np.ndarray, temperature: float, split: Split, spec: TrainingSpec
) -> DecidedRecord:
    """Return the rule that the spec's goal asks for, chosen on held-back rows, and their scores.

    logits: ``(n, classes)`` of the first n held-back rows.
    """
    probabilities = soften(logits, temperature)
    truth = truth_of_training(split).take(out_of_fold_rows(split, spec, len(logits)))
    rule = choose_rule(probabilities, truth, spec.goal, spec.abstention)
    return {
        "decision": cast(DecisionRecord, asdict(rule)),
        "validation": seed_scores(probabilities, truth.y, rule),
    }


def truth_of_training(split: Split) -> Truth:
    """Return the truth of the training rows."""
    return Truth(split.codes[split.train], split.classes, split.train_groups)


def rule_of(record: TrainedRecord) -> Decision:
    """Return the rule of a recorded classifier."""
    return Decision(**record["decision"])


def _history(replica: Any) -> pa.Table:
    """Return the loss (nats) of every update of every network, which are numbered."""
    points = [
        {
            "seed": replica.seed,
            "member": LSTM,
            "network": number,
            "update": k,
            "training_loss": loss,
        }
        for number, fit in enumerate(replica.fits)
        for k, loss in enumerate(fit.losses.tolist(), start=1)
    ]
    return pa.Table.from_pylist(points, HISTORY)


def study_seed(
    dataset: Dataset, split: Split, spec: TrainingSpec, label: str, path: str
) -> RunRecord:
    """Train the spec's first seed, answer the test rows, and store the record as JSON."""
    replica = _train(dataset, split, spec, spec.first_seed, label)
    from seqclass.networks.classifier import probabilities_of
    from seqclass.networks.outputs import predict_all
    from seqclass.networks.recurrence import accelerate

    x, y = dataset.series(split.test), split.codes[split.test]
    probabilities = predict_all(accelerate(probabilities_of(replica.classifier)), x)
    trained = _record(replica, label, split, spec)
    rule = rule_of(trained)
    record: RunRecord = {
        **trained,
        "lstm": _lstm(replica, x, y, split.classes),
        **cast(Scores, seed_scores(probabilities, y, rule)),
        "log_loss_untempered": log_loss(without_temperature(probabilities, replica.temperature), y),
        "predictions_sha256": hashlib.sha256(probabilities.tobytes()).hexdigest(),
        "answers": predict_labels(probabilities, rule).tolist(),
    }
    root, content = dataset.root, json.dumps(record).encode()
    with contextlib.suppress(FileExistsError):  # another study of these runs was faster
        create_file(root, path, content)
    return record


def _lstm(replica: Any, x: SeriesReader, y: np.ndarray, classes: list[str]) -> LstmScores | None:
    """Return scores of a seed's LSTM alone; None if the spec names no LSTM."""
    import keras

    from seqclass.networks.outputs import predict_all
    from seqclass.networks.recurrence import accelerate

    members = replica.members_alone
    if LSTM not in members.output:
        return None
    alone = accelerate(keras.Model(members.input, members.output[LSTM], name="lstm"))
    return lstm_scores(predict_all(alone, x), y, classes)


def build_ensemble(
    root: Root,
    split: Split,
    spec: TrainingSpec,
    members: list[tuple[str, float]],
    model_path: str,
) -> TrainedRecord:
    """Store the average of trained seeds as one classifier and return its record.

    members: path and temperature of each. Its own temperature is fitted to the rows that every
    member held back: all begin with the same ones, and some may have stopped earlier.
    """
    tensorflow()
    from seqclass.networks.classifier import (
        average_classifiers,
        probabilities_of,
        with_familiarity,
    )

    logits = [out_of_fold_logits(root, path) / temperature for path, temperature in members]
    mean = mean_log_probabilities(logits)
    held = out_of_fold_rows(split, spec, len(mean))
    temperature = fit_temperature(mean, split.codes[split.train][held])
    stored = [probabilities_of(load_keras(root, path)) for path, _ in members]
    averaged = average_classifiers(stored, temperature)
    classifier = with_familiarity(averaged, load_keras(root, members[0][0]))
    save_keras(classifier, root, model_path)
    return {
        **decided(mean, temperature, split, spec),
        "temperature": temperature,
        "weights_sha256": weights_digest(classifier.get_weights()),
    }


def out_of_fold_rows(split: Split, spec: TrainingSpec, n: int) -> np.ndarray:
    """Return the first ``n`` training rows, by number, that a seed's members hold back."""
    return np.concatenate([rows for _, rows in folds_of(split, spec)])[:n]


def folds_of(split: Split, spec: TrainingSpec) -> list[Part]:
    """Return the training rows, by number, that each network of a member keeps and holds back.

    Of rows that are too many to be held, those of the sample are divided.
    """
    y, groups, sample = split.codes[split.train], split.train_groups, sample_of(split, spec)
    rows = np.arange(len(y)) if sample is None else sample
    groups = None if groups is None else groups[rows]
    folds = holdout_folds(
        y[rows], groups, spec.validation_fraction, spec.split_seed,
        is_helped=spec.auxiliary is not None,
    )  # fmt: skip
    return [(rows[kept], rows[held]) for kept, held in folds]


def sample_of(split: Split, spec: TrainingSpec) -> np.ndarray | None:
    """Return numbers of training rows that stand for all, or None if all are held at once."""
    return sampled(split.codes[split.train], spec.window, spec.split_seed)


def out_of_fold_logits(root: Root, model_path: str) -> np.ndarray:
    """Return the logits ``(n, classes)`` of a seed's members together for held-back rows."""
    with root.fs.open(_out_of_fold_path(model_path), "rb") as file:
        return np.load(file, allow_pickle=False)


def read_nested_scores(root: Root, model_path: str) -> np.ndarray:
    """Return what ``training.mixing.nested_scores`` returns for a seed, ``(folds, n, classes)``.

    The rows are the first ``n`` of ``out_of_fold_rows``.
    """
    with root.fs.open(_nested_path(model_path), "rb") as file:
        return np.load(file, allow_pickle=False)


def weights_digest(weights: list[np.ndarray]) -> str:
    """Return the SHA-256 over all weights' shapes and bytes, in the model's order."""
    digest = hashlib.sha256()
    for weight in weights:
        digest.update(str(weight.shape).encode())
        digest.update(np.ascontiguousarray(weight).tobytes())
    return digest.hexdigest()


def stored_weights_digest(root: Root, model_path: str) -> str:
    """Return the digest of the weights in a stored classifier."""
    tensorflow()
    return weights_digest(load_keras(root, model_path).get_weights())


def predict_rows(dataset: Dataset, rows: np.ndarray, model_paths: list[str]) -> list[np.ndarray]:
    """Return probabilities ``(rows, classes)`` of a dataset's rows by each stored classifier.

    Each is loaded separately, since seeds may have chosen different networks.
    """
    tensorflow()
    from seqclass.networks.classifier import probabilities_of
    from seqclass.networks.outputs import predict_all

    x = dataset.series(rows)
    models = (probabilities_of(load_fast(dataset.root, path)) for path in model_paths)
    return [predict_all(model, x) for model in models]


def predict_members(dataset: Dataset, rows: np.ndarray, model_path: str) -> dict[str, np.ndarray]:
    """Return probabilities ``(rows, classes)`` of rows by each member of a stored seed."""
    tensorflow()
    from seqclass.networks.outputs import predict_all
    from seqclass.networks.recurrence import accelerate

    members = accelerate(load_keras(dataset.root, members_path(model_path)))
    return predict_all(members, dataset.series(rows))


def load_fast(root: Root, path: str) -> Any:
    """Load a stored classifier whose LSTMs run on the kernel."""
    from seqclass.networks.recurrence import accelerate

    return accelerate(load_keras(root, path))


def baseline_rows(dataset: Dataset, split: Split, seed: int) -> dict[str, np.ndarray]:
    """Return each baseline's class codes for the dataset's test rows."""
    from seqclass.training.baselines import baseline_predictions

    x, x_test = dataset.series(split.train), dataset.series(split.test)
    y = split.codes[split.train]
    fit = partial(fit_baselines, channels=dataset.channels, classes=split.classes, seed=seed)
    return baseline_predictions(x, y, x_test, seed, dataset.channels, fit)


def fit_baselines(
    x: np.ndarray, y: np.ndarray, channels: list[str], classes: Sequence[str], seed: int
) -> "dict[str, Baseline]":
    """Fit the baselines that only channels of their kind have: those of symbols, of plug-ins."""
    fitted = [fit(x, y, channels, classes, seed) for fit in parts("baselines")]
    return {name: model for models in fitted for name, model in models.items()}


def held_back_baselines(dataset: Dataset, split: Split, folds: list[Part], seed: int) -> Any:
    """Return each baseline's class codes for the training rows that these folds hold back."""
    from seqclass.training.baselines import held_back_predictions

    rows = dataset.series(split.train), split.codes[split.train]
    return held_back_predictions(rows, folds, seed, dataset.channels)
