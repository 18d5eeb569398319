"""The estimator's arguments: what is refused before anything is trained, and what is kept."""

import numpy as np
import pytest
from sklearn.base import clone

from seqclass.estimator import MIN_PER_CLASS, SequenceClassifier

X = np.random.default_rng(0).normal(0, 1, (6, 8))
Y = np.array(["a", "b"] * 3)


def test_parameters_are_kept_as_given_and_set_by_name() -> None:
    one = SequenceClassifier(random_state=4, members=("steps",), budget_s=9.0)
    assert clone(one).get_params() == one.get_params()
    assert one.set_params(budget_s=None).budget_s is None
    with pytest.raises(ValueError, match="Invalid parameter 'seed'"):
        one.set_params(seed=1)


@pytest.mark.parametrize(
    ("y", "groups", "says"),
    [
        (Y[:5], None, "y: expected one value for each of 6 series, got shape (5,)"),
        (np.stack([Y, Y], axis=1), None, "y: expected one value for each of 6 series"),
        (["a", "b", None, "b", "a", "b"], None, "got none for series 2; leave it out"),
        ([0.0, 1.0, np.nan, 1.0, 0.0, 1.0], None, "got none for series 2"),
        (["a"] * 6, None, "y: expected at least two classes, got ['a']; add another"),
        (["a"] * 5 + ["b"], None, f"y: expected at least {MIN_PER_CLASS} series of every class"),
        (Y, [1, 2, 3], "groups: expected one value for each of 6 series, got shape (3,)"),
        (Y, [1, 2, None, 1, 2, 3], "groups: expected a value for every series, got none for s"),
    ],
)
def test_labels_and_groups_that_do_not_suit_are_one_line(
    y: list, groups: list | None, says: str
) -> None:
    with pytest.raises(ValueError, match="expected") as refused:
        SequenceClassifier().fit(X, y, groups)
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"members": ("lstm",)}, "members: expected some of convolutions, steps"),
        ({"members": ()}, "got none; correct the list"),
        ({"budget_s": 0.0}, "budget_s: expected seconds above 0"),
        ({"budget_s": float("nan")}, "budget_s: expected seconds above 0"),
    ],
)
def test_parameters_that_can_not_be_meant_are_one_line(wrong: dict, says: str) -> None:
    with pytest.raises(ValueError, match="expected") as refused:
        SequenceClassifier(**wrong).fit(X, Y)
    assert says in str(refused.value)


@pytest.mark.parametrize("asked", ["predict", "predict_proba", "predict_or_unknown", "explain"])
def test_nothing_is_answered_before_it_is_fitted(asked: str) -> None:
    with pytest.raises(ValueError, match="not fitted"):
        getattr(SequenceClassifier(), asked)(X)
