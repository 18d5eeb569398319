"""A stored policy is read by later releases, too."""

from dataclasses import asdict

from seqclass.monitoring.policy import ModelPolicy, policy_from
from seqclass.monitoring.retrain_spec import RetrainSpec
from seqclass.training.spec import MEMBERS, TrainingSpec


def test_a_policy_of_an_older_release_names_the_members_of_this_one() -> None:
    stored = asdict(ModelPolicy(retraining=RetrainSpec(training=TrainingSpec(seeds=3))))
    stored["retraining"]["training"]["members"] = [
        "convolutions", "steps", "frozen-lstm", "conv-lstm",
    ]  # fmt: skip
    training = policy_from(stored).retraining.training
    assert training is not None
    assert (training.seeds, training.members) == (3, MEMBERS)
