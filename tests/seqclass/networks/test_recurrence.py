"""The compiled LSTM: equal to the stock layer, and the same bits whatever computes beside it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers

from seqclass.networks import kernel, recurrence
from seqclass.networks.recurrence import KernelLSTM, accelerate
from seqclass.store.root import Root, open_root
from tests.support.commands import in_python
from tests.support.places import REPOSITORY
from tests.support.stored import SMALL, store_series


def values_and_gradients(
    layer: layers.LSTM, x: np.ndarray, mask: np.ndarray | None, training: bool = True
) -> list[np.ndarray]:
    """Output of a layer, and gradients of a weighted sum of it for input and weights."""
    series = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(series)
        h = layer(series, mask=None if mask is None else tf.constant(mask), training=training)
        weights = np.random.default_rng(1).standard_normal(h.shape).astype(np.float32)
        loss = tf.reduce_sum(h * weights)
    gradients = tape.gradient(loss, [series, *(v.value for v in layer.trainable_variables)])
    return [h.numpy(), *(g.numpy() for g in gradients)]


def twins(shape: tuple[int, ...], **arguments: object) -> tuple[layers.LSTM, KernelLSTM]:
    stock, fast = layers.LSTM(**arguments), KernelLSTM(**arguments)
    stock.build(shape)
    fast.build(shape)
    rng = np.random.default_rng(2)
    stock.set_weights([rng.normal(0, 0.4, w.shape) for w in stock.get_weights()])
    fast.set_weights(stock.get_weights())
    return stock, fast


@settings(deadline=None, max_examples=20, derandomize=True)
@given(
    series=st.integers(1, 70),
    steps=st.integers(1, 40),
    features=st.integers(1, 9),
    units=st.integers(1, 20),
    backwards=st.booleans(),
    sequences=st.booleans(),
    masking=st.sampled_from(["none", "right", "holes", "all"]),
    training=st.booleans(),
)
def test_outputs_and_gradients_equal_the_stock_layer(
    series: int, steps: int, features: int, units: int, backwards: bool, sequences: bool,
    masking: str, training: bool,
) -> None:  # fmt: skip
    rng = np.random.default_rng(series)
    x = rng.standard_normal((series, steps, features)).astype(np.float32)
    inside = rng.integers(0, steps + 1, series)
    mask = {
        "none": None,
        "right": np.arange(steps) < inside[:, None],
        "holes": rng.random((series, steps)) < 0.6,
        "all": np.zeros((series, steps), bool),
    }[masking]
    stock, fast = twins(
        x.shape, units=units, go_backwards=backwards, return_sequences=sequences
    )  # fmt: skip
    pairs = zip(
        values_and_gradients(stock, x, mask, training),
        values_and_gradients(fast, x, mask, training),
        strict=True,
    )
    for expected, got in pairs:
        assert got.shape == expected.shape
        assert np.abs(got - expected).max() <= 1e-5 * max(np.abs(expected).max(), 1e-3)


def test_threads_do_not_change_a_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.random.default_rng(0).standard_normal((150, 30, 5)).astype(np.float32)
    mask = np.arange(30) < np.random.default_rng(1).integers(0, 31, 150)[:, None]
    results = []
    for threads in (1, 2, 3):
        monkeypatch.setattr(recurrence, "engine", recurrence.Engine(threads))
        results.append(values_and_gradients(twins(x.shape, units=16)[1], x, mask))
    for first, second, third in zip(*results, strict=True):
        np.testing.assert_array_equal(first, second)
        np.testing.assert_array_equal(first, third)


def test_the_layer_in_both_directions_keeps_weights_and_answers() -> None:
    raw = keras.Input((None, 3))
    both = layers.Bidirectional(layers.LSTM(4, return_sequences=True))(raw)
    model = keras.Model(raw, layers.Dense(2)(both))
    x = np.random.default_rng(0).standard_normal((5, 7, 3)).astype(np.float32)
    weights, answers = model.get_weights(), model(x).numpy()
    wrapper = accelerate(model).layers[1]
    assert type(wrapper.forward_layer) is type(wrapper.backward_layer) is KernelLSTM
    for before, after in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)
    np.testing.assert_allclose(model(x), answers, atol=1e-6)
    assert not np.array_equal(model(x), answers)  # by another way


def test_a_layer_that_the_kernel_does_not_know_stays_stock() -> None:
    x = np.random.default_rng(0).standard_normal((3, 5, 2)).astype(np.float32)
    for arguments in ({"activation": "relu"}, {"use_bias": False}, {"recurrent_dropout": 0.5}):
        stock, fast = twins(x.shape, units=4, **arguments)
        assert not fast._fits_kernel()
        np.testing.assert_array_equal(fast(x), stock(x))


def test_tanh_is_exact_to_a_few_units_and_keeps_nan() -> None:
    x = np.linspace(-12, 12, 100_001).astype(np.float32)
    values = x.copy()
    kernel._tanhs(values)
    np.testing.assert_allclose(values, np.tanh(x.astype(np.float64)), atol=3e-7)
    assert np.isnan(kernel._tanh(np.float32("nan")))


def test_a_state_that_nobody_asks_for_is_not_kept_for_ever() -> None:
    _, fast = twins((4, 6, 2), units=3)
    x = tf.random.stateless_normal((4, 6, 2), [1, 2])
    for _ in range(recurrence.MAX_STATES + 5):
        fast(x, training=True)
    assert recurrence.engine is not None
    assert len(recurrence.engine._waiting) <= recurrence.MAX_STATES


TRAINING = """
from seqclass.workers import tensorflow, kernel
tensorflow()
from dataclasses import replace
from tests.support.networks import BRIEF, lines, quiet
from seqclass.training.replica import TrainingRows, train_replica
from seqclass.pipeline.replicas import weights_digest
spec = replace(BRIEF, architecture=replace(BRIEF.architecture, kind="lstm"))
replica = train_replica(TrainingRows(lines(), 2), spec, 3, quiet)
print(kernel(), weights_digest(replica.classifier.get_weights()))
"""


def train_elsewhere(**environment: str) -> list[str]:
    done = in_python(TRAINING, env=os.environ | environment)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()[-2:]


@pytest.mark.system
def test_weights_are_the_same_for_one_and_two_threads_in_processes_of_their_own() -> None:
    first, second = (
        train_elsewhere(SEQCLASS_THREADS=n, TF_NUM_INTRAOP_THREADS=n, TF_NUM_INTEROP_THREADS="1")
        for n in ("1", "2")
    )
    assert first == second
    assert first[0] == "numba"


@pytest.fixture
def without_numba(tmp_path: Path) -> dict[str, str]:
    """Variables of processes, and of their children, in which Numba is not to be found."""
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "sitecustomize.py").write_text("import sys\nsys.modules['numba'] = None\n")
    return os.environ | {"PYTHONPATH": f"{hidden}:{os.environ.get('PYTHONPATH', '')}"}


@pytest.mark.system
def test_without_numba_training_takes_the_stock_layer_and_says_so(
    root: Root, prefect_url: str, without_numba: dict[str, str], tmp_path: Path
) -> None:
    store_series(root)
    single = tmp_path / "single.json"
    single.write_text(json.dumps({**SMALL, "seeds": 1}))
    words = [sys.executable, "-m", "seqclass.flows", "train", "toy", "--spec", str(single)]
    words += ["--root", root.path]
    environment = without_numba | {"PREFECT_API_URL": prefect_url}
    done = subprocess.run(
        words, cwd=REPOSITORY, env=environment, capture_output=True, text=True
    )  # fmt: skip
    assert done.returncode == 1
    assert "11 test rows are fewer" in done.stderr, done.stderr
    assert done.stderr.count("on the stock layer") == 1
    manifest = json.loads(
        open_root(root.path).fs.cat_file(root.join("models/toy/v1/manifest.json"))
    )
    assert manifest["numerics"]["kernel"] == "keras"
