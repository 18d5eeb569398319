"""Flow: import a dataset from the user's own files."""

from prefect import flow

from seqclass.flows.run_context import resolve_root
from seqclass.pipeline.import_files import Imported
from seqclass.screening.incoming import ImportSpec
from seqclass.store.references import DatasetRef
from seqclass.tasks.compute.assets import materializing
from seqclass.tasks.data import import_files
from seqclass.tasks.events import notify


@flow(name="import-dataset", flow_run_name="import {name}")
def import_dataset(name: str, spec: ImportSpec, root: str | None = None) -> Imported:
    """Read files into a dataset; returns its reference and the counts of its rows.

    Args:
        name: Name of the dataset.
        spec: Which files, how they are read, and what becomes of rows that break the contract.
    """
    store = resolve_root(root)
    outcome = materializing(import_files, DatasetRef(name), store)(spec, name, store)
    if spec.append and outcome["added"]:
        notify(outcome["dataset"], outcome["added"], store)
    return outcome
