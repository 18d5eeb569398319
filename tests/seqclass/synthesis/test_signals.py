"""Synthetic signals: what a series is made of, and what its numbers depend on."""

import hashlib
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqclass.synthesis.random_series import BLOCK_ROWS, Normal, Uniform
from seqclass.synthesis.signals import FAMILIES, PRESETS, SignalSpec, generate_signals


@dataclass
class Drawn:
    values: np.ndarray
    codes: np.ndarray
    events: np.ndarray


def draw(spec: SignalSpec, start: int = 0, stop: int | None = None) -> Drawn:
    blocks = list(generate_signals(spec, start, stop))
    return Drawn(
        np.concatenate([b.values[..., 0] for b in blocks]),
        np.concatenate([b.codes for b in blocks]),
        np.concatenate([b.events for b in blocks]),
    )


@pytest.mark.parametrize(
    ("preset", "digest"),
    [
        ("author", "566c76993b226c71a5dced20f3d8c60b5a485e01d4e6270ed639556653b1441e"),
        ("hard", "8226cce894b1328d6852ba77b06327525eba9ee93288cf446d02fc1c7307091b"),
    ],
)
def test_a_seed_gives_the_numbers_that_it_always_gave(preset: str, digest: str) -> None:
    """Datasets in use were drawn by these; a lost one is drawn again."""
    sha256 = hashlib.sha256()
    for block in generate_signals(SignalSpec(n_series=2000, seed=3, **PRESETS[preset])):
        for array in (block.values, block.events, block.codes.astype(np.int32)):
            sha256.update(array.tobytes())
    assert sha256.hexdigest() == digest


def test_hard_preset_hides_the_answer_from_maximum_and_mean() -> None:
    block = draw(SignalSpec(n_series=3000, **PRESETS["hard"]))
    for summary in (block.values.max(axis=1), block.values.mean(axis=1)):
        order = np.argsort(summary)
        thirds = [np.bincount(block.codes[part], minlength=3).max() / 1000
                  for part in np.array_split(order, 3)]  # fmt: skip
        assert np.mean(thirds) < 0.45


def test_events_say_where_it_happens() -> None:
    block = draw(SignalSpec(n_series=300))
    for values, code, (first, end) in zip(block.values, block.codes, block.events, strict=True):
        if FAMILIES[code] == "common_cause":
            assert (first, end) == (-1, -1)
        elif FAMILIES[code] == "burst":
            assert (values[first:end] > 400).all()
            assert (np.delete(values, range(first, end)) < 20).all()
        else:
            assert (first, end) == (50, 100)


@settings(max_examples=10)
@given(cut=st.integers(0, 2 * BLOCK_ROWS + 5), seed=st.integers(0, 9))
def test_a_series_depends_on_seed_and_index_alone(cut: int, seed: int) -> None:
    n = 2 * BLOCK_ROWS + 5
    spec = SignalSpec(n_series=n, n_steps=20, seed=seed)
    whole = draw(spec).values
    parts = [draw(spec, *ends).values for ends in ((0, cut), (cut, n)) if ends[0] < ends[1]]
    assert np.concatenate(parts).tobytes() == whole.tobytes()


@given(n=st.integers(30, 3000), weights=st.tuples(*[st.floats(0.05, 1.0)] * 3))
@settings(max_examples=15)
def test_shares_are_met_at_any_count(n: int, weights: tuple[float, float, float]) -> None:
    block = draw(SignalSpec(n_series=n, n_steps=20, weights=weights))
    shares = np.array(weights) / sum(weights)
    assert np.abs(np.bincount(block.codes, minlength=3) - n * shares).max() <= 6


def test_a_subset_of_classes_is_drawn_alone() -> None:
    block = draw(SignalSpec(n_series=200, classes=("burst", "common_cause")))
    assert set(block.codes) == {0, 1}
    assert (block.values[block.codes == 0].max(axis=1) > 400).all()
    assert (block.values[block.codes == 1].max(axis=1) < 20).all()


def test_noise_scales_the_noise_alone() -> None:
    loud = draw(SignalSpec(n_series=900, noise=3.0))
    assert loud.values[loud.codes == 0].std() == pytest.approx(0.3, rel=0.03)
    assert loud.values[loud.codes == 1][:, 50:].mean() == pytest.approx(30, abs=0.1)


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"n_series": 0}, "n_series"),
        ({"n_steps": 1}, "n_steps"),
        ({"seed": -1}, "seed"),
        ({"classes": ()}, "classes"),
        ({"classes": ("burst", "burst")}, "classes"),
        ({"weights": (1.0, -2.0, 1.0)}, "weights"),
        ({"n_steps": 10}, "burst_steps"),
        ({"change_position": Uniform(0.0, 0.5)}, "change_position"),
        ({"noise": 0.0}, "noise"),
    ],
)
def test_impossible_specs_are_refused_by_name(changes: dict, names: str) -> None:
    with pytest.raises(ValueError, match=f"^{names}: expected .*, got .*; "):
        SignalSpec(**changes)


def test_impossible_distributions_are_refused() -> None:
    with pytest.raises(ValueError, match="low <= high"):
        Uniform(2, 1)
    with pytest.raises(ValueError, match="sd >= 0"):
        Normal(0, -1)
    with pytest.raises(ValueError, match="range"):
        next(generate_signals(SignalSpec(n_series=10), 5, 11))
