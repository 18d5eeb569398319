"""Answers to whole pieces by a vote of their windows, beside baselines of the same rows."""

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from typing_extensions import TypedDict

from seqclass.evaluation.decisions import UNKNOWN, Decision, rule_scores
from seqclass.evaluation.intervals import Accuracy, Lead, accuracy_of, lead_of
from seqclass.pipeline.replicas import fit_baselines, load_fast
from seqclass.row_split import spec_of, split_of
from seqclass.runtime import tensorflow
from seqclass.series import series_lengths
from seqclass.store.datasets import Dataset, open_dataset
from seqclass.store.manifests import CHOSEN_FROM, Source
from seqclass.store.models import Model
from seqclass.store.references import DatasetRef
from seqclass.store.registry import open_model
from seqclass.store.root import Root, replace_file
from seqclass.workers import workers

UNDECIDED = -1
OURS = "this model"
BATCH = 2048
"""Number of windows whose baseline scores are in memory at once."""
Sets = dict[str, tuple[str, ...]]
"""Names of classes that are easily confused, by the name of their set."""


class SetAccuracy(Accuracy):
    """An accuracy if only a few classes may be answered.

    classes: their number. chance: accuracy of guessing. open: the accuracy if all classes may be
    answered.
    """

    classes: int
    chance: float
    open: float


class PieceAccuracy(Accuracy):
    """Accuracy on pieces, where unknown counts as wrong.

    unknown: number of unknowns. answered: accuracy of the others.
    """

    unknown: int
    answered: Accuracy


class Voter(TypedDict):
    """Accuracy of the model or of a baseline.

    windows: on single windows. pieces: on whole pieces. others_unknown: share of the pieces of
    other classes that are unknown. sets: on windows within each named set.
    """

    windows: Accuracy
    pieces: PieceAccuracy
    others_unknown: Accuracy
    sets: dict[str, SetAccuracy]


class Poll(TypedDict):
    """The result of a vote.

    model: the version that voted. dataset: the version with the pieces. trained_on: the dataset
    that trained the model. kind: what a piece is. voting: the ``VotingSpec``. windows: number of
    windows. pieces: number of pieces. trained_rows: number of series that are left out, since they
    trained the model. of_other_classes: number of pieces by class, of classes that the model does
    not have. who: accuracy by voter. leads: lead of the model over each baseline. tonics: the
    model's accuracy on pieces that are recordings, by how their tonic is known: given, or from the
    drone. answers: a row per piece, with the answer of each baseline under its name.
    """

    model: str
    dataset: str
    trained_on: str
    kind: str
    voting: dict[str, float]
    windows: int
    pieces: int
    trained_rows: int
    of_other_classes: dict[str, int]
    who: dict[str, Voter]
    leads: dict[str, Lead]
    tonics: dict[str, Accuracy]
    answers: list[dict[str, Any]]


@dataclass(frozen=True)
class VotingSpec:
    """The way pieces are cut into windows and answered.

    window: steps of a window, at least 2; a shorter piece is one window. hop: steps from one
    window's start to the next, at least 1; the end of a piece is covered by a last window that ends
    with it. agreement: share of a piece's windows, in [0, 1], that must agree with the answer, else
    it is unknown; 0.6 is the rule of DeepSRGM (Madhusudhan and Chowdhary 2019).
    """

    window: int = 64
    hop: int = 16
    agreement: float = 0.6

    def __post_init__(self) -> None:
        for name, least in (("window", 2), ("hop", 1)):
            if (steps := getattr(self, name)) < least:
                raise ValueError(
                    f"{name}: expected at least {least} steps, got {steps}; correct it"
                )
        if not 0 <= self.agreement <= 1:
            raise ValueError(
                f"agreement: expected a share from 0 to 1, got {self.agreement}; correct it"
            )


