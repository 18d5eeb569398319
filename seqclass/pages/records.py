"""Records of the data that pages show; each is stored as JSON beside its page."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from seqclass.labelling.truth import Truth
from seqclass.pages.trust import UNKNOWN, Trust, Weakest

Ends = tuple[float, float]


@dataclass(frozen=True)
class Version:
    """A model version in one line.

    interval: of macro F1, 95%. sd: of macro F1 over seeds. lstm: a sentence on what the LSTM adds.
    """

    version: str
    made: str
    dataset: str
    macro_f1: float
    accuracy: float
    log_loss: float
    refused: str | None
    interval: Ends | None = None
    sd: float | None = None
    seeds: int | None = None
    test_rows: int | None = None
    baseline: str | None = None
    baseline_f1: float | None = None
    trust: Trust = UNKNOWN
    weakest: Weakest | None = None
    lstm: str | None = None


@dataclass(frozen=True)
class Move:
    """An entry of the audit; ``entry`` is the name of its file.

    by_hand: a person decided, not a gate. forced: the decision overruled gate or approval.
    """

    entry: str
    number: int
    time: str
    what: str
    before: str | None
    after: str | None
    candidate: str | None
    actor: str
    reason: str
    by_hand: bool
    forced: bool = False


@dataclass(frozen=True)
class Awaited:
    """A version that awaits a person's approval, why it passed the gate, and the deadline."""

    version: str
    reason: str
    until: str


@dataclass(frozen=True)
class Shift:
    """The shift of a number of the rows, in [0, 1]."""

    what: str
    shift: float
    adjusted_p: float
    drifted: bool


@dataclass(frozen=True)
class Bar:
    """A line of a bar chart.

    value: its length, in [0, 1]. said: its number as text. kind: ``ours``, ``hot``, or neither.
    interval: 95%, on the same scale.
    """

    name: str
    value: float
    said: str
    kind: str = ""
    interval: Ends | None = None


@dataclass(frozen=True)
class Retraining:
    """A retraining's check of new rows.

    doubted: how many labels it called in question. suspects: some of these rows, by id and label.
    """

    entry: str
    time: str
    decision: str
    reasons: tuple[str, ...]
    seen: tuple[str, ...]
    dataset: str
    new_rows: int
    challenger: str | None
    doubted: int
    trusted: bool
    shifts: tuple[Shift, ...] = ()
    suspects: tuple[tuple[str, str | None], ...] = ()


@dataclass(frozen=True)
class Damage:
    """A file that could not be read, and why."""

    path: str
    problem: str


@dataclass(frozen=True)
class LabelDoubts:
    """Labels that a version's held-back answers doubt.

    taken_for: numbers of rows by their label and the class that they are taken for. suspected: ids
    of some of them, the least likely label first.
    """

    version: str
    taken_for: dict[str, dict[str, int]]
    suspected: tuple[str, ...]


@dataclass(frozen=True)
class ModelSummary:
    """The summary of a model, stored as ``models/<name>/index.json``.

    policy: fields of its policy that differ from the defaults, as JSON; None without one. awaits:
    the version that awaits approval, if there is one. truth: what labels that came later showed of
    its answers. label_doubts: of the champion.
    """

    name: str
    champion: str | None
    since: str | None
    versions: tuple[Version, ...] = ()
    moves: tuple[Move, ...] = ()
    retrainings: tuple[Retraining, ...] = ()
    policy: dict[str, str] | None = None
    awaits: Awaited | None = None
    truth: Truth | None = None
    label_doubts: LabelDoubts | None = None
    damaged: tuple[Damage, ...] = ()

    def version(self, number: str | None) -> Version | None:
        """Return a version by its number, or None."""
        return next((own for own in self.versions if own.version == number), None)

    @property
    def before(self) -> str | None:
        """The version that a rollback would restore, as ``registry.champions_before`` finds it."""
        led = [m.before for m in self.moves if m.what == "promote" and m.after == self.champion]
        return led[-1] if led and self.version(led[-1]) else None

    @property
    def doubted(self) -> int:
        """Number of labels that retrainings have doubted since labels were last trusted."""
        count = 0
        for look in self.retrainings:
            count = (0 if look.trusted else count) + look.doubted
        return count


@dataclass(frozen=True)
class Channel:
    """Statistics of a channel's finite values over all series; missing: share of all values."""

    name: str
    lowest: float | None
    highest: float | None
    mean: float | None
    sd: float | None
    missing: float


@dataclass(frozen=True)
class Example:
    """A series as it is drawn: some of its values by channel, None where one is missing."""

    series_id: str
    n_steps: int
    values: dict[str, list[float | None]]


@dataclass(frozen=True)
class ClassProfile:
    """Typical series of a class."""

    label: str
    count: int
    examples: tuple[Example, ...]


