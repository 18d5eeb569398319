"""Sequences of symbols: what counts as one, how they are counted, and how the network sees them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqclass.networks.symbols import (
    MAX_SYMBOLS,
    MISSING,
    Alphabet,
    find_alphabets,
    quantised,
    tokens_of,
    without_repeats,
)
from seqclass.training.baselines import baseline_predictions
from seqclass.training.ngrams import fit_symbol_models
from tests.support.series import walks

NAN = np.float32(np.nan)
TOKENS = st.lists(st.integers(0, 3), min_size=1, max_size=12)


def series(*rows: list[float]) -> np.ndarray:
    """Rows of one channel, padded with NaN, as ``(n, steps, 1)``."""
    dense = np.full((len(rows), max(map(len, rows)), 1), NAN, dtype=np.float32)
    for number, row in enumerate(rows):
        dense[number, : len(row), 0] = row
    return dense


def two_orders(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Series that share every symbol equally often and differ in their order alone."""
    return np.concatenate([walks(5, n, seed), walks(7, n, seed + 1)]), np.repeat([0, 1], n)


def test_whole_numbers_in_a_small_range_are_symbols_and_others_are_not() -> None:
    wide = np.arange(MAX_SYMBOLS + 1, dtype=np.float32)
    assert find_alphabets(series([0, 6, NAN], [3])) == (Alphabet(0, 7),)
    assert find_alphabets(series([-12, 24])) == (Alphabet(-12, 37),)
    for other in ([0.5, 1], [3, 3, 3], [NAN], wide, [0, 1, 1e9], [-1e30, 1e30]):
        assert find_alphabets(series(list(other))) == (None,)


@given(rows=st.lists(TOKENS, min_size=1, max_size=6))
def test_one_channel_of_symbols_is_its_own_token(rows: list[list[int]]) -> None:
    tokens = tokens_of(series(*rows), (Alphabet(0, 4),))
    assert [list(row[row != MISSING]) for row in tokens] == rows


def test_channels_of_symbols_make_one_token_and_a_hole_in_one_hides_it() -> None:
    x = np.array([[[0, 0.3, 1], [1, 0.1, 0], [NAN, 0.2, 1], [9, 0.0, 1]]], dtype=np.float32)
    assert tokens_of(x, (Alphabet(0, 2), None, Alphabet(0, 3))).tolist() == [[1, 3, -1, -1]]


@given(rows=st.lists(TOKENS, min_size=1, max_size=6))
def test_without_repeats_no_token_follows_itself(rows: list[list[int]]) -> None:
    short = without_repeats(tokens_of(series(*rows), (Alphabet(0, 4),)))
    for row, shortened in zip(rows, short, strict=True):
        kept = [token for i, token in enumerate(row) if i == 0 or token != row[i - 1]]
        assert [token for token in shortened.tolist() if token != MISSING] == kept


def test_cents_are_rounded_to_semitones_and_other_channels_stay() -> None:
    x = np.array([[[149.0, 0.5], [NAN, 2.0], [-151.0, 1.0]]], dtype=np.float32)
    np.testing.assert_array_equal(
        quantised(x, ["cents", "loudness"])[0], [[1, 0.5], [NAN, 2.0], [-2, 1.0]]
    )
    assert find_alphabets(x, ["cents", "loudness"]) == (Alphabet(-2, 4, 100.0), None)
    assert quantised(x, ["value", "loudness"]) is x


@pytest.mark.parametrize("sa", [0.0, 3.72, -11.4])
def test_a_pitch_in_semitones_is_symbols_above_any_tone(sa: float) -> None:
    notes = series([0, 2, 4, NAN, 12], [-5, 7]) + np.float32(sa)
    low = round(sa - 5)
    assert find_alphabets(notes, ["pitch"]) == (Alphabet(low, 18, 1.0),)
    several = notes + np.array([0.3, 0.9], np.float32)[:, None, None]
    [alphabet] = find_alphabets(several, ["pitch"])
    assert alphabet is not None


def test_a_pitch_that_is_no_semitones_is_a_measurement() -> None:
    rng = np.random.default_rng(0)
    degrees = rng.normal(0, 5, (20, 30, 1)).astype(np.float32)
    assert find_alphabets(degrees, ["pitch"]) == (None,)
    assert not fit_symbol_models(degrees, np.arange(20) % 2, ["pitch"], seed=0)
    levels = np.rint(degrees)
    assert find_alphabets(levels, ["pitch"]) == find_alphabets(levels, ["angle"])
    assert find_alphabets(np.full((2, 3, 1), NAN), ["pitch"]) == (None,)
    both = np.concatenate([levels, degrees], axis=-1)
    state, pitch = find_alphabets(both, ["state", "pitch"])
    assert state is not None
    assert pitch is None


