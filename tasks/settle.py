"""Task: what becomes of a retraining: the champion moves or stays, and a record says why."""

from datetime import datetime
from typing import Any

from prefect import get_run_logger, task

from storage.datasets import open_dataset
from storage.registry import champion_of, move_champion, open_model, write_refusal
from storage.retrainings import commit_retraining, write_suspects
from storage.root import Root, locked, open_root
from tasks.champion import actor
from tasks.inspect_rows import new_rows
from tasks.monitoring.retraining import RetrainSpec

PROMOTED, REFUSED, NOTHING_NEW = "promoted", "refused", "nothing new"
Outcome = dict[str, Any]


@task(name="settle")
def settle(
    news: dict[str, Any],
    seen: dict[str, Any],
    challenger: str | None,
    verdict: dict[str, Any] | None,
    spec: RetrainSpec,
    workspace: str,
    now: datetime,
    root_url: str,
) -> Outcome:
    """Promote or refuse the challenger, if there is one, and seal the record of the retraining."""
    root = open_root(root_url)
    champion = open_model(root, news["champion"])
    outcome = _look(news, seen)
    if challenger is not None and verdict is not None:
        outcome |= _move(root, challenger, verdict, now)
        if verdict["doubted"]:
            _doubt(root, news, spec, workspace)
    folder = commit_retraining(
        root, workspace, champion.name, {**outcome, "trusted": spec.trust_labels}, now
    )
    get_run_logger().info("%s: %s", outcome["decision"], "; ".join(outcome["reasons"]))
    return {**outcome, "folder": folder, "model": open_model(root, champion.name).ref}


def _look(news: dict[str, Any], seen: dict[str, Any]) -> Outcome:
    """The outcome where no challenger was trained."""
    return {
        "decision": NOTHING_NEW,
        "reasons": [seen["resting"], *seen["words"]],
        "champion": news["champion"],
        "challenger": None,
        "dataset": news["latest"],
        "new_rows": news["rows"],
        "quality": seen["quality"],
        "drift": seen["drift"],
        "seen": seen["words"],
        "doubted": False,
    }


def _move(root: Root, challenger: str, verdict: dict[str, Any], now: datetime) -> Outcome:
    model = open_model(root, challenger)
    reasons = list(verdict["reasons"])
    with locked(root, "models", model.name):
        current = champion_of(root, model.name)
        is_settled = current == verdict["champion"]
        if not is_settled:
            reasons.append(
                f"the champion was moved to {current} meanwhile, and the challenger was compared "
                f"with {verdict['champion']}; retrain again"
            )
        words = "; ".join(reasons) or verdict["reason"]
        move = write_refusal if reasons else move_champion
        move(root, model.name, model.version, actor(), words, verdict, now)
    return {
        "decision": REFUSED if reasons else PROMOTED,
        "reasons": reasons or [verdict["reason"]],
        "challenger": model.ref,
        "doubted": verdict["doubted"],
        "settled": is_settled,
    }


def _doubt(root: Root, news: dict[str, Any], spec: RetrainSpec, workspace: str) -> None:
    """Keep the new labelled rows, which later retrainings leave out while their labels stay."""
    latest = open_dataset(root, news["latest"])
    rows, table = new_rows(root, latest, news, spec), latest.labels()
    ids, labels = table["series_id"].to_pylist(), table["label"].to_pylist()
    pairs = [(ids[row], labels[row]) for row in rows if labels[row] is not None]
    write_suspects(root, workspace, pairs)
