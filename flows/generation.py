"""Flows: generate a dataset."""

from prefect import flow

from flows.place import resolve_root
from seqclass.ragas.raga_spec import RagaSpec
from seqclass.store.references import DatasetRef
from seqclass.synthesis.iot import IotSpec
from seqclass.synthesis.signals import SignalSpec
from tasks.compute.assets import materializing
from tasks.compute.runner import task_runner
from tasks.data.generate import generate_iot_dataset, generate_raga_dataset, generate_signal_dataset
from tasks.data.leftovers import collect_leftovers
from tasks.registry.refresh import refresh_catalogue


@flow(name="generate-signals", flow_run_name="generate {name}", task_runner=task_runner())
def generate_signals(
    name: str = "signals", spec: SignalSpec | None = None, root: str | None = None
) -> str:
    """Draw synthetic series into a dataset; returns its reference.

    Args:
        name: Name of the dataset.
        spec: What is drawn: families, sizes, noise, seed.
    """
    root_url = resolve_root(root).url
    collect_leftovers(root_url)
    task = materializing(generate_signal_dataset, DatasetRef(name), root_url)
    dataset = task(spec or SignalSpec(), name, root_url)
    refresh_catalogue(root_url, dataset)
    return dataset


@flow(name="generate-iot", flow_run_name="generate {name}", task_runner=task_runner())
def generate_iot(name: str = "iot", spec: IotSpec | None = None, root: str | None = None) -> str:
    """Draw sensor series with known events into a dataset; returns its reference.

    Args:
        name: Name of the dataset.
        spec: What is drawn: classes, sizes, noise, seed.
    """
    root_url = resolve_root(root).url
    collect_leftovers(root_url)
    task = materializing(generate_iot_dataset, DatasetRef(name), root_url)
    dataset = task(spec or IotSpec(), name, root_url)
    refresh_catalogue(root_url, dataset)
    return dataset


@flow(name="generate-ragas", flow_run_name="generate {name}", task_runner=task_runner())
def generate_ragas(
    name: str = "ragas", spec: RagaSpec | None = None, root: str | None = None
) -> str:
    """Draw melodies of Carnatic ragas into a dataset; returns its reference.

    Args:
        name: Name of the dataset.
        spec: What is drawn: ragas, melodies, noise, seed.
    """
    root_url = resolve_root(root).url
    collect_leftovers(root_url)
    task = materializing(generate_raga_dataset, DatasetRef(name), root_url)
    dataset = task(spec or RagaSpec(), name, root_url)
    refresh_catalogue(root_url, dataset)
    return dataset
