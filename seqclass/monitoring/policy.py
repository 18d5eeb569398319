"""The policy of a model, which holds for every retraining and training."""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from seqclass.monitoring.retrain_spec import RetrainSpec, Rules
from seqclass.training.spec import ChampionLimits, TrainingSpec

JUDGING = ("gate", "drift", "significance", "least_drop")
"""Fields of a retraining that judge a challenger; a single run can't choose them."""


@dataclass(frozen=True)
class ModelPolicy:
    """Policy for keeping a model's champion up to date, whoever starts a retraining.

    retraining: when and how, with gate and approval.
    priority: the model with the highest one is retrained first.
    owner: person that alerts name.
    due_s: seconds from the arrival of rows within which a decision is due (None: no bound).
    pins: versions that are never pruned.
    queue: work queue from which workers take its retrainings (empty: that of all long runs).
    """

    retraining: RetrainSpec = field(default_factory=RetrainSpec)
    priority: int = 0
    owner: str = ""
    due_s: float | None = None
    pins: tuple[str, ...] = ()
    queue: str = ""

    def __post_init__(self) -> None:
        if self.due_s is not None and not 0 < self.due_s < math.inf:
            raise ValueError(f"due_s: expected seconds above 0, got {self.due_s}; correct it")
        if not re.fullmatch(r"[a-z0-9-]{0,64}", self.queue):
            raise ValueError(
                f"queue: expected at most 64 of a-z, 0-9 and -, got {self.queue!r}; correct it"
            )


def changed_fields(
    before: Mapping[str, Any], after: Mapping[str, Any], within: str = ""
) -> Iterator[tuple[str, Any, Any]]:
    """Yield the dotted name of each field in which a policy differs from another, and both values.

    before, after: both as JSON, or both as ``dataclasses.asdict`` gives them.
    """
    for key, value in after.items():
        former = before.get(key)
        if isinstance(value, Mapping) and isinstance(former, Mapping):
            yield from changed_fields(former, value, f"{within}{key}.")
        elif value != former:
            yield f"{within}{key}", former, value


def policy_from(stored: dict[str, Any]) -> ModelPolicy:
    """Read a policy from the JSON that ``dataclasses.asdict`` made of it."""
    from pydantic import TypeAdapter

    return TypeAdapter(ModelPolicy).validate_python(stored)


def spec_under(policy: ModelPolicy | None, given: RetrainSpec | None) -> RetrainSpec:
    """Return the spec of a run: the given one, with the gate and the approval of the policy.

    ValueError if the run asks for another gate than the policy's.
    """
    if policy is None:
        return given or RetrainSpec()
    retraining = policy.retraining
    if given is None:
        return retraining
    for name in JUDGING:
        if getattr(given, name) not in (getattr(retraining, name), getattr(RetrainSpec(), name)):
            raise ValueError(
                f"{name}: expected that of the model's policy, got another; leave it out, or "
                "change the policy with 'seqclass policy MODEL --set FILE'"
            )
    judged = replace(given, **{name: getattr(retraining, name) for name in JUDGING})
    if retraining.approval:
        return replace(judged, approval=True, approval_s=retraining.approval_s)
    return judged


def rules_under(policy: ModelPolicy | None) -> Rules | None:
    """Return the rules by which the policy judges every version; None without a policy.

    Limits are those of the policy's ``training``, or the defaults if it has none.
    """
    if policy is None:
        return None
    retraining = policy.retraining
    limits = retraining.training.limits if retraining.training else ChampionLimits()
    return Rules(retraining.gate, limits, retraining.approval)


def training_under(
    policy: ModelPolicy | None, given: TrainingSpec | None, champion: TrainingSpec
) -> TrainingSpec:
    """Return the training spec of a version, with the limits and test rows of the policy.

    given: the run's own spec; ValueError if its ``limits`` or ``split_seed`` differ from the
    policy's. champion: its training spec, which is used if none is given.
    """
    if policy is None:
        return given or champion
    binding = policy.retraining.training or replace(champion, limits=ChampionLimits())
    for name in ("limits", "split_seed"):
        usual = (getattr(binding, name), getattr(TrainingSpec(), name))
        if given is not None and getattr(given, name) not in usual:
            raise ValueError(
                f"training.{name}: expected that of the model's policy, got another; leave it "
                "out, or change the policy with 'seqclass policy MODEL --set FILE'"
            )
    training = given or policy.retraining.training or champion
    return replace(training, limits=binding.limits, split_seed=binding.split_seed)
