"""Lineage in Prefect: which dataset and which model a task has written, and out of what.

An asset is a name without its version: each write of it is an event with the version, so that
Prefect tells its history, and what was made from it.
"""

import re
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from prefect import Task
from prefect.assets import Asset
from prefect.context import AssetContext
from prefect.tasks import MaterializingTask

from seqclass.store.references import Reference, reference_of
from seqclass.store.root import Root, open_root

P = ParamSpec("P")
R = TypeVar("R")
RESTRICTED = re.compile(r"""[\s#?&%"'<>\[\]{}|\\^`]""")
"""Characters that Prefect takes in no key."""


def materializing(
    task: Task[P, R], made: Reference, root_url: str, *used: Reference
) -> Callable[P, R]:
    """The task as one that writes a version of an asset; ``used``: what it makes that of."""
    root = open_root(root_url)
    made_by: Any = MaterializingTask(
        task.fn,
        name=task.name,
        assets=[asset_of(root, made)],
        asset_deps=[asset_of(root, one) for one in used],
        materialized_by="seqclass",
    )
    return made_by


def asset_of(root: Root, ref: Reference) -> Asset:
    """What Prefect calls a dataset or a model: the address of its folder."""
    url = "/".join([root.url, ref.kind, ref.name])
    return Asset(key=RESTRICTED.sub("_", url if "://" in url else f"file://{url}"))


def describe_asset(root: Root, ref: str, **known: Any) -> None:
    """Say of the version that a materializing task writes which it is, and where its page lies."""
    own = reference_of(ref)
    key, context = asset_of(root, own).key, AssetContext.get()
    if context is not None and key in {asset.key for asset in context.downstream_assets}:
        page = root.join(own.kind, own.name, "index.html")
        context.add_asset_metadata(key, {"version": own.version, "page": page, **known})
