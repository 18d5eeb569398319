"""What holds for every retraining of a model, whoever starts it."""

import math
from dataclasses import dataclass, field, replace
from typing import Any

from seqclass.monitoring.retraining import RetrainSpec

JUDGING = ("gate", "drift", "significance", "least_drop")
"""Fields of a retraining that judge a challenger, which no single run chooses."""


@dataclass(frozen=True)
class ModelPolicy:
    """How a model's champion is kept, whoever starts a retraining.

    retraining: when and how, with gate and approval. priority: of several models the one with the
    highest goes first. owner: whom alerts name. due_s: seconds from the arrival of rows within
    which a decision is due (None: no bound). pins: versions that no pruning removes.
    """

    retraining: RetrainSpec = field(default_factory=RetrainSpec)
    priority: int = 0
    owner: str = ""
    due_s: float | None = None
    pins: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.due_s is not None and not 0 < self.due_s < math.inf:
            raise ValueError(f"due_s: expected seconds above 0, got {self.due_s}; correct it")


def policy_from(stored: dict[str, Any]) -> ModelPolicy:
    """A policy out of the JSON that ``dataclasses.asdict`` made of it."""
    from pydantic import TypeAdapter

    return TypeAdapter(ModelPolicy).validate_python(stored)


def spec_under(policy: ModelPolicy | None, given: RetrainSpec | None) -> RetrainSpec:
    """How a run retrains: by what is given, judged and approved of as the policy says.

    ValueError where another gate is given than the policy's.
    """
    if policy is None:
        return given or RetrainSpec()
    own = policy.retraining
    if given is None:
        return own
    for name in JUDGING:
        if getattr(given, name) not in (getattr(own, name), getattr(RetrainSpec(), name)):
            raise ValueError(
                f"{name}: expected that of the model's policy, got another; leave it out, or "
                "change the policy with 'seqclass policy'"
            )
    judged = replace(given, **{name: getattr(own, name) for name in JUDGING})
    return replace(judged, approval=True, approval_s=own.approval_s) if own.approval else judged
