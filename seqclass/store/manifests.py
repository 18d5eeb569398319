"""Types of the manifests of sealed folders."""

from collections.abc import Mapping, Sequence
from typing import Any, NotRequired

from typing_extensions import TypedDict

from seqclass.store.validation import Time

Source = Mapping[str, Any]
"""The origin of rows: a generator and its spec, files, or the dataset they were chosen from."""
Spec = Mapping[str, Any]
"""A spec as ``dataclasses.asdict`` gives it, in the release that wrote it."""
CHOSEN_FROM = "chosen_from"
"""Key of a source: the dataset from which its rows were chosen."""


class FileEntry(TypedDict):
    """A file that a manifest names, in its own folder.

    path: its name. sha256: digest of its content, hexadecimal. bytes: its size.
    """

    path: str
    sha256: str
    bytes: int


class Sealed(TypedDict):
    """Keys of every manifest.

    kind: the kind of folder that is sealed. files: all files of the folder but this one and those
    that are drawn again. manifest_sha256: digest of all other keys.
    """

    kind: str
    files: list[FileEntry]
    manifest_sha256: NotRequired[str]


class Manifest(Sealed):
    """Keys of every manifest that has a time. created: when it was made."""

    created: Time


class ChannelStatistics(TypedDict):
    """Statistics of a channel's finite values and missing ones; null if nothing was observed.

    low, high: the extremes. mean, sd: mean and standard deviation, to six digits. quartiles: within
    1% of the value. missing: share of all values. most_missing: the largest share in one series.
    still: most observed values for which nearly all series stay unchanged; null if the channel
    holds states. stuck: number of series that never change for more than twice as long.
    """

    low: float | None
    high: float | None
    mean: float | None
    sd: float | None
    quartiles: list[float] | None
    missing: float
    most_missing: float
    still: int | None
    stuck: int


class RowsProfile(TypedDict):
    """What rows are like; of a dataset's rows it is the contract that later rows have to keep.

    n_series: number of series. n_steps: lowest and highest number of steps of a series. classes:
    number of series of each class. profile: statistics by channel.
    """

    n_series: int
    n_steps: list[int]
    classes: dict[str, int]
    profile: dict[str, ChannelStatistics]


class RowsDescription(RowsProfile):
    """Description of a dataset's rows, which follows from the rows alone.

    version: the first 16 digits of the digest. digest: SHA-256 of the rows. channels: names of the
    columns with values. columns: the Arrow type of each column. unlabelled: number of series
    without a label. groups: number of groups; 0 without groups. splits: number of series in each
    part that the column ``split`` names.
    """

    version: str
    digest: str
    channels: list[str]
    columns: dict[str, str]
    unlabelled: int
    groups: int
    splits: dict[str, int]


class ReadingRecord(TypedDict, total=False):
    """Options by which files were read, if any were given.

    series_id, label, step, group, time: the column that holds it. channels: columns that are read
    as values. ignore: columns that are not read. layout: ``long`` or ``wide``. delimiter, decimal,
    encoding, dates: how the text is written. unlabelled: true if the files have no labels.
    repeated_steps: ``drop`` if identical rows of one step are dropped. rate_hz: steps in a second
    of a recording. window_seconds: length of the windows that a recording is cut into.
    """

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
    repeated_steps: str
    rate_hz: float
    window_seconds: float


class DecisionRecord(TypedDict):
    """The rule that turns probabilities into answers.

    offsets: added to the logarithm of each class's probability; null adds none. threshold: the
    confidence below which the answer is unknown. coverage: the share of validation rows that are
    answered. risk: the share of these answers that is wrong. unfamiliar: the p-value below which a
    series is unfamiliar. possible: by class, the probability from which on it can't be ruled out.
    costs: by true class, the cost of each answer, and of unknown if there is one more; null where
    offsets decide.
    """

    offsets: Sequence[float] | None
    threshold: float
    coverage: float
    risk: float
    unfamiliar: float
    possible: Sequence[float] | None
    costs: Sequence[Sequence[float]] | None


class SetAside(TypedDict, total=False):
    """Counts of series that an import did not keep.

    rejected: number of series that could not be read. repeats: number of series that were there
    already. repeated_steps: number of rows of files that were dropped, since they repeat a step of
    their series with the same values. quarantined: number of series that were set aside, by
    violation. quarantine: the file that holds them.
    """

    rejected: int
    repeats: int
    repeated_steps: int
    quarantined: dict[str, int]
    quarantine: str | None


class ImportSummary(SetAside, total=False):
    """Description of an import beside its rows.

    parents: the versions that this one continues. reading: the options by which the files were
    read. recordings: what was heard of each recording.
    """

    parents: list[str]
    reading: ReadingRecord
    recordings: list[Mapping[str, Any]]


class Machine(TypedDict):
    """Features of a machine that may change the bits of a result.

    system: the operating system. architecture: of the processor. cpu: its model.
    vector_flags: its vector instructions. cores: number of its cores.
    """

    system: str
    architecture: str
    cpu: str
    vector_flags: list[str]
    cores: int | None


class Fingerprint(TypedDict):
    """The software and the machine that made an artifact.

    software: installed versions of the packages that can change a result. machine: the machine.
    """

    software: dict[str, str]
    machine: Machine


class DatasetManifest(Manifest, RowsDescription, ImportSummary, Fingerprint):
    """The manifest of a dataset's version.

    name: the dataset's name. source: a generator with its spec, or the imported files, or the
    dataset that the rows were chosen from. renamed_from: the version that this one copies under
    another name.
    """

    name: str
    source: Source
    renamed_from: NotRequired[str]


