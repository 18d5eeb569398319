"""The policy of a model, applied to every retraining and training."""

import logging
from dataclasses import replace

from seqclass.monitoring.policy import ModelPolicy, spec_under, training_under
from seqclass.monitoring.retrain_spec import RetrainSpec
from seqclass.policies import policy_of
from seqclass.row_split import spec_of
from seqclass.store.registry import champion_of, open_model
from seqclass.store.root import Root
from seqclass.training.spec import TrainingSpec

logger = logging.getLogger(__name__)


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
