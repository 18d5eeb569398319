"""What a model's page says of its policy."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict

from seqclass.monitoring.policy import ModelPolicy
from seqclass.store.policy import POLICY
from seqclass.store.root import DamagedError, Damages, Root, note, read_record


def policy_shown(root: Root, name: str, bad: Damages) -> dict[str, str] | None:
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
    return dict(_differing(stored, json.loads(json.dumps(asdict(ModelPolicy())))))


def _differing(
    fields: Mapping[str, object], default: Mapping[str, object], within: str = ""
) -> Iterator[tuple[str, str]]:
    for key, value in fields.items():
        usual = default.get(key)
        if isinstance(value, Mapping) and isinstance(usual, Mapping):
            yield from _differing(value, usual, f"{within}{key}.")
        elif value != usual:
            yield f"{within}{key}", json.dumps(value, ensure_ascii=False)
