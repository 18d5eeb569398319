"""Flow: predict whole pieces by a vote of their windows."""

from prefect import flow
from typing_extensions import TypedDict

from seqclass.flows.run_context import resolve_root
from seqclass.pipeline.vote import PollSpec
from seqclass.store.datasets import open_dataset
from seqclass.store.registry import open_model
from seqclass.tasks.data import collect_leftovers
from seqclass.tasks.evaluation import hold_vote


class Voted(TypedDict):
    """The path of a vote's result."""

    votes: str


@flow(name="vote", flow_run_name="vote {model} on {dataset}")
def vote(model: str, dataset: str, spec: PollSpec | None = None, root: str | None = None) -> Voted:
    """Answer the pieces of a dataset, beside baselines trained on the model's own rows.

    Args:
        model: NAME, whose champion answers, or NAME@vN.
        dataset: Pieces to answer: NAME or NAME@VERSION.
        spec: How pieces are cut and answered, and which classes are easily confused.
    """
    store = resolve_root(root)
    model, dataset = open_model(store, model).ref, open_dataset(store, dataset).ref
    collect_leftovers(store)
    return {"votes": hold_vote(model, dataset, spec or PollSpec(), store)}
