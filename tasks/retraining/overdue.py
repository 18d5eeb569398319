"""Task: tell of rows whose decision is overdue, once."""

from datetime import datetime

from prefect import get_run_logger, task

from seqclass.policies import policy_of
from seqclass.store.attempts import is_told, note_told
from seqclass.store.datasets import Dataset
from seqclass.store.root import open_root
from tasks.retraining.announce import announce_move
from tasks.retraining.detection import look_at_undecided


@task(name="tell of overdue decisions")
def tell_overdue(now: datetime, root_url: str) -> list[str]:
    """Emit ``seqclass.decision.overdue`` for each model that owes one by its policy.

    Returns the names of the models that were told of.
    """
    root = open_root(root_url)
    told, _ = look_at_undecided(root, lambda name, latest: _tell(latest, name, now) or None)
    get_run_logger().info("%d decisions are overdue, and nobody was told of them yet", len(told))
    return list(told)


def _tell(latest: Dataset, name: str, now: datetime) -> bool:
    root, policy = latest.root, policy_of(latest.root, name)
    if policy is None or policy.due_s is None:
        return False
    waited_s = (now - datetime.fromisoformat(latest.manifest["created"])).total_seconds()
    if waited_s <= policy.due_s or is_told(root, name, latest.ref):
        return False
    reason = f"{latest.ref} waits for a decision since {waited_s:.0f} s, due in {policy.due_s:g} s"
    payload = {"reason": reason, "dataset": latest.ref, "owner": policy.owner}
    announce_move("seqclass.decision.overdue", f"models/{name}", payload)
    note_told(root, name, latest.ref)
    return True
