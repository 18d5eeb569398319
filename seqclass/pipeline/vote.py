"""Predict every piece by a vote of its windows, beside baselines trained on the same rows."""

import hashlib
import json
import logging
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from seqclass.evaluation.decisions import Decision, rule_scores
from seqclass.evaluation.votes import (
    Accuracy,
    Lead,
    VotingSpec,
    accuracy_of,
    lead_of,
    names_of,
    set_scores,
    sliding_windows,
    vote,
)
from seqclass.pipeline.replicas import fit_baselines, load_fast
from seqclass.row_split import spec_of, split_of
from seqclass.runtime import tensorflow
from seqclass.store.datasets import Dataset, open_dataset
from seqclass.store.manifests import CHOSEN_FROM, Source
from seqclass.store.models import Model
from seqclass.store.references import DatasetRef
from seqclass.store.registry import open_model
from seqclass.store.root import Root, replace_file
from seqclass.stored_records import Poll, Voter
from seqclass.workers import workers

if TYPE_CHECKING:
    from seqclass.training.baselines import Baseline

logger = logging.getLogger(__name__)

OURS = "this model"
BATCH = 2048
"""Number of windows whose baseline scores are in memory at once."""


@dataclass(frozen=True)
class PollSpec:
    """Settings of a vote.

    voting: how pieces are cut and answered. sets: names of classes that are easily confused, by the
    name of their set.
    """

    voting: VotingSpec = field(default_factory=VotingSpec)
    sets: dict[str, tuple[str, ...]] = field(default_factory=dict)


def hold_vote(model_ref: str, dataset_ref: str, spec: PollSpec, root: Root) -> str:
    """Predict every piece by its windows' votes and return the path of the result.

    Rows that the model was trained on are left out. A piece is a group of the dataset, or a series
    without a group.
    """
    model, dataset = open_model(root, model_ref), open_dataset(root, dataset_ref)
    check_channels(model, dataset)
    result = workers().call(poll, model, dataset, spec)
    digest = hashlib.sha256(json.dumps([dataset.ref, asdict(spec)]).encode()).hexdigest()[:16]
    path = root.join("scores", model.name, model.version, f"votes-{digest}.json")
    replace_file(root, path, json.dumps(result, indent=2, ensure_ascii=False).encode())
    logger.info("%d pieces voted", len(result["answers"]))
    return path


def check_channels(model: Model, dataset: Dataset) -> None:
    """Refuse with ValueError a dataset whose channels are not those of the model."""
    channels = model.manifest["channels"]
    if dataset.channels != channels:
        raise ValueError(
            f"DATASET: expected the channels {', '.join(channels)} of {model.ref}, {dataset.ref} "
            f"has {', '.join(dataset.channels)}; import the columns under these names"
        )


def poll(model: Model, dataset: Dataset, spec: PollSpec) -> Poll:
    """Predict with the model and the baselines, by window and by vote; runs in a worker."""
    root = model.root
    classes = model.manifest["classes"]
    table = dataset.labels()
    dataset = replace(dataset, is_checked=True)
    rows = unseen_rows(root, model, dataset, table)
    table = table.take(rows)
    windows, owners = sliding_windows(dataset.values(rows), spec.voting)
    pieces, piece_of_row = _pieces(table)
    owners = piece_of_row[owners]
    labels = _labels(table, piece_of_row, len(pieces), dataset.ref)
    codes = np.array([classes.index(label) if label in classes else -1 for label in labels])
    strange = np.array([label is not None and label not in classes for label in labels])
    scores = window_scores(root, model, windows)
    votes = {
        who: vote(s.argmax(axis=1), owners, len(classes), spec.voting.agreement)
        for who, s in scores.items()
    }
    sets = {
        name: np.array([classes.index(c) for c in members if c in classes])
        for name, members in spec.sets.items()
    }
    return {
        "model": model.ref,
        "dataset": dataset.ref,
        "trained_on": model.manifest["dataset"],
        "kind": f"{_kind(model.manifest['dataset_source'])} → {_kind(dataset.manifest['source'])}",
        "voting": asdict(spec.voting),
        "windows": len(windows),
        "pieces": len(pieces),
        "trained_rows": dataset.manifest["n_series"] - len(rows),
        "of_other_classes": _others(labels, classes),
        "who": _summaries(scores, votes, _Truth(codes, strange, owners), sets),
        "leads": _leads(scores, codes, owners),
        "tonics": tonic_accuracies(dataset, pieces, codes, votes[OURS][0]),
        "answers": _answers(pieces, labels, votes, owners, classes),
    }


