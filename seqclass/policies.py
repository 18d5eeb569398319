"""Policies of models: read one, and set one by hand."""

from dataclasses import asdict
from datetime import datetime

from seqclass.monitoring.policy import ModelPolicy, policy_from
from seqclass.store.audit import actor
from seqclass.store.leases import locked
from seqclass.store.models import model_versions
from seqclass.store.policy_file import POLICY, read_policy, write_policy
from seqclass.store.registry import MoveReason, check_model
from seqclass.store.root import DamagedError, Root


def policy_of(root: Root, name: str) -> ModelPolicy | None:
    """Return a model's policy, or None without one."""
    stored = read_policy(root, name)
    try:
        return None if stored is None else policy_from(stored)
    except ValueError as error:
        raise DamagedError(
            f"{root.join('models', name, POLICY)}: expected a policy, its fields are others; set "
            f"it again with 'seqclass policy {name} --set FILE'"
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
    with locked(root, "models", name):
        stored = None if policy is None else asdict(policy)
        write_policy(root, name, stored, MoveReason(actor(), reason, {}, now))
