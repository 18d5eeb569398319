"""Task: move the champion to a new version where that version is better."""

from datetime import UTC, datetime
from typing import Any

from prefect import get_run_logger, task

from storage.claims import locked
from storage.models import Model
from storage.registry import champion_of, move_champion, open_model
from storage.retrainings import carry_out
from storage.root import open_root
from tasks.champion import actor
from tasks.compare import COMPARISON, compare_with
from tasks.learning.spec import TrainingSpec
from tasks.monitoring.gate import refused_by


@task(name="promote")
def promote(model_ref: str, spec: TrainingSpec, root_url: str) -> dict[str, Any]:
    """Move the champion if the model is better; say what was decided.

    The stored comparison counts only if the champion is still the one it was made with.
    """
    root = open_root(root_url)
    model = open_model(root, model_ref)
    with locked(root, "models", model.name):
        carry_out(root, model.name)
        verdict = _current_verdict(model, spec)
        if verdict["better"]:
            move_champion(
                root,
                model.name,
                model.version,
                actor=actor(),
                reason=verdict["reason"],
                evidence=verdict,
                now=datetime.now(UTC),
            )
    get_run_logger().info("%s: %s", model.ref, verdict["reason"])
    return {
        "promoted": verdict["better"],
        "decision": verdict["reason"],
        "refused": model.manifest["refused"] or refused_by(verdict.get("reasons")),
    }


def _current_verdict(model: Model, spec: TrainingSpec) -> dict[str, Any]:
    champion = champion_of(model.root, model.name)
    verdict = model.read_json(COMPARISON)
    if verdict["champion"] == champion:
        return verdict
    dataset_ref = model.manifest["dataset"]
    return compare_with(champion, dataset_ref, spec, model.folder, model.name, model.root)
