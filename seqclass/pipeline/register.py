"""Registration: a finished candidate gets its version number."""

import logging
from dataclasses import asdict
from datetime import UTC, datetime

from seqclass.export.model_card import version_files
from seqclass.pages.index_pages import refresh
from seqclass.pipeline.candidates import FOLDER, Candidate
from seqclass.pipeline.evaluate import Evaluated
from seqclass.runtime import numerics
from seqclass.store.manifests import ModelDescription, reading_of
from seqclass.store.models import commit_model

logger = logging.getLogger(__name__)


def register(candidate: Candidate, evaluated: Evaluated, name: str) -> str:
    """Seal a candidate as ``models/<name>@vN``; returns its reference.

    Seeds that are not registered are left out. The report is written at once, for
    people who have to approve the version.
    """
    root, metrics = candidate.root, evaluated.metrics
    dataset, scores = candidate.dataset, metrics["metrics"]
    root.fs.rm(candidate.path(FOLDER), recursive=True)
    description: ModelDescription = {
        "dataset": dataset.ref,
        "dataset_digest": dataset.manifest["digest"],
        "dataset_source": dataset.manifest["source"],
        "reading": reading_of(dataset.manifest),
        "classes": metrics["classes"],
        "channels": dataset.channels,
        "registered_seed": metrics["registered_seed"],
        "metrics": {
            "accuracy": scores["accuracy"],
            "macro_f1": scores["macro_f1"],
            "balanced_accuracy": scores["balanced_accuracy"],
            "log_loss": scores["log_loss"],
            "ece": scores["ece"],
        },
        "decision": metrics["decision"],
        "symbols": metrics["symbols"],
        "refused": evaluated.stability["refused"],
        "spec": asdict(candidate.training),
        "numerics": numerics(),
    }
    now = datetime.now(UTC)
    for file, text in version_files(name, description, now, metrics["references"]).items():
        root.fs.pipe_file(f"{candidate.workspace}/{file}", text.encode())
    model = commit_model(root, candidate.workspace, name, description, now)
    refresh(root, [dataset.ref, model.ref])
    logger.info("registered %s", model.ref)
    return model.ref
