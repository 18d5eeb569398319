"""Task: take labels that people gave into a dataset."""

from prefect import get_run_logger, task

from seqclass.labelling.relabelling import LabelsSpec, Relabelled, words_of
from seqclass.pipeline.label import take_labels
from seqclass.store.registry import open_model
from seqclass.store.root import open_root
from tasks.compute.assets import describe_asset


@task(name="label")
def label(ref: str, spec: LabelsSpec, root_url: str) -> Relabelled:
    """Correct labels in a new version of the model's dataset, and add series that got one."""
    root = open_root(root_url)
    outcome = take_labels(open_model(root, ref), spec)
    changed = outcome["changed"] + outcome["added"]
    describe_asset(root, outcome["dataset"], labelled=changed)
    get_run_logger().info("%s: %s", outcome["dataset"], words_of(outcome))
    return outcome
