"""The process that holds TensorFlow for the Python names, so that their caller's stays as it is.

``ask`` and ``fit_network`` are called here and answered there. It keeps the classifiers that it has
used last, by the digest of their ``.keras`` file.
"""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from seqclass.evaluation.decisions import Decision
from seqclass.inference.answers import predict_block
from seqclass.runtime import tensorflow
from seqclass.series import observed_lengths
from seqclass.store.keras_files import keras_bytes, keras_model
from seqclass.training.spec import TrainingSpec
from seqclass.workers import ProgressCallback, Reporter, Workers, do_next

if TYPE_CHECKING:
    from seqclass.evaluation.metrics import Truth

PROCESS = Workers(1)
"""One process, which answers one call at a time."""
MOST_LOADED = 4


@dataclass(frozen=True)
class LabelledRows:
    """Rows to train on: series ``(n, steps, channels)``, and their truth."""

    x: np.ndarray
    truth: "Truth"


@dataclass(frozen=True)
class FittedNetwork:
    """A trained classifier as the content of a ``.keras`` file, and what is known of it."""

    content: bytes
    decision: Decision
    validation: dict[str, float]
    members: list[Any]
    losses: list[list[float]]


class Network:
    """A Keras classifier as the content of a ``.keras`` file.

    where: the origin of the file, which errors name.
    """

    def __init__(self, content: bytes, where: str = "classifier") -> None:
        self.content, self.where = content, where

    def __getstate__(self) -> bytes:
        return self.content

    def __setstate__(self, content: bytes) -> None:
        self.__init__(content)  # type: ignore[misc]

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the content."""
        return hashlib.sha256(self.content).hexdigest()

    @cached_property
    def model(self) -> Any:
        """The network in the caller's own Keras, which is imported as the caller has set it."""
        return keras_model(self.content, self.where)

    def ask(self, what: str, *arguments: Any) -> Any:
        """Call a method of the ``Loaded`` network; DamagedError if it is none of stock layers."""
        asked = (self.where, what, arguments)
        answered, answer = PROCESS.call(_ask, self.digest, None, *asked)
        if not answered:
            _, answer = PROCESS.call(_ask, self.digest, self.content, *asked)
        return answer


def fit_network(
    rows: LabelledRows, spec: TrainingSpec, seed: int, watch: ProgressCallback | None = None
) -> FittedNetwork:
    """Train one seed; watch: receives the progress of its LSTM."""
    return PROCESS.call(_fit, rows, spec, seed, watch=watch)


class Loaded:
    """A network on the LSTM kernel, as the process keeps it."""

    def __init__(self, model: Any) -> None:
        from seqclass.networks.recurrence import accelerate

        self.network = accelerate(model)

    @cached_property
    def _infer(self) -> Any:
        from seqclass.inference.prediction import outputs_of

        return outputs_of(self.network)

    def sizes(self) -> tuple[int, int]:
        """Return the numbers of channels and of classes."""
        do_next(self.warm_up)
        outputs = self.network.output
        probabilities = outputs["probabilities"] if isinstance(outputs, dict) else outputs
        return self.network.input.shape[-1], probabilities.shape[-1]

    def warm_up(self) -> None:
        """Compile the network."""
        self.outputs(np.zeros((1, 1, self.network.input.shape[-1]), np.float32))

    def outputs(self, x: np.ndarray) -> dict[str, np.ndarray]:
        """Return outputs ``(n, …)`` by name for series padded with NaN."""
        return predict_block(self._infer, x, observed_lengths(x))

    def contributions(self, x: np.ndarray, codes: np.ndarray) -> np.ndarray:
        """Return the contribution of each step ``(n, steps)`` to the score of a class."""
        from seqclass.networks.attribution import find_attributions, n_batches
        from seqclass.networks.classifier import score_gradient

        return find_attributions(score_gradient(self.network, n_batches(*x.shape[:2])), x, codes)


_loaded: OrderedDict[str, Loaded] = OrderedDict()


def _keep(digest: str, loaded: Loaded) -> None:
    _loaded[digest] = loaded
    if len(_loaded) > MOST_LOADED:
        _loaded.popitem(last=False)


def _ask(
    digest: str, content: bytes | None, where: str, what: str, arguments: tuple[Any, ...]
) -> tuple[bool, Any]:
    """Return whether the network is there, and the answer of its method."""
    if digest not in _loaded:
        if content is None:
            return False, None
        tensorflow()
        _keep(digest, Loaded(keras_model(content, where)))
    _loaded.move_to_end(digest)
    return True, getattr(_loaded[digest], what)(*arguments)


def _fit(rows: LabelledRows, spec: TrainingSpec, seed: int) -> FittedNetwork:
    tensorflow()
    import keras

    from seqclass.evaluation.metrics import seed_scores
    from seqclass.evaluation.rule_choice import choose_rule
    from seqclass.training.learnt_rows import Rows
    from seqclass.training.replica import TrainingRows, train_replica

    keras.utils.clear_session()
    truth = rows.truth
    data = TrainingRows(Rows(rows.x, truth.y), len(truth.classes), truth.groups)
    replica = train_replica(data, spec, seed, Reporter("fit"))
    probabilities, held = replica.held_probabilities, truth.take(replica.held)
    decision = choose_rule(probabilities, held, spec.goal, spec.abstention)
    content = keras_bytes(replica.classifier)
    loaded = Loaded(replica.classifier)
    _keep(Network(content).digest, loaded)
    do_next(loaded.warm_up)
    losses = [fit.losses.tolist() for fit in replica.fits]
    validation = seed_scores(probabilities, held.y, decision)
    return FittedNetwork(content, decision, validation, replica.members, losses)
