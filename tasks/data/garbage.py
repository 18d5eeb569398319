"""Task: remove what killed runs left behind."""

from prefect import get_run_logger, task

from seqclass.store.root import open_root, sweep


@task(name="sweep")
def sweep_leftovers(root_url: str) -> int:
    """Remove abandoned work in progress; returns how many folders went."""
    removed = sweep(open_root(root_url))
    get_run_logger().info("%d leftovers removed", len(removed))
    return len(removed)
