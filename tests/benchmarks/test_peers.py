"""The peers' benchmark: series that aeon takes, scores, and the page of what is there."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import RidgeClassifier
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from benchmarks import peer_classifiers as peers
from benchmarks.peers import figures, leaders, mean_rows, section, set_rows, shared_sets
from seqclass.evaluation import calibration

NAN = np.nan


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, NAN, NAN, 4], [1, 2, 3, 4, 4]),
        ([NAN, 2, 3, NAN], [2, 2, 3, 3, 3]),
        ([7, NAN, NAN, NAN], [7, 7, 7, 7, 7]),
        ([NAN] * 4, [0] * 5),
    ],
)
def test_holes_are_interpolated_and_ends_repeated(values: list, expected: list) -> None:
    assert peers.fill(np.array(values, np.float32), 5).tolist() == expected


def test_a_split_is_as_long_as_its_longest_series(tmp_path: Path) -> None:
    rows = np.arange(2 * 3 * 2, dtype=np.float32).reshape(2, 3, 2)
    np.savez(tmp_path / "a.npz", X_train=rows, y_train=["b", "a"], X_test=rows[:, :2],
             y_test=["b", "b"])  # fmt: skip
    split = peers.read_split(tmp_path / "a.npz")
    assert split.x_train.tolist() == rows.transpose(0, 2, 1).tolist()
    assert split.x_test[0].tolist() == [[0, 2, 2], [1, 3, 3]]
    assert split.y_train.tolist() == [1, 0]
    assert split.y_test.tolist() == [1, 1]


def test_calibration_error_is_that_of_the_reports_and_log_loss_is_clipped() -> None:
    generator = np.random.default_rng(0)
    probabilities, y = generator.dirichlet(np.ones(3), 200), generator.integers(0, 3, 200)
    expected = calibration.calibration_error(probabilities, y)
    assert peers.calibration_error(probabilities, y) == pytest.approx(expected)
    assert peers.log_loss(np.eye(2), np.array([0, 0])) == pytest.approx(-np.log(1e-15) / 2)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_held_back_scores_are_those_of_ridge_classifiers(n_classes: int) -> None:
    generator = np.random.default_rng(1)
    x, y = generator.normal(size=(30, 50)), np.arange(30) % n_classes
    scores = peers.out_of_fold_scores(peers.gram(x, 7), y, 0.3)
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    method = "decision_function"
    expected = cross_val_predict(RidgeClassifier(alpha=0.3), x, y, cv=folds, method=method)
    assert scores[:, -1] == pytest.approx(expected.reshape(30, -1)[:, -1])
    assert peers.softmax(scores, 0.5) == pytest.approx(peers.softmax(expected, 0.5))


def test_the_temperature_answers_for_held_back_errors() -> None:
    scores = np.array([[1.0, -1.0]] * 20)
    assert peers.fit_temperature(scores, np.zeros(20, int)) == peers.TEMPERATURES[0]
    doubtful = peers.softmax(scores, peers.fit_temperature(scores, np.arange(20) % 4 // 3))
    assert doubtful[0, 0] == pytest.approx(0.75, abs=0.01)


def peer(name: str, method: str, accuracy: float, **scores: float) -> dict:
    return {
        "set": name, "method": method, "accuracy": accuracy, "log_loss": 0.5, "ece": 0.1,
        "clipped": 3, "hard": method != "QUANT" or name == "CBF", "fit_seconds": 1.0,
        "predict_seconds": 0.5, "machine": "2 cores", "versions": {"aeon": "1"}, **scores,
    }  # fmt: skip


PEERS = [
    peer("BME", "QUANT", 0.9),
    peer("BME", "MiniRocket", 0.95, log_loss_tempered=0.2, ece_tempered=0.05),
    peer("CBF", "QUANT", 0.8),
    peer("CBF", "MiniRocket", 0.7, log_loss_tempered=0.6, ece_tempered=0.05),
]
RAN = {"BME": {"mean": 0.95, "log_loss": 0.1, "ece": 0.02, "seconds": 9.0}}


def test_the_page_shows_a_dash_where_ours_is_missing() -> None:
    of_sets = figures(PEERS, RAN)
    cbf, bme = set_rows(of_sets)
    assert cbf["accuracy: ours"] == cbf["log-loss: ours"] == "–"
    assert (cbf["accuracy: QUANT"], cbf["log-loss: MiniRocket"]) == ("**0.8000**", "0.600")
    assert bme["accuracy: ours"] == bme["accuracy: MiniRocket"] == "**0.9500**"
    text = " ".join(section(PEERS, of_sets).split())
    assert "Not yet measured: ours on CBF, BasicMotions" in text
    assert text.count("QUANT gave 0 to the true class of 3 test rows of BME") == 1


def test_means_are_over_the_sets_that_all_have() -> None:
    of_sets = figures(PEERS, RAN)
    assert shared_sets(of_sets) == ["BME"]
    rows = {row["method"]: row for row in mean_rows(of_sets)}
    assert rows["ours"]["log-loss"] == "0.1000"
    assert rows["MiniRocket"]["log-loss"] == "0.2000"
    assert rows["MiniRocket"]["seconds, sum"] == "2"
    assert rows["MiniRocket"]["ahead in accuracy"] == "1 of 1"
    assert rows["MultiRocket-Hydra"]["accuracy"] == "–"
    assert leaders(of_sets["BME"], "log-loss") == ["ours"]


def test_stored_results_hold_each_set_and_method_once() -> None:
    rows = peers.read_results(peers.RESULTS)
    cells = [(row["set"], row["method"]) for row in rows]
    assert len(cells) == len(set(cells))
    assert {name for name, _ in cells} <= set(peers.SETS)
