"""Candidates: the seeds of a training in a workspace, and what is registered out of them."""

import json
from dataclasses import replace
from typing import Any

from seqclass.store.datasets import Dataset
from seqclass.store.root import open_root
from seqclass.store.split import Split
from seqclass.training.spec import TrainingSpec
from tasks.compute.progress import trainings
from tasks.compute.replicas import build_ensemble, train_seed
from tasks.compute.workers import workers

FOLDER = "candidates"
RECORDS = f"{FOLDER}/records.json"


def candidate_path(workspace: str, seed: int) -> str:
    return f"{workspace}/{FOLDER}/seed-{seed}.keras"


def train_candidates(
    dataset: Dataset,
    split: Split,
    spec: TrainingSpec,
    workspace: str,
    recorded: dict[int, dict[str, Any]] | None = None,
) -> list[dict[str, Any]]:
    """Train every seed in a process of its own; classifiers and held-back logits are stored.

    recorded: of each seed the record of an earlier training that is to be had again.
    """
    dataset.root.fs.makedirs(f"{workspace}/{FOLDER}", exist_ok=True)
    seeds = spec.replica_seeds
    specs = {seed: as_recorded(spec, recorded[seed]) if recorded else spec for seed in seeds}
    jobs = [
        (train_seed, (dataset, split, specs[seed], seed, candidate_path(workspace, seed)))
        for seed in seeds
    ]
    with trainings(len(seeds)) as display:
        return workers().run(jobs, lambda told: display.show(*told), display.finish)


def as_recorded(spec: TrainingSpec, record: dict[str, Any]) -> TrainingSpec:
    """The spec that trains as many networks as a budget of time allowed then."""
    if spec.budget_s is None:
        return spec
    trained = [member for member in record["members"] if member["accuracy"] is not None]
    networks = {member["name"]: member["networks"] for member in trained if member["networks"]}
    members = tuple(member["name"] for member in trained)
    return replace(spec, budget_s=None, members=members, networks=networks)


def read_records(workspace: str, root_url: str) -> list[dict[str, Any]]:
    return json.loads(open_root(root_url).fs.cat_file(f"{workspace}/{RECORDS}"))


def best_record(records: list[dict[str, Any]]) -> dict[str, Any]:
    """The seed with the lowest validation log-loss; the lowest seed where two are equal."""
    return min(records, key=lambda record: (record["validation"]["log_loss"], record["seed"]))


def assemble(
    dataset: Dataset,
    split: Split,
    spec: TrainingSpec,
    records: list[dict[str, Any]],
    workspace: str,
) -> dict[str, Any] | None:
    """Write ``model.keras``: the best seed's, or the ensemble of all, whose record is returned."""
    target = f"{workspace}/model.keras"
    if not spec.ensemble:
        fs, best = dataset.root.fs, best_record(records)
        fs.cp_file(candidate_path(workspace, best["seed"]), target)
        return None
    members = [(candidate_path(workspace, r["seed"]), r["temperature"]) for r in records]
    job = (build_ensemble, (dataset.root.url, split, spec, members, target))
    [record] = workers().run([job])
    return record
