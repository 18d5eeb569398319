"""What a classifier answers, whichever it is: classes, ``unknown``, and what is refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqclass.answering import Answering
from seqclass.evaluation.decisions import Decision
from seqclass.network_process import Network


class ByMean(Answering):
    """Answers ``high`` the surer the higher the mean of a series is."""

    def __init__(self, decision: Decision, strange: float = np.inf) -> None:
        self.classes_ = np.array(["high", "low"])
        self.n_channels_ = 1
        self.decision_, self._network = decision, Mean(strange)


class Mean(Network):
    """A network that needs no process."""

    def __init__(self, strange: float) -> None:
        super().__init__(b"")
        self.strange = strange

    def ask(self, what: str, *arguments: np.ndarray) -> dict[str, np.ndarray]:
        [x] = arguments
        assert what == "outputs"
        seen = np.isfinite(x).sum(axis=(1, 2))
        mean = np.nansum(x, axis=(1, 2)) / np.maximum(seen, 1)
        high = 1 / (1 + np.exp(-mean))
        p_value = np.where(np.abs(mean) > self.strange, 0.001, 0.5)
        probabilities, nearest = np.stack([high, 1 - high], axis=1), np.zeros((len(x), 1), int)
        return {"probabilities": probabilities, "p_value": p_value, "nearest": nearest}


PLAIN = Decision(None, 0.0, 1.0, 0.0)
MEANS = st.lists(st.floats(-5, 5).filter(lambda m: abs(m) > 0.01), min_size=1, max_size=9)


@settings(max_examples=20)
@given(MEANS, st.integers(0, 6))
def test_answers_follow_probabilities_in_the_order_of_the_series(
    means: list[float], more: int
) -> None:
    series = [np.full(3 + (k * more) % 7, mean) for k, mean in enumerate(means)]
    classifier = ByMean(PLAIN)
    probabilities = classifier.predict_proba(series)
    np.testing.assert_allclose(probabilities[:, 0], 1 / (1 + np.exp(-np.array(means))), rtol=1e-5)
    expected = ["high" if mean > 0 else "low" for mean in means]
    assert classifier.predict(series).tolist() == expected
    assert classifier.predict_or_unknown(series).tolist() == expected


def test_the_logarithm_of_an_impossible_class_is_minus_infinity() -> None:
    classifier = ByMean(PLAIN)
    logarithms = classifier.predict_log_proba([[-1.0], [1000.0]])
    np.testing.assert_allclose(np.exp(logarithms[0]), classifier.predict_proba([[-1.0]])[0])
    assert logarithms[1].tolist() == [0.0, -np.inf]


@settings(max_examples=20)
@given(st.floats(0.5, 0.99), st.floats(-4, 4))
def test_a_doubtful_answer_is_unknown_and_still_has_a_class(threshold: float, mean: float) -> None:
    classifier = ByMean(Decision(None, threshold, 1.0, 0.0))
    series = [np.full(4, mean)]
    sure = classifier.predict_proba(series).max() >= threshold
    [answer], [plain] = classifier.predict_or_unknown(series), classifier.predict(series)
    assert plain in classifier.classes_
    assert answer == (plain if sure else "unknown")


def test_what_is_unlike_all_is_unknown_however_sure() -> None:
    classifier = ByMean(Decision(None, 0.0, 1.0, 0.0, unfamiliar=0.05), strange=3.0)
    assert classifier.predict_or_unknown([[9.0], [2.0], [-9.0]]).tolist() == [
        "unknown",
        "high",
        "unknown",
    ]
    assert classifier.predict([[9.0]]).tolist() == ["high"]


def test_offsets_let_a_rare_class_answer_below_one_half() -> None:
    series = [[-0.5]]
    assert ByMean(PLAIN).predict(series).tolist() == ["low"]
    assert ByMean(Decision((1.0, 0.0), 0.0, 1.0, 0.0)).predict(series).tolist() == ["high"]


def test_a_series_without_a_value_is_answered() -> None:
    probabilities = ByMean(PLAIN).predict_proba([[np.nan, np.nan], [1.0, np.nan]])
    assert probabilities[0].tolist() == [0.5, 0.5]


@pytest.mark.parametrize(
    ("y", "says"),
    [(["high", "odd"], "got ['odd']"), (["high"], "got 1; correct it"), ([1, 2], "got ['1', '2']")],
)
def test_only_known_classes_one_a_series_are_explained(y: list, says: str) -> None:
    with pytest.raises(ValueError, match="y: expected one of") as refused:
        ByMean(PLAIN).explain([[1.0], [2.0]], np.array(y))
    assert says in str(refused.value)


def test_other_channels_than_those_of_the_model_are_refused() -> None:
    with pytest.raises(ValueError, match="X: expected 1 channels in every series, got"):
        ByMean(PLAIN).predict(np.zeros((2, 3, 2)))
