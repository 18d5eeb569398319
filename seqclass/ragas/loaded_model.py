"""A stored classifier in memory: its answers to series, and the steps that speak for them."""

import numpy as np

from seqclass.inference.answers import Answers, answers_of, predict_block
from seqclass.inference.prediction import outputs_of, scorer_of
from seqclass.runtime import start_tensorflow
from seqclass.series import observed_lengths
from seqclass.store.models import Model, load_keras


class LoadedModel:
    """A model version that answers series ``(n, steps, channels)``, padded with NaN.

    ref: its reference; classes: in the order of the probabilities.
    """

    def __init__(self, model: Model) -> None:
        start_tensorflow()
        from seqclass.networks.recurrence import accelerate

        scorer = scorer_of(model)
        self.ref, self.classes = model.ref, list(scorer.classes)
        self._decision = scorer.decision
        self._network = accelerate(load_keras(model.root, scorer.path))
        self._infer = outputs_of(self._network)

    def answers(self, x: np.ndarray) -> Answers:
        """Return the answers to series."""
        return answers_of(predict_block(self._infer, x, observed_lengths(x)), self._decision)

    def evidence(self, x: np.ndarray, code: int) -> np.ndarray:
        """Return how much each step ``(n, steps)`` speaks for a class, by integrated gradients."""
        from seqclass.networks.attribution import find_attributions, n_batches
        from seqclass.networks.classifier import score_gradient

        gradient = score_gradient(self._network, n_batches(*x.shape[:2]))
        return find_attributions(gradient, x, np.full(len(x), code))
