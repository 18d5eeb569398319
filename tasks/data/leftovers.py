"""Task: remove the leftovers of killed runs."""

from prefect import get_run_logger, task

from seqclass.store.garbage import collect_garbage
from seqclass.store.root import open_root


@task(name="collect garbage")
def collect_leftovers(root_url: str) -> int:
    """Remove abandoned work in progress; returns the number of removed folders."""
    removed = collect_garbage(open_root(root_url))
    get_run_logger().info("%d leftovers removed", len(removed))
    return len(removed)