def sliding_windows(x: np.ndarray, width: int, hop: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the windows of series ``(windows, width, channels)`` and their series ``(windows,)``.

    x: ``(n, steps, channels)``, NaN where missing. Windows of shorter series end in NaN.
    """
    lengths = series_lengths(np.isfinite(x).any(axis=-1))
    windows, owners = [], []
    for piece, (series, length) in enumerate(zip(x, lengths, strict=True)):
        last = max(int(length) - width, 0)
        for start in [*range(0, last, hop), last]:
            part = np.full((width, x.shape[2]), np.nan, dtype=np.float32)
            part[: min(width, length - start)] = series[start : min(start + width, length)]
            windows.append(part)
            owners.append(piece)
    return np.stack(windows), np.array(owners)


def vote(
    answers: np.ndarray, owners: np.ndarray, n_classes: int, agreement: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the answer of each owner, and the share of its votes that agree with it.

    answers: class codes ``(votes,)``; owners: ``(votes,)`` in ``0 .. n - 1``. If too small a share
    agrees, the answer is ``UNDECIDED``. If classes have equally many votes, the lower code wins.
    """
    ballots = np.zeros((int(owners.max()) + 1, n_classes), dtype=np.int64)
    np.add.at(ballots, (owners, answers), 1)
    share = ballots.max(axis=1) / np.maximum(ballots.sum(axis=1), 1)
    return np.where(share >= agreement, ballots.argmax(axis=1), UNDECIDED), share


def answer_names(answers: np.ndarray, classes: list[str]) -> list[str]:
    """Return class names, and ``unknown`` for ``UNDECIDED``."""
    return [UNKNOWN if answer == UNDECIDED else classes[answer] for answer in answers]


def within_set(log_scores: np.ndarray, members: np.ndarray) -> np.ndarray:
    """Return class codes ``(n,)`` if only the classes ``members`` may be answered."""
    return members[log_scores[:, members].argmax(axis=1)]


def set_scores(
    log_scores: np.ndarray,
    y: np.ndarray,
    sets: dict[str, np.ndarray],
    owners: np.ndarray | None = None,
) -> dict[str, SetAccuracy]:
    """Return the accuracy on the rows of each named set of classes, if only these may be answered.

    log_scores: ``(n, classes)``; sets: class codes by name; owners: as for ``accuracy_of``. Each
    result has the rows of the set, chance, accuracy with its interval, and ``open``, the accuracy
    if all classes may be answered. A set without rows is left out.
    """
    accuracies: dict[str, SetAccuracy] = {}
    for name, members in sets.items():
        rows = np.flatnonzero(np.isin(y, members))
        if not len(rows):
            continue
        right = within_set(log_scores[rows], members) == y[rows]
        accuracies[name] = {
            "classes": len(members),
            "chance": 1 / len(members),
            **accuracy_of(right, None if owners is None else owners[rows]),
            "open": float((log_scores[rows].argmax(axis=1) == y[rows]).mean()),
        }
    return accuracies


def hold_vote(
    root: Root, model_ref: str, dataset_ref: str, voting: VotingSpec, sets: Sets
) -> tuple[Poll, str]:
    """Answer every piece by its windows' votes; returns the stored result and its path.

    Rows that the model was trained on are left out. A piece is a group of the dataset, or a series
    without a group. ValueError if the dataset has other channels, only rows of the training, or
    several labels in a group.
    """
    model, dataset = open_model(root, model_ref), open_dataset(root, dataset_ref)
    channels = model.manifest["channels"]
    if dataset.channels != channels:
        raise ValueError(
            f"DATASET: expected the channels {', '.join(channels)} of {model.ref}, {dataset.ref} "
            f"has {', '.join(dataset.channels)}; import the columns under these names"
        )
    poll: Poll = workers().call(answer_pieces, model, dataset, voting, sets)
    settings = {"voting": asdict(voting), "sets": sets}
    digest = hashlib.sha256(json.dumps([dataset.ref, settings]).encode()).hexdigest()[:16]
    path = root.join("scores", model.name, model.version, f"votes-{digest}.json")
    replace_file(root, path, json.dumps(poll, indent=2, ensure_ascii=False).encode())
    return poll, path


def answer_pieces(model: Model, dataset: Dataset, voting: VotingSpec, sets: Sets) -> Poll:
    """Answer the pieces with the model and the baselines, by window and by vote; in a worker."""
    classes, table = model.manifest["classes"], dataset.labels()
    rows = unseen_rows(model, dataset, table)
    pieces, piece_of_row = pieces_of(table.take(rows), dataset.ref)
    series = replace(dataset, is_checked=True).values(rows)
    windows, owners = sliding_windows(series, voting.window, voting.hop)
    owners = piece_of_row[owners]
    strange = [label for label in pieces.values() if label and label not in classes]
    y = np.array([classes.index(label) if label in classes else -1 for label in pieces.values()])
    scores = window_scores(model, windows)
    votes = {
        who: vote(of_voter.argmax(axis=1), owners, len(classes), voting.agreement)
        for who, of_voter in scores.items()
    }
    columns = {who: answer_names(answers, classes) for who, (answers, _) in votes.items()}
    ours = columns.pop(OURS)
    details = zip(np.bincount(owners).tolist(), ours, votes[OURS][1].tolist(), strict=True)
    of_set = {
        name: np.array([classes.index(member) for member in members if member in classes])
        for name, members in sets.items()
    }
    return {
        "model": model.ref,
        "dataset": dataset.ref,
        "trained_on": model.manifest["dataset"],
        "kind": f"{_kind(model.manifest['dataset_source'])} → {_kind(dataset.manifest['source'])}",
        "voting": asdict(voting),
        "windows": len(windows),
        "pieces": len(pieces),
        "trained_rows": len(table) - len(rows),
        "of_other_classes": {label: strange.count(label) for label in sorted({*strange})},
        **judge_voters(
            scores,
            {who: answers for who, (answers, _) in votes.items()},
            y,
            np.array([label in strange for label in pieces.values()]),
            owners,
            of_set,
        ),
        "tonics": tonic_accuracies(dataset, [*pieces], y, votes[OURS][0]),
        "answers": [
            {
                "piece": piece,
                "label": label,
                "windows": n_windows,
                "answer": answer,
                "agreement": share,
                **{who: answers[number] for who, answers in columns.items()},
            }
            for number, ((piece, label), (n_windows, answer, share)) in enumerate(
                zip(pieces.items(), details, strict=True)
            )
        ],
    }


def unseen_rows(model: Model, dataset: Dataset, table: pa.Table) -> np.ndarray:
    """Return row numbers of the rows that, as far as known, did not train the model.

    If both datasets are, or were chosen from, datasets of one name, rows with the id or the group
    of a training row are left out.
    """
    ref = model.manifest["dataset"]
    trained_on = dataset if dataset.ref == ref else open_dataset(model.root, ref)
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


def _kind(source: Source) -> str:
    return "synthetic" if "generator" in source else "real"


def pieces_of(table: pa.Table, ref: str) -> tuple[dict[str, str | None], np.ndarray]:
    """Return the label of each piece by its name, and the number of the piece of every row.

    The label is that of those of its series that have one, None if none has.
    """
    ids, labels = table["series_id"].to_pylist(), table["label"].to_pylist()
    groups = table["group"].to_pylist() if "group" in table.column_names else [None] * len(ids)
    keys = [i if group is None else group for i, group in zip(ids, groups, strict=True)]
    names, piece_of_row = np.unique(np.array(keys, dtype=object).astype(str), return_inverse=True)
    pieces: dict[str, str | None] = dict.fromkeys(names.tolist())
    for key, label in zip(keys, labels, strict=True):
        if label is not None and pieces[str(key)] not in (None, label):
            raise ValueError(
                f"DATASET: expected one label for all series of a group, {ref} has "
                f"{pieces[str(key)]!r} and {label!r} in one; correct the column 'group'"
            )
        if label is not None:
            pieces[str(key)] = label
    return pieces, piece_of_row


def window_scores(model: Model, windows: np.ndarray) -> dict[str, np.ndarray]:
    """Return log-scores ``(windows, classes)`` by the model and by each baseline.

    Baselines are those of the channels' kind, fitted to the training rows.
    """
    tensorflow()
    from seqclass.networks.classifier import probabilities_of
    from seqclass.networks.outputs import predict_all

    classifier = probabilities_of(load_fast(model.root, model.path("model.keras")))
    probabilities = predict_all(classifier, windows)
    dataset, split = open_dataset(model.root, model.manifest["dataset"]), split_of(model)
    baselines = fit_baselines(
        dataset.values(split.train), split.codes[split.train], dataset.channels,
        model.manifest["classes"], spec_of(model).split_seed,
    )  # fmt: skip
    batches = [windows[start : start + BATCH] for start in range(0, len(windows), BATCH)]
    return {
        OURS: rule_scores(probabilities, Decision(**model.manifest["decision"])),
        **{
            name: np.concatenate([fitted.log_scores(batch) for batch in batches])
            for name, fitted in baselines.items()
        },
    }


class Judged(TypedDict):
    """The part of a ``Poll`` that says who is right how often."""

    who: dict[str, Voter]
    leads: dict[str, Lead]


def judge_voters(
    scores: dict[str, np.ndarray],
    answers: dict[str, np.ndarray],
    y: np.ndarray,
    strange: np.ndarray,
    owners: np.ndarray,
    sets: dict[str, np.ndarray],
) -> Judged:
    """Return accuracies by voter, and the leads of the model in windows; intervals over pieces.

    scores, answers: log-scores of windows and answers to pieces, by voter. y: classes of pieces,
    negative without one; strange: whether they are of another class. owners: pieces of windows.
    """
    rows, asked = y[owners] >= 0, y >= 0
    truth, pieces = y[owners][rows], owners[rows]
    right = {who: of_voter[rows].argmax(axis=1) == truth for who, of_voter in scores.items()}
    voters: dict[str, Voter] = {}
    for who, of_pieces in answers.items():
        is_right, is_answered = (of_pieces == y)[asked], of_pieces[asked] >= 0
        voters[who] = {
            "windows": accuracy_of(right[who], pieces),
            "pieces": {
                **accuracy_of(is_right),
                "unknown": int((~is_answered).sum()),
                "answered": accuracy_of(is_right[is_answered]),
            },
            "others_unknown": accuracy_of(of_pieces[strange] < 0),
            "sets": set_scores(scores[who][rows], truth, sets, pieces),
        }
    others = [who for who in right if who != OURS and rows.any()]
    leads = {who: lead_of(right[OURS], right[who], pieces) for who in others}
    return {"who": voters, "leads": leads}


def tonic_accuracies(
    dataset: Dataset, pieces: list[str], y: np.ndarray, answers: np.ndarray
) -> dict[str, Accuracy]:
    """Return the accuracy on recordings by how their tonic is known; none without recordings.

    y, answers: classes ``(pieces,)``, negative without one.
    """
    found_by = {row["file"]: row["tonic_by"] for row in dataset.manifest.get("recordings", [])}
    ways = np.array([found_by.get(piece.rpartition("/")[2], "") for piece in pieces])
    asked = {way: (ways == way) & (y >= 0) for way in sorted(set(ways.tolist()) - {""})}
    return {way: accuracy_of((answers == y)[rows]) for way, rows in asked.items()}
