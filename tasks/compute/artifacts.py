"""Tasks: show a registered model and a study in Prefect."""

import re
from typing import Any

from prefect import get_run_logger, task
from prefect.artifacts import create_markdown_artifact, create_table_artifact

from seqclass.export.model_card import CARD
from seqclass.pages.trust import trust_of
from seqclass.pipeline.study import SPREAD, SUMMARY
from seqclass.store.models import COMPARISON
from seqclass.store.registry import open_model
from seqclass.store.root import Root
from seqclass.store.studies import open_study


def artifact_key(name: str) -> str:
    """Return a name as a Prefect key: lower-case letters, digits and dashes."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "model"


@task(name="publish")
def publish(model_ref: str, decision: str, root: Root) -> None:
    """Create the artifacts ``<name>`` (its verdict and card, as text) and ``<name>-seeds``."""
    model = open_model(root, model_ref)
    key, names = artifact_key(model.name), ("metrics.json", "stability.json", COMPARISON)
    records: list[Any] = [model.read_json(name) for name in names]
    metrics, stability, retrained = records
    trust = trust_of(metrics, stability, model.manifest["refused"], retrained)
    doubts = "\n".join(f"- {doubt}" for doubt in trust.doubts)
    card = model.read(CARD).decode().partition(f"# {model.name}\n")[2]
    shown = [f"# {model.ref}", decision, trust.sentence, doubts, card]
    create_markdown_artifact("\n\n".join(shown), key)
    seeds = [
        {k: v for k, v in seed.items() if not isinstance(v, dict | list)}
        for seed in stability["seeds"]
    ]
    create_table_artifact(seeds, f"{key}-seeds", f"seeds of {model.ref}")
    get_run_logger().info("artifacts %s and %s-seeds", key, key)


@task(name="publish study")
def publish_study(study_ref: str, root: Root) -> None:
    """Show a study in Prefect as a table, a row per variant."""
    study = open_study(root, study_ref)
    rows = [
        {
            "recipe": v["recipe"],
            "architecture": v["architecture"],
            "seeds": v["n_seeds"],
            **{f"macro_f1_{name}": v["spread"]["macro_f1"][name] for name in SPREAD},
            "restarts": v["restarts"],
            "gate": v["refused"] or "passed",
        }
        for v in study.read_json(SUMMARY)["variants"]
    ]
    key = f"{artifact_key(study.name)}-stability"
    create_table_artifact(rows, key, f"{study.ref}: how seeds spread")
    get_run_logger().info("artifact %s", key)
