"""Candidates: the seeds of a training in a workspace, and what is registered out of them."""

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

from prefect import get_run_logger

from seqclass.evaluation.contribution import LSTM, trained_members
from seqclass.runtime import numerics
from seqclass.store.datasets import Dataset
from seqclass.store.fingerprint import machine_fingerprint, software_versions
from seqclass.store.root import open_root
from seqclass.store.seeds import forget_seed, take_up_seed
from seqclass.store.split import Split
from seqclass.store.studies import digest_of
from seqclass.training.spec import MEMBERS, TrainingSpec
from tasks.compute.progress import trainings
from tasks.compute.records import SeedRecord, TrainedRecord
from tasks.compute.replicas import build_ensemble, train_and_keep, train_seed
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
    recorded: dict[int, SeedRecord] | None = None,
) -> list[SeedRecord]:
    """Train every seed in a process of its own; classifiers and held-back logits are stored.

    What a training of the same kind had finished before it was killed is taken up.
    recorded: of each seed the record of an earlier training that is to be had again, anew.
    """
    folder = f"{workspace}/{FOLDER}"
    dataset.root.fs.makedirs(folder, exist_ok=True)
    seeds, found = spec.replica_seeds, dict[int, SeedRecord]()
    specs = {seed: as_recorded(spec, recorded[seed]) if recorded else spec for seed in seeds}
    jobs: dict[int, tuple[Callable, tuple]] = {}
    for seed in seeds:
        job = (dataset, split, specs[seed], seed, candidate_path(workspace, seed))
        key = None if recorded else seed_key(dataset, split, spec, seed)
        if key and (record := take_up_seed(dataset.root, key, folder)):
            found[seed] = record
        else:
            jobs[seed] = (train_and_keep, (key, job)) if key else (train_seed, job)
    with trainings(len(jobs), get_run_logger().info) as display:
        done = workers().run(list(jobs.values()), display.show, display.finish)
    found.update(zip(jobs, done, strict=True))
    return [found[seed] for seed in seeds]


def seed_key(dataset: Dataset, split: Split, spec: TrainingSpec, seed: int) -> str:
    """What a seed's training is known by: a digest of all that decides its outcome."""
    return digest_of([*decisive(dataset, spec, seed), split.digest])


def decisive(dataset: Dataset, spec: TrainingSpec, seed: int) -> list[Any]:
    """What decides a seed's outcome where the spec chooses the split."""
    decided = asdict(replace(spec, seeds=1, first_seed=0, ensemble=False))
    del decided["limits"]
    fingerprint = {**software_versions(), **machine_fingerprint(), **numerics()}
    return [dataset.manifest["digest"], decided, seed, fingerprint]


def forget_seeds(dataset: Dataset, split: Split, spec: TrainingSpec) -> None:
    """Remove the seeds of a training that has ended."""
    for seed in spec.replica_seeds:
        forget_seed(dataset.root, seed_key(dataset, split, spec, seed))


def as_recorded(spec: TrainingSpec, record: SeedRecord) -> TrainingSpec:
    """The spec that trains as many networks as a budget of time allowed then."""
    if spec.budget_s is None:
        return spec
    trained = {member["name"]: member for member in trained_members(record["members"])}
    networks = {name: member["networks"] for name, member in trained.items() if member["networks"]}
    members = tuple(name for name in MEMBERS if name in trained)
    updates = trained[LSTM]["updates"] if networks.get(LSTM) == 1 else None
    return replace(spec, budget_s=None, members=members, networks=networks, lstm_updates=updates)


def read_records(workspace: str, root_url: str) -> list[SeedRecord]:
    return json.loads(open_root(root_url).fs.cat_file(f"{workspace}/{RECORDS}"))


def best_record(records: list[SeedRecord]) -> SeedRecord:
    """The seed with the lowest validation log-loss; the lowest seed where two are equal."""
    return min(records, key=lambda record: (record["validation"]["log_loss"], record["seed"]))


def assemble(
    dataset: Dataset,
    split: Split,
    spec: TrainingSpec,
    records: list[SeedRecord],
    workspace: str,
) -> TrainedRecord | None:
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
