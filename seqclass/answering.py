"""The prediction methods of a trained classifier, whether it was fitted here or loaded."""

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from seqclass.evaluation.decisions import UNKNOWN, Decision, predict_labels
from seqclass.forms import PaddedSeries, Series, as_values, read_series
from seqclass.inference.answers import answers_of
from seqclass.network_process import Network

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from seqclass.fitted_record import Parameters


class Answering:
    """Prediction methods of a classifier whose Keras network maps raw series to probabilities."""

    classes_: np.ndarray
    n_features_in_: int
    n_channels_: int
    read_: str = ""
    channels_: list[str] | None = None
    series_id: str | int | None = None
    step: str | int | None = None
    decision_: Decision
    losses_: list[list[float]]
    _network: Network

    @property
    def keras_model_(self) -> Any:
        """The network from raw series to probabilities, in stock Keras layers.

        It is a copy in this process, which imports Keras with its own settings.
        """
        return self._network.model

    def __dir__(self) -> list[str]:
        """Leave out ``keras_model_``, which notebooks and completion would import Keras to show."""
        return [name for name in object.__dir__(self) if name != "keras_model_"]

    def predict_proba(self, X: Series) -> np.ndarray:  # noqa: N803 - scikit-learn's name
        """Return calibrated probabilities of the classes.

        Parameters
        ----------
        X : array or list of arrays, or DataFrames
            Series in the same forms as for ``fit``, of any lengths.

        Returns
        -------
        array (n, classes)
            Probabilities in the order of ``classes_``; each row adds up to 1.

        Raises
        ------
        ValueError
            If the series are empty, have other channels than the model, or are infinite anywhere.

        Examples
        --------
        >>> clf.predict_proba(X[[0, -1]]).round(1).tolist()
        [[1.0, 0.0], [0.0, 1.0]]
        """
        return self._outputs(X)["probabilities"]

    def predict_log_proba(self, X: Series) -> np.ndarray:  # noqa: N803
        """Return the logarithm of ``predict_proba``, ``(n, classes)``.

        Examples
        --------
        >>> clf.predict_log_proba(X[:1]).shape
        (1, 2)
        """
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def predict(self, X: Series) -> np.ndarray:  # noqa: N803
        """Return the class of each series that serves the goal best; never ``"unknown"``.

        It is the most likely class, after the offsets of ``decision_`` if it has any, or the class
        with the lowest expected cost.

        Parameters
        ----------
        X : series
            As for ``predict_proba``, with the same errors.

        Returns
        -------
        array (n,)
            Classes, of the type of ``classes_``.

        Examples
        --------
        >>> clf.predict(X[[0, -1]]).tolist()
        ['falls', 'rises']
        """
        probabilities = self.predict_proba(X)
        return self.classes_[predict_labels(probabilities, self.decision_)]

    def predict_or_unknown(self, X: Series) -> np.ndarray:  # noqa: N803
        """Return the class that ``predict`` returns, or ``"unknown"`` for doubtful series.

        A series is doubtful if the class is too uncertain for ``max_error``, if ``"unknown"`` costs
        less, or if it is unlike all series of the training. Such unfamiliar series can't be found
        with fewer than 99 training series, or with fewer than ``1 / unfamiliar - 1`` if another
        share than 0.01 was asked for.

        Parameters
        ----------
        X : series
            As for ``predict_proba``, with the same errors.

        Returns
        -------
        array (n,) of object
            Classes and ``"unknown"``.

        Examples
        --------
        >>> clf.predict_or_unknown(X[[0, -1]]).tolist()
        ['falls', 'rises']
        """
        answered = answers_of(self._outputs(X), self.decision_)
        answers = self.classes_[answered.codes].astype(object)
        answers[[reason is not None for reason in answered.reasons]] = UNKNOWN
        return answers

    def score(self, X: Series, y: Any, sample_weight: Any = None) -> float:  # noqa: N803
        """Return the accuracy of ``predict``, in [0, 1].

        Parameters
        ----------
        X, y : series and their labels (n,)
            In the same forms as for ``fit``.
        sample_weight : array (n,), optional
            Weights of the series.

        Examples
        --------
        >>> clf.score(X, y) > 0.9
        True
        """
        from sklearn.metrics import accuracy_score

        given = self._read(X)
        labels, weights = given.aligned("y", y), given.aligned("sample_weight", sample_weight)
        answers = self.predict(given.values)
        return float(accuracy_score(as_values(labels), answers, sample_weight=weights))

    def warm_up(self) -> None:
        """Load and compile the network, so that the next answer comes as fast as later ones.

        After ``fit`` and ``load_model`` this begins by itself.

        Examples
        --------
        >>> clf.warm_up()
        """
        self._check_fitted()
        self._network.ask("warm_up")

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the classifier to one file, which ``seqclass.load_model`` reads.

        The file holds the weights in Keras's format and the rest as JSON, so that reading it runs
        no code. An existing file is replaced as a whole. Reading it gives a ``SequenceClassifier``.

        Parameters
        ----------
        path : str or path
            The file to write.

        Raises
        ------
        ValueError
            If a class is neither text nor a number.

        Examples
        --------
        >>> from seqclass import load_model
        >>> clf.save("mine.seqclass")
        >>> load_model("mine.seqclass").predict(X[[0, -1]]).tolist()
        ['falls', 'rises']
        """
        from seqclass.fitted_record import to_file
        from seqclass.store.classifier_file import write_classifier

        write_classifier(path, to_file(self))

    def explain(self, X: Series, y: np.ndarray | None = None) -> np.ndarray:  # noqa: N803
        """Return the contribution of each step to the score of a class, by integrated gradients.

        The score is the class's logit minus the mean of all logits. The method is that of
        Sundararajan, Taly and Yan (2017).

        Parameters
        ----------
        X : series
            As for ``predict_proba``, with the same errors.
        y : array (n,), optional
            The classes to explain; by default the predicted ones.

        Returns
        -------
        array (n, steps)
            Contributions in units of the score: above 0 for the class, below 0 against it, and 0
            where nothing is observed.

        Raises
        ------
        ValueError
            If ``y`` has an unknown class or another length than ``X``.

        Examples
        --------
        >>> contributions = clf.explain(X[[0, -1]])
        >>> contributions.shape, bool((contributions.sum(axis=1) > 0).all())
        ((2, 24), True)
        """
        given = self._read(X)
        x = given.values
        labels = self.predict(x) if y is None else np.asarray(given.aligned("y", y))
        strangers = set(labels.tolist()) - set(self.classes_.tolist())
        if strangers or len(labels) != len(x):
            raise ValueError(
                f"y: expected one of {self.classes_.tolist()} for each of {len(x)} series, got "
                f"{sorted(map(str, strangers)) or len(labels)}; correct it"
            )
        codes = np.searchsorted(self.classes_, labels)
        return self._network.ask("contributions", x, codes)

    def plot_explained(self, X: Series, y: np.ndarray | None = None) -> "Figure":  # noqa: N803
        """Draw series with the steps that speak for an answer and against it.

        Parameters
        ----------
        X : series
            At most 24, as for ``predict_proba``, with the same errors.
        y : array (n,), optional
            The classes to explain; by default the predicted ones.

        Returns
        -------
        matplotlib.figure.Figure
            A panel per series and channel. Blue steps speak for the class in the title, orange ones
            against it, as ``explain`` finds.

        Raises
        ------
        ValueError
            If there are more than 24 series, and as ``explain`` does.

        Examples
        --------
        >>> figure = clf.plot_explained(X[[0, -1]])
        >>> [axes.get_title(loc="left").split()[0] for axes in figure.axes]
        ['falls', 'rises']
        """
        from seqclass.plots import explained_figure

        given = self._read(X)
        x = given.values
        probabilities = self.predict_proba(x)
        labels = self.predict(x) if y is None else np.asarray(given.aligned("y", y))
        contributions = self.explain(x, labels)
        of_label = probabilities[np.arange(len(x)), np.searchsorted(self.classes_, labels)]
        titles = [f"{label} ({p:.3f})" for label, p in zip(labels, of_label, strict=True)]
        numbers = range(1, self.n_channels_ + 1)
        channels = self.channels_ or [f"channel {k}" for k in numbers]
        return explained_figure(x, contributions, titles, channels)

    def plot_losses(self) -> "Figure":
        """Draw the training loss of every update of the LSTM.

        Returns
        -------
        matplotlib.figure.Figure
            A line per network of the LSTM, one for each fold that it was trained on: log-loss
            (nats) on the batch of each update.

        Raises
        ------
        ValueError
            If no LSTM was trained.

        Examples
        --------
        >>> lstm = SequenceClassifier(members=("conv-lstm",), budget_s=1).fit(X, y)
        >>> len(lstm.plot_losses().axes)
        1
        """
        from seqclass.plots import losses_figure

        if not self.losses_:
            raise ValueError(
                "plot_losses: expected the losses of an LSTM, got a classifier without any; train "
                "it with the member 'conv-lstm'"
            )
        return losses_figure(self.losses_)

    def _check_fitted(self) -> None:
        """Raise ValueError if there is nothing that could answer yet."""

    def _parameters(self) -> "Parameters":
        """Return the parameters with which ``fit`` trains such a classifier."""
        raise NotImplementedError

    def _read(self, x: Series) -> PaddedSeries:
        return read_series(
            x, self.channels_, self.n_channels_, series_id=self.series_id, step=self.step
        )

    def _outputs(self, x: Series) -> dict[str, np.ndarray]:
        values = self._read(x).values
        return self._network.ask("outputs", values)
