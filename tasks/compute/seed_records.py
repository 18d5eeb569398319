"""Records of trainings, in JSON."""

from typing import TypedDict

from seqclass.evaluation.contribution import MemberRecord
from seqclass.evaluation.lstm_alone import LstmScores
from seqclass.store.manifests import DecisionRecord


class TrainedRecord(TypedDict):
    """The record of a classifier, be it a seed or the average of several."""

    temperature: float
    decision: DecisionRecord
    validation: dict[str, float]
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

    committee_temperature: of the mixture of all its members. lstm: its LSTM alone on the test rows.
    references: numbers of the training rows that it compares with.
    auxiliary_weight: what each auxiliary row counted for, 0 if none trained.
    symbols: the lowest and the highest symbol of each channel that holds symbols.
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
    """The record of a seed of a study, or of a fold of a search, with its answers."""

    log_loss_untempered: float
    predictions_sha256: str
    answers: list[int]
    losses: list[float]
