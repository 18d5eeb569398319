"""The LSTM networks: a convolution, trained or fixed, an LSTM, masked pooling over time."""

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
"""Where a network begins and where it ends."""
STRETCH = 8
"""How many times as long a recurrence the longest series may have as ``Architecture`` says."""
FINE_POOLING = 4
"""Steps for one of the recurrence from which on the convolution leaves every second out."""
SLIGHT = 1e-3
"""Standard deviation of a feature up to which it is not scaled."""


def pooling_factor(typical: int, longest: int, longest_recurrence: int) -> int:
    """How many steps to pool into one.

    A series of ``typical`` length becomes at most ``longest_recurrence`` steps, the ``longest`` of
    all at most ``STRETCH`` times as many, so that a few long series do not decide what all cost.
    """
    return max(1, -(-typical // longest_recurrence), -(-longest // (STRETCH * longest_recurrence)))


@dataclass(frozen=True)
class ViewsBuilder:
    """All views of raw series ``(B, T, channels)`` side by side, and their mask as last feature.

    Channels with an alphabet are seen as numbers and as symbols. Nothing of it is trained.
    """

    scaling: Scaling
    alphabets: Alphabets = ()

    def __call__(self) -> keras.Model:
        """Raw series ``(B, T, channels)`` to the views and the mask ``(B, T, F + 1)``."""
        raw = keras.Input((None, len(self.scaling.center)), name="series")
        x, inside = series_features(raw, self.scaling)
        symbols = symbol_features(raw, self.alphabets)
        return keras.Model(raw, ops.concatenate([x, *symbols, inside], axis=-1), name="views")


@dataclass(frozen=True)
class NetworkBuilder:
    """Builds networks from views of series ``(B, T, F)``, their mask the last, to logits
    ``(B, classes)``, that differ in their weights alone; equal ones build the same."""

    n_classes: int
    n_features: int
    pooling: int
    architecture: Architecture

    def __call__(self, seed: int) -> keras.Model:
        """The head sees mean and maximum over time of what the LSTM makes of the features, and
        with a convolution the mean of its outputs (after the two arms of LSTM-FCN, Karim et al.
        2018). Every initial weight and every dropout mask follows from ``seed``.
        """
        seeds = [int(own) for own in np.random.SeedSequence(seed).generate_state(5)]
        raw, x, inside = _masked_input(self.n_features)
        pooled = []
        if self.architecture.kind == "conv-lstm":
            x, inside = self._stem(x, inside, seeds[0])
            pooled.append(masked_mean(x, inside))
        pooled.append(_recurrence(x, inside, self.architecture, seeds[1:3]))
        head = _head(pooled, self.n_classes, self.architecture.dropout, seeds[3:])
        return keras.Model(raw, head, name="network")

    def _stem(self, x: keras.KerasTensor, inside: keras.KerasTensor, seed: int) -> Masked:
        """A convolution of every step, or of every second where many are pooled; their means."""
        arch, stride = self.architecture, 2 if self.pooling >= FINE_POOLING else 1
        x, inside = masked_conv(x, inside, Kernels(arch.filters, arch.width, seed, stride))
        return pool_steps(x, inside, -(-self.pooling // stride))


@dataclass(frozen=True)
class FrozenBuilder:
    """Builds networks from windows of fixed convolutions ``(B, W, F)``, their mask the last
    feature, the others standardised, to logits ``(B, classes)``; equal ones build the same."""

    n_classes: int
    n_features: int
    architecture: Architecture

    def __call__(self, seed: int) -> keras.Model:
        """A projection of each window's features, an LSTM over the windows, a head on both.

        Every initial weight and every dropout mask follows from ``seed``.
        """
        seeds = [int(own) for own in np.random.SeedSequence(seed).generate_state(5)]
        raw, x, inside = _masked_input(self.n_features)
        init = keras.initializers.GlorotUniform(seed=seeds[0])
        x = layers.Dense(self.architecture.filters, kernel_initializer=init)(x)
        x = layers.ReLU()(layers.LayerNormalization()(x))
        pooled = [masked_mean(x, inside), _recurrence(x, inside, self.architecture, seeds[1:3])]
        head = _head(pooled, self.n_classes, self.architecture.dropout, seeds[3:])
        return keras.Model(raw, head, name="network")


def standardizer(windows: np.ndarray) -> keras.Model:
    """Windows of fixed convolutions ``(B, W, F)``, their mask the last feature, to the same with
    mean 0 and deviation 1 over the given ones inside the mask; features that hardly vary are not
    scaled."""
    inside = windows[windows[..., -1] > 0][:, :-1]
    scale = inside.std(axis=0)
    scale = np.where(scale > SLIGHT, scale, 1.0)
    raw = keras.Input((None, windows.shape[-1]), name="windows")
    x = layers.Rescaling(1.0, offset=[*(-inside.mean(axis=0)).tolist(), 0.0])(raw)
    return keras.Model(raw, layers.Rescaling([*(1 / scale).tolist(), 1.0])(x), name="standardizer")


def build_network(
    n_classes: int, scaling: Scaling, pooling: int, arch: Architecture, seed: int
) -> keras.Model:
    """One network with what comes before it: raw series to logits ``(B, classes)``."""
    views = ViewsBuilder(scaling)()
    network = NetworkBuilder(n_classes, views.output_shape[-1] - 1, pooling, arch)(seed)
    return keras.Model(views.input, network(views.output), name="network")


def _masked_input(
    n_features: int,
) -> tuple[keras.KerasTensor, keras.KerasTensor, keras.KerasTensor]:
    raw = keras.Input((None, n_features + 1), name="features")
    return raw, raw[..., :-1], raw[..., -1:]


def _recurrence(
    x: keras.KerasTensor, inside: keras.KerasTensor, arch: Architecture, seeds: list[int]
) -> keras.KerasTensor:
    """Mean and maximum over time of an LSTM's normalised outputs."""
    recurrence: keras.Layer = _lstm(arch.units, seeds[0])
    if arch.kind != "lstm":
        backwards = _lstm(arch.units, seeds[1], backwards=True)
        recurrence = layers.Bidirectional(recurrence, backward_layer=backwards)
    x = recurrence(x, mask=inside[..., 0] > 0)
    return masked_pool(layers.LayerNormalization()(x), inside)


def _head(
    pooled: list[keras.KerasTensor], n_classes: int, dropout: float, seeds: list[int]
) -> keras.KerasTensor:
    x = ops.concatenate(pooled, axis=-1)
    x = layers.Dropout(dropout, seed=seeds[0])(x)
    init = keras.initializers.GlorotUniform(seed=seeds[1])
    return layers.Dense(n_classes, kernel_initializer=init, name="logits")(x)


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
    """A classifier whose only output are its probabilities, as they were before there were more."""
    if not isinstance(classifier.output, dict):
        return classifier
    return keras.Model(classifier.input, classifier.output["probabilities"], name="classifier")


def with_familiarity(classifier: keras.Model, donor: keras.Model) -> keras.Model:
    """A classifier with the other outputs of one that was made from the same training rows."""
    if not isinstance(donor.output, dict):
        return classifier
    others = {name: part for name, part in donor.output.items() if name != "probabilities"}
    familiarity = keras.Model(donor.input, others, name="familiarity")
    outputs = {"probabilities": classifier.output, **familiarity(classifier.input)}
    return keras.Model(classifier.input, outputs, name="classifier")


def average_classifiers(members: list[keras.Model], temperature: float) -> keras.Model:
    """One classifier out of several: the mean of their log-probabilities, divided by a temperature.

    What each log-softmax subtracts is one number per series, which the last softmax cancels; so
    the means are taken of the logits.
    """
    ends = [(member.input, member.get_layer("logits").output) for member in members]
    raw, mean = mean_logits(ends, "mean")
    mean = layers.Rescaling(1 / temperature, name="tempered")(mean)
    return keras.Model(raw, layers.Softmax(name="probabilities")(mean), name="classifier")


def weights_by_network(classifier: keras.Model) -> list[list[np.ndarray]]:
    """Weights of each trained network that a classifier, or an average of some, consists of."""
    members = [layer for layer in classifier.layers if isinstance(layer, keras.Model)]
    if not members:
        return [classifier.get_weights()] if classifier.trainable_weights else []
    return [own for member in members for own in weights_by_network(member)]


def mean_logits(ends: list[Ends], name: str) -> Ends:
    """A new input and the mean of what the networks between these inputs and outputs say of it."""
    raw = keras.Input(ends[0][0].shape[1:], name="series")
    logits = [
        keras.Model(start, end, name=f"member_{number}")(raw)
        for number, (start, end) in enumerate(ends)
    ]
    return raw, layers.Average(name=name)(logits) if len(logits) > 1 else logits[0]


def score_gradient(classifier: keras.Model, n_batches: int) -> Gradient:
    """Gradient of a class's score with respect to raw series, for ``find_attributions``.

    The score is the logit of the class minus the mean of all logits: what they have in common
    says nothing, and unlike a probability a logit does not flatten out. n_batches: how many will
    be asked for; few are answered without compiling, which takes longer.
    """
    logits = keras.Model(classifier.input, classifier.get_layer("probabilities").input)

    def gradient(x: tf.Tensor, codes: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            tape.watch(x)
            found = logits(x, training=False)
            score = tf.gather(found, codes, batch_dims=1) - tf.reduce_mean(found, axis=1)
        return tape.gradient(score, x)

    shapes = [tf.TensorSpec(classifier.input.shape), tf.TensorSpec([None], tf.int32)]
    few = n_batches <= FEW_BATCHES
    found = gradient if few else tf.function(gradient, input_signature=shapes)
    return lambda x, codes: found(tf.constant(x), tf.constant(codes, tf.int32)).numpy()
