"""Models whose rows wait for a retraining, and overdue decisions."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from seqclass.monitoring.policy import ModelPolicy, spec_under
from seqclass.pipeline.detection import find_new_data, undecided
from seqclass.policies import is_paused, policy_of
from seqclass.store.datasets import Dataset, became_newest
from seqclass.store.retrainings import is_told
from seqclass.store.root import Damages, Root

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Due:
    """Models to retrain, in order, and those that can't be read.

    overdue: of each model whose policy makes a decision overdue, of which nobody was told yet, the
    dataset and the reason.
    """

    names: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)
    overdue: dict[str, dict[str, str]] = field(default_factory=dict)


def find_due(now: datetime, root: Root, names: Iterable[str] | None = None) -> Due:
    """Check every model that has a champion, or those of these names, each under its policy.

    Those of the highest priority go first, then those with the fewest rows, so that none waits only
    for larger ones. If nothing is new, only a handful of files are read for a model.
    """
    due, ranks = Due(), dict[str, tuple[int, int]]()
    for name in root.names("models") if names is None else names:
        try:
            latest = undecided(root, name)
            if latest is None:
                continue
            policy = policy_of(root, name) or ModelPolicy()
            if reason := _overdue(latest, name, policy, now):
                due.overdue[name] = {"dataset": latest.ref, "reason": reason}
            new_data = find_new_data(root, name, spec_under(policy, None), now, Damages())
        except (ValueError, OSError) as error:
            due.damaged.append(name)
            logger.warning("%s: %s", name, error)
        else:
            if not new_data.waiting:
                ranks[name] = (-policy.priority, latest.manifest["n_series"])
    due.names.extend(sorted(ranks, key=lambda name: ranks[name]))
    logger.info("%d models are due, %d decisions are overdue", len(ranks), len(due.overdue))
    return due


def _overdue(latest: Dataset, name: str, policy: ModelPolicy, now: datetime) -> str | None:
    """Return why a decision is overdue; None if it is not, or if somebody was told."""
    root = latest.root
    if policy.due_s is None or is_paused(root, name):
        return None
    waited_s = (now - became_newest(latest)).total_seconds()
    if waited_s <= policy.due_s or is_told(root, name, latest.ref):
        return None
    return f"{latest.ref} waits for a decision since {waited_s:.0f} s, due in {policy.due_s:g} s"
