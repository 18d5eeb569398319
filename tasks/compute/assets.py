"""Lineage in Prefect: which dataset or model a task has written, and from which others.

An asset is a name without its version: each write of it is an event with the version, so that
Prefect shows its history, and the items that were made from it.
"""

import hashlib
import re
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from prefect import Task
from prefect.assets import Asset
from prefect.context import AssetContext
from prefect.tasks import MaterializingTask
from prefect.types.names import MAX_ASSET_KEY_LENGTH

from seqclass.store.references import Reference, reference_of
from seqclass.store.root import Root

P = ParamSpec("P")
R = TypeVar("R")
RESTRICTED = re.compile(r"""[\s#?&%"'<>\[\]{}|\\^`]""")
"""Characters that Prefect allows in no key."""


def materializing(
    task: Task[P, R], made: Reference, root: Root, *used: Reference
) -> Callable[P, R]:
    """Make a task write a version of an asset; ``used``: the items that it is made from."""
    made_by: Any = MaterializingTask(
        task.fn,
        name=task.name,
        assets=[asset_of(root, made)],
        asset_deps=[asset_of(root, reference) for reference in used],
        materialized_by="seqclass",
    )
    return made_by


def asset_of(root: Root, ref: Reference) -> Asset:
    """Return Prefect's asset for a dataset or a model.

    Its key is the address of the folder, or names a digest of the root if that is too long.
    """
    url = address(root, ref.kind, ref.name)
    key = RESTRICTED.sub("_", url if "://" in url else f"file://{url}")
    if len(key) > MAX_ASSET_KEY_LENGTH:
        key = f"store://{hashlib.sha256(root.url.encode()).hexdigest()}/{ref.kind}/{ref.name}"
    return Asset(key=key)


def address(root: Root, *parts: str) -> str:
    """Return the path of a local file, or the URL of one in a bucket."""
    return "/".join([root.url, *parts])


def describe_asset(root: Root, ref: str, **metadata: Any) -> None:
    """Add the reference and the page of the version to the event of a materializing task."""
    reference = reference_of(ref)
    key, context = asset_of(root, reference).key, AssetContext.get()
    if context is not None and key in {asset.key for asset in context.downstream_assets}:
        page = address(root, reference.kind, reference.name, "index.html")
        context.add_asset_metadata(key, {"version": reference.version, "page": page, **metadata})
