"""Records of the data that pages show; each is stored as JSON beside its page."""

from dataclasses import dataclass, field
from typing import Any

from seqclass.labelling.truth import LaterTruth
from seqclass.pages.trust import UNKNOWN, Trust, Weakest
from seqclass.store.root import Damages
from seqclass.store.states import REGISTER

Ends = tuple[float, float]


@dataclass(frozen=True)
class Version:
    """A model version in one line.

    macro_f1: on its test rows. interval, accuracy_interval: of macro F1 and of accuracy, 95%.
    seeds: number of seeds. test_rows: number of test rows. sd: standard deviation of macro F1 over
    seeds. baseline: the best baseline. baseline_f1: its macro F1. trust: how far it may be trusted.
    weakest: the class of the lowest recall. lstm: a sentence on what the LSTM adds.
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
    accuracy_interval: Ends | None = None


@dataclass(frozen=True)
class Move:
    """An entry of the audit.

    entry: the name of its file. number: of the entry. what: what was decided. before, after: the
    champion before and after it. candidate: the version that it is about, if it stays a candidate.
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
    """A version that awaits a person's approval.

    reason: why it passed the gate. until: the deadline. asked: the time of the question. owner: of
    the model, by its policy.
    """

    version: str
    reason: str
    until: str
    asked: str = ""
    owner: str = ""


@dataclass(frozen=True)
class Shift:
    """The shift of a number of the rows.

    what: the number. shift: its size, in [0, 1]. adjusted_p: p-value, adjusted for the number of
    comparisons. drifted: true if it counts as drift.
    """

    what: str
    shift: float
    adjusted_p: float
    drifted: bool


@dataclass(frozen=True)
class Retraining:
    """A retraining's check of new rows.

    entry: the name of its folder. decision: what was decided. seen: findings about the rows.
    new_rows: number of new rows. doubted: how many labels it called in question. trusted: true if
    labels that were doubted before count again. shifts: what was compared for drift. suspects: some
    of the doubted rows, by id and label.
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
    """The summary of a model.

    champion: its version, null without one. since: from when on it is champion. versions: oldest
    first. moves: entries of the log. retrainings: oldest first. policy: fields of its policy that
    differ from the defaults, as JSON; null without one. awaits: the version that awaits approval,
    if there is one. truth: what labels that came later showed of its answers. label_doubts: of the
    champion. barred: why the newest version was refused, null if there is a champion.
    """

    name: str
    champion: str | None
    since: str | None
    versions: tuple[Version, ...] = ()
    moves: tuple[Move, ...] = ()
    retrainings: tuple[Retraining, ...] = ()
    policy: dict[str, str] | None = None
    awaits: Awaited | None = None
    truth: LaterTruth | None = None
    label_doubts: LabelDoubts | None = None
    damaged: Damages = field(default_factory=list)
    barred: str | None = None

    def version(self, number: str | None) -> Version | None:
        """Return a version by its number, or None."""
        return next((version for version in self.versions if version.version == number), None)

    @property
    def decisions(self) -> tuple[Move, ...]:
        """The moves, without the registrations of versions."""
        return tuple(move for move in self.moves if move.what != REGISTER)

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
class Example:
    """A series as it is drawn. values: some of its values by channel, null where one is missing."""

    series_id: str
    n_steps: int
    values: dict[str, list[float | None]]


@dataclass(frozen=True)
class DatasetProfile:
    """What is drawn of a dataset version's rows, and what its manifest lacks of them.

    lengths: number of series by their steps, as ``12`` or ``12 to 15``. examples: typical series by
    class. copies: number of series whose values occur in another series too.
    """

    lengths: dict[str, int]
    examples: dict[str, tuple[Example, ...]]
    copies: int


@dataclass(frozen=True)
class DatasetVersion:
    """A version as lists show it.

    classes: number of series by class. parent: the version that it continues. chosen_from: the
    dataset from which its rows were chosen.
    """

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
    """Versions of a dataset. newest: the version made last. versions: oldest first."""

    name: str
    newest: str
    versions: tuple[DatasetVersion, ...] = ()
    damaged: Damages = field(default_factory=list)


@dataclass(frozen=True)
class Sketch:
    """A typical series of a class as a small picture. path: the path of the picture."""

    label: str
    path: str


@dataclass(frozen=True)
class ModelEntry:
    """A model in the catalogue.

    newest: the version made last. scores: macro F1 of the newest versions, oldest first. champion:
    null without one. last: the last entry of the audit. doubted: number of doubted labels. drifted:
    names of numbers that have drifted. barred: why the newest version was refused, null if there is
    a champion. awaits: the open question about it, null without one.
    """

    name: str
    n_versions: int
    newest: str
    scores: tuple[float, ...]
    champion: Version | None
    since: str | None
    last: Move | None
    doubted: int
    drifted: tuple[str, ...]
    barred: str | None = None
    awaits: Awaited | None = None


@dataclass(frozen=True)
class DatasetEntry:
    """A dataset in the catalogue, by its newest version. sketches: a typical series of each
    class."""

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
    """A stability study. version: its digest."""

    version: str
    dataset: str
    made: str


@dataclass(frozen=True)
class ComparisonEntry:
    """A comparison as lists show it. versions: that were compared."""

    versions: tuple[str, ...]
    made: str

    @property
    def models(self) -> set[str]:
        """Names of the models that are compared."""
        return {version.partition("@")[0] for version in self.versions}


@dataclass(frozen=True)
class Catalogue:
    """The content of the first page except digests.

    models, datasets, studies: by name. comparisons: by file name. damaged: by the item in which the
    damage was found.
    """

    models: dict[str, ModelEntry] = field(default_factory=dict)
    datasets: dict[str, DatasetEntry] = field(default_factory=dict)
    studies: dict[str, tuple[StudyEntry, ...]] = field(default_factory=dict)
    comparisons: dict[str, ComparisonEntry] = field(default_factory=dict)
    damaged: dict[str, Damages] = field(default_factory=dict)

    @property
    def compared(self) -> list[tuple[str, ComparisonEntry]]:
        """Comparisons, newest first."""
        return sorted(self.comparisons.items(), key=lambda item: item[1].made, reverse=True)


@dataclass(frozen=True)
class Row:
    """A test series as a report draws it.

    prediction: the most likely class. answer: the prediction, or ``unknown``. reason: why it is
    unknown. confidence: of the prediction. possible: classes that can't be ruled out. series: its
    values. speaks: how strongly each drawn step supports the answer, in [0, 1]. nearest: the most
    similar training series, with their labels.
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
    """The drawings of a version's report.

    curves: training log-loss by update of the LSTM of each seed. card: of the dataset. hardest: the
    test series with the highest losses.
    """

    made: str
    card: dict[str, Any]
    curves: dict[str, list[Ends]]
    hardest: tuple[Row, ...]
