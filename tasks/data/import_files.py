"""Task: import the user's files as a dataset, or into one."""

from prefect import get_run_logger, task

from seqclass.pipeline import import_files as step
from seqclass.pipeline.import_files import Imported
from seqclass.screening.incoming import ImportSpec
from seqclass.store.root import open_root
from tasks.compute.assets import describe_asset


@task(name="import files")
def import_files(spec: ImportSpec, name: str, root_url: str) -> Imported:
    """Read every file into one dataset; returns its reference and the counts of its rows."""
    root, logger = open_root(root_url), get_run_logger()
    outcome = step.import_files(root, name, spec)
    describe_asset(root, outcome["dataset"], added=outcome["added"])
    logger.info("%s: %d series taken in", outcome["dataset"], outcome["added"])
    for line in outcome["amiss"]:
        logger.warning("look: %s", line)
    return outcome
