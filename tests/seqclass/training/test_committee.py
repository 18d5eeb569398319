"""The committee: what weighs its members, what they may not depend on, how seeds may differ."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from seqclass.evaluation.contribution import LSTM, MemberRecord
from seqclass.evaluation.metrics import log_loss, seed_scores
from seqclass.networks.classifier import (
    probabilities_of,
    weights_by_network,
)
from seqclass.networks.outputs import predict_all
from seqclass.pipeline.replicas import weights_digest
from seqclass.training import members as members_module
from seqclass.training.assembly import committee_classifier
from seqclass.training.committee import Mixture, fit_mixture
from seqclass.training.learnt_rows import Rows
from seqclass.training.members import FrozenFeatures, TrainedMember, Training
from seqclass.training.mixing import mix, select_registered
from seqclass.training.recipe import Recipe
from seqclass.training.replica import (
    NO_GAIN,
    NO_TIME,
    SOLVED,
    Replica,
    TrainingRows,
    adds_nothing,
    train_replica,
)
from seqclass.training.spec import MEMBERS, TrainingSpec
from seqclass.training.splits import holdout_folds
from tests.support.networks import (
    PLAIN,
    QUICK,
    SMALL,
    branch,
    build_network,
    compiled,
    lines,
    quiet,
    softmax,
)
from tests.support.series import gappy

BRIEF = replace(QUICK, updates=100, shortest=50)
TWO_FOLDS = TrainingSpec(recipe=BRIEF, architecture=SMALL, validation_fraction=0.5)
CLOSED = replace(TWO_FOLDS, members=tuple(members_module.CLOSED))


def hard_lines(n: int = 120) -> Rows:
    """Three classes of ragged series of two channels with holes, which noise hides in part."""
    rng = np.random.default_rng(7)
    y = (np.arange(n) % 3).astype(np.int32)
    slopes = np.stack([np.linspace(-1, 1, 30) * (code - 1) for code in range(3)])[y]
    x = np.stack([slopes, np.sin(3 * slopes + 1)], axis=-1) + rng.normal(0, 0.7, (n, 30, 2))
    x[rng.random(x.shape) < 0.05] = np.nan
    for row, length in enumerate(rng.integers(20, 31, n)):
        x[row, length:] = np.nan
    return Rows(x.astype(np.float32), y)


@pytest.fixture(scope="module")
def whole() -> Replica:
    """All four members; nothing is solved, so that each is trained."""
    spec = replace(TWO_FOLDS, recipe=replace(BRIEF, solved=0))
    return train_replica(TrainingRows(hard_lines(), 3), spec, 0, quiet)


@pytest.fixture(scope="module")
def answer(whole: Replica) -> Callable[[np.ndarray], dict[str, np.ndarray]]:
    return compiled(whole.classifier)


def held_scores(made: Replica, rows: Rows) -> dict[str, float]:
    """Scores of the rows that were held back."""
    return seed_scores(made.held_probabilities, rows.y[made.held])


def lstm_of(made: Replica) -> MemberRecord:
    [report] = [member for member in made.members if member["name"] == LSTM]
    return report


def right_on(rows: np.ndarray, y: np.ndarray, noise: int) -> np.ndarray:
    """Scores that are sure of the truth in some rows and say next to nothing in the others."""
    rng = np.random.default_rng(noise)
    return 6.0 * np.eye(3)[y] * rows[:, None] + rng.normal(0, 0.1, (len(y), 3))


def test_a_useless_member_gets_no_weight() -> None:
    y = np.arange(300) % 3
    rng = np.random.default_rng(0)
    useful = 2.0 * np.eye(3)[y] + rng.normal(0, 1, (300, 3))
    for useless in (rng.normal(0, 3, (300, 3)), np.zeros((300, 3))):
        mixture = fit_mixture([useless, useful], y)
        assert mixture.weights == (0.0, 1.0)


def test_two_unlike_members_that_are_good_share() -> None:
    y = np.arange(300) % 3
    first = np.arange(300) < 150
    scores = [right_on(first, y, 0), right_on(~first, y, 1)]
    mixture = fit_mixture(scores, y)
    assert sum(mixture.weights) == pytest.approx(1)
    assert min(mixture.weights) > 0.4
    mixed = softmax(mixture.logits(scores) / mixture.temperature)
    alone = [log_loss(softmax(s / t), y) for s, t in zip(scores, mixture.temperatures, strict=True)]
    assert log_loss(mixed, y) < min(alone) - 0.05


def test_sureness_of_a_member_does_not_change_its_weight() -> None:
    y = np.arange(200) % 3
    rng = np.random.default_rng(3)
    scores = [1.5 * np.eye(3)[y] + rng.normal(0, 1, (200, 3)) for _ in range(2)]
    plain, loud = fit_mixture(scores, y), fit_mixture([scores[0], 9 * scores[1]], y)
    np.testing.assert_allclose(loud.weights, plain.weights, atol=0.02)


def test_a_member_that_answered_a_part_of_the_rows_may_be_all_that_is_left() -> None:
    y = np.arange(300) % 3
    wrong, right = 6.0 * np.eye(3)[(y + 1) % 3], right_on(np.ones(100), y[:100], 0)
    mixture = fit_mixture([wrong, right], y, always=[1])
    assert mixture.weights == (0.0, 1.0)
    assert mixture.logits([wrong, right]).shape == (100, 3)
    assert np.isfinite(mixture.temperature)


@pytest.fixture(scope="module")
def three() -> list[keras.Model]:
    archs = (SMALL, replace(SMALL, kind="lstm"), replace(SMALL, units=3))
    return [build_network(3, PLAIN_OF_TWO, 2, arch, seed) for seed, arch in enumerate(archs)]


PLAIN_OF_TWO = type(PLAIN)((0.5, -1.0), (2.0, 0.1))
MIXTURE = Mixture((0.6, 0.0, 0.4), (0.01, 1.0, 20.0), 1.9)


def holed() -> np.ndarray:
    x = gappy()
    x[2, 4:9], x[3] = np.nan, np.nan
    return x


def test_the_mixture_in_keras_is_the_mixture_in_numpy(three: list[keras.Model]) -> None:
    classifier = committee_classifier([branch(network) for network in three], MIXTURE)
    padded = np.pad(holed(), ((0, 0), (0, 17), (0, 0)), constant_values=np.nan)
    scores = [predict_all(network, holed()) for network in three]
    expected = softmax(MIXTURE.logits(scores) / MIXTURE.temperature)
    answer = compiled(classifier)
    for x in (holed(), padded):
        np.testing.assert_allclose(answer(x), expected, atol=1e-5)


def test_a_replica_answers_by_the_weights_that_it_reports(whole: Replica) -> None:
    x = hard_lines(200).x[120:]
    assert [member["name"] for member in whole.members] == [*MEMBERS]
    shares = {member["name"]: member["registered"] for member in whole.members}
    assert sum(shares.values()) == pytest.approx(1)
    assert sum(member["weight"] for member in whole.members) == pytest.approx(1)
    alone = predict_all(whole.members_alone, x)
    mixed = np.sum([share * alone[name] for name, share in shares.items()], axis=0)
    expected = softmax(np.log(mixed) / whole.temperature)
    answers = predict_all(probabilities_of(whole.classifier), x)
    np.testing.assert_allclose(answers, expected, atol=1e-5)


def test_rows_held_back_are_answered_once_by_every_member(whole: Replica) -> None:
    assert whole.validation_logits.shape == (120, 3)
    assert [member["networks"] for member in whole.members[:3]] == [0, 0, 0]
    assert sum(member["networks"] for member in whole.members) == len(whole.fits)
    for member in whole.members:
        assert member["weight"] > 0 or (member["why"] == NO_GAIN and member["name"] != LSTM)
        assert member["accuracy"] is not None
        assert member["rows"] == (60 if member["networks"] == 1 else 120)
    assert held_scores(whole, hard_lines())["accuracy"] > 0.6


def test_neither_padding_nor_company_changes_what_the_committee_says(
    answer: Callable[[np.ndarray], dict[str, np.ndarray]],
) -> None:
    x = hard_lines().x[:12]
    answers = answer(x)
    assert set(answers) == {"probabilities", "p_value", "nearest", "distance"}
    padded = answer(np.pad(x, ((0, 0), (0, 25), (0, 0)), constant_values=np.nan))
    alone = [answer(x[row : row + 1]) for row in range(3)]
    for name, tolerance in (("probabilities", 1e-4), ("p_value", 0.02), ("distance", 1e-3),
                            ("nearest", 0)):  # fmt: skip
        np.testing.assert_allclose(padded[name], answers[name], atol=tolerance)
        for row in range(3):
            np.testing.assert_allclose(alone[row][name][0], answers[name][row], atol=tolerance)


def test_any_finite_or_missing_input_gets_finite_answers(
    answer: Callable[[np.ndarray], dict[str, np.ndarray]],
) -> None:
    for value in (np.nan, 0.0, 1e30, -1e30, 1e-30):
        for steps in (1, 2, 64):
            answers = answer(np.full((2, steps, 2), value, np.float32))
            for part in answers.values():
                assert np.isfinite(part).all()
            np.testing.assert_allclose(np.sum(answers["probabilities"], axis=1), 1, atol=1e-5)


def layers_of(model: keras.Model) -> Iterator[keras.Layer]:
    for layer in model.layers:
        yield layer
        if isinstance(layer, keras.Model):
            yield from layers_of(layer)


def test_members_are_stock_keras_and_are_stored_as_they_answer(
    whole: Replica, answer: Callable[[np.ndarray], dict[str, np.ndarray]], tmp_path: Path
) -> None:
    for model in (whole.classifier, whole.members_alone):
        assert all(type(layer).__module__.startswith("keras.") for layer in layers_of(model))
    whole.classifier.save(tmp_path / "whole.keras")
    stored = keras.saving.load_model(tmp_path / "whole.keras", safe_mode=True)
    x = hard_lines().x[:9]
    for name, expected in answer(x).items():
        np.testing.assert_allclose(stored(x)[name], expected, atol=1e-4)


def easy_lines() -> Rows:
    noisy = lines(600)
    shift = np.where(noisy.y[:, None, None], 5, -5).astype(np.float32)
    return Rows(noisy.x + shift, noisy.y)


def test_where_cheap_members_solve_a_set_the_lstm_is_trained_all_the_same() -> None:
    made = train_replica(TrainingRows(easy_lines(), 2), TWO_FOLDS, 0, quiet)
    for member in made.members:
        if member["name"] in ("view-kernels", "steps"):
            assert member["why"] == SOLVED
            assert (member["networks"], member["weight"], member["accuracy"]) == (0, 0.0, None)
    lstm = lstm_of(made)
    assert (lstm["why"], lstm["networks"], lstm["rows"]) == (SOLVED, 1, 300)
    assert lstm["updates"] > 0
    assert lstm["weight"] > 0
    assert held_scores(made, easy_lines())["accuracy"] == 1.0


def fitted(scores: np.ndarray, name: str) -> TrainedMember:
    return TrainedMember(name, None, scores, [], 0.0)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("n", "noise", "is_alone"), [(400, 1.0, True), (400, 3.0, False), (90, 1.0, False)]
)
def test_the_lstm_alone_is_registered_where_enough_rows_can_not_tell_it_from_the_committee(
    n: int, noise: float, is_alone: bool
) -> None:
    y = (np.arange(n) % 3).astype(np.int32)
    rng = np.random.default_rng(0)
    closed = 3.0 * np.eye(3)[y] + rng.normal(0, 1, (n, 3))
    lstm = closed + rng.normal(0, 1e-3, (n, 3)) if noise == 1 else rng.normal(0, noise, (n, 3))
    rows = Rows(np.zeros((n, 5, 1), np.float32), y)
    folds = [(np.arange(0), np.arange(n))]
    training = Training(rows, 3, CLOSED, 0, quiet, folds, None, FrozenFeatures(rows.x, (), 0))
    trained = [fitted(closed, "convolutions"), fitted(lstm, LSTM)]
    committee = mix(trained, training)
    registered = select_registered(trained, committee, training)
    assert (registered.weights == (0.0, 1.0)) == is_alone
    assert is_alone or registered is committee
    assert committee.weights[1] > 0, "the LSTM is in the committee however little it adds"


def test_a_member_that_answered_a_part_of_the_rows_is_mixed_by_that_part() -> None:
    y = np.arange(300) % 3
    rng = np.random.default_rng(1)
    first = 2.0 * np.eye(3)[y] + rng.normal(0, 1, (300, 3))
    second = 2.0 * np.eye(3)[y] + rng.normal(0, 1, (300, 3))
    part = fit_mixture([first, second[:200]], y)
    whole = fit_mixture([first[:200], second[:200]], y[:200])
    np.testing.assert_allclose(part.weights, whole.weights, atol=0.05)
    logits = part.logits([first, second[:200]])
    assert logits.shape == (300, 3)
    np.testing.assert_allclose(softmax(logits[200:]), softmax(first[200:] / part.temperatures[0]))


def test_few_rows_without_an_error_do_not_tell_that_a_set_is_solved() -> None:
    spec = replace(TWO_FOLDS, members=("convolutions", "conv-lstm"))
    made = train_replica(TrainingRows(lines(60), 2), spec, 0, quiet)
    assert [member["why"] for member in made.members if member["why"] == SOLVED] == []
    assert {member["networks"] for member in made.members} == {0, 2}


def test_an_lstm_that_adds_nothing_ends_after_one_network() -> None:
    rows = lines(200)
    noise = Rows(rows.x, np.random.default_rng(0).permutation(rows.y))
    spec = replace(TWO_FOLDS, members=("convolutions", "conv-lstm"))
    made = train_replica(TrainingRows(noise, 2), spec, 0, quiet)
    last = made.members[-1]
    assert (last["networks"], last["rows"], last["why"]) == (1, 100, NO_GAIN)
    assert len(made.validation_logits) in (100, 200)


def test_rows_of_few_groups_do_not_show_that_an_lstm_adds_nothing() -> None:
    """It helps in one of seven groups that the others answer wrong: twenty rows, but one draw."""
    groups = np.repeat(np.arange(20), 20)
    rows = Rows(np.zeros((400, 5, 1), np.float32), (groups % 2).astype(np.int32))
    margin = np.where(groups < 7, -2.0, 2.0)
    closed, lstm = (
        fitted(np.eye(2)[rows.y] * lead[:, None], name)
        for name, lead in (("steps", margin), (LSTM, np.where(groups < 1, -0.5, margin)))
    )
    folds = [(np.arange(0), np.arange(400))]
    training = Training(rows, 2, CLOSED, 0, quiet, folds, None, FrozenFeatures(rows.x, (), 0))
    assert adds_nothing(lstm, [closed], training)
    assert not adds_nothing(lstm, [closed], replace(training, groups=groups))


def test_after_the_budget_no_network_is_begun_but_the_lstm_and_that_is_shortened() -> None:
    recipe = replace(BRIEF, updates=300, shortest=100, solved=0)
    spec = replace(TWO_FOLDS, budget_s=1e-6, recipe=recipe)
    made = train_replica(TrainingRows(hard_lines(60), 3), spec, 0, quiet)
    assert [member["why"] for member in made.members if member["name"] != LSTM] == [
        None,
        *[NO_TIME] * 2,
    ]
    lstm = lstm_of(made)
    assert (lstm["why"], lstm["networks"], lstm["updates"]) == (NO_TIME, 1, 100)
    single = train_replica(
        TrainingRows(hard_lines(60), 3), replace(spec, members=("conv-lstm",)), 0, quiet
    )
    assert [(member["networks"], member["why"]) for member in single.members] == [(1, NO_TIME)]
    named = replace(spec, members=("conv-lstm",), budget_s=None, networks={"conv-lstm": 1},
                    lstm_updates=single.members[0]["updates"])  # fmt: skip
    again = train_replica(TrainingRows(hard_lines(60), 3), named, 0, quiet)
    np.testing.assert_array_equal(again.validation_logits, single.validation_logits)


def test_members_in_closed_form_answer_what_they_have_not_seen() -> None:
    noise = Rows(lines(150).x, np.random.default_rng(1).permutation(lines(150).y))
    made = train_replica(TrainingRows(noise, 2), CLOSED, 0, quiet)
    for member in made.members:
        assert member["accuracy"] == pytest.approx(0.5, abs=0.12)
    assert held_scores(made, noise)["log_loss"] > 0.66
    unsolved = replace(CLOSED, recipe=replace(BRIEF, solved=0))
    easy = train_replica(TrainingRows(lines(150), 2), unsolved, 0, quiet)
    fresh = lines(250).take(np.arange(150, 250))
    for alone in predict_all(easy.members_alone, fresh.x).values():
        assert (alone.argmax(axis=1) == fresh.y).mean() > 0.95


def test_frozen_features_are_made_of_some_of_many_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = lines(300)
    folds = holdout_folds(rows.y, None, 0.2, 0)[:1]
    training = Training(rows, 2, CLOSED, 0, quiet, folds, None, FrozenFeatures(rows.x, (), 0))
    assert training.subsample() is training
    monkeypatch.setattr(members_module, "MAX_CLOSED", 100)
    few = training.subsample()
    assert 100 < len(few.rows) < 200
    [(kept, held)], [(_, before)] = few.folds, folds
    np.testing.assert_array_equal(few.rows.x[held], rows.x[before])
    assert sorted([*kept, *held]) == [*range(len(few.rows))]


def test_the_networks_of_a_classifier_are_found_in_it(whole: Replica) -> None:
    digests = {weights_digest(weights) for weights in weights_by_network(whole.classifier)}
    assert lstm_of(whole)["registered"] > 0
    for fit in whole.fits:
        assert weights_digest(fit.network.get_weights()) in digests


def test_networks_of_a_warm_start_begin_with_those_of_the_model(whole: Replica) -> None:
    given = [fit.network.get_weights() for fit in whole.fits]
    still = Recipe(updates=50, epochs=1, learning_rate=1e-12, weight_decay=0, restarts=0, solved=0)
    spec = replace(TWO_FOLDS, recipe=still, members=(LSTM,))
    begun = train_replica(TrainingRows(hard_lines(), 3), spec, 0, quiet, initial=given)
    assert len(begun.fits) == 2
    for fit, weights in zip(begun.fits, given, strict=False):
        for ours, theirs in zip(fit.network.get_weights(), weights, strict=True):
            np.testing.assert_allclose(ours, theirs, atol=1e-6)
