"""Flow: score new rows with a registered model."""

from prefect import flow

from seqclass.flows.run_context import check_place, resolve_root
from seqclass.inference.assessment import Assessed, assess_answers
from seqclass.inference.score_data import ScoringSpec
from seqclass.store.garbage import collect_garbage
from seqclass.store.registry import open_model
from seqclass.tasks.compute.runner import task_runner
from seqclass.tasks.compute.steps import as_task
from seqclass.tasks.scoring import predict


@flow(name="score-dataset", flow_run_name="score {data} by {model}", task_runner=task_runner())
def score_dataset(
    model: str, data: str, spec: ScoringSpec | None = None, root: str | None = None
) -> Assessed:
    """Score a dataset or file with one version of a model; labels may come later.

    Args:
        model: NAME, whose champion answers, or NAME@vN.
        data: A dataset as NAME or NAME@VERSION, or a file.
        spec: What is written, and how a file is read.
    """
    store, spec = resolve_root(root), spec or ScoringSpec()
    check_place(store, "out", spec.out)
    as_task(collect_garbage)(store)
    version = open_model(store, model)
    scored = predict(version.ref, data, spec, store)
    return {**scored, **as_task(assess_answers)(version, scored["tables"], spec)}