@dataclass(frozen=True)
class Length:
    """The number of series with ``first`` to ``last`` steps."""

    first: int
    last: int
    count: int


@dataclass(frozen=True)
class RecordingLine:
    """A recording in one line: its page, and how its tonic was found, with score and runner-up."""

    file: str
    page: str
    seconds: float
    voiced: float
    tonic_hz: float
    tonic_by: str
    score: float
    runner_up_hz: float | None
    doubts: tuple[str, ...]


@dataclass(frozen=True)
class DatasetProfile:
    """A dataset version, stored as ``datasets/<name>/<version>.json``.

    copies: series whose values occur in another series too.
    """

    name: str
    version: str
    made: str
    n_series: int
    n_steps: tuple[int, int]
    lengths: tuple[Length, ...]
    channels: tuple[Channel, ...]
    classes: tuple[ClassProfile, ...]
    unlabelled: int
    groups: int
    splits: dict[str, int]
    copies: int
    parents: tuple[str, ...]
    quarantined: dict[str, int]
    quarantine: str | None
    source: Mapping[str, Any]
    recordings: tuple[RecordingLine, ...] = ()


@dataclass(frozen=True)
class DatasetVersion:
    """A version as lists show it. chosen_from: the dataset from which its rows were chosen."""

    version: str
    made: str
    n_series: int
    classes: dict[str, int]
    parent: str | None
    chosen_from: str | None = None


@dataclass(frozen=True)
class Change:
    """Series added to the version that this one continues, in all and by class."""

    parent: str
    series: int
    classes: dict[str, int]


@dataclass(frozen=True)
class DatasetSummary:
    """Versions of a dataset, oldest first, stored as ``datasets/<name>/index.json``."""

    name: str
    newest: str
    versions: tuple[DatasetVersion, ...] = ()
    damaged: tuple[Damage, ...] = ()


@dataclass(frozen=True)
class Sketch:
    """A typical series of a class as the path of a small picture."""

    label: str
    path: str


@dataclass(frozen=True)
class ModelEntry:
    """A model in the catalogue. scores: macro F1 of the newest versions, oldest first."""

    name: str
    n_versions: int
    newest: str
    scores: tuple[float, ...]
    champion: Version | None
    since: str | None
    last: Move | None
    doubted: int
    drifted: tuple[str, ...]


@dataclass(frozen=True)
class DatasetEntry:
    """A dataset in the catalogue, by its newest version."""

    name: str
    version: str
    made: str
    n_versions: int
    n_series: int
    n_steps: tuple[int, int]
    n_channels: int
    n_classes: int
    sketches: tuple[Sketch, ...] = ()


@dataclass(frozen=True)
class StudyEntry:
    """A stability study, or a search with the architecture that it chose."""

    version: str
    dataset: str
    made: str
    chosen: str | None = None


@dataclass(frozen=True)
class ComparisonEntry:
    """A comparison as lists show it; older ones have no date."""

    versions: tuple[str, ...]
    made: str = ""

    @property
    def models(self) -> set[str]:
        """Names of the models that are compared."""
        return {version.partition("@")[0] for version in self.versions}


@dataclass(frozen=True)
class Catalogue:
    """The content of the first page except digests, stored as ``index.json``.

    comparisons: by file name. damaged: by the item in which the damage was found.
    """

    models: dict[str, ModelEntry] = field(default_factory=dict)
    datasets: dict[str, DatasetEntry] = field(default_factory=dict)
    studies: dict[str, tuple[StudyEntry, ...]] = field(default_factory=dict)
    searches: dict[str, tuple[StudyEntry, ...]] = field(default_factory=dict)
    comparisons: dict[str, ComparisonEntry] = field(default_factory=dict)
    damaged: dict[str, tuple[Damage, ...]] = field(default_factory=dict)

    @property
    def compared(self) -> list[tuple[str, ComparisonEntry]]:
        """Comparisons, newest first."""
        return sorted(self.comparisons.items(), key=lambda item: item[1].made, reverse=True)


@dataclass(frozen=True)
class Row:
    """A test series as a report draws it.

    speaks: how strongly each drawn step supports the answer, in [0, 1]. nearest: the most similar
    training series, with their labels.
    """

    label: str
    prediction: str
    answer: str
    reason: str | None
    confidence: float
    possible: tuple[str, ...]
    series: Example
    speaks: tuple[float, ...]
    nearest: tuple[tuple[str, Example], ...]


@dataclass(frozen=True)
class Drawings:
    """The drawings of a report, stored with the version as ``report.json``.

    curves: training log-loss by update of the LSTM of each seed. card: of the dataset.
    """

    made: str
    card: dict[str, Any]
    curves: dict[str, list[Ends]]
    hardest: tuple[Row, ...]
