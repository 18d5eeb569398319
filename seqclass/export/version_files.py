"""Text files that every version has for other tools: Hugging Face's card, and ``MLmodel``."""

from datetime import datetime

from seqclass.export.mlflow_files import mlmodel
from seqclass.export.model_card import card_of_version
from seqclass.store.manifests import ModelDescription

LOADER = {"loader_module": "seqclass.export.mlflow_loader"}


def version_files(name: str, description: ModelDescription, now: datetime) -> dict[str, str]:
    """Return the texts by their names in the folder of the version."""
    record = {"model": f"models/{name}", **description}
    return {
        "README.md": card_of_version(name, description),
        "MLmodel": mlmodel(record, LOADER, now.isoformat()),
    }