class ShownScores(TypedDict):
    """Scores of the test rows that lists show.

    accuracy: share of correct answers. macro_f1: mean F1 of the classes. balanced_accuracy: mean
    recall of the classes. log_loss: mean negative log-probability of the label, in nats. ece:
    expected calibration error.
    """

    accuracy: float
    macro_f1: float
    balanced_accuracy: NotRequired[float]
    log_loss: float
    ece: NotRequired[float]


class ModelDescription(TypedDict):
    """Description of a trained model.

    dataset: the version whose rows trained and tested it. dataset_digest: SHA-256 of these rows.
    dataset_source: their origin. reading: the options by which the dataset's files were read.
    classes: in the order of the probabilities. channels: in the order of the input.
    registered_seed: null if it is an average of seeds. metrics: scores of the test rows. decision:
    the rule that turns probabilities into answers. symbols: the lowest and the highest symbol of
    each channel that holds symbols. refused: the stability gate's reason, or null. spec: the
    ``TrainingSpec``. numerics: settings that may change the bits of a result.
    """

    dataset: str
    dataset_digest: str
    dataset_source: Source
    reading: ReadingRecord
    classes: list[str]
    channels: list[str]
    registered_seed: int | None
    metrics: ShownScores
    decision: DecisionRecord
    symbols: dict[str, list[int]]
    refused: str | None
    spec: Spec
    numerics: Mapping[str, int | bool | str]


class ModelManifest(Manifest, ModelDescription, Fingerprint):
    """The manifest of a model's version.

    name: the model's name. renamed_from: the version that this one copies under another name.
    """

    name: str
    renamed_from: NotRequired[str]


class ListedModel(TypedDict):
    """A model's version as lists show it.

    name: the model's name. version: its number, ``v1``. champion: true for the champion. refused,
    metrics, dataset, created: as in the version's manifest.
    """

    name: str
    version: str
    champion: bool
    refused: str | None
    metrics: ShownScores
    dataset: str
    created: Time


class StudyDescription(TypedDict):
    """Description of a study.

    dataset: the version whose rows were used. spec: the ``StudySpec``. numerics: settings that may
    change the bits of a result.
    """

    dataset: str
    spec: Spec
    numerics: Mapping[str, int | bool | str]


class StudyManifest(Manifest, StudyDescription, Fingerprint):
    """A study. name: the dataset's name. version: the digest of its runs."""

    name: str
    version: str


class ScoresManifest(Manifest):
    """The manifest of the scores of one partition by one model's version.

    model: the version that answered. source: the folder that the partition's scores are kept in.
    partition: digest of the scored file's content. rows: number of series. unknown: number of
    answers ``unknown``. path: the scored file. reading: the options by which it was read. software:
    installed versions of the packages that can change a result.
    """

    model: str
    source: str
    partition: str
    rows: int
    unknown: int
    path: NotRequired[str]
    reading: NotRequired[ReadingRecord]
    software: dict[str, str]


class RetrainingManifest(Manifest):
    """The manifest of a retraining: its data and its decision.

    name: the model's name. dataset: the version that was newest. decision: what was decided.
    reasons: why. champion: the champion at that time. challenger: the version that was trained, if
    one was. trusted: true if labels that were doubted before count again. entry: number of the
    entry of the log that carries the decision out, if it is about a challenger; without that entry
    the record counts for nothing. settled: true if the new rows count as seen. new_rows: number of
    new rows. seen: findings about these rows, in words. quality: accuracy on these rows, and
    before. drift: the figures of each tested statistic. doubted: true if their labels are doubted.
    waited_s: seconds from the newest rows to the decision.
    """

    name: str
    dataset: str
    decision: str
    reasons: list[str]
    champion: str
    challenger: str | None
    trusted: bool
    entry: int | None
    settled: bool
    new_rows: int
    quality: Mapping[str, Any] | None
    drift: Mapping[str, Any] | None
    seen: list[str]
    doubted: bool
    waited_s: float


class RetrainingRecord(RetrainingManifest):
    """A retraining's manifest as it is read. folder: its path, which is not stored."""

    folder: str


class QueueManifest(Manifest):
    """The manifest of questions about labels.

    name: the model's name. model: the version that was asked about. dataset: the version of the
    rows. reasons: number of questions by their reason.
    """

    name: str
    model: str
    dataset: str
    reasons: dict[str, int]


class LabelsManifest(Manifest):
    """The manifest of labels that people gave.

    name: the model's name. model: the version that asked. dataset: the version that the labels
    made. parent: the version that they changed. changed: number of labels that differ from those of
    the parent. confirmed: number of those that don't. sha256: digest of the file with the labels.
    """

    name: str
    model: str
    dataset: str
    parent: str
    changed: int
    confirmed: int
    sha256: str


class SeedManifest(Sealed):
    """A trained seed.

    answered: whether all seeds of its training have answered the test rows; then networks that
    can't be registered are left out. record: its ``SeedRecord``.
    """

    answered: NotRequired[bool]
    record: Mapping[str, Any]


SEALED_TYPES: dict[str, type[Manifest]] = {
    "datasets": DatasetManifest,
    "models": ModelManifest,
    "studies": StudyManifest,
    "scores": ScoresManifest,
    "retrainings": RetrainingManifest,
    "queues": QueueManifest,
    "labels": LabelsManifest,
}
"""The manifest's type in sealed folders of each kind."""


def known_dataset(manifest: ModelDescription) -> str:
    """Return the dataset version from whose rows a model was trained."""
    return str(manifest["dataset_source"].get(CHOSEN_FROM, manifest["dataset"]))


def reading_of(manifest: ImportSummary | ModelDescription) -> ReadingRecord:
    """Return the options by which files were read; datasets without files have none."""
    return manifest.get("reading", {})
