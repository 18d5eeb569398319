"""Models whose rows wait for a retraining, and overdue decisions."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from seqclass.monitoring.policy import ModelPolicy, spec_under
from seqclass.pipeline.detection import find_new_data, look_at_undecided
from seqclass.policies import is_paused, policy_of
from seqclass.store.datasets import Dataset, became_newest
from seqclass.store.retrainings import is_told, note_told
from seqclass.store.root import Damages, Root

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Due:
    """Models to retrain, in order, and those that can't be read."""

    names: list[str]
    damaged: list[str]


def find_due(now: datetime, root: Root) -> Due:
    """Check every model that has a champion, each under its policy.

    Those of the highest priority go first, then those with the fewest rows, so that none waits only
    for larger ones. If nothing is new, only a handful of files are read for a model.
    """
    ranks, damaged = look_at_undecided(root, lambda name, latest: _rank(latest, name, now))
    logger.info("%d models are due", len(ranks))
    return Due(sorted(ranks, key=lambda name: ranks[name]), damaged)


def _rank(latest: Dataset, name: str, now: datetime) -> tuple[int, int] | None:
    """Return the rank of a model in the queue; None if nothing is to be done."""
    policy = policy_of(latest.root, name) or ModelPolicy()
    new_data = find_new_data(latest.root, name, spec_under(policy, None), now, Damages())
    if new_data.waiting:
        return None
    return -policy.priority, latest.manifest["n_series"]


Tell = Callable[[str, dict[str, str]], None]
"""Takes the name of a model, and why its decision is overdue."""


def tell_overdue(now: datetime, root: Root, tell: Tell) -> list[str]:
    """Tell of each model whose policy makes a decision overdue, once; returns their names."""
    late, _ = look_at_undecided(root, lambda name, latest: _tell(latest, name, now, tell) or None)
    logger.info("%d decisions are overdue, and nobody was told of them yet", len(late))
    return list(late)


def _tell(latest: Dataset, name: str, now: datetime, tell: Tell) -> bool:
    root, policy = latest.root, policy_of(latest.root, name)
    if policy is None or policy.due_s is None or is_paused(root, name):
        return False
    waited_s = (now - became_newest(latest)).total_seconds()
    if waited_s <= policy.due_s or is_told(root, name, latest.ref):
        return False
    reason = f"{latest.ref} waits for a decision since {waited_s:.0f} s, due in {policy.due_s:g} s"
    tell(name, {"reason": reason, "dataset": latest.ref})
    note_told(root, name, latest.ref)
    return True
