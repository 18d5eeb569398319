"""Flow: search an architecture that suits a dataset."""

from prefect import flow
from typing_extensions import TypedDict

from flows.place import resolve_root
from seqclass.store.datasets import open_dataset
from seqclass.training.halving import SearchSpec
from tasks.compute.runner import task_runner
from tasks.data import collect_leftovers, refresh_catalogue
from tasks.studies.search import publish_search, search_architectures, summarise_search


class SearchMade(TypedDict):
    """A sealed search of a dataset, and the number of runs that were ``trained`` for it now."""

    dataset: str
    search: str
    trained: int


@flow(name="search-architecture", flow_run_name="search {dataset}", task_runner=task_runner())
def search_architecture(
    dataset: str, spec: SearchSpec | None = None, root: str | None = None
) -> SearchMade:
    """Train what the budget allows on folds of the training rows, and choose by log-loss.

    Args:
        dataset: NAME, whose newest version is meant, or NAME@VERSION.
        spec: Candidates, folds and the seconds they may take.
    """
    spec, store = spec or SearchSpec(), resolve_root(root)
    dataset = open_dataset(store, dataset).ref
    collect_leftovers(store)
    trained = search_architectures(dataset, spec, store.url)
    search = summarise_search(dataset, spec, store.url)
    refresh_catalogue(store, search)
    publish_search(search, store.url)
    return {"dataset": dataset, "search": search, "trained": trained}
