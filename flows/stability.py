"""Flow: study how a recipe spreads over seeds."""

from prefect import flow
from typing_extensions import TypedDict

from seqclass.flows.run_context import resolve_root
from seqclass.pages.index_pages import refresh
from seqclass.pipeline.study import summarise_study
from seqclass.store.datasets import open_dataset
from seqclass.store.garbage import collect_garbage
from seqclass.tasks.compute.artifacts import publish_study
from seqclass.tasks.compute.runner import task_runner
from seqclass.tasks.compute.steps import as_task
from seqclass.tasks.training import train_study
from seqclass.training.study_spec import StudySpec


class StudyMade(TypedDict):
    """A sealed study of a dataset, and the number of runs that were ``trained`` for it now."""

    dataset: str
    study: str
    trained: int


@flow(name="study-stability", flow_run_name="study {dataset}", task_runner=task_runner())
def study_stability(
    dataset: str, spec: StudySpec | None = None, root: str | None = None
) -> StudyMade:
    """Train every seed of every recipe, score each on the test rows, and tell the spread.

    Args:
        dataset: NAME, whose newest version is meant, or NAME@VERSION.
        spec: Recipes, architectures and seeds.
    """
    spec, store = spec or StudySpec(), resolve_root(root)
    rows = open_dataset(store, dataset)
    as_task(collect_garbage)(store)
    trained = train_study(rows, spec)
    study = as_task(summarise_study)(rows, spec)
    as_task(refresh)(store, [study])
    publish_study(study, store)
    return {"dataset": rows.ref, "study": study, "trained": trained}
