"""A candidate: a model before it has its version number, and the seeds that it is made of."""

import contextlib
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from seqclass.auxiliary_rows import find_auxiliary
from seqclass.evaluation.contribution import LSTM, trained_members
from seqclass.evaluation.goals import Abstention
from seqclass.pipeline.expectation import fit_window, size_of
from seqclass.row_split import deciding_columns, describe_split, select_rows, spec_of, split_of
from seqclass.runtime import numerics
from seqclass.store.capacity import free_bytes
from seqclass.store.datasets import Dataset, open_checked, open_dataset
from seqclass.store.fingerprint import machine_fingerprint, software_versions
from seqclass.store.models import Model, model_versions, read_model
from seqclass.store.root import DamagedError, Root
from seqclass.store.split import Split, write_split
from seqclass.store.studies import digest_of
from seqclass.stored_records import SeedRecord, TrainedRecord
from seqclass.training.spec import MEMBERS, TrainingSpec

logger = logging.getLogger(__name__)
FOLDER = "candidates"
MemberAnswers = dict[str, np.ndarray]
"""Probabilities ``(test rows, classes)`` by each member of a seed."""


@dataclass(frozen=True)
class Candidate:
    """The data, the split and the spec of a model in training, and the folder for its files.

    dataset: its files' digests have been checked. It holds no series, so that any process can take
    it.
    """

    dataset: Dataset
    split: Split
    training: TrainingSpec
    workspace: str

    @property
    def root(self) -> Root:
        """The root of the dataset and of the files."""
        return self.dataset.root

    def path(self, name: str) -> str:
        """Return the path of a file of the candidate."""
        return f"{self.workspace}/{name}"

    def seed_path(self, seed: int) -> str:
        """Return the path of a seed's classifier; the seed's other files are beside it."""
        return f"{self.workspace}/{FOLDER}/seed-{seed}.keras"


def candidate_of(model: Model, spec: TrainingSpec) -> Candidate:
    """Return a registered version as the candidate that it was."""
    dataset = open_checked(model.root, model.manifest["dataset"])
    return Candidate(dataset, split_of(model), spec, model.folder)


@dataclass(frozen=True)
class Assembled:
    """The classifier to register: the seed that validates best, or the average of all ``seeds``."""

    seeds: list[SeedRecord]
    ensemble: TrainedRecord | None

    @property
    def best(self) -> SeedRecord:
        """The seed with the lowest validation log-loss; the lowest seed where two are equal."""
        return best_record(self.seeds)


def best_record(records: Sequence[SeedRecord]) -> SeedRecord:
    """Return the record with the lowest validation log-loss, then the lowest seed."""
    return min(records, key=lambda record: (record["validation"]["log_loss"], record["seed"]))


def seed_key(dataset: Dataset, split: Split, spec: TrainingSpec, seed: int) -> str:
    """Return the key of a seed's training: a digest of everything that decides its networks."""
    plain = replace(spec, goal=TrainingSpec.goal, abstention=Abstention())
    return digest_of([*decisive(dataset, plain, seed), split.digest])


def answered_key(dataset: Dataset, split: Split, spec: TrainingSpec, seed: int) -> str:
    """Return the key of a seed of which only one network of the training may be kept.

    Another number of seeds, or an ensemble, may register another network.
    """
    return digest_of([seed_key(dataset, split, spec, seed), [*spec.replica_seeds], spec.ensemble])


def decisive(dataset: Dataset, spec: TrainingSpec, seed: int) -> list[Any]:
    """Return everything that decides a seed's answers if the spec chooses the split."""
    decided = asdict(replace(spec, seeds=1, first_seed=0, ensemble=False))
    del decided["limits"]
    if spec.auxiliary is not None:
        decided["auxiliary"] = open_dataset(dataset.root, spec.auxiliary).manifest["digest"]
    return [dataset.manifest["digest"], decided, seed, learning_fingerprint()]


def learning_fingerprint() -> dict[str, Any]:
    """Return everything of this process and its machine that decides the bits of a training."""
    return {**software_versions(), **machine_fingerprint(), **numerics()}


def changed_fingerprint(model: Model) -> list[str]:
    """Return what of a version's software, machine and settings is another one here."""
    now, manifest = learning_fingerprint(), model.manifest
    then = {**manifest["software"], **manifest["machine"], **manifest["numerics"]}
    return sorted(key for key in {*now, *then} if now.get(key) != then.get(key))


def find_trained(candidate: Candidate, name: str) -> str | None:
    """Return the newest version that the training of this candidate would repeat, if any.

    It has the same rows, spec and fingerprint, and its files are whole.
    """
    for version in reversed(model_versions(candidate.root, name)):
        with contextlib.suppress(DamagedError, OSError):
            model = read_model(candidate.root, name, version)
            is_same = (
                model.manifest["dataset_digest"] == candidate.dataset.manifest["digest"]
                and spec_of(model) == candidate.training
                and not changed_fingerprint(model)
            )
            if is_same:
                model.check()
                return model.ref
    return None


def as_recorded(spec: TrainingSpec, record: SeedRecord) -> TrainingSpec:
    """Return the spec that trains as many networks as the time budget allowed then."""
    if spec.budget_s is None:
        return spec
    trained = {member["name"]: member for member in trained_members(record["members"])}
    networks = {name: member["networks"] for name, member in trained.items() if member["networks"]}
    members = tuple(name for name in MEMBERS if name in trained)
    updates = trained[LSTM]["updates"] if networks.get(LSTM) == 1 else None
    longest = trained[LSTM]["limit"] if LSTM in trained else 0
    recipe = replace(spec.recipe, longest=longest)
    return replace(
        spec, budget_s=None, members=members, networks=networks, lstm_updates=updates, recipe=recipe
    )


def split_rows(dataset_ref: str, spec: TrainingSpec, workspace: str, root: Root) -> Candidate:
    """Store which rows train and which test, once; every later step of the candidate reads that.

    The digests of the dataset's files are checked here, so that later steps need not do it again.
    The candidate's window is one for which the memory suffices that is free now.
    """
    dataset = open_dataset(root, dataset_ref)
    table = deciding_columns(dataset)
    split = select_rows(dataset, spec, table)
    write_split(root, workspace, split, table["series_id"])
    for amiss in describe_split(dataset, split, spec)["amiss"]:
        logger.warning("split: %s", amiss)
    auxiliary = find_auxiliary(dataset, split, spec)
    spec = fit_window(size_of(dataset, split, auxiliary), spec, free_bytes())
    if auxiliary is not None:
        auxiliary.check_window(len(split.train), spec.window)
        logger.info("%s", auxiliary.remark)
        spec = replace(spec, auxiliary=auxiliary.dataset.ref)
    return Candidate(replace(dataset, is_checked=True), split, spec, workspace)
