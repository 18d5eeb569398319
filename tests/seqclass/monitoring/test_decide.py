"""The one decision: what it never lets through, and that it is the same whoever asks."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqclass.monitoring.decide import Ask, Promote, Refuse, decide, decide_stored
from seqclass.monitoring.paired import allowance
from seqclass.monitoring.retrain_spec import GateSpec, Rules
from seqclass.training.spec import ChampionLimits
from tests.support.evidence import WORSE, evidence, first_evidence, paired, stored

share = st.floats(0, 1)
p_value = st.sampled_from([0.001, 0.04, 0.06, 0.5, 1.0])
sides = st.none() | st.builds(
    lambda rows, before, after, worse_p, better_p: {
        **paired(rows, before, after, worse_p),
        "better_p": better_p,
    },
    st.integers(0, 60), share, share, p_value, p_value,
)  # fmt: skip
recall = st.fixed_dictionaries({"rows": st.integers(1, 60), "champion": share, "challenger": share})
recalls = st.dictionaries(st.sampled_from("abc"), recall)
seeds = st.lists(st.tuples(share, share, st.integers(0, 4)), min_size=1, max_size=4).map(
    lambda own: dict(zip(("balanced_accuracy", "macro_f1", "restarts"),
                         map(list, zip(*own, strict=True)), strict=True)) | {"n_classes": 2}
)  # fmt: skip
good_seeds = st.just(evidence()["seeds"])
changes = st.builds(
    lambda before, now: {"accuracy_before": before, "accuracy_now": now, "drop": before - now,
                         "rows_before": 50, "rows_now": 50, "interval": [0, 1], "p_value": 0.001,
                         "dropped": before - now > 0.05},
    share, share,
)  # fmt: skip
labels = st.none() | st.builds(
    lambda change, right: {"change": change, "right": right, "rows": 40},
    changes, st.integers(0, 40),
)  # fmt: skip
cases = st.builds(
    evidence,
    st.sampled_from([None, "v1"]),
    seeds=good_seeds | seeds,
    macro_f1=share,
    first=st.builds(first_evidence, st.integers(5, 60), share),
    new_rows=st.integers(0, 2),
    old=sides,
    newest=sides,
    recalls=st.fixed_dictionaries({"old": recalls, "newest": recalls}),
    labels=labels,
)
judges = st.builds(
    Rules,
    st.builds(GateSpec, floor=share, worse=share, class_fall=share, least_rows=st.integers(1, 30)),
    st.builds(ChampionLimits, above_chance=share, spread=share, restarts=st.floats(0, 3),
              min_test_rows=st.integers(1, 30)),
    st.booleans(),
)  # fmt: skip


def reached(facts: Any) -> float:
    return facts["old"]["challenger"]["macro_f1"] if facts["champion"] else facts["macro_f1"]


@given(cases, judges)
def test_nothing_below_the_floor_or_worse_beyond_chance_passes(facts: Any, rules: Rules) -> None:
    if isinstance(decide(facts, rules), Refuse):
        return
    assert reached(facts) >= rules.gate.floor
    worst = min(facts["seeds"]["balanced_accuracy"])
    assert worst >= 0.5 + rules.limits.above_chance
    if facts["champion"] is None:
        assert facts["first"]["rows"] >= rules.limits.min_test_rows
        assert facts["first"]["interval"][0] > facts["first"]["chance"]
        return
    old = facts["old"]
    assert old["rows"] >= rules.gate.least_rows
    assert old["worse_p"] >= rules.gate.significance
    assert old["difference"] >= -allowance(facts["newest"], rules.gate)
    assert facts["new_rows"] or old["difference"] > 0
    if facts["newest"]:
        assert facts["newest"]["worse_p"] >= rules.gate.significance
    for recall in (*facts["recalls"]["old"].values(), *facts["recalls"]["newest"].values()):
        judged = recall["rows"] >= rules.gate.class_rows and facts["newest"]
        assert not judged or recall["champion"] - recall["challenger"] <= rules.gate.class_fall


@settings(max_examples=25)
@given(cases, judges)
def test_where_approval_is_wanted_a_person_has_the_last_word(facts: Any, rules: Rules) -> None:
    decision = decide(facts, rules)
    assert not isinstance(decision, Promote if rules.approval else Ask)


@settings(max_examples=25)
@given(cases, judges, st.none() | judges)
def test_the_answer_is_the_same_whoever_asks(
    facts: Any, training: Rules, policy: Rules | None
) -> None:
    """A training judges what it has at hand; promote and approve what was written and read."""
    written = json.loads(json.dumps({**stored(rules=training), **facts}))
    base = policy or training
    expected = Rules(base.gate, base.limits, base.approval or training.approval)
    assert decide_stored(written, facts["champion"], policy) == decide(facts, expected)


@pytest.mark.parametrize(
    ("facts", "rules", "says"),
    [
        (evidence(**WORSE), Rules(), "worse on old test rows"),
        (evidence(), Rules(GateSpec(floor=0.95)), "below the floor of 0.95"),
        (evidence(None), Rules(GateSpec(floor=0.95)), "below the floor of 0.95"),
        (evidence(None, first=first_evidence(rows=8)), Rules(), "8 test rows are fewer"),
        (evidence(old=None), Rules(), "0 old test rows"),
        (evidence(incomparable="other classes"), Rules(), "other classes"),
        (evidence(new_rows=0, old=paired(after=0.8)), Rules(), "learned no new rows"),
        (evidence(), Rules(limits=ChampionLimits(above_chance=0.45)), "the worst of 1 seeds"),
    ],
)  # fmt: skip
def test_a_refusal_says_why(facts: Any, rules: Rules, says: str) -> None:
    decision = decide(facts, rules)
    assert isinstance(decision, Refuse)
    assert says in decision.reasons[0]


def test_what_was_compared_with_another_champion_is_refused() -> None:
    decision = decide_stored(stored("v3"), "v1", None)
    assert isinstance(decision, Refuse)
    assert "it was compared with v3, and the champion" in decision.reasons[0]
