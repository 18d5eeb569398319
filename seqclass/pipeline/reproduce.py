"""A registered model, trained again from its manifest, and compared with the result."""

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import NotRequired

import numpy as np
from typing_extensions import TypedDict

from seqclass.evaluation.decisions import Decision
from seqclass.evaluation.metrics import scores
from seqclass.generators import generated_tables, is_generated
from seqclass.pipeline.candidates import Candidate, changed_fingerprint
from seqclass.pipeline.replicas import predict_rows, stored_weights_digest
from seqclass.pipeline.train import assemble, train_seeds
from seqclass.row_split import spec_of, split_of
from seqclass.store.catalogue import verify_tree
from seqclass.store.datasets import Dataset, open_dataset, write_dataset
from seqclass.store.garbage import collect_garbage
from seqclass.store.models import ANSWERS, Model
from seqclass.store.references import DatasetRef
from seqclass.store.registry import open_model
from seqclass.store.root import DamagedError, Root
from seqclass.store.staging import staging
from seqclass.store.tables import read_table
from seqclass.stored_records import SeedRecord
from seqclass.workers import workers

logger = logging.getLogger(__name__)

IDENTICAL, EQUIVALENT, DIFFERENT = "identical", "equivalent", "different"
TOLERANCE = 0.01
"""Largest difference of a probability or a score that is accepted on another machine."""


class Reproduction(TypedDict):
    """The result of a repeated training.

    verdict: identical; equivalent: within ``TOLERANCE`` under another fingerprint; different.
    changed_fingerprint: parts that have changed, of a model that could be trained again.
    """

    model: str
    verdict: str
    first_difference: str | None
    changed_fingerprint: NotRequired[list[str]]


Train = Callable[[Candidate, Mapping[int, SeedRecord]], list[SeedRecord]]


def reproduce(model_ref: str, root: Root, train: Train = train_seeds) -> Reproduction:
    """Train a registered model again and compare weights, predictions and scores.

    train: trains the seeds of a candidate, as ``train_seeds`` does.
    """
    collect_garbage(root)
    with staging(root, "reproduction") as workspace:
        reproduction = _compare(root, model_ref, workspace, train)
    logger.info("%s is %s", model_ref, reproduction["verdict"])
    return reproduction


def _compare(root: Root, model_ref: str, workspace: str, train: Train) -> Reproduction:
    try:
        model = open_model(root, model_ref)
        dataset = _dataset_of(model)  # first, since what is generated again is no longer missing
        _check_stored(model)
    except DamagedError as error:
        return {"model": model_ref, "verdict": DIFFERENT, "first_difference": str(error)}
    differences = list(_differences(model, dataset, workspace, train))
    changed = changed_fingerprint(model)
    excused = bool(changed) and all(is_small for _, is_small in differences)
    return {
        "model": model.ref,
        "verdict": IDENTICAL if not differences else EQUIVALENT if excused else DIFFERENT,
        "first_difference": differences[0][0] if differences else None,
        "changed_fingerprint": changed,
    }


def _check_stored(model: Model) -> None:
    """Check that the model's files are as sealed, and its weights are the trained ones."""
    for item in verify_tree(model.root, model.ref)["bad"]:
        raise DamagedError(item["problem"])
    job = stored_weights_digest, model.root, model.path("model.keras")
    if workers().call(*job) != _registered_digest(model):
        raise DamagedError(f"{model.ref}: model.keras holds other weights than were recorded")


def _registered_digest(model: Model) -> str:
    seed = model.manifest["registered_seed"]
    if seed is None:
        return model.read_json("metrics.json")["ensemble"]["weights_sha256"]
    [record] = [s for s in _seeds(model) if s["seed"] == seed]
    return record["weights_sha256"]


def _seeds(model: Model) -> list[SeedRecord]:
    return model.read_json("stability.json")["seeds"]


def _dataset_of(model: Model) -> Dataset:
    """Return the dataset by its digest; if it is missing and was generated, generate it again."""
    ref, source = model.manifest["dataset"], model.manifest["dataset_source"]
    dataset_ref = DatasetRef.parse(ref)
    if not model.root.exists(*dataset_ref.parts) and is_generated(source):
        write_dataset(model.root, dataset_ref.name, generated_tables(source), source)
    dataset = open_dataset(model.root, ref)
    if dataset.manifest["digest"] != model.manifest["dataset_digest"]:
        raise DamagedError(f"{ref}: expected the digest that the model's manifest names")
    auxiliary = model.manifest["spec"].get("auxiliary")
    for tree in (ref, *([auxiliary] if auxiliary else [])):
        for item in verify_tree(model.root, tree)["bad"]:
            raise DamagedError(item["problem"])
    return dataset


def _differences(
    model: Model, dataset: Dataset, workspace: str, train: Train
) -> Iterator[tuple[str, bool]]:
    """Yield the differences in order, and whether each is within the tolerance."""
    root, seed = model.root, model.manifest["registered_seed"]
    spec, split = spec_of(model), split_of(model)
    earlier = {s["seed"]: s for s in _seeds(model)}
    again_spec = spec if seed is None else replace(spec, seeds=1, first_seed=seed)
    candidate = Candidate(replace(dataset, is_checked=True), split, again_spec, workspace)
    records = train(candidate, earlier)
    for record in records:
        if record["weights_sha256"] != earlier[record["seed"]]["weights_sha256"]:
            yield f"weights of seed {record['seed']} have another digest", True
    ensemble = assemble(candidate, records).ensemble
    if ensemble and ensemble["weights_sha256"] != _registered_digest(model):
        yield "weights of the ensemble have another digest", True
    [again] = workers().call(predict_rows, dataset, split.test, [candidate.path("model.keras")])
    table = read_table(root, model.path(ANSWERS))
    before = np.stack(table["probabilities"].to_numpy())
    if before.shape != again.shape:
        yield f"predictions: {before.shape} recorded, {again.shape} now", False
        return
    gap = np.abs(before - again).max(axis=1)
    if gap.any():
        row = int(gap.argmax())
        name = table["series_id"][row].as_py()
        yield f"predictions: {gap[row]:.3g} apart for series {name!r}", gap[row] <= TOLERANCE
    scored = model.read_json("metrics.json")["metrics"]
    rule = Decision(**model.manifest["decision"])
    for key, value in scores(again, split.codes[split.test], rule).items():
        apart = abs(value - scored[key])
        if apart:
            yield f"{key}: {scored[key]:.6f} recorded, {value:.6f} now", apart <= TOLERANCE
