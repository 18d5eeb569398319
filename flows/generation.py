"""Flows: generate a dataset."""

from prefect import flow

from flows.place import resolve_root
from seqclass.pipeline.generate import Spec
from seqclass.ragas.raga_spec import RagaSpec
from seqclass.store.references import DatasetRef
from seqclass.synthesis.iot import IotSpec
from seqclass.synthesis.signals import SignalSpec
from tasks.compute.assets import materializing
from tasks.compute.runner import task_runner
from tasks.data import collect_leftovers, generate_dataset, refresh_catalogue


@flow(name="generate-signals", flow_run_name="generate {name}", task_runner=task_runner())
def generate_signals(
    name: str = "signals", spec: SignalSpec | None = None, root: str | None = None
) -> str:
    """Draw synthetic series into a dataset; returns its reference.

    Args:
        name: Name of the dataset.
        spec: What is drawn: families, sizes, noise, seed.
    """
    return _generate("signals", spec or SignalSpec(), name, root)


@flow(name="generate-iot", flow_run_name="generate {name}", task_runner=task_runner())
def generate_iot(name: str = "iot", spec: IotSpec | None = None, root: str | None = None) -> str:
    """Draw sensor series with known events into a dataset; returns its reference.

    Args:
        name: Name of the dataset.
        spec: What is drawn: classes, sizes, noise, seed.
    """
    return _generate("iot", spec or IotSpec(), name, root)


@flow(name="generate-ragas", flow_run_name="generate {name}", task_runner=task_runner())
def generate_ragas(
    name: str = "ragas", spec: RagaSpec | None = None, root: str | None = None
) -> str:
    """Draw melodies of Carnatic ragas into a dataset; returns its reference.

    Args:
        name: Name of the dataset.
        spec: What is drawn: ragas, melodies, noise, seed.
    """
    return _generate("ragas", spec or RagaSpec(), name, root)


def _generate(generator: str, spec: Spec, name: str, root: str | None) -> str:
    store = resolve_root(root)
    collect_leftovers(store)
    task = materializing(generate_dataset, DatasetRef(name), store)
    dataset = task(generator, spec, name, store)
    refresh_catalogue(store, dataset)
    return dataset
