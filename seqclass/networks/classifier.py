"""The LSTM networks: a convolution, an LSTM, and masked pooling over time."""

from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

from seqclass.networks.architecture import Architecture
from seqclass.networks.attribution import Gradient
from seqclass.networks.layers import (
    Kernels,
    Masked,
    masked_conv,
    masked_mean,
    masked_pool,
    pool_steps,
    series_features,
)
from seqclass.networks.outputs import FEW_BATCHES
from seqclass.networks.scaling import Scaling
from seqclass.networks.symbols import Alphabets, symbol_features

Ends = tuple[keras.KerasTensor, keras.KerasTensor]
"""Input and output of a network."""
STRETCH = 8
"""Most LSTM steps of the longest series, as a multiple of ``Architecture.longest_recurrence``."""
FINE_POOLING = 4
"""Pooling factor from which on the convolution skips every second step."""


def pooling_factor(typical: int, longest: int, longest_recurrence: int) -> int:
    """Return the number of neighbouring steps that are pooled into one.

    A series of ``typical`` length becomes at most ``longest_recurrence`` steps. The ``longest`` of
    all becomes at most ``STRETCH`` times as many, so that a few long series do not decide the
    pooling of all.
    """
    return max(1, -(-typical // longest_recurrence), -(-longest // (STRETCH * longest_recurrence)))


@dataclass(frozen=True)
class ViewsBuilder:
    """Builder of the network that computes all views of raw series, with the mask as last feature.

    Channels with an alphabet are given as numbers and as symbols. Nothing of it is trained.
    """

    scaling: Scaling
    alphabets: Alphabets = ()

    def __call__(self) -> keras.Model:
        """Return the network from series ``(B, T, C)`` to views and mask ``(B, T, F + 1)``."""
        raw = keras.Input((None, len(self.scaling.center)), name="series")
        x, inside = series_features(raw, self.scaling)
        symbols = symbol_features(raw, self.alphabets)
        return keras.Model(raw, ops.concatenate([x, *symbols, inside], axis=-1), name="views")


@dataclass(frozen=True)
class NetworkBuilder:
    """Builder of networks from views of series to logits ``(B, classes)``.

    The views are ``(B, T, n_features + 1)``, the last of which is the mask. Networks of one builder
    differ only in their weights; equal builders build equal networks.
    """

    n_classes: int
    n_features: int
    pooling: int
    architecture: Architecture

    def __call__(self, seed: int) -> keras.Model:
        """Return a network with initial weights and dropout masks that follow from ``seed``.

        Its head sees the mean and the maximum over time of the LSTM's outputs, and with a
        convolution also the mean of the convolution's outputs (after the two arms of LSTM-FCN,
        Karim et al. 2018).
        """
        seeds = [int(state) for state in np.random.SeedSequence(seed).generate_state(5)]
        raw = keras.Input((None, self.n_features + 1), name="features")
        x, inside, pooled = raw[..., :-1], raw[..., -1:], []
        if self.architecture.kind == "conv-lstm":
            x, inside = self._stem(x, inside, seeds[0])
            pooled.append(masked_mean(x, inside))
        pooled.append(_recurrence(x, inside, self.architecture, seeds[1:3]))
        x = ops.concatenate(pooled, axis=-1)
        x = layers.Dropout(self.architecture.dropout, seed=seeds[3])(x)
        init = keras.initializers.GlorotUniform(seed=seeds[4])
        logits = layers.Dense(self.n_classes, kernel_initializer=init, name="logits")(x)
        return keras.Model(raw, logits, name="network")

    def _stem(self, x: keras.KerasTensor, inside: keras.KerasTensor, seed: int) -> Masked:
        """Convolve every step, or every second one if many are pooled, and pool the outputs."""
        arch, stride = self.architecture, 2 if self.pooling >= FINE_POOLING else 1
        x, inside = masked_conv(x, inside, Kernels(arch.filters, arch.width, seed, stride))
        return pool_steps(x, inside, -(-self.pooling // stride))


def _recurrence(
    x: keras.KerasTensor, inside: keras.KerasTensor, arch: Architecture, seeds: list[int]
) -> keras.KerasTensor:
    """Return the mean and the maximum over time of an LSTM's normalised outputs."""
    recurrence: keras.Layer = _lstm(arch.units, seeds[0])
    if arch.kind != "lstm":
        backwards = _lstm(arch.units, seeds[1], backwards=True)
        recurrence = layers.Bidirectional(recurrence, backward_layer=backwards)
    x = recurrence(x, mask=inside[..., 0] > 0)
    return masked_pool(layers.LayerNormalization()(x), inside)


def _lstm(units: int, seed: int, backwards: bool = False) -> layers.LSTM:
    kernel, recurrent = np.random.SeedSequence(seed).generate_state(2)
    return layers.LSTM(
        units,
        return_sequences=True,
        go_backwards=backwards,
        kernel_initializer=keras.initializers.GlorotUniform(seed=int(kernel)),
        recurrent_initializer=keras.initializers.Orthogonal(seed=int(recurrent)),
    )


def probabilities_of(classifier: keras.Model) -> keras.Model:
    """Return a classifier with its probabilities as the only output."""
    if not isinstance(classifier.output, dict):
        return classifier
    return keras.Model(classifier.input, classifier.output["probabilities"], name="classifier")


def with_familiarity(classifier: keras.Model, donor: keras.Model) -> keras.Model:
    """Return the classifier with the donor's outputs other than the probabilities.

    donor: a classifier that was made from the same training rows.
    """
    if not isinstance(donor.output, dict):
        return classifier
    others = {name: part for name, part in donor.output.items() if name != "probabilities"}
    familiarity = keras.Model(donor.input, others, name="familiarity")
    outputs = {"probabilities": classifier.output, **familiarity(classifier.input)}
    return keras.Model(classifier.input, outputs, name="classifier")


def average_classifiers(members: list[keras.Model], temperature: float) -> keras.Model:
    """Return one classifier: the mean of the members' log-probabilities, divided by a temperature.

    The mean is taken of the logits: they differ from log-probabilities by one number per series,
    which the last softmax cancels.
    """
    ends = [(member.input, member.get_layer("logits").output) for member in members]
    raw, mean = mean_logits(ends, "mean")
    mean = layers.Rescaling(1 / temperature, name="tempered")(mean)
    return keras.Model(raw, layers.Softmax(name="probabilities")(mean), name="classifier")


def weights_by_network(classifier: keras.Model) -> list[list[np.ndarray]]:
    """Return the weights of each trained network in a classifier, or in an average of some."""
    members = [layer for layer in classifier.layers if isinstance(layer, keras.Model)]
    if not members:
        return [classifier.get_weights()] if classifier.trainable_weights else []
    return [weights for member in members for weights in weights_by_network(member)]


def mean_logits(ends: list[Ends], name: str) -> Ends:
    """Return a new input and the mean of the networks' logits for it.

    ends: input and output of each network.
    """
    raw = keras.Input(ends[0][0].shape[1:], name="series")
    logits = [
        keras.Model(start, end, name=f"member_{number}")(raw)
        for number, (start, end) in enumerate(ends)
    ]
    return raw, layers.Average(name=name)(logits) if len(logits) > 1 else logits[0]


def score_gradient(classifier: keras.Model, n_batches: int) -> Gradient:
    """Return the gradient of a class's score with respect to raw series, for ``find_attributions``.

    The score is the logit of the class minus the mean of all logits, because a constant that all
    logits share has no effect; unlike a probability, a logit does not saturate. n_batches: number
    of batches to come; a few are answered without compiling, which takes longer.
    """
    logits = keras.Model(classifier.input, classifier.get_layer("probabilities").input)

    def gradient(x: tf.Tensor, codes: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            tape.watch(x)
            all_logits = logits(x, training=False)
            score = tf.gather(all_logits, codes, batch_dims=1) - tf.reduce_mean(all_logits, axis=1)
        return tape.gradient(score, x)

    shapes = [tf.TensorSpec(classifier.input.shape), tf.TensorSpec([None], tf.int32)]
    few = n_batches <= FEW_BATCHES
    compiled = gradient if few else tf.function(gradient, input_signature=shapes, autograph=False)
    return lambda x, codes: compiled(tf.constant(x), tf.constant(codes, tf.int32)).numpy()
