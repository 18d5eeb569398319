"""The classifier: convolutional stem where wanted, LSTM, masked pooling over time."""

from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

from tasks.learning.dense import build_dense
from tasks.learning.embedding import symbol_features
from tasks.learning.evidence import Gradient
from tasks.learning.layers import (
    masked_mean,
    masked_pool,
    pool_steps,
    residual_block,
    series_features,
    spread_conv,
)
from tasks.learning.scaling import Profile, Scaling
from tasks.learning.spec import Architecture
from tasks.learning.symbols import Alphabets

STRETCH = 8
"""How many times as long a recurrence the longest series may have as ``Architecture`` says."""
FINENESS = 8
"""Steps at most that the first residual block sees for one step of the recurrence."""


def pooling_factor(typical: int, longest: int, longest_recurrence: int) -> int:
    """How many steps to pool into one.

    A series of ``typical`` length becomes at most ``longest_recurrence`` steps, the ``longest`` of
    all at most ``STRETCH`` times as many, so that a few long series do not decide what all cost.
    """
    return max(1, -(-typical // longest_recurrence), -(-longest // (STRETCH * longest_recurrence)))


@dataclass(frozen=True)
class Blueprint:
    """Builds networks that differ in their weights alone; equal ones build the same.

    profile: where networks see values on the scale of their step; dense: whether they see series
    as a whole, for which they need it.
    """

    n_classes: int
    scaling: Scaling
    pooling: int
    architecture: Architecture
    alphabets: Alphabets = ()
    change_dropout: float = 0.0
    many_scales: bool = False
    profile: Profile | None = None
    dense: bool = False

    def __call__(self, seed: int) -> keras.Model:
        if self.dense and self.profile:
            units = self.architecture.dense
            return build_dense(
                self.n_classes, self.scaling, self.profile, units, seed, self.change_dropout
            )
        return build_network(
            self.n_classes,
            self.scaling,
            self.pooling,
            self.architecture,
            seed,
            self.alphabets,
            self.change_dropout,
            self.many_scales,
            self.profile,
        )


def build_network(
    n_classes: int,
    scaling: Scaling,
    pooling: int,
    arch: Architecture,
    seed: int,
    alphabets: Alphabets = (),
    change_dropout: float = 0.0,
    many_scales: bool = False,
    profile: Profile | None = None,
) -> keras.Model:
    """Build a network from raw series ``(B, T, channels)`` with NaN to logits ``(B, classes)``.

    The head sees mean and maximum over time of what the LSTM makes of the stem's features, and the
    mean of these themselves (after the two arms of LSTM-FCN, Karim et al. 2018).
    Channels with an alphabet are seen as numbers and as symbols. The first convolution is of one
    width, or with ``many_scales`` of several side by side. ``profile``: see ``series_features``.
    Every initial weight and every dropout mask follows from ``seed``.
    """
    seeds = np.random.SeedSequence(seed).generate_state(6)
    stem, ahead, back, dropped, head, unseen = (int(own) for own in seeds)
    raw = keras.Input((None, len(scaling.center)), name="series")
    x, inside = series_features(raw, scaling, change_dropout, unseen, profile)
    if any(alphabets):
        x = layers.Concatenate()([x, *symbol_features(raw, alphabets)])
    pooled = []
    if arch.kind == "conv-lstm":
        x, inside = _stem(x, inside, pooling, arch, stem, many_scales)
        pooled.append(masked_mean(x, inside))
    recurrence: keras.Layer = _lstm(arch.units, ahead)
    if arch.kind != "lstm":
        backwards = _lstm(arch.units, back, backwards=True)
        recurrence = layers.Bidirectional(recurrence, backward_layer=backwards)
    x = recurrence(x, mask=inside[..., 0] > 0)
    pooled.append(masked_pool(layers.LayerNormalization()(x), inside))
    x = ops.concatenate(pooled, axis=-1)
    x = layers.Dropout(arch.dropout, seed=dropped)(x)
    init = keras.initializers.GlorotUniform(seed=head)
    logits = layers.Dense(n_classes, kernel_initializer=init, name="logits")(x)
    return keras.Model(raw, logits, name="network")


def _stem(
    x: keras.KerasTensor,
    inside: keras.KerasTensor,
    pooling: int,
    arch: Architecture,
    seed: int,
    many_scales: bool,
) -> tuple:
    """A convolution and two residual blocks; means of steps before each make ``pooling`` in all."""
    seeds = [int(own) for own in np.random.SeedSequence(seed).generate_state(5)]
    first, *widths = arch.widths
    early = -(-pooling // FINENESS)
    scales = arch.scales if many_scales else (first,)
    x = spread_conv(x, inside, arch.filters, scales, seeds[0])
    for factor, own in ((early, seeds[1:3]), (-(-pooling // early), seeds[3:])):
        x, inside = pool_steps(x, inside, factor)
        x = residual_block(x, inside, widths, own)
    return x, inside


def _lstm(units: int, seed: int, backwards: bool = False) -> layers.LSTM:
    kernel, recurrent = np.random.SeedSequence(seed).generate_state(2)
    return layers.LSTM(
        units,
        return_sequences=True,
        go_backwards=backwards,
        kernel_initializer=keras.initializers.GlorotUniform(seed=int(kernel)),
        recurrent_initializer=keras.initializers.Orthogonal(seed=int(recurrent)),
    )


def as_classifier(networks: list[keras.Model]) -> keras.Model:
    """Probabilities out of a network's logits, or out of the mean of several networks' logits."""
    if len(networks) == 1:
        raw, logits = networks[0].input, networks[0].output
    else:
        raw, logits = _mean_logits([(one.input, one.output) for one in networks], "logits")
    return keras.Model(raw, layers.Softmax(name="probabilities")(logits), name="classifier")


def average_classifiers(members: list[keras.Model], temperature: float) -> keras.Model:
    """One classifier out of several: the mean of their log-probabilities, divided by a temperature.

    What each log-softmax subtracts is one number per series, which the last softmax cancels; so
    the means are taken of the logits.
    """
    ends = [(member.input, member.get_layer("logits").output) for member in members]
    raw, mean = _mean_logits(ends, "mean")
    mean = layers.Rescaling(1 / temperature, name="tempered")(mean)
    return keras.Model(raw, layers.Softmax(name="probabilities")(mean), name="classifier")


def weights_by_network(classifier: keras.Model) -> list[list[np.ndarray]]:
    """Weights of each network that a classifier, or an average of classifiers, consists of."""
    members = [layer for layer in classifier.layers if isinstance(layer, keras.Model)]
    if not members:
        return [classifier.get_weights()]
    return [own for member in members for own in weights_by_network(member)]


def _mean_logits(ends: list[tuple], name: str) -> tuple:
    """A new input and the mean of what the networks between these inputs and outputs say of it."""
    raw = keras.Input(ends[0][0].shape[1:], name="series")
    logits = [
        keras.Model(start, end, name=f"member_{number}")(raw)
        for number, (start, end) in enumerate(ends)
    ]
    return raw, layers.Average(name=name)(logits) if len(logits) > 1 else logits[0]


def score_gradient(classifier: keras.Model) -> Gradient:
    """Gradient of a class's score with respect to raw series, for ``find_evidence``.

    The score is the logit of the class minus the mean of all logits: what they have in common
    says nothing, and unlike a probability a logit does not flatten out.
    """
    logits = keras.Model(classifier.input, classifier.layers[-1].input)

    @tf.function(reduce_retracing=True)
    def gradient(x: tf.Tensor, codes: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            tape.watch(x)
            found = logits(x, training=False)
            score = tf.gather(found, codes, batch_dims=1) - tf.reduce_mean(found, axis=1)
        return tape.gradient(score, x)

    return lambda x, codes: gradient(tf.constant(x), tf.constant(codes, tf.int32)).numpy()
