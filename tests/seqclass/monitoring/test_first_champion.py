"""A first champion is borne out by its test rows, simulated on answers."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from seqclass.monitoring.first_champion import (
    JudgedRows,
    can_show_skill,
    champion_evidence,
    first_champion_failures,
    sign_flip_p,
    worth_of_held_rows,
)
from seqclass.store.registry import champion_of, open_model
from seqclass.store.root import Root
from seqclass.training.spec import ChampionLimits
from tests.support.commands import Command
from tests.support.evidence import first_evidence, stored
from tests.support.stored import store_series, store_version

DRAWS = 100
SHARES = {"two": [0.5, 0.5], "five": [0.2] * 5, "rare": [0.7, 0.2, 0.06, 0.04]}


def refused(truth: np.ndarray, answers: np.ndarray, *baselines: np.ndarray) -> list[str]:
    n_classes = max(truth.max(), answers.max()) + 1
    evidence = champion_evidence(
        answered(truth, answers, *baselines), None, ChampionLimits(), n_classes, 0
    )
    return first_champion_failures(evidence, ChampionLimits())


def answered(
    truth: np.ndarray, answers: np.ndarray, *baselines: np.ndarray, worth: float = 1.0
) -> JudgedRows:
    others = {f"baseline {k}": codes for k, codes in enumerate(baselines)}
    return JudgedRows(truth, answers, others, [answers], np.full(len(truth), worth))


def right_in(rng: np.random.Generator, truth: np.ndarray, share: float, k: int) -> np.ndarray:
    """Answers of which this share is as the truth, the others drawn at random."""
    is_right = rng.random(len(truth)) < share
    return np.where(is_right, truth, rng.integers(0, k, len(truth)))


@pytest.mark.parametrize(
    ("n_series", "shares"), [(40, SHARES["two"]), (200, SHARES["rare"]), (2000, SHARES["five"])]
)
def test_noise_is_a_champion_in_at_most_one_draw_of_twenty(
    n_series: int, shares: list[float]
) -> None:
    k, passed = len(shares), 0
    for draw in range(DRAWS):
        rng = np.random.default_rng(draw)
        truth = rng.choice(k, n_series // 5, p=shares)
        preferred = rng.dirichlet(np.ones(k))
        answers = rng.choice(k, len(truth), p=preferred)
        passed += not refused(truth, answers, rng.choice(k, len(truth), p=shares))
    assert passed <= DRAWS / 20


def test_shuffled_labels_make_no_champion() -> None:
    passed, n_series = 0, 200
    for draw in range(DRAWS):
        rng = np.random.default_rng(draw)
        meant = rng.integers(0, 3, n_series // 5)
        answers, rival = right_in(rng, meant, 0.95, 3), right_in(rng, meant, 0.8, 3)
        passed += not refused(rng.permutation(meant), answers, rival)
    assert passed <= DRAWS / 20


@pytest.mark.parametrize("shares", SHARES.values(), ids=SHARES)
def test_a_good_classifier_becomes_the_champion(shares: list[float]) -> None:
    k, passed, n_series = len(shares), 0, 200
    for draw in range(DRAWS):
        rng = np.random.default_rng(draw)
        truth = rng.choice(k, n_series // 5, p=shares)
        answers = right_in(rng, truth, 0.95, k)
        baselines = [right_in(rng, truth, share, k) for share in (0.9, 0.8, 0.0)]
        passed += not refused(truth, answers, *baselines)
    assert passed >= 0.95 * DRAWS


def test_where_test_rows_are_few_rows_held_back_count() -> None:
    passed, n_series = 0, 40
    for draw in range(DRAWS):
        rng = np.random.default_rng(draw)
        truth = rng.permutation(np.arange(n_series) % 3)
        answers, rival = right_in(rng, truth, 0.95, 3), right_in(rng, truth, 0.9, 3)
        few, rest = slice(0, n_series // 5), slice(n_series // 5, None)
        tested, held = (answered(truth[part], answers[part], rival[part]) for part in (few, rest))
        held = held._replace(worth=held.worth * worth_of_held_rows(5))
        evidence = champion_evidence(tested, held, ChampionLimits(), 3, 0)
        assert (evidence["rows"], evidence["held_rows"]) == (n_series, len(held.truth))
        passed += not first_champion_failures(evidence, ChampionLimits())
    assert passed >= 0.95 * DRAWS


def test_rows_held_back_count_for_less_than_half_and_not_beside_enough_test_rows() -> None:
    assert worth_of_held_rows(5) == pytest.approx(4 / 9)
    truth = np.arange(60) % 2
    answers = np.where(np.arange(60) % 5 < 4, truth, 1 - truth)
    held = answered(truth, answers)
    few, enough = (
        champion_evidence(answered(truth[:n], answers[:n]), held, ChampionLimits(), 2, 0)
        for n in (10, 20)
    )
    assert (few["rows"], few["held_rows"], enough["rows"]) == (70, 60, 20)
    less = held._replace(worth=held.worth / 4)
    wider = champion_evidence(answered(truth[:10], answers[:10]), less, ChampionLimits(), 2, 0)
    assert wider["interval"][0] < few["interval"][0] < few["balanced_accuracy"]
    assert wider["balanced_accuracy"] == few["balanced_accuracy"]


@pytest.mark.parametrize("sizes", [[10] * 8, [100, 100] + [1] * 20], ids=["alike", "unlike"])
def test_a_model_that_guesses_by_group_is_seldom_a_champion(sizes: list[int]) -> None:
    """The series of each group, all of one class, get the same random answer."""
    passed, n_groups = 0, len(sizes)
    for draw in range(DRAWS):
        rng = np.random.default_rng(draw)
        groups = np.repeat(np.arange(n_groups), sizes)
        truth, guess = groups % 2, rng.integers(0, 2, n_groups)[groups]
        given = answered(truth, guess)
        evidence = champion_evidence(given._replace(groups=groups), None, ChampionLimits(), 2, 0)
        passed += not first_champion_failures(evidence, ChampionLimits())
    assert passed <= DRAWS / 20
    alone = [refused(truth, rng.integers(0, 2, n_groups)[groups]) for _ in range(DRAWS)]
    assert alone.count([]) > DRAWS / 20


def test_the_number_of_groups_says_how_much_right_answers_show() -> None:
    for n_groups, is_enough in ((6, True), (4, False)):
        groups = np.repeat(np.arange(n_groups), 10)
        guess = np.where(np.arange(len(groups)) % 10, groups % 2, 1 - groups % 2)
        given = answered(groups % 2, guess)._replace(groups=groups)
        evidence = champion_evidence(given, None, ChampionLimits(), 2, 0)
        failures = first_champion_failures(evidence, ChampionLimits())
        assert ("add groups" in "".join(failures)) != is_enough
        assert is_enough == (failures == []) == can_show_skill(groups % 2, groups, ChampionLimits())


def test_a_baseline_that_is_better_beyond_chance_keeps_the_champion_s_place() -> None:
    passed, n_series = 0, 1000
    for draw in range(DRAWS):
        rng = np.random.default_rng(draw)
        truth = rng.integers(0, 2, n_series // 5)
        better = right_in(rng, truth, 0.95, 2)
        passed += not refused(truth, right_in(rng, truth, 0.7, 2), better)
    assert passed <= DRAWS / 20


def test_the_paired_test_is_mcnemar_s_where_classes_are_alike() -> None:
    truth = np.arange(100) % 2
    answers, theirs = truth.copy(), truth.copy()
    answers[:9] ^= 1
    theirs[9] ^= 1
    assert sign_flip_p(truth, answers, theirs, 0) == pytest.approx(11 / 1024, abs=0.006)
    assert sign_flip_p(truth, answers, answers, 0) == 1


def test_every_refusal_says_what_to_do() -> None:
    truth = np.arange(16) % 2
    few, chance, better = refused(truth, truth * 0, truth, truth)
    assert "16 test rows are fewer than the 20" in few
    assert "lower limits.min_test_rows" in few
    assert "not above the 0.500 of always naming one class; check the labels" in chance
    assert "8 won and 0 lost" in better
    assert "answer with the baseline, add series, or train longer" in better


def test_a_refused_first_model_is_promoted_by_hand_only(root: Root, seqclass: Command) -> None:
    version = store_version(root, "m", comparison=stored(None, first=first_evidence(rows=8)))
    code, _, err = seqclass("promote", version.ref)
    assert (code, champion_of(root, "m")) == (1, None)
    assert "refused by the gate: 8 test rows are fewer than the 20" in err
    assert err.endswith("; --force promotes it\n")
    assert seqclass("promote", version.ref, "--force")[0] == 0
    assert champion_of(root, "m") == version.version


@pytest.mark.system
def test_forty_clean_series_make_a_champion(prefect: str, root: Root, seqclass: Command) -> None:
    store_series(root, "clean", n=40, group=[f"g{k // 2}" for k in range(40)])
    spec = Path(f"{root.path}.json")
    spec.write_text(json.dumps({"members": ["convolutions", "steps"]}))
    code, out, err = seqclass("train", "clean", "--seeds", 2, "--spec", spec)
    assert (code, champion_of(root, "clean")) == (0, "v1")
    assert "fewer than" not in err
    assert re.search(r"^judged by rows +40$", out, re.M)
    version = open_model(root, "clean@v1")
    metrics = version.read_json("metrics.json")
    evidence, tested = metrics["evidence"], metrics["test_rows"]
    assert tested < 20
    assert (evidence["rows"], evidence["held_rows"]) == (40, 40 - tested)
    assert (
        version.read_json("comparison.json")["seeds"]["macro_f1"] == evidence["seeds"]["macro_f1"]
    )
