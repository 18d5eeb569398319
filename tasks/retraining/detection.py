"""Task: what has come since a model's champion was trained, and whether to look at it now."""

from datetime import datetime
from typing import Any

from prefect import get_run_logger, task

from seqclass.monitoring.retraining import RetrainSpec
from seqclass.store.datasets import Dataset, open_dataset
from seqclass.store.manifests import RetrainingRecord, is_settled, known_dataset
from seqclass.store.models import Model
from seqclass.store.references import DatasetRef
from seqclass.store.registry import open_model
from seqclass.store.retrainings import Pair, retrainings_of, suspect_labels
from seqclass.store.root import Bad, Root, open_root


@task(name="detect new data")
def detect_new_data(name: str, spec: RetrainSpec, now: datetime, root_url: str) -> dict[str, Any]:
    """The champion, what it knows, what was judged last, what is newest, and in ``waiting`` why
    nothing is to be done."""
    root = open_root(root_url)
    champion = open_model(root, name)
    known = known_ref(champion)
    latest = open_dataset(root, DatasetRef.parse(known).name)
    bad = Bad()
    records = retrainings_of(root, name, bad)
    for item in bad:
        get_run_logger().warning("left out, damaged: %s: %s", item["path"], item["problem"])
    settled = [record for record in records if is_settled(record)]
    judged = settled[-1]["dataset"] if settled else known
    news = {"champion": champion.ref, "known": known, "judged": judged, "latest": latest.ref}
    suspects = suspect_labels(root, records)
    trusted = bool(suspects) and spec.trust_labels
    nothing_new = None if trusted else _nothing_new(latest, known, judged)
    waiting = nothing_new or _too_early(latest, records, spec, now)
    rows = 0
    if waiting is None:
        rows = len(fresh_ids(root, news, spec))
        waiting = _too_few(rows, latest, suspects, spec)
    get_run_logger().info("%s: %s", champion.ref, waiting or f"{rows} new rows in {latest.ref}")
    return {**news, "rows": rows, "waiting": waiting}


def known_ref(model: Model) -> str:
    """The dataset version whose rows a model had to choose from."""
    return known_dataset(model.manifest)


def pairs_of(dataset: Dataset) -> set[Pair]:
    """Ids with their labels: a row whose label has been corrected is another pair."""
    table = dataset.labels()
    return set(zip(table["series_id"].to_pylist(), table["label"].to_pylist(), strict=True))


def fresh_ids(root: Root, news: dict[str, Any], spec: RetrainSpec) -> set[str]:
    """Ids of rows that neither the champion nor the last look knew, or not with this label.

    Doubted labels are none of them, unless they are trusted now: then all of them are.
    """
    latest, known, judged = (
        pairs_of(open_dataset(root, news[key])) for key in ("latest", "known", "judged")
    )
    name = open_model(root, news["champion"]).name
    new, suspects = latest - known - judged, suspect_labels(root, retrainings_of(root, name))
    return {i for i, _ in (new | (latest & suspects) if spec.trust_labels else new - suspects)}


def doubted_ids(latest: Dataset, name: str, spec: RetrainSpec) -> set[str]:
    """Ids of rows that still have the label which a retraining of the model has doubted."""
    if spec.trust_labels:
        return set()
    suspects = suspect_labels(latest.root, retrainings_of(latest.root, name))
    return {i for i, _ in pairs_of(latest) & suspects} if suspects else set()


def _too_few(rows: int, latest: Dataset, suspects: set[Pair], spec: RetrainSpec) -> str | None:
    if rows >= spec.least_rows:
        return None
    words = f"{rows} new rows in {latest.ref}, fewer than the {spec.least_rows} worth a look"
    left_out = 0 if spec.trust_labels else len(pairs_of(latest) & suspects)
    if not left_out:
        return words
    return f"{words}; {left_out} with doubted labels don't count: correct or --trust-labels"


def _nothing_new(latest: Dataset, known: str, judged: str) -> str | None:
    if latest.ref == known:
        return f"nothing new since the champion was trained: the newest rows are {latest.ref}"
    if latest.ref == judged:
        return f"nothing new since the last look: the newest rows are {latest.ref}"
    return None


def _too_early(
    latest: Dataset, records: list[RetrainingRecord], spec: RetrainSpec, now: datetime
) -> str | None:
    quiet_s = (now - datetime.fromisoformat(latest.manifest["created"])).total_seconds()
    if quiet_s < spec.debounce_s:
        return f"rows came {quiet_s:.0f} s ago, more may follow: debounce of {spec.debounce_s:g} s"
    trained = [record["created"] for record in records if record["challenger"]]
    if trained:
        rest_s = (now - datetime.fromisoformat(trained[-1])).total_seconds()
        if rest_s < spec.cool_down_s:
            return f"the last training was {rest_s:.0f} s ago: cool-down of {spec.cool_down_s:g} s"
    return None