def test_order_alone_is_heard_by_the_bigram_and_not_by_the_histogram() -> None:
    (x, y), (x_test, y_test) = two_orders(60, 0), two_orders(100, 2)
    models = fit_symbol_models(x, y, ["state"], seed=0)
    right = {n: (m.log_scores(x_test).argmax(axis=1) == y_test).mean() for n, m in models.items()}
    assert right["bigram"] == 1.0
    assert abs(right["histogram"] - 0.5) < 0.15


def test_octaves_are_folded_where_training_rows_ask_for_it() -> None:
    x = np.concatenate([walks(step, 40, step, low) for step in (5, 7) for low in (0, 12)])
    y = np.repeat([0, 1], 80)
    other = np.concatenate([walks(5, 20, 8, -12), walks(7, 20, 9, -12)])
    bigram = fit_symbol_models(x, y, ["pitch"], seed=0)["bigram"]
    assert "modulo 12" in bigram.choice
    assert (bigram.log_scores(other).argmax(axis=1) == np.repeat([0, 1], 20)).all()


def test_contours_are_read_as_the_notes_they_dwell_on() -> None:
    x, y = two_orders(40, 0)
    rng = np.random.default_rng(5)
    contour = np.repeat(100 * x, 6, axis=1) + rng.normal(0, 15, (80, 144, 1)).astype(np.float32)
    contour[:, 70:73] = NAN
    models = fit_symbol_models(contour, y, ["cents"], seed=0)
    assert (models["bigram"].log_scores(contour).argmax(axis=1) == y).mean() > 0.98
    assert not fit_symbol_models(contour, y, ["value"], seed=0)


def test_symbols_never_seen_in_training_are_no_error() -> None:
    x, y = two_orders(20, 0)
    strange = np.full((3, 5, 1), 40, dtype=np.float32)
    models = fit_symbol_models(x, y, ["state"], seed=0)
    assert set(models) == {"histogram", "bigram"}
    for model in models.values():
        assert np.isfinite(model.log_scores(strange)).all()
        assert np.isfinite(model.log_scores(np.full((2, 1, 1), NAN))).all()


@pytest.mark.parametrize("n_rare", [0, 1, 2])
def test_a_rare_class_does_not_keep_the_others_from_choosing_a_model(n_rare: int) -> None:
    x = np.concatenate([walks(5, 40, 0), walks(5, 40, 1, 12), walks(7, n_rare, 2)])
    y = np.repeat([0, 1, 2], [40, 40, n_rare])
    for model in fit_symbol_models(x, y, ["state"], seed=0).values():
        assert (model.log_scores(x[:80]).argmax(axis=1) == y[:80]).mean() > 0.95


def test_baselines_of_measurements_are_the_three_they_were() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((40, 12, 2)).astype(np.float32), np.arange(40) % 2
    names = {"majority", "logistic_regression", "nearest_neighbour"}
    assert set(baseline_predictions(x, y, x, 0, ["a", "b"])) == names
    symbols = np.rint(x)
    assert set(baseline_predictions(symbols, y, x, 0, ["a", "b"])) == names | {
        "histogram",
        "bigram",
    }


def test_the_network_sees_one_input_per_symbol() -> None:
    keras = pytest.importorskip("keras")
    from seqclass.networks.symbols import soft_one_hot

    def seen(alphabet: Alphabet, *values: float) -> list:
        raw = keras.Input((None, 1))
        model = keras.Model(raw, soft_one_hot(raw, alphabet))
        return np.round(model(np.array([values], np.float32)[..., None])[0].numpy(), 6).tolist()

    nothing = [0, 0, 0]
    expected = [[1, 0, 0], [0, 0, 1], nothing, nothing, nothing, [0, 1, 0]]
    assert seen(Alphabet(-1, 3), -1, 1, NAN, 5, -9, 0) == expected
    assert seen(Alphabet(-1, 3, 100.0), -100, 25, NAN, 400) == [[1, 0, 0], [0, 0.75, 0.25], nothing,
                                                                nothing]  # fmt: skip
    assert seen(Alphabet(10**6 - 1, 3), NAN, 10**6) == [nothing, [0, 1, 0]]
    assert seen(Alphabet(2**28, 2), NAN) == [[0, 0]]
