"""The committee as one Keras classifier of raw series, in stock layers."""

from collections.abc import Sequence
from typing import NamedTuple

import keras
import numpy as np
from keras import layers, ops

from seqclass.training.committee import Mixture
from seqclass.training.familiarity import Familiarity, familiarity_outputs


class Branch(NamedTuple):
    """A member in Keras, from raw series to scores ``(B, classes)``.

    frozen: the first part, which is not trained and which several members may share. head: the
    rest.
    """

    frozen: keras.Model
    head: keras.Model


def committee_classifier(
    members: Sequence[Branch], mixture: Mixture, familiarity: Familiarity | None = None
) -> keras.Model:
    """Return the Keras classifier from raw series to ``probabilities (B, classes)``.

    It mixes the members' scores, in stock layers. With ``familiarity`` it has the outputs of
    ``familiarity_outputs`` as well; without, the probabilities are its only output.
    """
    raw = keras.Input(members[0].frozen.input.shape[1:], name="series")
    seen = _Seen(raw)
    answers = _answers(members, mixture.temperatures, seen)
    logits = mixed_logits(answers, mixture.weights)
    logits = layers.Rescaling(1 / mixture.temperature, name="logits")(logits)
    outputs = {"probabilities": layers.Softmax(name="probabilities")(logits)}
    if familiarity is not None:
        place = familiarity.embed([raw, seen(familiarity.convolutions)])
        outputs |= familiarity_outputs(place, familiarity)
    return keras.Model(raw, outputs if familiarity else outputs["probabilities"], name="classifier")


def mixed_logits(
    probabilities: Sequence[keras.KerasTensor], weights: Sequence[float]
) -> keras.KerasTensor:
    """Return the log of a weighted mean of probabilities ``(B, classes)``."""
    pairs = zip(probabilities, weights, strict=True)
    parts = [answer * weight for answer, weight in pairs if weight]
    mixed = layers.Add()(parts) if len(parts) > 1 else parts[0]
    return ops.log(ops.maximum(mixed, float(np.finfo(np.float32).tiny)))


def members_alone(
    names: Sequence[str], members: Sequence[Branch], temperatures: Sequence[float]
) -> keras.Model:
    """Return a network from raw series to each member's probabilities ``(B, classes)``, by name."""
    raw = keras.Input(members[0].frozen.input.shape[1:], name="series")
    parts = _answers(members, temperatures, _Seen(raw))
    return keras.Model(raw, dict(zip(names, parts, strict=True)), name="members")


class _Seen:
    """Outputs of frozen parts for raw series, each computed once."""

    def __init__(self, raw: keras.KerasTensor) -> None:
        self._raw = raw
        self._found: dict[keras.Model, keras.KerasTensor] = {}

    def __call__(self, frozen: keras.Model) -> keras.KerasTensor:
        if frozen not in self._found:
            self._found[frozen] = frozen(self._raw)
        return self._found[frozen]


def _answers(
    members: Sequence[Branch], temperatures: Sequence[float], seen: _Seen
) -> list[keras.KerasTensor]:
    """Return each member's probabilities at its own temperature."""
    answers = []
    for number, (member, temperature) in enumerate(zip(members, temperatures, strict=True)):
        start, end = member.head.input, layers.Rescaling(1 / temperature)(member.head.output)
        head = keras.Model(start, layers.Softmax()(end), name=f"member_{number}")
        answers.append(head(seen(member.frozen)))
    return answers
