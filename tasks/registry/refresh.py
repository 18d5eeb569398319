"""Task: bring the pages of changed items up to date."""

from prefect import get_run_logger, task

from seqclass.pages.index_pages import refresh
from seqclass.store.root import open_root


@task(name="catalogue")
def refresh_catalogue(root_url: str, *refs: str) -> str:
    """Write the pages of these references and ``index.html``; returns the path of the latter."""
    path = refresh(open_root(root_url), refs)
    get_run_logger().info("catalogue: %s", path)
    return path
