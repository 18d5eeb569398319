"""Task: which models have rows to be retrained on now."""

from dataclasses import dataclass
from datetime import datetime

from prefect import get_run_logger, task

from seqclass.monitoring.policy import ModelPolicy, spec_under
from seqclass.store.registry import champion_of
from seqclass.store.root import Bad, Root, open_root
from tasks.registry.policy import policy_of
from tasks.retraining.detection import find_new_data, undecided


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
    root, ranks, damaged = open_root(root_url), dict[str, tuple[int, int]](), list[str]()
    for name in root.names("models"):
        try:
            rank = _rank(root, name, now)
        except (ValueError, OSError) as error:
            damaged.append(name)
            get_run_logger().warning("%s: %s", name, error)
        else:
            ranks |= {} if rank is None else {name: rank}
    get_run_logger().info("%d models are due", len(ranks))
    return Due(sorted(ranks, key=lambda name: ranks[name]), damaged)


def _rank(root: Root, name: str, now: datetime) -> tuple[int, int] | None:
    """None where nothing is to be done."""
    if champion_of(root, name) is None or (latest := undecided(root, name)) is None:
        return None
    policy = policy_of(root, name) or ModelPolicy()
    new_data = find_new_data(root, name, spec_under(policy, None), now, Bad())
    if new_data.waiting:
        return None
    return -policy.priority, latest.manifest["n_series"]
