"""Flow: a dataset from the user's own files."""

from prefect import flow

from storage.root import open_root
from tasks.catalogue import refresh_catalogue
from tasks.ingest import ImportSpec, ingest
from tasks.sweep import sweep_leftovers


@flow(name="import-dataset")
def import_dataset(name: str, spec: ImportSpec, root: str | None = None) -> str:
    """Read files into a dataset; returns its reference."""
    root_url = open_root(root).url
    sweep_leftovers(root_url)
    dataset = ingest(spec, name, root_url)
    refresh_catalogue(root_url)
    return dataset
