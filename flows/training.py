"""Flow: a registered classifier from a dataset."""

from prefect import flow

from flows.place import own_root
from storage.datasets import open_dataset
from storage.root import check_name, staging
from tasks.catalogue import refresh_catalogue
from tasks.compare import compare
from tasks.evaluate import evaluate
from tasks.learning.spec import TrainingSpec
from tasks.promote import promote
from tasks.publish import publish
from tasks.register import register
from tasks.report import write_report
from tasks.sweep import sweep_leftovers
from tasks.train import train


@flow(name="train-classifier", flow_run_name="train {dataset}")
def train_classifier(
    dataset: str,
    name: str | None = None,
    spec: TrainingSpec | None = None,
    root: str | None = None,
) -> dict[str, object]:
    """Train, evaluate, register and, where it is better than the champion, promote a model."""
    spec, store = spec or TrainingSpec(), own_root(root)
    dataset = open_dataset(store, dataset).ref
    name = check_name(name or dataset.removeprefix("datasets/").partition("@")[0])
    sweep_leftovers(store.url)
    with staging(store, f"model-{name}") as workspace:
        train(dataset, spec, workspace, store.url)
        evaluate(dataset, spec, workspace, store.url)
        compare(dataset, spec, workspace, name, store.url)
        write_report(dataset, spec, workspace, name, store.url)
        model = register(dataset, spec, workspace, name, store.url)
    outcome = promote(model, spec, store.url)
    refresh_catalogue(store.url)
    publish(model, outcome["decision"], store.url)
    return {"dataset": dataset, "model": model, **outcome}
