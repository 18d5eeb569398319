"""A model's policy: the evidence of the entry of its log that set it last."""

from dataclasses import replace
from typing import Any

from seqclass.store.log import Turn, entry_name, read_entry, state_of
from seqclass.store.registry import MoveReason, write_remark
from seqclass.store.root import DamagedError, Root
from seqclass.store.states import POLICY

Stored = dict[str, Any]


def read_policy(root: Root, name: str) -> Stored | None:
    """Return the policy that was set last; None without one. A deletion of the model ends it."""
    return policy_of_entry(root, name, state_of(root, name)["policy"])


def policy_of_entry(root: Root, name: str, number: int | None) -> Stored | None:
    """Return the policy that an entry of the log has set; None without an entry."""
    if number is None:
        return None
    entry = read_entry(root, name, entry_name(number))
    policy = entry.record["evidence"].get("policy")
    if not isinstance(policy, dict):
        raise DamagedError(
            f"{entry.path}: expected a policy, got {policy!r:.40}; set it again with "
            f"'seqclass policy {name} --set FILE'"
        )
    return policy


def write_policy(turn: Turn, policy: Stored | None, grounds: MoveReason) -> None:
    """Set a policy, or remove it (None); it is the evidence of the entry."""
    words = f"policy {'removed' if policy is None else 'set'}: {grounds.reason}"
    write_remark(turn, POLICY, replace(grounds, reason=words, evidence={"policy": policy}))
