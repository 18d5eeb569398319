"""Flow: the main job: generate the author's families and train and register a classifier."""

from prefect import flow

from seqclass.flows.generation import generate_signals
from seqclass.flows.training import train_classifier
from seqclass.pipeline.training import Trained
from seqclass.synthesis.signals import SignalSpec
from seqclass.tasks.compute.runner import task_runner
from seqclass.training.spec import TrainingSpec


@flow(name="run", flow_run_name="run {name}", task_runner=task_runner())
def run(
    name: str = "signals",
    signals: SignalSpec | None = None,
    training: TrainingSpec | None = None,
    root: str | None = None,
) -> Trained:
    """Generate, train, evaluate, register, report.

    Args:
        name: Name of the dataset and of the model.
        signals: What is drawn: families, sizes, noise, seed.
        training: How to train: seeds, members, budget, limits.
    """
    dataset = generate_signals(name, signals, root)
    return train_classifier(dataset, name, training, root)
