"""The policy of a model, applied to every retraining."""

from prefect import get_run_logger, task

from seqclass.monitoring.policy import spec_under
from seqclass.monitoring.retraining import RetrainSpec
from seqclass.policies import policy_of
from seqclass.store.root import open_root


@task(name="apply policy")
def apply_policy(name: str, given: RetrainSpec | None, root_url: str) -> RetrainSpec:
    """How to retrain a model: as was given to this run, within the model's policy."""
    policy = policy_of(open_root(root_url), name)
    if policy is not None:
        get_run_logger().info("policy of %s, owner: %s", name, policy.owner or "not named")
    return spec_under(policy, given)
