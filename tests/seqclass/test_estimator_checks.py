"""Scikit-learn's checks of an estimator, with a reason for each that does not hold."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest
from sklearn.utils.estimator_checks import estimator_checks_generator

from seqclass import SequenceClassifier

QUICK = SequenceClassifier(members=("steps",))
"""A kernel in closed form: a fit of a second, most of which builds the network that answers."""
LENGTHS = "series of other lengths than those of the training are answered"
LEFT_OUT = {
    "check_n_features_in_after_fitting": LENGTHS,
    "check_classifiers_train": f"{LENGTHS}; the rest of it is tested below",
}
ROUNDED = ("check_methods_sample_order_invariance", "check_methods_subset_invariance")
PLACES = "float32 rounds by the place of a row in its batch; tested below to six digits"
FITTING = {"check_classifiers_classes", "check_fit_idempotent", "check_estimators_dtypes",
           "check_classifiers_train", "check_supervised_y_2d", "check_estimators_pickle",
           "check_classifier_data_not_an_array", "check_dtype_object", "check_fit_score_takes_y",
           "check_pipeline_consistency", "check_n_features_in_after_fitting",
           "check_fit_check_is_fitted", "check_f_contiguous_array_estimator",
           "check_estimators_fit_returns_self", "check_positive_only_tag_during_fit",
           "check_dont_overwrite_parameters", "check_dict_unchanged",
           "check_readonly_memmap_input", "check_n_features_in", "check_fit2d_predict1d",
           "check_estimators_overwrite_params"}  # fmt: skip


def checks() -> Iterator[Any]:
    for estimator, check in estimator_checks_generator(QUICK):
        name = check.func.__name__
        marks = [pytest.mark.xfail(reason=LEFT_OUT[name])] if name in LEFT_OUT else []
        marks += [pytest.mark.skip(reason=PLACES)] if name in ROUNDED else []
        marks += [pytest.mark.system] if name in FITTING else []
        yield pytest.param(estimator, check, id=name_of(check), marks=marks)


def name_of(check: partial) -> str:
    """The name of a check, and what it is varied by."""
    return "-".join([check.func.__name__, *(f"{k}={v}" for k, v in check.keywords.items())])


@pytest.mark.parametrize(("estimator", "check"), list(checks()))
def test_it_is_an_estimator(estimator: SequenceClassifier, check: Callable) -> None:
    check(estimator)


def test_every_reason_belongs_to_a_check() -> None:
    names = {check.func.__name__ for _, check in estimator_checks_generator(QUICK)}
    assert len(names) > 30
    assert {*LEFT_OUT, *ROUNDED, *FITTING} <= names


def test_three_classes_are_learnt_and_answered_alike_however_they_are_asked() -> None:
    """What is left out above: accuracy and shapes; order and number of series asked at a time."""
    rng = np.random.default_rng(0)
    y = np.arange(90) % 3
    x = rng.normal(0, 0.3, (90, 2)) + np.array([[0, 3], [3, 0], [-3, -3]])[y]
    fitted = SequenceClassifier(members=("steps",)).fit(x.tolist(), y.tolist())
    probabilities = fitted.predict_proba(x)
    assert probabilities.shape == (90, 3)
    assert fitted.score(x, y) > 0.83
    np.testing.assert_array_equal(probabilities.argmax(axis=1), fitted.predict(x))
    order = rng.permutation(90)
    np.testing.assert_allclose(
        fitted.predict_proba(x[order]), probabilities[order], rtol=0, atol=1e-5
    )
    alone = np.concatenate([fitted.predict_proba(x[k : k + 1]) for k in range(9)])
    np.testing.assert_allclose(alone, probabilities[:9], rtol=0, atol=1e-5)
    with pytest.raises(ValueError, match="expected one value for each of 90 series"):
        fitted.fit(x, y[:-1])


def test_a_class_of_one_series_is_learnt() -> None:
    x = np.random.default_rng(0).normal(0, 0.3, (13, 20))
    x[-1] += 9 * np.arange(20)
    fitted = SequenceClassifier(members=("convolutions",)).fit(x, ["flat"] * 12 + ["rises"])
    assert fitted.predict(x[-2:]).tolist() == ["flat", "rises"]
