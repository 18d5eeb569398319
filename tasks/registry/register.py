"""Task: give a finished candidate its version number."""

import json
from dataclasses import asdict
from datetime import UTC, datetime

from prefect import get_run_logger, task

from seqclass.pages.catalogue import refresh
from seqclass.runtime import numerics
from seqclass.store.datasets import open_dataset
from seqclass.store.manifests import ModelDescription, reading_of
from seqclass.store.models import commit_model
from seqclass.store.root import open_root
from seqclass.training.spec import TrainingSpec
from tasks.compute.candidates import FOLDER

HEADLINES = ("accuracy", "macro_f1", "balanced_accuracy", "log_loss", "ece")


@task(name="register")
def register(dataset_ref: str, spec: TrainingSpec, workspace: str, name: str, root_url: str) -> str:
    """Seal the workspace as ``models/<name>@vN``, without the candidates not registered.

    Its report is there at once, for those who have to approve of it.
    """
    root = open_root(root_url)
    dataset = open_dataset(root, dataset_ref)
    metrics = json.loads(root.fs.cat_file(f"{workspace}/metrics.json"))
    refused = json.loads(root.fs.cat_file(f"{workspace}/stability.json"))["refused"]
    root.fs.rm(f"{workspace}/{FOLDER}", recursive=True)
    description: ModelDescription = {
        "dataset": dataset.ref,
        "dataset_digest": dataset.manifest["digest"],
        "dataset_source": dataset.manifest["source"],
        "reading": reading_of(dataset.manifest),
        "classes": metrics["classes"],
        "channels": dataset.channels,
        "registered_seed": metrics["registered_seed"],
        "metrics": {name: metrics["metrics"][name] for name in HEADLINES},
        "decision": metrics["decision"],
        "symbols": metrics["symbols"],
        "refused": refused,
        "spec": asdict(spec),
        "numerics": numerics(),
    }
    model = commit_model(root, workspace, name, description, datetime.now(UTC))
    refresh(root, [dataset.ref, model.ref])
    get_run_logger().info("registered %s", model.ref)
    return model.ref
