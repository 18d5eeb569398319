"""What a model's page says of its policy."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict

from seqclass.monitoring.policy import ModelPolicy
from seqclass.store.policy import POLICY
from seqclass.store.root import Bad, DamagedError, Root, note, read_record


def policy_shown(root: Root, name: str, bad: Bad) -> dict[str, str] | None:
    """Fields of a model's policy that differ from the defaults, as JSON by their dotted names.

    None where it has no policy, or one that can't be read.
    """
    path = root.join("models", name, POLICY)
    if not root.fs.exists(path):
        return None
    try:
        stored = read_record(root, path)
    except DamagedError as error:
        note(bad, path, error)
        return None
    default = dict(_flat(asdict(ModelPolicy())))
    return {key: value for key, value in _flat(stored) if value != default.get(key)}


def _flat(fields: Mapping[str, object], within: str = "") -> Iterator[tuple[str, str]]:
    for key, value in fields.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{within}{key}.")
        else:
            yield f"{within}{key}", json.dumps(value, ensure_ascii=False)
