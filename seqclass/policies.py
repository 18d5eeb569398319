"""Policies of models: read, set, apply one, judge a version by it, and pause retrainings."""

import logging
from dataclasses import asdict, replace
from datetime import datetime
from typing import TYPE_CHECKING

from seqclass.monitoring.policy import (
    ModelPolicy,
    policy_from,
    rules_under,
    spec_under,
    training_under,
)
from seqclass.monitoring.retrain_spec import RetrainSpec, Rules
from seqclass.row_split import spec_of
from seqclass.store.approvals import question_about
from seqclass.store.log import Turn, actor, in_turn, state_of
from seqclass.store.models import COMPARISON, Model, model_versions
from seqclass.store.policy_file import read_policy, write_policy
from seqclass.store.registry import (
    MoveReason,
    champion_of,
    check_model,
    open_model,
    refusals_of,
    write_remark,
)
from seqclass.store.root import DamagedError, Root
from seqclass.store.states import PAUSE, RESUME
from seqclass.training.spec import TrainingSpec

if TYPE_CHECKING:
    from seqclass.monitoring.decide import Decision, FinalVerdict

logger = logging.getLogger(__name__)


def policy_of(root: Root, name: str) -> ModelPolicy | None:
    """Return a model's policy, or None without one."""
    stored = read_policy(root, name)
    try:
        return None if stored is None else policy_from(stored)
    except ValueError as error:
        raise DamagedError(
            f"models/{name}: expected a policy in the log, its fields are others; set it again "
            f"with 'seqclass policy {name} --set FILE'"
        ) from error


def set_policy(
    root: Root, name: str, policy: ModelPolicy | None, reason: str, now: datetime | None = None
) -> None:
    """Set a model's policy, or remove it (None). now: a simulated time.

    ValueError if it pins a version that is not there.
    """
    check_model(root, name)
    there = model_versions(root, name)
    if unknown := [pin for pin in (policy.pins if policy else ()) if pin not in there]:
        raise ValueError(
            f"pins: expected versions of {name} ({', '.join(there)}), got {unknown[0]!r}; "
            "correct it"
        )
    stored = None if policy is None else asdict(policy)
    grounds = MoveReason(actor(), reason, {}, now)
    in_turn(root, name, lambda turn: write_policy(turn, stored, grounds))


def policy_rules(root: Root, name: str) -> Rules | None:
    """Return the rules of a model's policy; None without one."""
    return rules_under(policy_of(root, name))


def decide_version(model: Model, champion: str | None) -> "Decision":
    """Judge a registered version by its stored evidence, under the present policy.

    Nobody is asked again about a version that was declined.
    """
    from seqclass.monitoring.decide import Ask, Refuse, decide_stored  # with SciPy: a second

    stored = model.read_json(COMPARISON)
    decision = decide_stored(stored, champion, policy_rules(model.root, model.name))
    if not isinstance(decision, Ask) or question_about(model.root, model.ref):
        return decision
    for refusal in reversed(refusals_of(model.root, model.name)):
        if (refusal.version, refusal.what) == (model.version, "decline"):
            who, day = refusal.actor, f"{refusal.time:%Y-%m-%d}"
            return Refuse((f"declined by {who} on {day} ({refusal.reason})",))
    return decision


def present_verdict(model: Model) -> "tuple[FinalVerdict, list[str]]":
    """Return the verdict on a version as its model stands now, and the reasons of a refusal."""
    from seqclass.monitoring.decide import Refuse, final_verdict

    champion = champion_of(model.root, model.name)
    if model.version == champion:
        return "promoted", []
    if question_about(model.root, model.ref):
        return "awaits_approval", []
    decision = decide_version(model, champion)
    reasons = list(decision.reasons) if isinstance(decision, Refuse) else []
    return final_verdict(decision, is_carried_out=False), reasons


def is_paused(root: Root, name: str) -> bool:
    """Check whether a model's retrainings are paused; a deletion ends a pause.

    DamagedError if its log can't be read.
    """
    return state_of(root, name)["paused"]


def set_paused(root: Root, name: str, paused: bool, reason: str) -> None:
    """Pause or resume a model's retrainings; nothing is written if that changes nothing."""

    def decide(turn: Turn) -> None:
        if is_paused(root, name) != paused:
            what = PAUSE if paused else RESUME
            write_remark(turn, what, MoveReason(actor(), reason, {}))

    in_turn(root, check_model(root, name), decide)


def apply_policy(name: str, given: RetrainSpec | None, root: Root) -> RetrainSpec:
    """Return the spec of a retraining: that of this run, within the model's policy.

    It holds the whole training spec, so that a policy that is set later does not change how the
    challenger is trained.
    """
    policy = policy_of(root, name)
    if policy is not None:
        logger.info("policy of %s, owner: %s", name, policy.owner or "not named")
    spec = spec_under(policy, given)
    return replace(spec, training=_training_within(root, name, policy, spec.training))


def apply_training_policy(name: str, given: TrainingSpec | None, root: Root) -> TrainingSpec:
    """Return the spec of a training: that of this run, within the model's policy."""
    return _training_within(root, name, policy_of(root, name), given or TrainingSpec())


def _training_within(
    root: Root, name: str, policy: ModelPolicy | None, given: TrainingSpec | None
) -> TrainingSpec:
    """Return the given training spec, or the champion's, with the limits of the policy."""
    if given is not None and policy is None:
        return given
    is_there = champion_of(root, name) is not None
    champion_spec = spec_of(open_model(root, name)) if is_there else TrainingSpec()
    return training_under(policy, given, champion_spec)
