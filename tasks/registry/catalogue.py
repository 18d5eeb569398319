"""Task: bring the page that a person opens first up to date."""

from prefect import get_run_logger, task

from seqclass.store.catalogue import write_index
from seqclass.store.root import open_root


@task(name="catalogue")
def refresh_catalogue(root_url: str) -> str:
    """Write ``index.html`` and return its path."""
    path = write_index(open_root(root_url))
    get_run_logger().info("catalogue: %s", path)
    return path
