"""Flow: train and register a classifier on a dataset."""

from prefect import flow

from seqclass.flows.run_context import label_run, resolve_root
from seqclass.flows.steps import in_prefect
from seqclass.pipeline.training import Trained, train
from seqclass.store.datasets import open_dataset
from seqclass.store.references import DatasetRef
from seqclass.store.root import check_name
from seqclass.tasks.compute.artifacts import publish
from seqclass.tasks.compute.runner import task_runner
from seqclass.tasks.events import announce_question
from seqclass.training.spec import TrainingSpec


@flow(name="train-classifier", flow_run_name="train {dataset}", task_runner=task_runner())
def train_classifier(
    dataset: str,
    name: str | None = None,
    spec: TrainingSpec | None = None,
    root: str | None = None,
    again: bool = False,
) -> Trained:
    """Train, evaluate and register a classifier, and promote it if it passes the gate.

    Args:
        dataset: NAME, whose newest version is meant, or NAME@VERSION.
        name: Name of the model; none takes that of the dataset.
        spec: How to train: seeds, members, budget, limits.
        again: Train also where a version of the model is this training.
    """
    store = resolve_root(root)
    dataset = open_dataset(store, dataset).ref
    name = check_name(name or DatasetRef.parse(dataset).name)
    label_run(model=name, dataset=dataset.removeprefix("datasets/"))
    trained = train(store, dataset, name, spec, again, in_prefect)
    publish(trained["model"], trained["decision"], store)
    announce_question(trained["model"], store)
    verdict = trained["verdict"].replace("_", " ")
    label_run(f"train {trained['model'].removeprefix('models/')}", outcome=verdict)
    return trained
