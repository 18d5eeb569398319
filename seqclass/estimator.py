"""A scikit-learn estimator over the committee that the flows train."""

import os
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted, column_or_1d

from seqclass.answering import Answering, Network
from seqclass.frames import unframed
from seqclass.runtime import start_tensorflow
from seqclass.series import Series, as_padded
from seqclass.training.spec import MEMBERS, Member, TrainingSpec

MIN_PER_CLASS = 2
"""Series that every class needs for training: one to learn from, one to hold back."""


class SequenceClassifier(Answering, ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Classify series of any lengths, with holes and several channels, by the committee of
    ``seqclass train``: fixed convolutions, a kernel between series and two LSTM networks, weighed
    by rows held back; calibrated, and able to say that it does not know.

    random_state: decides every random number; equal ones give equal weights on one machine.
    members: which of ``convolutions``, ``steps``, ``frozen-lstm`` and ``conv-lstm`` may take part;
    None for all. budget_s: seconds after which no further network is begun, or None.

    After ``fit``: ``classes_ (classes,)`` sorted; ``n_channels_``, and ``channels_``, their names
    where DataFrames gave some; ``n_features_in_``, steps of the longest series;
    ``validation_``, accuracy,
    macro F1, log-loss (nats) and calibration error of the rows held back; ``members_``, what each
    member did; ``keras_model_``, raw series to probabilities in stock Keras layers. README has an
    example.
    """

    def __init__(
        self,
        random_state: int = 0,
        members: tuple[Member, ...] | None = None,
        budget_s: float | None = None,
    ) -> None:
        self.random_state = random_state
        self.members = members
        self.budget_s = budget_s

    def fit(
        self,
        X: Series,  # noqa: N803 - scikit-learn's name
        y: Any,
        groups: Any = None,
    ) -> "SequenceClassifier":
        """Train on series and their labels ``(n,)``; what is held back is chosen here.

        groups ``(n,)``: series of one group (a machine, a singer) are held back together.
        ValueError where labels do not suit the series or a class has fewer than two of them.
        """
        given = unframed(X)
        x = as_padded(given.series)
        labels = _labels(given.aligned("y", y), len(x))
        groups = _optional("groups", given.aligned("groups", groups), len(x))
        classes, codes = np.unique(labels, return_inverse=True)
        _check_classes(classes, codes)
        start_tensorflow()
        from seqclass.training.fitting import Rows
        from seqclass.training.replica import TrainingRows, train_replica

        rows = Rows(x, codes.astype(np.int32))
        replica = train_replica(
            TrainingRows(rows, len(classes), groups),
            self._spec(),
            self.random_state,
            lambda *_: None,
        )
        self.classes_, self.channels_ = classes, given.channels
        self.n_features_in_, self.n_channels_ = x.shape[1:]
        self._network, self.decision_ = Network(replica.classifier), replica.decision
        self.validation_ = replica.validation
        self.members_ = [member._asdict() for member in replica.members]
        return self

    def score(self, X: Series, y: Any, sample_weight: Any = None) -> float:  # noqa: N803
        """Accuracy of ``predict`` on series and their labels, which are given as to ``fit``."""
        return float(super().score(X, unframed(X).aligned("y", y), sample_weight))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fitted classifier to one file, which ``seqclass.load_model`` reads: weights as
        Keras stores them and the rest as JSON, so that reading it runs no code. An older file is
        replaced as a whole; ValueError for classes that are neither text nor numbers."""
        from seqclass.fitted_record import to_file
        from seqclass.store.classifier_file import write_classifier

        check_is_fitted(self)
        write_classifier(path, to_file(self))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = tags.input_tags.three_d_array = True
        return tags

    def _spec(self) -> TrainingSpec:
        members = MEMBERS if self.members is None else tuple(self.members)
        return TrainingSpec(seeds=1, budget_s=self.budget_s, members=members)

    def _padded(self, x: Series) -> np.ndarray:
        check_is_fitted(self)
        return super()._padded(x)


def _checked(what: str, values: Any, n: int) -> np.ndarray:
    from pandas import isna

    found = np.asarray(values)
    if found.shape == (n, 1):
        found = column_or_1d(found, warn=True)
    if found.shape != (n,):
        raise ValueError(
            f"{what}: expected one value for each of {n} series, got shape {found.shape}; "
            "correct it"
        )
    if isna(found).any():
        row = int(isna(found).argmax())
        raise ValueError(
            f"{what}: expected a value for every series, got none for series {row}; leave it out"
        )
    return found


def _labels(values: Any, n: int) -> np.ndarray:
    """Return labels ``(n,)``; ValueError if they are missing or are fractions."""
    if values is None:
        raise ValueError(
            "y: expected a label for every series, got none (fit requires y to be passed, but the "
            "target y is None); give one"
        )
    found = _checked("y", values, n)
    if found.dtype.kind == "f" and (odd := found[found != np.floor(found)]).size:
        raise ValueError(
            f"y: expected classes, got continuous numbers such as {odd[0]}; round them, or write "
            "them as text where each is a class"
        )
    return found


def _optional(what: str, values: Any, n: int) -> np.ndarray | None:
    return None if values is None else _checked(what, values, n)


def _check_classes(classes: np.ndarray, codes: np.ndarray) -> None:
    counts = np.bincount(codes)
    if len(classes) < 2:
        raise ValueError(
            f"y: expected at least two classes, got one class, {classes[0]!r}; add another"
        )
    if counts.min() < MIN_PER_CLASS:
        rare = classes[int(counts.argmin())]
        raise ValueError(
            f"y: expected at least {MIN_PER_CLASS} series of every class, got {counts.min()} of "
            f"{rare!r}; add series or leave the class out"
        )
