"""Whether a version may be trusted: what is said of which scores."""

from typing import Any

import pytest

from seqclass.pages.trust import Weakest, trust_of, weakest_class, worth_of
from tests.support.evidence import stored

BEHIND, LEVEL = {"nearest": {"model_better_p": 0.0}}, {"nearest": {"model_better_p": 0.5}}
"""A baseline that the model beats, and one that it does not."""


def scored(**changes: Any) -> dict[str, Any]:
    return {
        "metrics": {"accuracy": 0.95, "intervals": {"accuracy": [0.93, 0.97]}, "per_class": {}},
        "test_rows": 500,
        "baselines": {"nearest": {"accuracy": 0.9}},
        "evidence": {"interval": [0.9, 1.0], "chance": 0.5, "baselines": BEHIND},
        "leaks": {"exact": 0, "near": 0, "amiss": []},
        **changes,
    }


STEADY = {"seeds": [{}] * 5, "spread": {"macro_f1": {"sd": 0.01}}}


@pytest.mark.parametrize(
    ("metrics", "stability", "refused", "level", "said"),
    [
        (scored(), STEADY, None, "yes", None),
        (scored(), STEADY, "seeds do not agree", "no", "The gate refused it"),
        (scored(leaks={"exact": 1, "near": 2, "amiss": []}), STEADY, None, "care",
         "3 test series are copies"),
        (scored(), {**STEADY, "seeds": [{}]}, None, "care", "One seed"),
        (
            scored(evidence={"interval": [0.9, 1.0], "chance": 0.5, "baselines": LEVEL}),
            STEADY, None, "care", "not significantly better than nearest",
        ),
        (
            scored(evidence={"interval": [0.4, 1.0], "chance": 0.5, "baselines": BEHIND}),
            STEADY, None, "no", "may be chance",
        ),
    ],
)  # fmt: skip
def test_trust_is_given_by_what_was_found(
    metrics: dict, stability: dict, refused: str | None, level: str, said: str | None
) -> None:
    trust = trust_of(metrics, stability, refused, stored(None))
    assert trust.level == level
    assert "95.0% of 500 series" in trust.sentence
    assert said is None if not trust.doubts else said in trust.doubts[0]


@pytest.mark.parametrize(
    ("newest", "doubted", "level", "said"),
    [
        ((29, 25), False, "care", "Of the 29 newest test rows 86.2% are answered correctly"),
        ((29, 28), False, "yes", None),
        ((4, 3), False, "yes", None),
        ((29, 29), True, "no", "labels of the new rows that it learned from are doubted"),
    ],
)
def test_a_retrained_version_is_trusted_as_far_as_its_newest_rows_allow(
    newest: tuple[int, int], doubted: bool, level: str, said: str | None
) -> None:
    rows, right = newest
    sides: Any = {
        "old": {"rows": 238, "challenger": {"accuracy": 0.98}},
        "newest": {"rows": rows, "challenger": {"accuracy": right / rows}},
        "doubted": doubted,
    }
    trust = trust_of(scored(), STEADY, None, sides)
    assert trust.level == level
    assert said is None if not trust.doubts else said in trust.doubts[0]
    alone = trust_of(scored(), STEADY, None, {**sides, "newest": None})
    assert alone.doubts == trust.doubts[:doubted]


def test_a_baseline_that_is_as_good_is_named_beside_what_the_committee_adds() -> None:
    committee = {"lstm": "The committee is registered …"}
    assert list(worth_of(scored(committee=committee))) == ["The committee is registered …"]
    rivalled = list(worth_of(scored(committee=committee, evidence={"baselines": LEVEL})))
    assert rivalled[0] == "The committee is registered …"
    assert "not significantly better than nearest" in rivalled[1]


def test_the_weakest_class_is_the_one_least_often_found() -> None:
    per_class = {
        "a": {"recall": 0.9, "support": 10},
        "b": {"recall": 0.5, "support": 4},
        "c": {"recall": 0.0, "support": 0},
    }
    metrics: Any = {"metrics": {"per_class": per_class}}
    assert weakest_class(metrics) == Weakest("b", 0.5, 4)
    for scores in per_class.values():
        scores["recall"] = 1.0
    assert weakest_class(metrics) is None


@pytest.mark.parametrize(
    ("supports", "said"),
    [
        ({"a": 5, "b": 495}, None),
        ({"a": 1, "b": 499}, "Class a was tested on 1 row, so its recall says little."),
        ({"a": 4, "b": 0, "c": 496},
         "Classes were tested on very few rows, so their recall says little: b on 0 rows, "
         "a on 4 rows."),
        ({**dict.fromkeys("abcde", 1), "f": 495}, "a on 1 row, b on 1 row, c on 1 row and 2 more."),
    ],
)  # fmt: skip
def test_a_class_with_very_few_test_rows_is_named(
    supports: dict[str, int], said: str | None
) -> None:
    metrics = scored()
    metrics["metrics"]["per_class"] = {
        label: {"recall": 1.0, "support": rows} for label, rows in supports.items()
    }
    trust = trust_of(metrics, STEADY, None, stored(None))
    assert trust.level == ("care" if said else "yes")
    assert [said in doubt for doubt in trust.doubts if said] == [True] * bool(said)
