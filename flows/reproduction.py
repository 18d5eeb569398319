"""Flow: repeat the recorded training of a model."""

from prefect import flow

from seqclass.flows.run_context import resolve_root
from seqclass.pipeline.reproduce import Reproduction
from seqclass.tasks.compute.runner import task_runner
from seqclass.tasks.training import reproduce


@flow(name="reproduce-model", flow_run_name="reproduce {model}", task_runner=task_runner())
def reproduce_model(model: str, root: str | None = None) -> Reproduction:
    """Train a registered model again from its manifest and compare.

    Args:
        model: NAME, whose champion is meant, or NAME@vN.
    """
    store = resolve_root(root)
    return reproduce(model, store)
