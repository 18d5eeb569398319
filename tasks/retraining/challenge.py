"""Tasks: the rows that a challenger learns from, and whether it may take the champion's place."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from prefect import get_run_logger, task

from seqclass.evaluation.decisions import predict_labels
from seqclass.inference.prediction import answer_rows
from seqclass.monitoring.gate_spec import GateSpec
from seqclass.monitoring.paired import (
    Answers,
    Paired,
    allowance,
    compare_paired,
    gate_failures,
)
from seqclass.monitoring.quality import doubt_about_labels
from seqclass.monitoring.retraining import RetrainSpec
from seqclass.store.datasets import Dataset, Provenance, open_checked, open_dataset, write_rows
from seqclass.store.manifests import CHOSEN_FROM, Remarks, reading_of
from seqclass.store.models import ANSWERS, COMPARISON, Model
from seqclass.store.registry import open_model
from seqclass.store.root import Root, open_root
from seqclass.store.split import SPLIT, Split, read_split
from seqclass.training.spec import TrainingSpec
from tasks.compute.workers import workers
from tasks.data.split import spec_of, split_of, times_of
from tasks.evaluation.compare import Candidate, Verdict, ids_of, offsets_of
from tasks.retraining.detection import NewData, Round, doubted_ids, fresh_ids, pairs_of
from tasks.retraining.inspect_rows import Seen


class Side(NamedTuple):
    """One of two models: its file, the channels that it takes, its classes and its offsets."""

    path: str
    channels: list[str]
    classes: list[str]
    offsets: Sequence[float] | None


@task(name="choose rows")
def choose_rows(new_data: NewData, spec: RetrainSpec, root_url: str) -> str:
    """The dataset to train on: the latest, or what is left of it without doubted and old rows."""
    root = open_root(root_url)
    latest = open_checked(root, new_data.latest)
    chosen = choose(latest, doubted_ids(latest, new_data.name, spec), spec)
    get_run_logger().info("%s: %d rows", chosen.ref, chosen.manifest["n_series"])
    return chosen.ref


def choose(latest: Dataset, doubted: set[str], spec: RetrainSpec) -> Dataset:
    """The dataset itself where all of its rows are wanted, else a new one that names it."""
    table = latest.labels()
    rows = [r for r, i in enumerate(table["series_id"].to_pylist()) if i not in doubted]
    kept = np.array(rows, dtype=np.int64)
    if spec.window_rows is not None:
        kept = np.sort(kept[_by_age(table, kept)][-spec.window_rows :])
    if len(kept) == len(table):
        return latest
    source = {
        CHOSEN_FROM: latest.ref,
        "window_rows": spec.window_rows,
        "doubted": len(table) - len(rows),
    }
    chosen = f"{latest.manifest['name'][:56]}.chosen"
    remarks = Remarks(parents=[latest.ref], reading=reading_of(latest.manifest))
    provenance = Provenance(source, remarks=lambda: remarks)
    return write_rows(latest.root, chosen, _taken(latest, kept), provenance)


def _by_age(table: pa.Table, rows: np.ndarray) -> np.ndarray:
    """Order from the oldest to the newest; without a time, rows that were added last are newest."""
    if "time" not in table.column_names:
        return np.arange(len(rows))
    return np.argsort(times_of(table)[rows], kind="stable")


def _taken(dataset: Dataset, rows: np.ndarray) -> Iterator[pa.Table]:
    start = 0
    for table in dataset.tables():
        own = rows[(rows >= start) & (rows < start + len(table))] - start
        yield table.take(pa.array(own))
        start += len(table)


def training_of(champion_ref: str, spec: RetrainSpec, root_url: str) -> TrainingSpec:
    """How the challenger is trained: as the spec says, else as the champion was."""
    champion = open_model(open_root(root_url), champion_ref)
    training = spec.training or spec_of(champion)
    warm = champion.ref if spec.start == "warm" else None
    return replace(training, warm_start=warm)


@task(name="evaluate challenger")
def evaluate_challenger(
    new_data: NewData, seen: Seen, candidate: Candidate, turn: Round
) -> Verdict:
    """Compare champion and challenger on frozen test rows, old and newest; store the verdict.

    Rows whose labels are doubted have no say: only the old ones have then.
    """
    root, spec, workspace = open_root(turn.root_url), turn.spec, candidate.workspace
    champion, own = open_model(root, new_data.champion), _read(root, f"{workspace}/metrics.json")
    classes = sorted({*champion.manifest["classes"], *own["classes"]})
    old_ids, new_ids = _frozen_ids(champion, new_data, candidate)
    wanted = (old_ids, new_ids, new_ids & fresh_ids(root, new_data, spec, open_checked))
    latest = open_checked(root, new_data.latest)
    channels = open_dataset(root, candidate.dataset).channels
    sides = (
        Side(champion.path("model.keras"), champion.manifest["channels"],
             champion.manifest["classes"], offsets_of(champion)),
        Side(f"{workspace}/model.keras", channels, own["classes"], own["decision"]["offsets"]),
    )  # fmt: skip
    old, newest, fresh = _answers(latest, wanted, classes, sides)
    on_old, on_new = (
        compare_paired(side, len(classes), candidate.training.split_seed) if len(side) else None
        for side in (old, newest)
    )
    stability = _read(root, f"{workspace}/stability.json")["refused"]
    doubt = _doubt(seen, fresh, spec)
    may_fall = replace(spec.gate, worse=allowance(None if doubt else on_new, spec.gate))
    reasons = [*([stability] if stability else []), *_on_old(on_old, old, classes, may_fall)]
    if doubt:
        reasons.append(doubt)
    elif on_new:
        reasons += gate_failures(on_new, newest, classes, "newest", spec.gate)
    verdict: Verdict = {
        "champion": champion.version,
        "better": not reasons,
        "reason": "; ".join(reasons) or _not_worse(champion, on_old, on_new),
        "reasons": reasons,
        "doubted": doubt is not None,
        "candidate_scores": {k: own["metrics"][k] for k in ("macro_f1", "log_loss")},
        "champion_scores": None,
        "old": on_old,
        "newest": on_new,
    }
    root.fs.pipe_file(f"{workspace}/{COMPARISON}", json.dumps(verdict, indent=2).encode())
    get_run_logger().info("%s", verdict["reason"])
    return verdict


def _on_old(found: Paired | None, old: Answers, classes: list[str], gate: GateSpec) -> list[str]:
    """What old test rows say against the challenger; without enough of them nothing passes."""
    if found is None or len(old) < gate.least_rows:
        return [
            f"{len(old)} old test rows that neither model was trained on, fewer than the "
            f"{gate.least_rows} without which nothing is promoted; split by hash, or add rows"
        ]
    said = gate_failures(found, old, classes, "old", gate)
    reached = found["challenger"]["macro_f1"]
    if reached < gate.floor:
        low = f"macro F1 on old test rows {reached:.3f}, below the floor of {gate.floor:g}"
        return [low, *said]
    return said


def _doubt(seen: Seen, fresh: Answers, spec: RetrainSpec) -> str | None:
    if not seen["quality"] or spec.trust_labels:
        return None
    right = int((fresh.challenger == fresh.truth).sum())
    return doubt_about_labels(seen["quality"], right, len(fresh), spec.gate.recovery)


def _not_worse(champion: Model, old: Paired | None, newest: Paired | None) -> str:
    parts = [
        f"macro F1 {found['challenger']['macro_f1']:.4f} against "
        f"{found['champion']['macro_f1']:.4f} on {found['rows']} {where} test rows"
        for where, found in (("old", old), ("newest", newest))
        if found
    ]
    return f"not worse than champion {champion.version}: {', '.join(parts)}"


def _frozen_ids(
    champion: Model, new_data: NewData, candidate: Candidate
) -> tuple[set[str], set[str]]:
    """Ids of test rows of the champion, and of those of the challenger that are new to the
    champion; none of them has trained either of the two.

    A row with another label than the champion knew is new: its old label is no evidence.
    """
    root, workspace = champion.root, candidate.workspace
    known, latest = (pairs_of(open_checked(root, r)) for r in (new_data.known, new_data.latest))
    new = {i for i, _ in latest - known}
    split = read_split(root, f"{workspace}/{SPLIT}")
    learned = _trained_on(open_checked(root, candidate.dataset), split)
    own = open_dataset(root, champion.manifest["dataset"])
    old = set(ids_of(root, champion.path(ANSWERS))) - learned - new
    newest = set(ids_of(root, f"{workspace}/{ANSWERS}")) & new
    return old, newest - _trained_on(own, split_of(champion))


def _trained_on(dataset: Dataset, split: Split) -> set[str]:
    ids = dataset.labels()["series_id"].to_pylist()
    return {ids[row] for row in split.train}


def _answers(
    latest: Dataset, wanted: tuple[set[str], ...], classes: list[str], sides: tuple[Side, Side]
) -> list[Answers]:
    """What champion and challenger say of the rows with each of these sets of ids."""
    table = latest.labels()
    ids, labels = table["series_id"].to_pylist(), table["label"].to_pylist()
    number = {name: code for code, name in enumerate(classes)}
    every = set().union(*wanted)
    kept = [r for r, i in enumerate(ids) if i in every and labels[r] in number]
    rows = np.array(kept, dtype=np.int64)
    if not len(rows):
        empty = np.empty(0, dtype=np.int64)
        return [Answers(empty, empty, empty) for _ in wanted]
    jobs = [(latest, rows, side.path, side.channels) for side in sides]
    found = workers().run([(answer_rows, job) for job in jobs])
    codes = [
        predict_labels(own["probabilities"], side.offsets)
        for own, side in zip(found, sides, strict=True)
    ]
    said = [
        np.array([number[side.classes[code]] for code in own])
        for own, side in zip(codes, sides, strict=True)
    ]
    truth = np.array([number[labels[row]] for row in rows])
    parts = [np.array([ids[row] in some for row in rows]) for some in wanted]
    return [Answers(truth[part], said[0][part], said[1][part]) for part in parts]


def _read(root: Root, path: str) -> dict[str, Any]:
    return json.loads(root.fs.cat_file(path))
