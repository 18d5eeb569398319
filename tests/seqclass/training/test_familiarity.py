"""How far a series is from all training series, and what that says of a stranger."""

import keras
import numpy as np
import pytest

from seqclass.networks.convolutions import fit_convolutions
from seqclass.networks.outputs import Predictor
from seqclass.networks.scaling import fit_scaling
from seqclass.training import familiarity as unfamiliar
from seqclass.training.familiarity import Familiarity, familiarity_outputs, fit_familiarity
from seqclass.training.learnt_rows import Rows
from seqclass.training.members import usual_steps
from tests.support.networks import eager


def waves(n: int, seed: int, steps: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """Slow and fast waves of any phase, with noise."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    turns = (1 + y)[:, None] * np.linspace(0, 2, steps)
    x = np.sin(2 * np.pi * (turns + rng.random((n, 1)))) + rng.normal(0, 0.2, (n, steps))
    return x[..., None].astype(np.float32), y


def fitted(x: np.ndarray, y: np.ndarray, seed: int = 0) -> Familiarity:
    scaling = fit_scaling(x)
    convolutions = fit_convolutions(x, usual_steps(x)[0], scaling, (), seed)
    n_classes = int(y.max()) + 1
    return fit_familiarity(
        Rows(x, y), n_classes, convolutions, Predictor(convolutions.pooled()), seed
    )


def place_of(familiarity: Familiarity) -> keras.KerasTensor:
    return familiarity.embed([familiarity.convolutions.input, familiarity.convolutions.output])


def outputs(familiarity: Familiarity) -> keras.Model:
    return keras.Model(
        familiarity.convolutions.input, familiarity_outputs(place_of(familiarity), familiarity)
    )


def answers(model: keras.Model, x: np.ndarray) -> dict[str, np.ndarray]:
    return {name: np.array(part) for name, part in model(x, training=False).items()}


@pytest.fixture(scope="module")
def stored() -> tuple[np.ndarray, Familiarity, keras.Model]:
    x, y = waves(60, 0)
    familiarity = fitted(x, y)
    return x, familiarity, outputs(familiarity)


def test_of_like_series_a_tenth_has_a_p_value_below_a_tenth() -> None:
    shares = []
    for draw in range(3):
        x, y = waves(100, 10 + draw)
        new, _ = waves(200, 100 + draw)
        p = answers(outputs(fitted(x, y)), new)["p_value"]
        shares.append([(p <= level).mean() for level in (0.1, 0.5)])
    tenth, half = np.mean(shares, axis=0)
    assert 0.05 < tenth < 0.17
    assert 0.38 < half < 0.62


def test_a_far_series_has_the_smallest_p_value(stored: tuple) -> None:
    _, familiarity, model = stored
    rng = np.random.default_rng(1)
    noise = rng.normal(0, 1, (4, 40, 1)).astype(np.float32)
    ramp = np.linspace(-50, 50, 40, dtype=np.float32)[None, :, None]
    for stranger in (noise, ramp, np.full((1, 40, 1), 1e6, np.float32)):
        p = answers(model, stranger)["p_value"]
        np.testing.assert_allclose(p, 1 / (len(familiarity.rows) + 1), rtol=1e-5)


def test_the_nearest_rows_are_those_that_brute_force_finds(stored: tuple) -> None:
    _, familiarity, model = stored
    x, _ = waves(20, 5)
    embed = keras.Model(familiarity.convolutions.input, place_of(familiarity))
    places = eager(embed, x).astype(np.float64)
    apart = np.sqrt(np.square(places[:, None] - familiarity.places.astype(np.float64)).sum(axis=-1))
    order = np.argsort(apart, axis=1)[:, :3]
    nearest = np.take_along_axis(apart, order, axis=1)
    answered = answers(model, x)
    np.testing.assert_array_equal(answered["nearest"], order)
    np.testing.assert_allclose(answered["distance"], nearest.mean(axis=1), rtol=1e-3)
    farther = (familiarity.distances >= answered["distance"][:, None]).sum(axis=1)
    np.testing.assert_allclose(
        answered["p_value"], (farther + 1) / (len(familiarity.rows) + 1), atol=0.02
    )


def test_a_training_row_s_distance_is_to_the_others(stored: tuple) -> None:
    _, familiarity, _ = stored
    apart = np.sqrt(np.square(familiarity.places[:, None] - familiarity.places).sum(axis=-1))
    np.fill_diagonal(apart, np.inf)
    expected = np.sort(np.sort(apart, axis=1)[:, :3].mean(axis=1))
    np.testing.assert_allclose(familiarity.distances, expected, rtol=1e-3)


def test_of_many_rows_some_stand_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unfamiliar, "MAX_REFERENCES", 25)
    x, y = waves(60, 0)
    familiarity = fitted(x, y)
    assert len(familiarity.rows) == len(set(familiarity.rows)) == 25
    assert (np.diff(familiarity.rows) > 0).all()
    nearest = answers(outputs(familiarity), x[familiarity.rows])["nearest"]
    assert (nearest[:, 0] == np.arange(25)).mean() > 0.8