def unseen_rows(root: Root, model: Model, dataset: Dataset, table: pa.Table) -> np.ndarray:
    """Return row numbers of the rows that, as far as known, did not train the model.

    If both datasets are, or were chosen from, datasets of one name, rows with the id or the group
    of a training row are left out.
    """
    ref = model.manifest["dataset"]
    trained_on = dataset if dataset.ref == ref else open_dataset(root, ref)
    if _origin(trained_on) != _origin(dataset):
        return np.arange(len(table))
    trained = trained_on.labels().take(split_of(model).train)
    seen = np.zeros(len(table), dtype=bool)
    for name in {"series_id", "group"} & set(table.column_names) & set(trained.column_names):
        trained_values = trained[name].combine_chunks()
        seen |= pc.is_in(table[name], value_set=trained_values, skip_nulls=True).to_numpy()
    if seen.all():
        raise ValueError(
            f"DATASET: expected series that {model.ref} was not trained on, {dataset.ref} has "
            "none; import them under a name of their own"
        )
    return np.flatnonzero(~seen)


def _origin(dataset: Dataset) -> str:
    """Return the name of the dataset from which rows were chosen, or its own name."""
    return DatasetRef.parse(dataset.manifest["source"].get(CHOSEN_FROM, dataset.ref)).name


def window_scores(root: Root, model: Model, windows: np.ndarray) -> dict[str, np.ndarray]:
    """Return log-scores ``(windows, classes)`` by the model and by each baseline."""
    return {
        OURS: _own_scores(root, model, windows),
        **{
            name: np.concatenate(
                [
                    fitted.log_scores(windows[at : at + BATCH])
                    for at in range(0, len(windows), BATCH)
                ]
            )
            for name, fitted in _baselines(root, model).items()
        },
    }


def _own_scores(root: Root, model: Model, windows: np.ndarray) -> np.ndarray:
    tensorflow()
    from seqclass.networks.classifier import probabilities_of
    from seqclass.networks.outputs import predict_all

    classifier = probabilities_of(load_fast(root, model.path("model.keras")))
    probabilities = predict_all(classifier, windows)
    return rule_scores(probabilities, Decision(**model.manifest["decision"]))


def _baselines(root: Root, model: Model) -> dict[str, "Baseline"]:
    """Return the baselines of the channels' kind, fitted to the training rows."""
    dataset, split = open_dataset(root, model.manifest["dataset"]), split_of(model)
    x, y = dataset.values(split.train), split.codes[split.train]
    classes, seed = model.manifest["classes"], spec_of(model).split_seed
    return fit_baselines(x, y, dataset.channels, classes, seed)


def _pieces(table: Any) -> tuple[list[str], np.ndarray]:
    """Return names of the pieces, and the piece of every row."""
    ids = table["series_id"].to_pylist()
    groups = table["group"].to_pylist() if "group" in table.column_names else [None] * len(ids)
    keys = [g if g is not None else i for g, i in zip(groups, ids, strict=True)]
    names, number = np.unique(np.array(keys, dtype=object).astype(str), return_inverse=True)
    return names.tolist(), number


