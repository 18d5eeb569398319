"""A scikit-learn estimator that trains the same committee as the flows."""

import operator
from collections.abc import Iterable
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data

from seqclass.answering import Answering
from seqclass.bars import fitting_bar
from seqclass.evaluation.decisions import UNKNOWN
from seqclass.evaluation.goals import Abstention, Goal, costs_of
from seqclass.evaluation.metrics import Truth
from seqclass.fitted_record import Parameters, kind_of
from seqclass.forms import PaddedSeries, Series, as_values, read_series
from seqclass.network_process import LabelledRows, Network, fit_network
from seqclass.training.spec import LARGEST_SEED, MEMBERS, Member, TrainingSpec

LEAST_TOLD = 20
"""Series from which on no value equals every label by chance."""


class SequenceClassifier(Answering, ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A scikit-learn classifier of series: the LSTM that ``seqclass train`` trains.

    The LSTM is trained unless ``members`` leaves it out. Up to three other members help it: ridge
    regression on fixed convolutions, kernels on the same features, and a kernel between series.
    Rows that are held back decide whether the LSTM alone answers or a weighted average, calibrate
    the probabilities, and choose the rule that serves ``goal``, with the threshold below which the
    answer is ``"unknown"``. Series may have any lengths, several channels and missing values.

    Parameters
    ----------
    random_state : int, RandomState, Generator or None
        Seed of all random numbers, from 0 to 2**31 - 2; equal seeds give equal weights on the same
        machine. NumPy's generators, and None for its global one, draw a seed at each ``fit``.
    members : tuple of str, optional
        Members that may take part: ``"convolutions"``, ``"view-kernels"``, ``"steps"`` and
        ``"conv-lstm"``. None allows all.
    budget_s : float, optional
        Seconds after which no further network is started. None sets no limit.
    series_id, step : str or int, optional
        Columns or index levels of a long DataFrame with the id of the series and the step of each
        row, if they are not called ``series_id`` and ``step``.
    verbose : int, optional
        0 shows nothing, 1 a progress bar in a notebook or on a terminal. None shows it in a
        notebook only.
    goal : str or dict, optional
        What answers are chosen for: ``"macro_f1"``, ``"accuracy"``, ``"balanced_accuracy"``, or
        costs. These are a dict by true class of the cost of each wrong answer, and if ``"unknown"``
        may be answered also of that: ``{"ok": {"fault": 1, "unknown": 0.2}, "fault": {"ok": 9,
        "unknown": 0.2}}``.
    max_error : float, optional
        Largest share of wrong answers, in [0, 1), among those that are not ``"unknown"``. If
        ``goal`` is costs, that of ``"unknown"`` counts instead.

    Attributes
    ----------
    classes_ : array (classes,)
        The classes, sorted.
    n_features_in_, n_channels_ : int
        Steps of the longest series, and channels.
    seed_ : int
        The seed of the training.
    channels_ : list of str or None
        Names of the channels, if they were fitted from DataFrames.
    feature_names_in_ : array (steps,) of object
        Names of the columns, if they were fitted from a wide DataFrame and are text.
    read_ : str
        What ``fit`` read, such as ``"60 series, 24 steps, 1 channel"``.
    validation_ : dict
        Accuracy, balanced accuracy, macro F1, log-loss (nats) and expected calibration error
        (``ece``) on the rows held back.
    members_ : list of dict
        A report of each member: its weight, accuracy, log-loss (nats) and seconds.
    losses_ : list of list of float
        Training loss (nats) of every update of each network of the LSTM.

    Examples
    --------
    Sixty series of 24 steps rise or fall. The examples of the methods continue this one.

    >>> import numpy as np
    >>> from seqclass import SequenceClassifier
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat(["falls", "rises"], 30)
    >>> slope = np.where(y == "rises", 1, -1)[:, None]
    >>> X = slope * np.linspace(-1, 1, 24) + rng.normal(0, 0.3, (60, 24))
    >>> clf = SequenceClassifier(members=("convolutions",)).fit(X, y)
    >>> clf.predict(X[[0, -1]]).tolist()
    ['falls', 'rises']
    """

    def __init__(  # noqa: PLR0913 - each is a parameter in scikit-learn's sense
        self,
        random_state: int | np.random.RandomState | np.random.Generator | None = 0,
        members: tuple[Member, ...] | None = None,
        budget_s: float | None = None,
        series_id: str | int | None = None,
        step: str | int | None = None,
        verbose: int | None = None,
        goal: Goal = "macro_f1",
        max_error: float = 0.05,
    ) -> None:
        self.random_state = random_state
        self.members = members
        self.budget_s = budget_s
        self.goal = goal
        self.max_error = max_error
        self.series_id = series_id
        self.step = step
        self.verbose = verbose

    def __repr__(self, N_CHAR_MAX: int = 700) -> str:  # noqa: N803 - scikit-learn's name
        text = super().__repr__(N_CHAR_MAX)
        return f"{text}: {self.read_}" if getattr(self, "read_", "") else text

    def fit(
        self,
        X: Series,  # noqa: N803 - scikit-learn's name
        y: Any,
        groups: Any = None,
    ) -> "SequenceClassifier":
        """Train on labelled series. The rows to hold back are chosen automatically.

        Weights of series (``sample_weight``) are not supported.

        Parameters
        ----------
        X : array or list of arrays, or DataFrames
            Series as ``(n, steps)``, ``(n, steps, channels)``, or a list of ``(steps,)`` or
            ``(steps, channels)``; NaN where a value is missing. For DataFrames of pandas, pyarrow
            or polars see docs/python.md.
        y : array (n,)
            Labels: text, whole numbers or booleans; beside a long DataFrame also one for each row.
        groups : array (n,), optional
            Series of one group (a machine, a singer) are held back together.

        Returns
        -------
        SequenceClassifier
            The fitted classifier itself.

        Raises
        ------
        ValueError
            If the labels do not match the series, there is only one class, every class has a single
            series, or one is called ``"unknown"``, no series has a value or more than one step,
            ``X`` can be read in two ways, as an array with no more steps than channels, or one of
            its columns equals ``y``.

        Examples
        --------
        >>> clf = SequenceClassifier(members=("convolutions",)).fit(X, y)
        >>> clf.classes_.tolist(), clf.n_features_in_, clf.n_channels_
        (['falls', 'rises'], 24, 1)
        >>> clf.validation_["accuracy"] > 0.9
        True
        """
        given = read_series(X, series_id=self.series_id, step=self.step)
        x = given.values
        _check_series(given)
        labels = _labels(given.aligned("y", y), len(x))
        given.check_rows_are_series(labels)
        _check_no_labels(x, labels)
        groups = given.aligned("groups", groups)
        if groups is not None:
            groups = _checked("groups", groups, len(x))
        classes, codes = np.unique(labels, return_inverse=True)
        _check_classes(classes, codes)
        spec, names = self._spec(), [str(name) for name in classes.tolist()]
        costs_of(spec.goal, names)
        rows = LabelledRows(x, Truth(codes.astype(np.int32), names, groups))
        seed = _seed(self.random_state)
        with fitting_bar(self.verbose) as watch:
            trained = fit_network(rows, spec, seed, watch)
        self.seed_ = seed
        self.classes_, self.channels_ = classes, given.channels
        self.n_features_in_, self.n_channels_ = x.shape[1:]
        self.read_ = str(given)
        self._check_names(given, reset=True)
        self._network, self.decision_ = Network(trained.content), trained.decision
        self.validation_, self.members_ = trained.validation, trained.members
        self.losses_ = trained.losses
        return self

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = tags.input_tags.three_d_array = True
        return tags

    def _spec(self) -> TrainingSpec:
        members = MEMBERS if self.members is None else self.members
        if isinstance(members, str) or not isinstance(members, Iterable):
            raise ValueError(
                f"members: expected a tuple of names such as {MEMBERS[:1]}, got {members!r}; "
                "correct it"
            )
        limits = Abstention(max_error=self.max_error)
        return TrainingSpec(
            seeds=1, budget_s=self.budget_s, members=tuple(members), goal=self.goal,
            abstention=limits,
        )  # fmt: skip

    def _check_fitted(self) -> None:
        check_is_fitted(self)

    def _parameters(self) -> Parameters:
        self._check_fitted()
        return Parameters(**self.get_params() | {"random_state": self.seed_})

    def _read(self, x: Series) -> PaddedSeries:
        self._check_fitted()
        given = super()._read(x)
        if given.wide is not None:
            self._check_names(given, reset=False)
        return given

    def _check_names(self, given: PaddedSeries, reset: bool) -> None:
        """Keep the names of a wide table's columns, or compare them with those of ``fit``."""
        x = given.values if given.wide is None else given.wide
        validate_data(self, x, reset=reset, skip_check_array=True, ensure_2d=False)


def _check_no_labels(x: np.ndarray, labels: np.ndarray) -> None:
    """Raise ValueError if a value of each series is its label, as where a table holds both."""
    if labels.dtype.kind not in "iuf" or len(x) < LEAST_TOLD:
        return
    steps, channels = np.nonzero((x == labels[:, None, None].astype(x.dtype)).all(axis=0))
    if len(steps):
        raise ValueError(
            f"X: expected series without their labels, got y itself at step {steps[0]} of channel "
            f"{channels[0]} (from 0); leave that column out"
        )


def _check_series(given: PaddedSeries) -> None:
    """Raise ValueError if what was read is hardly meant."""
    _, steps, channels = given.values.shape
    if np.isnan(given.values).all():
        raise ValueError("X: expected values, got only missing ones (NaN); give some")
    if steps == 1:
        raise ValueError(
            f"X: expected series of several steps, got {given} (1 feature(s)); write "
            "X.transpose(0, 2, 1) if X is (n, channels, steps); if each row of a DataFrame is a "
            "step, say which columns are ids and steps with series_id= and step="
        )
    if given.channels is None and 1 < steps <= channels:
        raise ValueError(
            f"X: expected more steps than channels, got {given}; write X.transpose(0, 2, 1), or "
            "[x.T for x in X] for a list, if X is (n, channels, steps), or [pd.DataFrame(x) for x "
            "in X] if it is (n, steps, channels)"
        )


def _seed(given: Any) -> int:
    """Return the seed, which a generator draws; ValueError if not all libraries take it."""
    if isinstance(given, np.random.Generator):
        return int(given.integers(LARGEST_SEED))
    if given is None or given is np.random or isinstance(given, np.random.RandomState):
        return int(check_random_state(given).randint(LARGEST_SEED))
    try:
        seed = operator.index(given)
    except TypeError:
        seed = -1
    if isinstance(given, bool) or not 0 <= seed < LARGEST_SEED:
        raise ValueError(
            f"random_state: expected a whole number from 0 to {LARGEST_SEED - 1}, one of NumPy's "
            f"generators or None, got "
            f"{' '.join(repr(given).split())[:80]}; correct it"
        )
    return seed


def _checked(what: str, values: Any, n: int) -> np.ndarray:
    from pandas import isna

    array = as_values(values)
    if array.shape == (n, 1):
        array = column_or_1d(array, warn=True)
    if array.shape != (n,):
        raise ValueError(
            f"{what}: expected one value for each of {n} series, got shape {array.shape}; "
            "correct it"
        )
    missing = isna(array) | np.ravel(np.ma.getmask(values))
    if missing.any():
        row = int(missing.argmax())
        raise ValueError(
            f"{what}: expected a value for every series, got none for series {row}; leave it out"
        )
    if array.dtype == object:
        try:
            np.sort(array)
        except TypeError as error:
            types = sorted({type(value).__name__ for value in array})
            raise ValueError(
                f"{what}: expected values of one type, got {', '.join(types)}; write all as text"
            ) from error
    return array


def _labels(values: Any, n: int) -> np.ndarray:
    """Return labels ``(n,)``; ValueError if they are missing or are fractions."""
    if values is None:
        raise ValueError(
            "y: expected a label for every series, got none (fit requires y to be passed, but the "
            "target y is None); give one"
        )
    labels = _checked("y", values, n)
    if labels.dtype.kind != "f":
        return labels
    if (odd := labels[~np.isfinite(labels) | (labels != np.floor(labels))]).size:
        raise ValueError(
            f"y: expected classes, got continuous numbers such as {odd[0]}; round them, or write "
            "them as text where each is a class"
        )
    return labels


def _check_classes(classes: np.ndarray, codes: np.ndarray) -> None:
    kind_of(classes)
    counts = np.bincount(codes)
    if UNKNOWN in classes.tolist():
        raise ValueError(
            f"y: expected another name, got {UNKNOWN!r}, the answer that is none; rename the class"
        )
    if len(classes) < 2:
        raise ValueError(
            f"y: expected at least two classes, got one class, {classes.tolist()[0]!r}; add another"
        )
    if counts.max() < 2:
        raise ValueError("y: expected at least two series of a class, got one of each; add series")
