"""Sensor series: what each class does, where, to which channels, and how it is stored."""

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqclass.generators import generated_tables, iot_tables
from seqclass.store.datasets import open_dataset, write_dataset
from seqclass.store.root import Root
from seqclass.synthesis.iot import FAMILIES, WHOLE, IotSpec, generate_iot, sensor_names
from seqclass.synthesis.random_series import BLOCK_ROWS, Block, Uniform
from seqclass.synthesis.signals import SignalSpec
from tests.support.places import NOW

CALM = {"noise": 1e-3}
"""Hardly any noise: what is left is the shape itself."""


def draw(spec: IotSpec, start: int = 0, stop: int | None = None) -> Block:
    blocks = list(generate_iot(spec, start, stop))
    arrays = ("values", "n_steps", "codes", "events", "affected")
    return Block(start, *(np.concatenate([getattr(b, a) for b in blocks]) for a in arrays))


@cache
def drawn(family: str, noise: float = 1.0) -> Block:
    return draw(IotSpec(n_series=300, n_steps=(80, 120), classes=(family,), noise=noise))


def channels_of(block: Block, affected: bool = True) -> list[tuple[np.ndarray, int, int]]:
    """Every (un)affected channel up to its end, with the event's first step and end."""
    return [
        (block.values[i, : block.n_steps[i], k], *block.events[i])
        for i, k in zip(*np.nonzero(block.affected == affected), strict=True)
    ]


def test_the_default_has_twelve_classes_on_three_channels() -> None:
    block = draw(IotSpec(n_series=1200))
    assert np.bincount(block.codes).tolist() == pytest.approx([100] * 12, abs=3)
    assert block.values.shape == (1200, 100, 3)
    assert block.values.dtype == np.float32
    assert sensor_names(8)[5:] == ["humidity_percent", "temperature_c_2", "pressure_kpa_2"]


def test_noise_is_correlated_between_steps_and_channels() -> None:
    same = {"autocorrelation": Uniform(0.5, 0.5), "correlation": Uniform(0.4, 0.4)}
    x = draw(IotSpec(n_series=300, n_steps=(500, 500), classes=("normal",), **same)).values
    x = (x - x.mean(axis=1, keepdims=True)) / x.std(axis=1, keepdims=True)
    assert (x[:, 1:] * x[:, :-1]).mean() == pytest.approx(0.5, abs=0.02)
    assert (x[:, 2:] * x[:, :-2]).mean() == pytest.approx(0.25, abs=0.02)
    assert (x[..., 0] * x[..., 1]).mean() == pytest.approx(0.4, abs=0.02)


def test_events_lie_inside_their_series_and_act_where_they_say() -> None:
    normal = drawn("normal")
    assert (normal.events == -1).all()
    assert not normal.affected.any()
    for family in sorted({*FAMILIES} - {"normal"}):
        block = drawn(family)
        first, stop = block.events.T
        assert ((first >= 0) & (first < stop) & (stop <= block.n_steps)).all(), family
        assert (((first == 0) & (stop == block.n_steps)) == (family in WHOLE)).all(), family
        assert set(block.affected.sum(axis=1)) == {1, 2}, family


def test_channels_that_are_not_affected_are_noise_alone_and_others_outside_their_event() -> None:
    for family in FAMILIES:
        for x, *_ in channels_of(drawn(family, **CALM), affected=False):
            assert np.ptp(x) < 0.05, family
        for x, first, stop in channels_of(drawn(family, **CALM)):
            assert family in WHOLE or np.ptp(np.delete(x, slice(first, stop))) < 0.05, family


@pytest.mark.parametrize("family", ["upward_shift", "downward_shift"])
def test_a_shift_has_its_direction_and_stays(family: str) -> None:
    sign = 1 if family.startswith("up") else -1
    for x, first, stop in channels_of(drawn(family, **CALM)):
        assert (sign * (x[first:] - x[:first].mean())).min() > 0.4
        assert stop == len(x)
    loud = channels_of(drawn(family))
    assert np.mean([sign * (x[a:].mean() - x[:a].mean()) > 0 for x, a, _ in loud]) > 0.99


@pytest.mark.parametrize("family", ["upward_trend", "downward_trend"])
def test_a_trend_is_a_line_of_its_direction(family: str) -> None:
    sign = 1 if family.startswith("up") else -1
    for x, *_ in channels_of(drawn(family, **CALM)):
        time = np.arange(len(x))
        assert sign * np.corrcoef(x, time)[0, 1] > 0.999


def test_a_cycle_has_three_to_six_turns() -> None:
    for x, *_ in channels_of(drawn("cyclic", **CALM)):
        assert 2 <= strongest_cycles(x) <= 7


def strongest_cycles(x: np.ndarray) -> float:
    power = np.abs(np.fft.rfft((x - x.mean()) * np.hanning(len(x)), 16 * len(x))) ** 2
    return power.argmax() / 16


def test_interference_has_its_peak_at_a_short_period() -> None:
    for x, first, stop in channels_of(drawn("interference", **CALM)):
        period = (stop - first) / strongest_cycles(x[first:stop])
        assert 2.2 < period < 4.5


def test_spread_grows_by_the_ratio() -> None:
    fixed = {"spread_ratio": Uniform(3, 3), "autocorrelation": Uniform(0, 0)}
    block = draw(IotSpec(n_series=400, n_steps=(1000, 1000), classes=("variance_change",), **fixed))
    ratios = [x[first:].std() / x[:first].std() for x, first, _ in channels_of(block)]
    np.testing.assert_allclose(ratios, 3, rtol=0.25)


def test_a_stuck_sensor_repeats_one_value_and_only_there() -> None:
    for x, first, stop in channels_of(drawn("stuck")):
        assert np.ptp(x[first:stop]) == 0
        assert x[first - 1] != x[first]
        assert x[stop] != x[stop - 1]


