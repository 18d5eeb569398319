"""What a trained classifier answers, be it fitted here or loaded."""

from functools import cached_property
from typing import Any

import numpy as np

from seqclass.evaluation.decisions import (
    UNKNOWN,
    Decision,
    confidence_of,
    predict_labels,
    reasons_of,
)
from seqclass.frames import unframed
from seqclass.inference.blocks import predict_block
from seqclass.runtime import start_tensorflow
from seqclass.series import Series, as_padded, series_lengths
from seqclass.store.keras_files import keras_bytes, keras_model


class Network:
    """A Keras classifier with the compiled copy that answers.

    A copy or a pickle keeps the bytes of a ``.keras`` file only; it compiles again when it first
    answers.
    """

    def __init__(self, model: Any) -> None:
        self.model = model

    def __getstate__(self) -> bytes:
        return keras_bytes(self.model)

    def __setstate__(self, content: bytes) -> None:
        start_tensorflow()
        self.model = keras_model(content, "classifier")

    @cached_property
    def infer(self) -> Any:
        """The compiled function from series of any length to outputs by name."""
        from seqclass.inference.prediction import outputs_of

        return outputs_of(self.fast)

    @cached_property
    def fast(self) -> Any:
        """A copy of ``model`` on the LSTM kernel; ``model`` itself stays as it is stored."""
        import keras

        from seqclass.networks.recurrence import accelerate

        copy = keras.models.clone_model(self.model)
        copy.set_weights(self.model.get_weights())
        return accelerate(copy)


class Answering:
    """Answers of a Keras classifier from raw series to probabilities."""

    classes_: np.ndarray
    n_channels_: int
    channels_: list[str] | None = None
    decision_: Decision
    _network: Network

    @property
    def keras_model_(self) -> Any:
        """Raw series to probabilities, in stock Keras layers."""
        return self._network.model

    def predict_proba(self, X: Series) -> np.ndarray:  # noqa: N803 - scikit-learn's name
        """Calibrated probabilities ``(n, classes)``, in the order of ``classes_``."""
        return self._outputs(X)["probabilities"]

    def predict(self, X: Series) -> np.ndarray:  # noqa: N803
        """The most likely class of each series ``(n,)``; never ``unknown``."""
        probabilities = self.predict_proba(X)
        return self.classes_[predict_labels(probabilities, self.decision_.offsets)]

    def predict_or_unknown(self, X: Series) -> np.ndarray:  # noqa: N803
        """As ``predict``, as objects, and ``"unknown"`` where the answer would be too uncertain or
        the series is unlike all that were seen in training."""
        found, offsets = self._outputs(X), self.decision_.offsets
        probabilities = found["probabilities"]
        answers = self.classes_[predict_labels(probabilities, offsets)].astype(object)
        confidence = confidence_of(probabilities, offsets)
        reasons = reasons_of(confidence, found.get("p_value"), self.decision_)
        answers[[reason is not None for reason in reasons]] = UNKNOWN
        return answers

    def explain(self, X: Series, y: np.ndarray | None = None) -> np.ndarray:  # noqa: N803
        """How much each step speaks for a class, ``(n, steps)``: integrated gradients.

        y: the classes ``(n,)`` to explain, by default those that are predicted. Above 0 for the
        class, below 0 against it; 0 where nothing is observed. (Sundararajan, Taly and Yan 2017.)
        """
        from seqclass.networks.attribution import find_attributions, n_batches
        from seqclass.networks.classifier import score_gradient

        x = self._padded(X)
        labels = self.predict(x) if y is None else np.asarray(y)
        strangers = set(labels.tolist()) - set(self.classes_.tolist())
        if strangers or len(labels) != len(x):
            raise ValueError(
                f"y: expected one of {self.classes_.tolist()} for each of {len(x)} series, got "
                f"{sorted(map(str, strangers)) or len(labels)}; correct it"
            )
        codes = np.searchsorted(self.classes_, labels)
        gradient = score_gradient(self._network.fast, n_batches(*x.shape[:2]))
        return find_attributions(gradient, x, codes)

    def _padded(self, x: Series) -> np.ndarray:
        return as_padded(unframed(x, self.channels_).series, self.n_channels_)

    def _outputs(self, x: Series) -> dict[str, np.ndarray]:
        padded = self._padded(x)
        lengths = np.maximum(series_lengths(np.isfinite(padded).any(axis=-1)), 1)
        return predict_block(self._infer, padded, lengths)

    @property
    def _infer(self) -> Any:
        return self._network.infer
