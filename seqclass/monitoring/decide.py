"""The one decision about a version: promote it, refuse it with reasons, or ask a person first.

``decide`` is pure: the same evidence under the same rules always gives the same decision.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, cast

from typing_extensions import TypedDict

from seqclass.monitoring.first_champion import FirstEvidence, first_champion_failures
from seqclass.monitoring.paired import (
    Paired,
    Recalls,
    allowance,
    gate_failures,
)
from seqclass.monitoring.quality import QualityChange, doubt_about_labels
from seqclass.monitoring.retrain_spec import GateSpec, Rules
from seqclass.monitoring.seed_spread import unstable


class SeedEvidence(TypedDict):
    """Scores of each seed on the same test rows.

    balanced_accuracy, macro_f1, restarts: a number for each seed. n_classes: number of classes.
    """

    balanced_accuracy: list[float]
    macro_f1: list[float]
    restarts: list[int]
    n_classes: int


class LabelEvidence(TypedDict):
    """Evidence about new labels.

    change: the change of the champion's quality on new labelled rows. right: number of the new test
    rows that the challenger answers correctly. rows: number of these rows.
    """

    change: QualityChange
    right: int
    rows: int


class PairedEvidence(TypedDict):
    """Champion and candidate on the same rows, which neither was trained on.

    incomparable: why the two can't be compared, null if they can. new_rows: number of rows that the
    candidate could learn and the champion could not. old: on the champion's test rows, null without
    such rows. newest: on newer ones, null without such rows. recalls: by class, under these names.
    """

    incomparable: str | None
    new_rows: int
    old: Paired | None
    newest: Paired | None
    recalls: dict[str, Recalls]


class Evidence(PairedEvidence):
    """The evidence about a version on which it is judged.

    champion: the version that it is compared with, null if there is none. seeds: scores of each
    seed. macro_f1: on its own test rows. first: results on these, beside chance and baselines.
    labels: null if new labels are trusted, or there are none.
    """

    champion: str | None
    seeds: SeedEvidence
    macro_f1: float
    first: FirstEvidence | None
    labels: LabelEvidence | None


@dataclass(frozen=True)
class Promote:
    """The version becomes champion."""

    reason: str


@dataclass(frozen=True)
class Ask:
    """The version becomes champion if a person approves."""

    reason: str


@dataclass(frozen=True)
class Refuse:
    """The champion stays, for these reasons, one sentence each."""

    reasons: tuple[str, ...]


Decision = Promote | Ask | Refuse
FinalVerdict = Literal["promoted", "refused", "awaits_approval", "registered"]


def final_verdict(decision: Decision, is_carried_out: bool = True) -> FinalVerdict:
    """Return the word in which every command that judges a version ends.

    A version that passes is ``registered`` until its decision is carried out.
    """
    if isinstance(decision, Refuse):
        return "refused"
    if not is_carried_out:
        return "registered"
    return "promoted" if isinstance(decision, Promote) else "awaits_approval"


def decide(evidence: Evidence, rules: Rules) -> Decision:
    """Judge a version: first its seeds, then the baselines or the champion, then ask a person."""
    reasons = unstable(**evidence["seeds"], limits=rules.limits)
    judge = _as_first if evidence["champion"] is None else _beside_champion
    reasons += judge(evidence, rules) + _gains_nothing(evidence)
    if reasons:
        return Refuse(tuple(reasons))
    return Ask(_passed(evidence)) if rules.approval else Promote(_passed(evidence))


def decide_stored(
    stored: Mapping[str, Any], champion: str | None, policy: Rules | None
) -> Decision:
    """Judge a version by its stored comparison, against the present champion.

    stored: its ``comparison.json``. policy: rules of the model's policy, as in ``rules_for``.
    """
    if stored["champion"] != champion:
        return Refuse(
            (f"it was compared with {stored['champion'] or 'no champion'}, and the champion is "
             f"{champion or 'none'} now; train or retrain again",)
        )  # fmt: skip
    return decide(cast(Evidence, stored), rules_for(stored, policy))


def rules_for(stored: Mapping[str, Any], policy: Rules | None) -> Rules:
    """Return the rules of the policy, or without one those that the version was judged by.

    A person is asked if either of them wants it.
    """
    from pydantic import TypeAdapter

    version_rules = TypeAdapter(Rules).validate_python(stored["rules"])
    rules = policy or version_rules
    return replace(rules, approval=version_rules.approval or rules.approval)


def doubt_of(evidence: Evidence, gate: GateSpec) -> str | None:
    """Return why labels of new rows are not trusted, or None if they are."""
    labels = evidence["labels"]
    if labels is None:
        return None
    return doubt_about_labels(labels["change"], labels["right"], labels["rows"], gate.recovery)


def _as_first(evidence: Evidence, rules: Rules) -> list[str]:
    first = evidence["first"]
    if first is None:
        return ["nothing is known of it beside chance and baselines; train it again"]
    objections = first_champion_failures(first, rules.limits)
    if first["significance"] > rules.limits.significance:
        objections.append(
            f"its interval was made at a significance of {first['significance']:g}, and the limit "
            f"is {rules.limits.significance:g}; train it again"
        )
    return objections + _below_floor(evidence["macro_f1"], "its", rules.gate)


def _beside_champion(evidence: Evidence, rules: Rules) -> list[str]:
    if evidence["incomparable"]:
        return [evidence["incomparable"]]
    doubt = doubt_of(evidence, rules.gate)
    newest = None if doubt else evidence["newest"]
    objections = _on_old(evidence, newest, rules.gate)
    if doubt:
        objections.append(doubt)
    elif newest:
        objections += gate_failures(newest, evidence["recalls"]["newest"], "newest", rules.gate)
    return objections


def _on_old(evidence: Evidence, newest: Paired | None, gate: GateSpec) -> list[str]:
    """Return the objections from old test rows; too few such rows are an objection themselves."""
    old, n_rows = evidence["old"], evidence["old"]["rows"] if evidence["old"] else 0
    if old is None or n_rows < gate.least_rows:
        return [
            f"{n_rows} old test rows that neither model was trained on, fewer than the "
            f"{gate.least_rows} without which nothing is promoted; split by hash, or add rows"
        ]
    may_fall = replace(gate, worse=allowance(newest, gate))
    objections = _below_floor(old["challenger"]["macro_f1"], "old", gate)
    return objections + gate_failures(old, evidence["recalls"]["old"], "old", may_fall)


def _gains_nothing(evidence: Evidence) -> list[str]:
    """Return an objection to a version that has no new rows and is not better than the champion."""
    old = evidence["old"] if evidence["champion"] else None
    if old is None or evidence["new_rows"] or old["difference"] > 0:
        return []
    return [
        f"it learned no new rows and is not better: macro F1 {old['challenger']['macro_f1']:.4f} "
        f"against {old['champion']['macro_f1']:.4f} of champion {evidence['champion']}, which "
        f"stays, on the same {old['rows']} test rows"
    ]


def _below_floor(macro_f1: float, whose: str, gate: GateSpec) -> list[str]:
    if macro_f1 >= gate.floor:
        return []
    return [f"macro F1 on {whose} test rows {macro_f1:.3f}, below the floor of {gate.floor:g}"]


def _passed(evidence: Evidence) -> str:
    if evidence["champion"] is None:
        return "the first of its name that passes becomes the champion"
    sides = {"old": evidence["old"], "newest": evidence["newest"]}
    parts = [
        f"macro F1 {paired['challenger']['macro_f1']:.4f} against "
        f"{paired['champion']['macro_f1']:.4f} on {paired['rows']} {where} test rows"
        for where, paired in sides.items()
        if paired
    ]
    return f"not worse than champion {evidence['champion']}: {', '.join(parts)}"
