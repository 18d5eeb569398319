"""Types of the stored records; keys that were added later are ``NotRequired``.

Old records are interpreted only here: these functions give a missing key its meaning.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, TypedDict

Source = Mapping[str, Any]
"""The origin of rows: a generator and its spec, files, or the dataset they were chosen from."""
Spec = Mapping[str, Any]
"""A spec as ``dataclasses.asdict`` gives it, in the release that wrote it."""
CHOSEN_FROM = "chosen_from"
"""Key of a source: the dataset from which its rows were chosen."""


class FileEntry(TypedDict):
    """A file that a manifest names, in its own folder."""

    path: str
    sha256: str
    bytes: int


class Manifest(TypedDict):
    """Fields of every manifest; ``created`` in ISO format."""

    kind: str
    created: str
    files: list[FileEntry]


class RowsDescription(TypedDict):
    """Description of a dataset's rows, which follows from the rows alone."""

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
    """Options by which files were read, if any were given: see ``formats.table.ColumnNames``."""

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
    rate_hz: float
    window_seconds: float


class DecisionRecord(TypedDict, total=False):
    """The rule that turns probabilities into answers: see ``evaluation.decisions.Decision``."""

    offsets: Sequence[float] | None
    threshold: float
    coverage: float
    risk: float
    unfamiliar: float
    possible: Sequence[float] | None


class SetAside(TypedDict, total=False):
    """Counts of series that an import did not keep.

    rejected, repeats: number of series; quarantined: by violation; quarantine: where they lie.
    """

    rejected: int
    repeats: int
    quarantined: dict[str, int]
    quarantine: str | None


class ImportSummary(SetAside, total=False):
    """Description of an import beside its rows; ``contract``: of the rows; ``reading``: the options
    by which the files were read; ``recordings``: what was heard of those among them."""

    parents: list[str]
    contract: Mapping[str, Any]
    reading: ReadingRecord
    recordings: list[Mapping[str, Any]]


class DatasetManifest(Manifest, RowsDescription, ImportSummary):
    """The manifest of a dataset's version."""

    name: str
    source: Source
    software: dict[str, str]
    machine: "Machine"


class ModelDescription(TypedDict, total=False):
    """Description of a trained model; ``refused``: the stability gate's sentence, or null."""

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
    """The manifest of a model's version."""

    name: str
    software: dict[str, str]
    machine: "Machine"


class ListedModel(TypedDict):
    """A model's version as lists show it."""

    name: str
    version: str
    champion: bool
    refused: str | None
    metrics: dict[str, float]
    dataset: str
    created: str


class StudyDescription(TypedDict, total=False):
    """Description of a study or a search; ``chosen``: a search's architecture."""

    dataset: str
    spec: Spec
    chosen: str
    numerics: Mapping[str, int | bool | str]


class StudyManifest(Manifest, StudyDescription):
    """A sealed study or search."""

    name: str
    version: str


class ScoresManifest(Manifest):
    """The manifest of the scores of one partition by one model's version.

    path: of the scored file; reading: the options by which it was read.
    """

    model: str
    source: str
    partition: str
    rows: int
    unknown: int
    path: NotRequired[str]
    reading: NotRequired[ReadingRecord]


class AuditOrder(TypedDict):
    """A retraining's decision about the champion, which has to be carried out."""

    what: str
    number: NotRequired[int]
    version: str
    champion: str | None
    actor: str
    reason: str
    evidence: Mapping[str, Any]


class RetrainingDescription(TypedDict):
    """The data and the decision of a retraining; ``settled``: whether its rows count as seen."""

    dataset: str
    decision: str
    reasons: list[str]
    champion: str
    challenger: str | None
    trusted: bool
    audit: AuditOrder | None
    settled: NotRequired[bool]


class RetrainingRecord(Manifest, RetrainingDescription):
    """The manifest of a sealed retraining, with its folder."""

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
"""A decision about a champion. number, previous, time: set by ``write_audit``.

retraining: the folder of the retraining that decided.
"""


class Machine(TypedDict):
    """Features of a machine that may change the bits of a result."""

    system: str
    architecture: str
    cpu: str
    vector_flags: list[str]
    cores: int | None


def known_dataset(manifest: ModelDescription) -> str:
    """Return the dataset version from whose rows a model was trained.

    Models of the first releases name no source.
    """
    source = manifest.get("dataset_source", {})
    return str(source.get(CHOSEN_FROM, manifest.get("dataset", "")))


def decision_of(manifest: ModelDescription) -> DecisionRecord:
    """Return a model's decision rule; older models than such rules never answer unknown."""
    every: DecisionRecord = {"offsets": None, "threshold": 0.0, "coverage": 1.0, "risk": 0.0}
    return manifest.get("decision") or every


def reading_of(manifest: ImportSummary | ModelDescription) -> ReadingRecord:
    """Return the options by which files were read; older datasets and models have none."""
    return manifest.get("reading", {})


def is_settled(record: RetrainingDescription) -> bool:
    """Check whether a retraining's rows count as seen, as they always did in the first releases."""
    return record.get("settled", True)