def _labels(table: Any, piece_of_row: np.ndarray, n: int, ref: str) -> list[str | None]:
    """Return the label of each piece, from those of its series that have one."""
    labels: list[str | None] = [None] * n
    for piece, label in zip(piece_of_row, table["label"].to_pylist(), strict=True):
        if label is None:
            continue
        if labels[piece] not in (None, label):
            raise ValueError(
                f"DATASET: expected one label for all series of a group, {ref} has "
                f"{labels[piece]!r} and {label!r} in one; correct the column 'group'"
            )
        labels[piece] = label
    return labels


def _kind(source: Source) -> str:
    return "synthetic" if "generator" in source else "real"


def _others(labels: list[str | None], classes: list[str]) -> dict[str, int]:
    strange = [label for label in labels if label is not None and label not in classes]
    return {label: strange.count(label) for label in sorted(set(strange))}


class _Truth(NamedTuple):
    """The truth about pieces: class code, negative without one, and whether the label is of another
    class; and the piece of each window."""

    codes: np.ndarray
    strange: np.ndarray
    owners: np.ndarray


def _summaries(
    scores: dict[str, np.ndarray],
    votes: dict[str, tuple[np.ndarray, np.ndarray]],
    of: _Truth,
    sets: dict[str, np.ndarray],
) -> dict[str, Voter]:
    """Return accuracies by voter: windows, pieces, named sets; intervals are over pieces."""
    codes, strange, owners = of
    rows, asked = codes[owners] >= 0, codes >= 0
    truth_of_rows, pieces = codes[owners][rows], owners[rows]
    voters: dict[str, Voter] = {}
    for who, s in scores.items():
        answers, truth = votes[who][0][asked], codes[asked]
        answered = answers >= 0
        voters[who] = {
            "windows": accuracy_of(s[rows].argmax(axis=1) == truth_of_rows, pieces),
            "pieces": {
                **accuracy_of(answers == truth),
                "unknown": int((~answered).sum()),
                "answered": accuracy_of(answers[answered] == truth[answered]),
            },
            "others_unknown": accuracy_of(votes[who][0][strange] < 0),
            "sets": set_scores(s[rows], truth_of_rows, sets, pieces),
        }
    return voters


def _leads(scores: dict[str, np.ndarray], codes: np.ndarray, owners: np.ndarray) -> dict[str, Lead]:
    """Return the model's lead over each baseline in windows; intervals are over pieces."""
    rows = codes[owners] >= 0
    truth, pieces = codes[owners][rows], owners[rows]
    right = {who: s[rows].argmax(axis=1) == truth for who, s in scores.items()}
    others = [who for who in right if who != OURS]
    return {who: lead_of(right[OURS], right[who], pieces) for who in others if rows.any()}


def tonic_accuracies(
    dataset: Dataset, pieces: list[str], codes: np.ndarray, answers: np.ndarray
) -> dict[str, Accuracy]:
    """Return the accuracy on recordings by how their tonic is known; none without recordings.

    codes, answers: class codes ``(pieces,)``, negative without one.
    """
    found_by = {row["file"]: row["tonic_by"] for row in dataset.manifest.get("recordings", [])}
    ways = np.array([found_by.get(piece.rpartition("/")[2], "") for piece in pieces])
    asked = {way: (ways == way) & (codes >= 0) for way in sorted(set(ways.tolist()) - {""})}
    return {way: accuracy_of((answers == codes)[rows]) for way, rows in asked.items()}


def _answers(
    pieces: list[str],
    labels: list[str | None],
    votes: dict[str, tuple[np.ndarray, np.ndarray]],
    owners: np.ndarray,
    classes: list[str],
) -> list[dict[str, Any]]:
    n_windows = np.bincount(owners, minlength=len(pieces)).tolist()
    columns = {who: names_of(answers, classes) for who, (answers, _) in votes.items()}
    shares = votes[OURS][1].tolist()
    return [
        {
            "piece": piece,
            "label": labels[i],
            "windows": n_windows[i],
            "answer": columns[OURS][i],
            "agreement": shares[i],
            **{who: answers[i] for who, answers in columns.items() if who != OURS},
        }
        for i, piece in enumerate(pieces)
    ]
