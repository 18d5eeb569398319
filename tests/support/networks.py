"""Small networks, and rows that they learn quickly."""

import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from seqclass.networks.architecture import Architecture
from seqclass.networks.classifier import NetworkBuilder, ViewsBuilder
from seqclass.networks.outputs import answer_in_batches
from seqclass.networks.scaling import Scaling, fit_scaling
from seqclass.training.assembly import Branch, committee_classifier
from seqclass.training.committee import Mixture
from seqclass.training.fitting import Fit, FitConfig, Learner, fit
from seqclass.training.learnt_rows import Rows, WindowedRows
from seqclass.training.recipe import Recipe
from seqclass.training.row_order import sampled
from seqclass.training.spec import TrainingSpec

SMALL = Architecture(filters=8, units=8, longest_recurrence=16)

QUICK = Recipe(updates=200, epochs=1, shortest=100, warm_up=50, restart_check_step=100)

ONE_NETWORK = TrainingSpec(
    members=("conv-lstm",), networks={"conv-lstm": 1}, recipe=QUICK, architecture=SMALL
)
"""A committee of a single network, the quickest to train by gradients."""

BRIEF = replace(ONE_NETWORK, recipe=Recipe(updates=100, epochs=1, shortest=100))

PLAIN = Scaling((0.0,), (1.0,))

LOAD_ALONE = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"seqclass", "prefect", "pandas", "sklearn"}:
            raise ImportError(name + " is not to be had here")

sys.meta_path.insert(0, Blocked())
import keras, numpy
for name in sys.argv[1:]:
    model = keras.saving.load_model(name + ".keras", safe_mode=True)
    found = model.predict(numpy.load("x.npy"), verbose=0)
    found = found if isinstance(found, dict) else {"probabilities": found}
    numpy.savez(name + ".npz", **found)
"""


def answers_alone(
    folder: Path, x: np.ndarray, models: Mapping[str, keras.Model]
) -> dict[str, Mapping[str, np.ndarray]]:
    """What saved models answer in a process that has nothing of this project."""
    np.save(folder / "x.npy", x)
    for name, model in models.items():
        model.save(folder / f"{name}.keras")
    subprocess.run(
        [sys.executable, "-c", LOAD_ALONE, *models], cwd=folder, check=True, capture_output=True
    )
    return {name: np.load(folder / f"{name}.npz") for name in models}


def eager(network: keras.Model, x: np.ndarray) -> np.ndarray:
    """Its output for few rows, without the seconds that tracing takes."""
    return network(x, training=False).numpy()


def compiled(network: keras.Model) -> Callable[[np.ndarray], np.ndarray]:
    """Its output for arrays of any shape, traced once and not once a call."""
    any_shape = tf.TensorSpec((None, None, network.input.shape[-1]))
    infer = tf.function(lambda rows: network(rows, training=False), input_signature=[any_shape])
    return lambda x: answer_in_batches(infer, x)


def quiet(*told: object) -> None:
    pass


def lines(n: int = 120) -> Rows:
    rng = np.random.default_rng(1)
    y = (np.arange(n) % 2).astype(np.int32)
    x = np.linspace(-1, 1, 20) * np.where(y, 1, -1)[:, None] + rng.normal(0, 0.3, (n, 20))
    return Rows(x[..., None].astype(np.float32), y)


WINDOW, GROUP_ROWS = TrainingSpec().min_window, 900


def windowed(rows: Rows, read: list[np.ndarray], groups: np.ndarray | None = None) -> WindowedRows:
    """The rows by the smallest windows; ``read`` receives the numbers of those that are read."""

    def values(numbers: np.ndarray) -> np.ndarray:
        read.append(numbers)
        return rows.x[numbers]

    sample = sampled(rows.y, WINDOW, 0)
    assert sample is not None
    ends = np.append(np.arange(GROUP_ROWS, len(rows), GROUP_ROWS), len(rows))
    return WindowedRows(values, rows.y, groups, ends, WINDOW, sample, np.arange(len(rows)))


def softmax(logits: np.ndarray) -> np.ndarray:
    return np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)


def build_network(
    n_classes: int, scaling: Scaling, pooling: int, arch: Architecture, seed: int
) -> keras.Model:
    """One network that includes the views: raw series to logits ``(B, classes)``."""
    views = ViewsBuilder(scaling)()
    network = NetworkBuilder(n_classes, views.output_shape[-1] - 1, pooling, arch)(seed)
    return keras.Model(views.input, network(views.output), name="network")


def branch(network: keras.Model) -> Branch:
    """A network with nothing frozen before it."""
    raw = keras.Input(network.input.shape[1:])
    return Branch(keras.Model(raw, keras.layers.Identity()(raw)), network)


def classifier_of(network: keras.Model, temperature: float = 1.0) -> keras.Model:
    """A committee of one member, whose probabilities are the only output."""
    return committee_classifier([branch(network)], Mixture((1.0,), (temperature,), 1.0))


def fit_lines(
    rows: Rows, held: np.ndarray | None = None, recipe: Recipe = QUICK, seed: int = 0
) -> Fit:
    """A network trained upon views of the rows, which answers ``held`` (those rows by default)."""
    views = ViewsBuilder(fit_scaling(rows.x))
    build = NetworkBuilder(3, views().output_shape[-1] - 1, 1, SMALL)
    held = rows.x if held is None else held
    return fit(Learner(build, views), rows, held, FitConfig(recipe, seed, quiet))
