"""Task: compare a candidate with the champion on the same test rows."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NotRequired, TypedDict

import pyarrow.parquet as pq
from prefect import get_run_logger, task

from seqclass.evaluation.metrics import log_loss, scores
from seqclass.monitoring.first_champion import FirstEvidence, first_champion_failures
from seqclass.monitoring.gate import refused_by
from seqclass.monitoring.paired import Paired
from seqclass.store.datasets import open_checked
from seqclass.store.manifests import decision_of
from seqclass.store.models import ANSWERS, COMPARISON, Model, read_model
from seqclass.store.registry import champion_of
from seqclass.store.root import Root, open_root
from seqclass.store.split import SPLIT, read_split
from seqclass.training.spec import TrainingSpec
from tasks.compute.replicas import predict_rows
from tasks.compute.workers import workers


class Verdict(TypedDict):
    """Whether a candidate is better than the champion, and why, as ``comparison.json`` has it.

    reasons: what speaks against, none where it is better. old, newest: comparisons of a
    retraining on old and new test rows. doubted: whether the new labels are.
    """

    champion: str | None
    better: bool
    reason: str
    candidate_scores: NotRequired[dict[str, float]]
    champion_scores: dict[str, float] | None
    reasons: NotRequired[list[str]]
    doubted: NotRequired[bool]
    old: NotRequired[Paired | None]
    newest: NotRequired[Paired | None]


@dataclass(frozen=True)
class Candidate:
    """A model before it has its number: what it learned from, how, and where it lies."""

    dataset: str
    training: TrainingSpec
    workspace: str


@task(name="compare")
def compare(dataset_ref: str, spec: TrainingSpec, workspace: str, name: str, root_url: str) -> str:
    """Store which is better on the candidate's test rows: the candidate or the champion."""
    root = open_root(root_url)
    candidate = Candidate(dataset_ref, spec, workspace)
    verdict = compare_with(champion_of(root, name), candidate, name, root)
    root.fs.pipe_file(f"{workspace}/{COMPARISON}", json.dumps(verdict, indent=2).encode())
    get_run_logger().info("%s", verdict["reason"])
    return workspace


def compare_with(champion: str | None, candidate: Candidate, name: str, root: Root) -> Verdict:
    """Whether a candidate beats a champion version, and why.

    Better is a higher macro F1, or the same macro F1 and a lower log-loss. Without a champion,
    chance and the baselines are what a candidate has to beat, or not to be beaten by.
    """
    folder = candidate.workspace
    own = json.loads(root.fs.cat_file(f"{folder}/metrics.json"))
    reached = {k: own["metrics"][k] for k in ("macro_f1", "log_loss")}
    refused = json.loads(root.fs.cat_file(f"{folder}/stability.json"))["refused"]
    if refused is not None:
        return {
            "champion": champion,
            "better": False,
            "reason": refused,
            "candidate_scores": reached,
            "champion_scores": None,
        }
    if champion is None:
        return {**_first(own["evidence"], candidate.training, name), "candidate_scores": reached}
    held = _champion_scores(read_model(root, name, champion), own["classes"], candidate)
    return {
        "champion": champion,
        "better": held is not None and _key(reached) > _key(held),
        "reason": _reason(champion, reached, held, own["test_rows"]),
        "candidate_scores": reached,
        "champion_scores": held,
    }


def _first(evidence: FirstEvidence, spec: TrainingSpec, name: str) -> Verdict:
    """Whether a model becomes the first champion of its name, and if not, what speaks against."""
    reasons = first_champion_failures(evidence, spec.limits)
    passed = f"the first model named {name!r} becomes its champion"
    return {
        "champion": None,
        "better": not reasons,
        "reason": refused_by(reasons) or passed,
        "reasons": reasons,
        "champion_scores": None,
    }


def _key(found: dict[str, float]) -> tuple[float, float]:
    return found["macro_f1"], -found["log_loss"]


def _reason(
    champion: str, candidate: dict[str, float], held: dict[str, float] | None, n_rows: int
) -> str:
    if held is None:
        return (
            f"champion {champion} answers other classes or takes other channels, so the two can't "
            "be compared; it stays, train under another name to start a new line"
        )
    figures = (
        f"macro F1 {candidate['macro_f1']:.4f} against {held['macro_f1']:.4f}, log-loss "
        f"{candidate['log_loss']:.3g} against {held['log_loss']:.3g}, "
        f"on the same {n_rows} test rows"
    )
    if _key(candidate) > _key(held):
        return f"better than champion {champion}: {figures}"
    if _key(candidate) == _key(held):
        return f"exactly as good as champion {champion}, which stays: {figures}"
    return f"not better than champion {champion}, which stays: {figures}"


def _champion_scores(
    champion: Model, classes: list[str], candidate: Candidate
) -> dict[str, float] | None:
    """The champion's scores on the candidate's test rows; None where it can't answer them."""
    root = champion.root
    dataset = open_checked(root, candidate.dataset)
    theirs = champion.manifest
    if theirs["classes"] != classes or theirs["channels"] != dataset.channels:
        return None
    same_rows = ids_of(root, f"{candidate.workspace}/{ANSWERS}") == ids_of(
        root, champion.path(ANSWERS)
    )
    if same_rows and theirs["dataset"] == dataset.ref:
        known = champion.read_json("metrics.json")["metrics"]
        return {k: known[k] for k in ("macro_f1", "log_loss")}
    chosen = read_split(root, f"{candidate.workspace}/{SPLIT}")
    job = (predict_rows, (dataset, chosen.test, [champion.path("model.keras")]))
    [[probabilities]] = workers().run([job])
    y = chosen.codes[chosen.test]
    return {
        "macro_f1": scores(probabilities, y, offsets_of(champion))["macro_f1"],
        "log_loss": log_loss(probabilities, y),
    }


def offsets_of(model: Model) -> Sequence[float] | None:
    """A model's offsets; one that was registered before there were any has none."""
    return decision_of(model.manifest).get("offsets")


def ids_of(root: Root, path: str) -> list[str]:
    """The series that a table of answers answers."""
    with root.fs.open(path, "rb") as file:
        return pq.read_table(file, columns=["series_id"])["series_id"].to_pylist()
