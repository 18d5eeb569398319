"""Tasks: show a registered model and a study in Prefect."""

import re
from typing import cast

from prefect import get_run_logger, task
from prefect.artifacts import create_markdown_artifact, create_table_artifact

from seqclass.pipeline.study import SPREAD, SUMMARY
from seqclass.store.models import Model
from seqclass.store.registry import open_model
from seqclass.store.root import Root
from seqclass.store.studies import open_study
from seqclass.stored_records import Stability


def artifact_key(name: str) -> str:
    """Return a name as a Prefect key: lower-case letters, digits and dashes."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "model"


@task(name="publish")
def publish(model_ref: str, decision: str, root: Root) -> None:
    """Create the artifacts ``<name>`` (scores and stability, as text) and ``<name>-seeds``."""
    model = open_model(root, model_ref)
    key = artifact_key(model.name)
    create_markdown_artifact(_summary(model, decision), key)
    seeds = [
        {k: v for k, v in seed.items() if not isinstance(v, dict | list)}
        for seed in model.read_json("stability.json")["seeds"]
    ]
    create_table_artifact(seeds, f"{key}-seeds", f"seeds of {model.ref}")
    get_run_logger().info("artifacts %s and %s-seeds", key, key)


def _summary(model: Model, decision: str) -> str:
    record = model.read_json("metrics.json")
    rows = {"**this model**": record["metrics"], **record["baselines"]}
    scores = [f"| {name} | {s['macro_f1']:.4f} | {s['accuracy']:.4f} |" for name, s in rows.items()]
    head = [f"# {model.ref}", "", f"on `{model.manifest['dataset']}`: {decision}", ""]
    table = ["| | macro F1 | accuracy |", "|---|---|---|", *scores, ""]
    return "\n".join([*head, *table, *_stability(model)])


def _stability(model: Model) -> list[str]:
    stability = cast(Stability, model.read_json("stability.json"))
    f1, worst = stability["spread"]["macro_f1"], stability["worst_seed"]
    low, high = worst["intervals"]["macro_f1"]
    seeds = stability["seeds"]
    restarts, n_seeds = sum(seed["restarts"] for seed in seeds), len(seeds)
    gate = f"- gate: {stability['refused'] or 'passed'}"
    if n_seeds == 1:
        alone = f"- one seed, which says nothing about stability; {restarts} restarts"
        return ["## Stability", "", alone, gate]
    return [
        "## Stability",
        "",
        f"- macro F1 over {n_seeds} seeds: mean {f1['mean']:.4f}, standard deviation "
        f"{f1['sd']:.4f}, lowest {f1['min']:.4f}",
        f"- worst case, seed {worst['seed']}: {low:.4f} to {high:.4f} (95%)",
        f"- {stability['flipping_rows']} test rows flip between seeds; {restarts} restarts",
        gate,
    ]


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
