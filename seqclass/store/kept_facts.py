"""Facts of models that an object store keeps in one file, so that few requests read them.

The facts of a model stand beside the tags of the inventories of everything that they follow from. A
change of the store is listed in an inventory before it is made and after (``inventory``), so facts
whose tags are those of now are those of now; others are found anew. The file has its own digest.
"""

import json
from collections.abc import Mapping
from typing import Any

from seqclass.store.inventory import INVENTORY, digest_of
from seqclass.store.kept_records import KeptFacts
from seqclass.store.root import DamagedError, Root, read_record, replace_file

Tags = dict[str, str]
"""The tag of each inventory file, by the path of what it lists."""


def inventory_tags(root: Root, *area: str) -> Tags:
    """Return the tags of all inventories in an object store, or of one kind, by one listing."""
    start = f"{root.join(INVENTORY)}/"
    files = root.fs.find(root.join(INVENTORY, *area), detail=True)
    return {
        path.removeprefix(start).removesuffix(".json"): own["ETag"]
        for path, own in files.items()
        if path.endswith(".json")
    }


def read_facts(root: Root, file: str) -> dict[str, Any]:
    """Return facts and their tags by model; none if there is no file as it was written."""
    try:
        record = read_record(root, root.join(file), KeptFacts)
    except DamagedError:
        return {}
    return record["facts"] if record["sha256"] == _digest(record["facts"]) else {}


def keep_facts(root: Root, file: str, facts: Mapping[str, Any]) -> None:
    """Store facts by model, each with the tags that were read before them."""
    content = {"facts": facts, "sha256": _digest(facts)}
    replace_file(root, root.join(file), json.dumps(content).encode(), durable=False)


def _digest(facts: Mapping[str, Any]) -> str:
    return digest_of(json.dumps(facts, sort_keys=True).encode())
