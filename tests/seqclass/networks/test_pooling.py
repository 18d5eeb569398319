"""Fixed convolutions by the kernel: the features and gradients of the stock layers."""

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from seqclass.networks.convolutions import ABOVE, KERNELS, fit_convolutions
from seqclass.networks.pooling import Pooling, pool_by_kernel
from seqclass.networks.scaling import fit_scaling
from seqclass.networks.symbols import find_alphabets
from tests.support.networks import eager
from tests.support.series import gappy, walks


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 1, shape).astype(np.float32)


def flat() -> np.ndarray:
    """Constant levels, at which all kernels of a group are almost the same."""
    return np.concatenate([np.full((3, 70, 1), 3.3, np.float32), noise(3, 70, 1)])


def broken() -> np.ndarray:
    x = gappy(6)
    x[0], x[1, :, 0] = np.nan, 1e30
    return x


SERIES = {
    "gaps": gappy(12), "nothing": broken(), "symbols": walks(5, 12, 0),
    "short": noise(9, 6, 1), "long": noise(3, 1300, 1), "channels": noise(6, 90, 5),
}  # fmt: skip


def network_of(x: np.ndarray) -> keras.Model:
    seen = x[np.isfinite(x).any(axis=(1, 2))]
    return fit_convolutions(seen, x.shape[1], fit_scaling(seen), find_alphabets(seen), 0).pooled()


@pytest.mark.parametrize("x", SERIES.values(), ids=SERIES)
def test_features_are_those_of_the_stock_layers(x: np.ndarray) -> None:
    network = network_of(x)
    np.testing.assert_allclose(Pooling(network)(x), eager(network, x), atol=1e-5)


def test_at_constant_levels_only_the_winner_among_equals_may_differ() -> None:
    network, sizes = network_of(flat()), []
    for layer in network.layers:
        if layer.name.startswith(ABOVE):
            sizes += [layer.bias.shape[0], len(KERNELS)]
    is_win = np.repeat(np.arange(len(sizes)) % 2 == 1, sizes)
    by_kernel, by_layers = Pooling(network)(flat()), eager(network, flat())
    np.testing.assert_allclose(by_kernel[:, ~is_win], by_layers[:, ~is_win], atol=1e-5)
    np.testing.assert_allclose(by_kernel[3:], by_layers[3:], atol=1e-5)  # which are not flat


@pytest.mark.parametrize("x", [gappy(12), walks(5, 12, 0), noise(4, 600, 1)])
def test_gradients_are_those_of_the_stock_layers(x: np.ndarray) -> None:
    network = network_of(x)
    asked = noise(network.output_shape[1])
    gradients = []
    for infer in (network, Pooling(network).infer):
        raw = tf.constant(x)
        with tf.GradientTape() as tape:
            tape.watch(raw)
            total = tf.reduce_sum(infer(raw) * asked)
        gradients.append(tape.gradient(total, raw).numpy())
    np.testing.assert_allclose(*gradients, atol=1e-5 * np.nanmax(np.abs(gradients[0])))
    assert np.abs(gradients[0]).max() > 0


def test_a_model_on_the_kernel_is_stored_as_before(tmp_path: Path) -> None:
    x = gappy(6)
    inner = network_of(x)
    raw = keras.Input(inner.input.shape[1:])
    model = keras.Model(raw, keras.layers.Dense(2)(inner(raw)))
    answers = eager(model, x)
    pool_by_kernel(model)
    np.testing.assert_allclose(eager(model, x), answers, atol=1e-5)
    assert not np.array_equal(eager(model, x), answers)  # by another way
    model.save(tmp_path / "model.keras")
    stored = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_array_equal(eager(stored, x), answers)
