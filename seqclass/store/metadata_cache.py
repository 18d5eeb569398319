"""Facts of models that an object store keeps in one file, so that few requests read them.

The facts of a model stand beside a digest of the listing of everything that they follow from: names
and tags of its log's entries, of its retrainings and scores, and of the dataset's log.
Facts are used while that digest is the same; else they are computed again.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from seqclass.store.record_types import KeptFacts
from seqclass.store.root import DamagedError, Root, read_record, replace_file

Tags = dict[str, str]
"""The digest of a listing, by model or dataset."""


def listing_tags(root: Root, *area: str, depth: int = 1) -> Tags:
    """Return a digest of the files of each name in a folder of an object store, by one listing.

    depth: number of folders that make a name.
    """
    digests, start = defaultdict[str, Any](hashlib.sha256), f"{root.join(*area)}/"
    for path, info in sorted(root.fs.find(root.join(*area), detail=True).items()):
        name = "/".join(path.removeprefix(start).split("/")[:depth])
        digests[name].update(f"{path} {info['ETag']}\n".encode())
    return {name: digest.hexdigest() for name, digest in digests.items()}


def read_facts(root: Root, file: str) -> dict[str, Any]:
    """Return facts and their tags by model; none if there is no such file."""
    try:
        return read_record(root, root.join(file), KeptFacts)["facts"]
    except DamagedError:
        return {}


def keep_facts(root: Root, file: str, facts: Mapping[str, Any]) -> None:
    """Store facts by model, each with the tags that were read before them."""
    replace_file(root, root.join(file), json.dumps({"facts": facts}).encode(), durable=False)
