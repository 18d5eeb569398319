"""The policy of a model: set by hand, and applied to every retraining."""

from dataclasses import asdict
from datetime import datetime

from prefect import get_run_logger, task

from seqclass.monitoring.policy import ModelPolicy, policy_from, spec_under
from seqclass.monitoring.retraining import RetrainSpec
from seqclass.store.audit import actor
from seqclass.store.leases import locked
from seqclass.store.policy import POLICY, read_policy, write_policy
from seqclass.store.registry import Grounds, check_model
from seqclass.store.root import DamagedError, Root, open_root


@task(name="apply policy")
def apply_policy(name: str, given: RetrainSpec | None, root_url: str) -> RetrainSpec:
    """How to retrain a model: as was given to this run, within the model's policy."""
    policy = policy_of(open_root(root_url), name)
    if policy is not None:
        get_run_logger().info("policy of %s, owner: %s", name, policy.owner or "not named")
    return spec_under(policy, given)


def policy_of(root: Root, name: str) -> ModelPolicy | None:
    """A model's policy; None where it has none."""
    stored = read_policy(root, name)
    try:
        return None if stored is None else policy_from(stored)
    except ValueError as error:
        raise DamagedError(
            f"{root.join('models', name, POLICY)}: expected a policy, its fields are others; set "
            "it again with 'seqclass policy'"
        ) from error


def set_policy(
    root: Root, name: str, policy: ModelPolicy | None, reason: str, now: datetime | None = None
) -> None:
    """Set a model's policy, or remove it (None). now: a simulated time."""
    check_model(root, name)
    with locked(root, "models", name):
        stored = None if policy is None else asdict(policy)
        write_policy(root, name, stored, Grounds(actor(), reason, {}, now))
