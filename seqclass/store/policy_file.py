"""A model's policy, stored in its audit; ``policy.json`` is a copy for readers."""

import json
from dataclasses import replace
from typing import Any

from seqclass.store.audit import read_audit
from seqclass.store.inventory import discard, keep
from seqclass.store.registry import MoveReason, write_remark
from seqclass.store.root import DamagedError, Record, Root, read_record

POLICY, CHANGE = "policy.json", "policy"
Stored = dict[str, Any]


def read_policy(root: Root, name: str) -> Stored | None:
    """Return the policy that was set last, from the audit; None without one.

    The file beside it is a copy for readers. DamagedError if it is neither that policy nor the one
    before, which an interrupted change may leave.
    """
    path = root.join("models", name, POLICY)
    said = [e["evidence"].get("policy") for e in read_audit(root, name) if e["what"] == CHANGE]
    changes = [None, *(policy for policy in said if isinstance(policy, dict | None))]
    stored = read_record(root, path, Record) if root.exists("models", name, POLICY) else None
    if stored not in changes[-2:]:
        raise DamagedError(
            f"{path}: expected the policy that the audit names, got another; set it again with "
            f"'seqclass policy {name} --set FILE'"
        )
    return changes[-1]


def write_policy(root: Root, name: str, policy: Stored | None, grounds: MoveReason) -> None:
    """Set a policy, or remove it (None), after its entry in the audit.

    The evidence of that entry is the policy. The caller holds the model's folder with
    ``leases.locked``.
    """
    words = f"policy {'removed' if policy is None else 'set'}: {grounds.reason}"
    write_remark(root, name, CHANGE, replace(grounds, reason=words, evidence={"policy": policy}))
    path = root.join("models", name, POLICY)
    if policy is not None:
        keep(root, path, json.dumps(policy, indent=2, ensure_ascii=False).encode())
    else:
        discard(root, path)