def test_a_dropout_misses_every_value_and_only_there() -> None:
    for x, first, stop in channels_of(drawn("dropout")):
        assert np.flatnonzero(np.isnan(x)).tolist() == list(range(first, stop))


def test_drift_moves_slowly_away_and_comes_back_at_once() -> None:
    for x, first, stop in channels_of(drawn("drift", **CALM)):
        way = np.abs(x - x[first - 1])
        assert np.corrcoef(way[first:stop], np.arange(stop - first))[0, 1] > 0.999
        assert way[stop] < 0.05 < way[stop - 1]


def test_a_burst_is_short_and_high_at_every_step() -> None:
    for x, first, stop in channels_of(drawn("burst", **CALM)):
        assert 3 <= stop - first <= 6
        assert (np.abs(x[first:stop] - x[0]) > 0.4).all()
        assert len(set(np.sign(x[first:stop] - x[0]))) == 1


def test_neither_maximum_nor_mean_gives_the_class_away() -> None:
    values = draw(IotSpec(n_series=3000))
    for summary in (np.nanmax(values.values, axis=1), np.nanmean(values.values, axis=1)):
        for channel in summary.T:
            parts = np.array_split(values.codes[np.argsort(channel)], 12)
            assert np.mean([np.bincount(part).max() / len(part) for part in parts]) < 0.25


def test_lengths_differ_and_nothing_follows_the_end() -> None:
    block = draw(IotSpec(n_series=600, n_steps=(30, 50)))
    assert set(block.n_steps) == set(range(30, 51))
    for values, n_steps in zip(block.values, block.n_steps, strict=True):
        assert np.isnan(values[n_steps:]).all()
        assert not np.isnan(values[n_steps - 1]).any()


@settings(max_examples=10, deadline=None)
@given(cut=st.integers(0, 2 * BLOCK_ROWS + 5), seed=st.integers(0, 9))
def test_a_series_depends_on_seed_and_index_alone(cut: int, seed: int) -> None:
    n = 2 * BLOCK_ROWS + 5
    spec = IotSpec(n_series=n, n_steps=(24, 30), n_channels=2, seed=seed)
    whole = draw(spec)
    parts = [draw(spec, *ends) for ends in ((0, cut), (cut, n)) if ends[0] < ends[1]]
    for name in ("values", "n_steps", "codes", "events", "affected"):
        joined = np.concatenate([getattr(part, name) for part in parts])
        assert joined.tobytes() == getattr(whole, name).tobytes()


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"n_series": 0}, "n_series"),
        ({"n_steps": (10, 100)}, "n_steps"),
        ({"n_steps": (30, 50.5)}, "n_steps"),
        ({"classes": ("normal", "shift")}, "classes"),
        ({"weights": (1.0, 2.0)}, "weights"),
        ({"affected": (2, 1)}, "affected"),
        ({"burst_steps": (3, 99)}, "burst_steps"),
        ({"autocorrelation": Uniform(0.5, 1.0)}, "autocorrelation"),
        ({"correlation": Uniform(-0.5, 0.5)}, "correlation"),
        ({"duration": Uniform(0.5, 1.0)}, "duration"),
        ({"shift": Uniform(-1.0, 1.0)}, "shift"),
        ({"interference_period": Uniform(1.0, 3.0)}, "interference_period"),
    ],
)
def test_impossible_specs_are_refused_by_name(changes: dict, names: str) -> None:
    with pytest.raises(ValueError, match=f"^{names}: expected .*, got .*; "):
        IotSpec(**changes)


def test_rows_carry_events_lengths_and_gaps(root: Root) -> None:
    spec = IotSpec(n_series=300, n_steps=(40, 60))
    stored = write_dataset(root, "iot", iot_tables(spec), {}, NOW)
    block, rows = draw(spec), stored.labels()
    assert stored.channels == ["temperature_c", "pressure_kpa", "vibration_mm_s"]
    assert stored.manifest["n_steps"] == [block.n_steps.min(), block.n_steps.max()]
    ends = [rows[name].fill_null(-1).to_numpy() for name in ("event_start", "event_stop")]
    np.testing.assert_array_equal(np.stack(ends, axis=1), block.events)
    np.testing.assert_array_equal(stored.values(), block.values)


def test_a_dataset_from_before_the_events_is_drawn_again_as_it_was() -> None:
    source = {"generator": "signals", "spec": asdict(SignalSpec(n_series=30))}
    assert next(generated_tables(source)).column_names == [
        "series_id", "label", "n_steps", "value",
    ]  # fmt: skip


def test_the_command_makes_a_dataset_that_can_be_drawn_again(
    seqclass_json: Callable[..., dict], root: Root
) -> None:
    words = ["--n-series", 60, "--n-steps", "30..40", "--n-channels", 2, "--name", "i",
             "--classes", "normal,stuck,dropout", "--weights", "1,1,2", "--noise", 1.5]  # fmt: skip
    made = seqclass_json("generate", "iot", *words)
    assert made["channels"] == ["temperature_c", "pressure_kpa"]
    assert [*made["classes"]] == ["dropout", "normal", "stuck"]
    assert [*made["classes"].values()] == pytest.approx([30, 15, 15], abs=2)
    assert (made["n_series"], made["n_steps"], made["rejected"]) == (60, [30, 40], 0)
    manifest = open_dataset(root, "i").manifest
    assert manifest["columns"]["event_stop"] == "int32"
    source = json.loads(json.dumps(manifest["source"]))
    shutil.rmtree(root.join("datasets"))
    again = write_dataset(root, "i", generated_tables(source), source, NOW)
    assert again.manifest["digest"] == manifest["digest"]
