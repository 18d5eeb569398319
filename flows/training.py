"""Flow: train and register a classifier on a dataset."""

from prefect import flow

from flows.place import label_run, resolve_root
from seqclass.store.datasets import open_dataset
from seqclass.store.references import DatasetRef, ModelRef
from seqclass.store.root import check_name
from seqclass.store.staging import staging
from seqclass.training.spec import TrainingSpec
from tasks.compute.assets import materializing
from tasks.compute.candidates import Candidate
from tasks.compute.runner import task_runner
from tasks.data.leftovers import collect_leftovers
from tasks.data.split_rows import split_rows
from tasks.evaluation.compare import compare
from tasks.evaluation.evaluate import Evaluated, evaluate
from tasks.evaluation.report import write_report
from tasks.registry.apply_policy import apply_training_policy
from tasks.registry.promote import Promotion, promote
from tasks.registry.publish import publish
from tasks.registry.refresh import refresh_catalogue
from tasks.registry.register import register
from tasks.retraining.announce import announce_question
from tasks.training.curve import add_curve
from tasks.training.train import assemble, forget_finished, train_and_answer


class Trained(Promotion):
    """A registered model, and whether it became champion."""

    dataset: str
    model: str


@flow(name="train-classifier", flow_run_name="train {dataset}", task_runner=task_runner())
def train_classifier(
    dataset: str,
    name: str | None = None,
    spec: TrainingSpec | None = None,
    root: str | None = None,
) -> Trained:
    """Train, evaluate and register a classifier, and promote it if it passes the gate.

    Args:
        dataset: NAME, whose newest version is meant, or NAME@VERSION.
        name: Name of the model; none takes that of the dataset.
        spec: How to train: seeds, members, budget, limits.
    """
    store = resolve_root(root)
    dataset = open_dataset(store, dataset).ref
    name = check_name(name or DatasetRef.parse(dataset).name)
    label_run(model=name, dataset=dataset.removeprefix("datasets/"))
    spec = apply_training_policy(name, spec, store.url)
    collect_leftovers(store.url)
    with staging(store, f"model-{name}") as workspace:
        candidate = add_curve(split_rows(dataset, spec, workspace, store.url))
        evaluated = train_split(candidate)
        compare(candidate, evaluated, name)
        write_report(candidate)
        made = materializing(register, ModelRef(name), store.url, DatasetRef.parse(dataset))
        model = made(candidate, evaluated, name)
    outcome = promote(model, spec, store.url)
    refresh_catalogue(store.url, model)
    forget_finished(model, store.url)
    publish(model, outcome["decision"], store.url)
    announce_question(model, store.url)
    verdict = outcome["verdict"].replace("_", " ")
    label_run(f"train {model.removeprefix('models/')}", outcome=verdict)
    return {"dataset": dataset, "model": model, **outcome}


def train_split(candidate: Candidate) -> Evaluated:
    """Train, assemble and evaluate, as a training and a retraining both do."""
    seeds, answers = train_and_answer(candidate)
    return evaluate(candidate, assemble(candidate, seeds), answers)
