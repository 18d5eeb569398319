"""Types of the records that a version, a study and a retraining store.

Manifests are in ``store.manifests``; docs/stored-files.md says which file holds which record.
"""

from typing import Any, NotRequired

from typing_extensions import TypedDict

from seqclass.evaluation.contribution import Contribution, MemberRecord
from seqclass.evaluation.decisions import AbstentionScores
from seqclass.evaluation.goals import GoalScores
from seqclass.evaluation.intervals import Accuracy
from seqclass.evaluation.leaks import Leaks
from seqclass.evaluation.lstm_alone import LstmScores
from seqclass.evaluation.metrics import FullScores
from seqclass.monitoring.decide import Evidence
from seqclass.monitoring.first_champion import FirstEvidence
from seqclass.monitoring.quality import QualityChange
from seqclass.monitoring.seed_spread import Agreement
from seqclass.row_split import SplitSummary
from seqclass.store.manifests import DecisionRecord


class DecidedRecord(TypedDict):
    """A rule from probabilities to answers. validation: scores of rows held back, by score."""

    decision: DecisionRecord
    validation: dict[str, float]


class TrainedRecord(DecidedRecord):
    """The record of a classifier, be it a seed or the average of several."""

    temperature: float
    weights_sha256: str


class Scores(TypedDict, total=False):
    """Scores of answers to test rows, see ``evaluation.metrics``."""

    accuracy: float
    macro_f1: float
    balanced_accuracy: float
    log_loss: float
    ece: float


class SeedRecord(TrainedRecord, Scores, total=False):
    """The record of a seed, with its scores once it is evaluated.

    label: its name in lists. committee_temperature: of the mixture of all its members. lstm: its
    LSTM alone on the test rows. members: the training of each member. references: numbers of the
    training rows that it compares with. auxiliary_weight: what each auxiliary row counted for, 0 if
    none trained. symbols: the lowest and the highest symbol of each channel that holds symbols.
    """

    label: str
    seed: int
    committee_temperature: float
    lstm: LstmScores | None
    updates: int
    restarts: int
    members: list[MemberRecord]
    references: list[int]
    auxiliary_weight: float
    seconds: float
    symbols: list[list[int] | None]


class RunRecord(SeedRecord, total=False):
    """The record of a seed of a study, with its answers.

    log_loss_untempered: the log-loss without calibration. predictions_sha256: digest of the
    probabilities. answers: the class code of each test row.
    """

    log_loss_untempered: float
    predictions_sha256: str
    answers: list[int]


class Explained(TypedDict):
    """How far explanations of the first test rows point at known events.

    explained_rows: number of rows that were explained. where: share of hits by label, null without
    known events. A hit is a highest attribution within the event, see
    ``networks.attribution.hit_rates``.
    """

    explained_rows: int
    where: dict[str, dict[str, float]] | None


class Decided(TypedDict):
    """Scores of the registered classifier, and its decision rule.

    unknown: number of test rows that are unknown, by reason. classes: in the order of the
    probabilities. train_rows, test_rows: number of rows. metrics: all scores of the test rows.
    abstention: what the rule for ambiguous rows does to the test rows. goal: what answers are
    chosen for. by_goal: scores of the test rows by the rule for each goal.
    """

    unknown: dict[str, int]
    classes: list[str]
    train_rows: int
    test_rows: int
    metrics: FullScores
    decision: DecisionRecord
    abstention: AbstentionScores
    goal: str
    by_goal: dict[str, GoalScores]


class Committee(TypedDict):
    """The members of the best seed.

    committee: each trained member alone, and what the committee adds. left_out: members that were
    not trained. references: number of training rows that series are compared with.
    """

    committee: Contribution
    left_out: list[MemberRecord]
    references: int


class Gain(TypedDict):
    """A score of an average of seeds, beside those of its seeds.

    ensemble: of the average. mean_of_seeds: the mean of the seeds' scores. best_validated_seed: of
    the seed that validates best.
    """

    ensemble: float
    mean_of_seeds: float
    best_validated_seed: float


class EnsembleRecord(TrainedRecord):
    """The record of an average of seeds. gain: what averaging gained, by score."""

    gain: dict[str, Gain]


class Metrics(Decided, Committee, Explained):
    """The evaluation of a version on its test rows.

    registered_seed: null if an average of seeds is registered. lstm: the LSTM alone of the
    registered seed; of an ensemble, that of the seed that validates best. out_of_fold: accuracy on
    training rows, each answered by members that were not fitted to it. set_coverage: share of the
    true classes that the set of possible classes should contain. baselines: scores of simple
    classifiers, by name. evidence: what the gate for a first champion judges. split: how the rows
    were split. leaks: test series that have copies among the training series. symbols: the lowest
    and the highest symbol of each channel that holds symbols. ensemble: the average of the seeds,
    null if one seed is registered.
    """

    registered_seed: int | None
    lstm: LstmScores | None
    out_of_fold: Accuracy
    set_coverage: float
    baselines: dict[str, dict[str, float]]
    evidence: FirstEvidence
    split: SplitSummary
    leaks: Leaks
    symbols: dict[str, list[int]]
    ensemble: EnsembleRecord | None


class Stability(Agreement):
    """The seeds of a version, and their agreement. seeds: their records."""

    seeds: list[SeedRecord]


class Verdict(Evidence):
    """The comparison of a version with the champion of its time, and the gate's verdict.

    rules: the rules that it was judged by. better: true if it passed. reason: the verdict in words.
    reasons: the objections. doubted: true if new labels are doubted.
    """

    rules: dict[str, Any]
    better: bool
    reason: str
    reasons: list[str]
    doubted: bool


class DriftCount(TypedDict):
    """A comparison of new rows with old ones.

    drifted: names of the numbers that have drifted. compared: number of comparisons.
    """

    drifted: list[str]
    compared: int


class DataReport(TypedDict):
    """A report on new rows, before a challenger is trained.

    rows: number of new rows. labelled: number of those with a label. quality: how the champion's
    accuracy changed. drift: what has drifted. changed: true if quality or rows changed. resting:
    why no challenger is worth a training. words: the findings.
    """

    rows: NotRequired[int]
    labelled: NotRequired[int]
    quality: QualityChange | None
    drift: DriftCount | None
    changed: NotRequired[bool]
    resting: str | None
    words: list[str]


class RunRecipe(TypedDict):
    """The recipe of a run. recipe: its name. architecture: of the LSTM, in words."""

    recipe: str
    architecture: str


class VariantSummary(RunRecipe, Agreement):
    """The spread of a recipe's seeds.

    n_seeds: their number. farthest_from_mean: the largest distance of a seed's macro F1 from the
    mean. restarts: sum over the seeds. log_loss_mean, log_loss_untempered_mean, ece_mean,
    validation_log_loss_mean: mean over the seeds; untempered is without calibration.
    seconds_median: of the trainings.
    """

    n_seeds: int
    farthest_from_mean: float
    restarts: int
    log_loss_mean: float
    log_loss_untempered_mean: float
    ece_mean: float
    validation_log_loss_mean: float
    seconds_median: float


class StudySummary(TypedDict):
    """The result of a study. variants: the spread of each recipe's seeds."""

    variants: list[VariantSummary]
