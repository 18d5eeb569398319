"""What the records of a store hold, by name; keys that came later are ``NotRequired``.

Old records are read here alone: a key that they lack has its meaning in one of these functions.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, TypedDict

Source = Mapping[str, Any]
"""Where rows come from: a generator and its spec, files, or the dataset they were chosen from."""
Spec = Mapping[str, Any]
"""A spec as ``dataclasses.asdict`` gives it, of the release that wrote it."""
CHOSEN_FROM = "chosen_from"
"""Entry of a source: the dataset that its rows were chosen from."""


class FileEntry(TypedDict):
    """A file that a manifest names, of its own folder."""

    path: str
    sha256: str
    bytes: int


class Manifest(TypedDict):
    """What every manifest has; ``created`` in ISO format."""

    kind: str
    created: str
    files: list[FileEntry]


class RowsDescription(TypedDict):
    """What the rows of a dataset are, which follows from them alone."""

    version: str
    digest: str
    n_series: int
    n_steps: list[int]
    channels: list[str]
    columns: dict[str, str]
    classes: dict[str, int]
    unlabelled: int
    groups: int
    missing: dict[str, float]
    splits: dict[str, int]


class ReadingRecord(TypedDict, total=False):
    """How files were read, as far as it was said: see ``formats.table.ColumnNames``."""

    series_id: str
    label: str
    step: str
    group: str
    time: str
    channels: Sequence[str]
    ignore: Sequence[str]
    layout: str
    delimiter: str
    decimal: str
    encoding: str
    dates: str
    unlabelled: bool


class DecisionRecord(TypedDict, total=False):
    """How probabilities become answers: see ``evaluation.decisions.Decision``."""

    offsets: Sequence[float] | None
    threshold: float
    coverage: float
    risk: float
    unfamiliar: float
    possible: Sequence[float] | None


class SetAside(TypedDict, total=False):
    """Series that did not stay.

    rejected, repeats: how many; quarantined: by what was wrong with them; quarantine: where they
    lie.
    """

    rejected: int
    repeats: int
    quarantined: dict[str, int]
    quarantine: str | None


class ImportSummary(SetAside, total=False):
    """What an import says of a dataset beside its rows; ``contract``: of the rows; ``reading``:
    how the files were read."""

    parents: list[str]
    contract: Mapping[str, Any]
    reading: ReadingRecord


class DatasetManifest(Manifest, RowsDescription, ImportSummary):
    """A dataset's version."""

    name: str
    source: Source
    software: dict[str, str]
    machine: "Machine"


class ModelDescription(TypedDict, total=False):
    """What a training says of a model; ``refused``: the stability gate's sentence, or null."""

    dataset: str
    dataset_digest: str
    dataset_source: Source
    reading: ReadingRecord
    classes: list[str]
    channels: list[str]
    registered_seed: int | None
    metrics: dict[str, float]
    decision: DecisionRecord
    symbols: dict[str, list[int]]
    refused: str | None
    spec: Spec
    numerics: Mapping[str, int | bool | str]


class ModelManifest(Manifest, ModelDescription):
    """A model's version."""

    name: str
    software: dict[str, str]
    machine: "Machine"


class ListedModel(ModelManifest):
    """A model's version as lists show it."""

    version: str
    champion: bool


class StudyDescription(TypedDict, total=False):
    """What a study or a search says of itself; ``chosen``: a search's architecture."""

    dataset: str
    spec: Spec
    chosen: str
    numerics: Mapping[str, int | bool | str]


class StudyManifest(Manifest, StudyDescription):
    """A sealed study or search."""

    name: str
    version: str


class ScoresManifest(Manifest):
    """The scores of one partition by one model's version."""

    model: str
    source: str
    partition: str
    rows: int
    unknown: int


class AuditOrder(TypedDict):
    """What a retraining has decided for the champion, to be carried out."""

    what: str
    number: NotRequired[int]
    version: str
    champion: str | None
    actor: str
    reason: str
    evidence: Mapping[str, Any]


class RetrainingDescription(TypedDict):
    """What a retraining looked at and decided; ``settled``: whether its rows count as seen."""

    dataset: str
    decision: str
    reasons: list[str]
    champion: str
    challenger: str | None
    trusted: bool
    audit: AuditOrder | None
    settled: NotRequired[bool]


class RetrainingRecord(Manifest, RetrainingDescription):
    """A sealed retraining, and the folder it lies in."""

    folder: str


AuditEntry = TypedDict(
    "AuditEntry",
    {
        "number": NotRequired[int],
        "previous": NotRequired[str],
        "what": str,
        "alias": str,
        "from": str | None,
        "from_since": NotRequired[str | None],
        "to": str | None,
        "candidate": NotRequired[str],
        "actor": str,
        "reason": str,
        "evidence": Mapping[str, Any],
        "retraining": NotRequired[str],
        "time": NotRequired[str],
    },
)
"""A decision about a champion; the oldest have neither number nor digest. retraining: the folder
of the retraining that decided; time: when the entry was written, which ``write_audit`` knows."""


class Machine(TypedDict):
    """What may change the bits of a result beside versions."""

    system: str
    architecture: str
    cpu: str
    vector_flags: list[str]
    cores: int | None


def known_dataset(manifest: ModelDescription) -> str:
    """The dataset version whose rows a model had to choose from; models of the first releases name
    no source."""
    source = manifest.get("dataset_source", {})
    return str(source.get(CHOSEN_FROM, manifest.get("dataset", "")))


def decision_of(manifest: ModelDescription) -> DecisionRecord:
    """How a model decides; one that was registered before there were decisions answers all."""
    every: DecisionRecord = {"offsets": None, "threshold": 0.0, "coverage": 1.0, "risk": 0.0}
    return manifest.get("decision") or every


def reading_of(manifest: ImportSummary | ModelDescription) -> ReadingRecord:
    """How the files of a dataset or model were read; of older ones nothing was kept."""
    return manifest.get("reading", {})


def is_settled(record: RetrainingDescription) -> bool:
    """Whether a retraining's rows count as seen, as they always did in the first releases."""
    return record.get("settled", True)
