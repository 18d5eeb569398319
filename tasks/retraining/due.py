"""Task: which models have rows to be retrained on now."""

from dataclasses import dataclass
from datetime import datetime

from prefect import get_run_logger, task

from seqclass.monitoring.policy import ModelPolicy, spec_under
from seqclass.policies import policy_of
from seqclass.store.datasets import Dataset
from seqclass.store.root import Damages, open_root
from tasks.retraining.detection import find_new_data, look_at_undecided


@dataclass(frozen=True)
class Due:
    """Models to retrain, in the order in which they go, and those that can't be looked at."""

    names: list[str]
    damaged: list[str]


@task(name="find due models")
def find_due(now: datetime, root_url: str) -> Due:
    """Look at every model that has a champion, each under its policy.

    Those of the highest priority go first, then those with the fewest rows, so that none waits
    for larger ones alone. Where nothing is new, a handful of files are read of a model.
    """
    root = open_root(root_url)
    ranks, damaged = look_at_undecided(root, lambda name, latest: _rank(latest, name, now))
    get_run_logger().info("%d models are due", len(ranks))
    return Due(sorted(ranks, key=lambda name: ranks[name]), damaged)


def _rank(latest: Dataset, name: str, now: datetime) -> tuple[int, int] | None:
    """None where nothing is to be done."""
    policy = policy_of(latest.root, name) or ModelPolicy()
    new_data = find_new_data(latest.root, name, spec_under(policy, None), now, Damages())
    if new_data.waiting:
        return None
    return -policy.priority, latest.manifest["n_series"]
