"""Task: take labels that people gave into a dataset."""

from datetime import UTC, datetime

from prefect import get_run_logger, task

from seqclass.labelling.relabelling import LabelsSpec, Relabelled, take_in, words_of
from seqclass.store.registry import open_model
from seqclass.store.root import open_root
from tasks.compute.assets import describe_asset


@task(name="take labels")
def take_labels(ref: str, spec: LabelsSpec, root_url: str) -> Relabelled:
    """Correct labels in a new version of the model's dataset, and add series that got one."""
    outcome = take_in(open_model(open_root(root_url), ref), spec, datetime.now(UTC))
    changed = outcome["changed"] + outcome["added"]
    describe_asset(open_root(root_url), outcome["dataset"], labelled=changed)
    get_run_logger().info("%s: %s", outcome["dataset"], words_of(outcome))
    return outcome
