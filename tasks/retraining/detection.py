"""Task: what has come since a model's champion was trained, and whether to look at it now."""

from datetime import UTC, datetime
from typing import Any

from prefect import get_run_logger, task

from seqclass.monitoring.retraining import RetrainSpec
from seqclass.store.attempts import Attempt, end_attempt, read_attempt
from seqclass.store.datasets import CHOSEN_FROM, Dataset, open_dataset
from seqclass.store.models import Model
from seqclass.store.registry import open_model
from seqclass.store.retrainings import (
    FAILED,
    Pair,
    last_settled,
    retrainings_of,
    suspect_labels,
)
from seqclass.store.root import Bad, Root, open_root

NO_WORD = "its process was ended without a word"


@task(name="detect new data")
def detect_new_data(name: str, spec: RetrainSpec, now: datetime, root_url: str) -> dict[str, Any]:
    """The champion, what it knows, what was judged last, what is newest, and in ``waiting`` why
    nothing is to be done."""
    bad = Bad()
    news = find_news(open_root(root_url), name, spec, now, bad)
    for item in bad:
        get_run_logger().warning("left out, damaged: %s: %s", item["path"], item["problem"])
    found = news["waiting"] or f"{news['rows']} new rows in {news['latest']}"
    get_run_logger().info("%s: %s", news["champion"], found)
    return news


def find_news(root: Root, name: str, spec: RetrainSpec, now: datetime, bad: Bad) -> dict[str, Any]:
    """What the task returns. An attempt at rows that wait for nothing any more is over."""
    news, latest = _standing(root, name)
    rows, waiting = 0, _nothing_new(news)
    if waiting is None or spec.trust_labels:
        records = retrainings_of(root, name, bad)
        suspects = suspect_labels(root, records)
        if suspects and spec.trust_labels:
            waiting = None
        waiting = waiting or _given_up(news, records, spec)
        waiting = waiting or _too_early(latest, records, spec, now)
        if waiting is None:
            rows = len(fresh_ids(root, news, spec))
            waiting = _too_few(rows, latest, suspects, spec)
    if waiting is None:
        waiting = _before_next_try(root, news, spec, now)
    else:
        end_attempt(root, name)
    return {**news, "rows": rows, "waiting": waiting}


def undecided(root: Root, name: str) -> Dataset | None:
    """The newest rows, where champion and last look don't know them; a handful of files say so."""
    news, latest = _standing(root, name)
    if _nothing_new(news) is None:
        return latest
    end_attempt(root, name)
    return None


def _standing(root: Root, name: str) -> tuple[dict[str, str], Dataset]:
    """The champion, with the rows that it knows, that were judged last, and that are newest."""
    champion = open_model(root, name)
    known = known_ref(champion)
    latest = open_dataset(root, known.partition("@")[0])
    settled = last_settled(root, name)
    judged = settled["dataset"] if settled else known
    news = {"champion": champion.ref, "known": known, "judged": judged, "latest": latest.ref}
    return news, latest


def attempt_at(root: Root, news: dict[str, Any]) -> Attempt | None:
    """The attempt at these rows to beat this champion."""
    attempt = read_attempt(root, name_of(news))
    same = attempt and (attempt.champion, attempt.dataset) == (news["champion"], news["latest"])
    return attempt if same else None


def name_of(news: dict[str, Any]) -> str:
    return news["champion"].removeprefix("models/").partition("@")[0]


def _given_up(news: dict[str, Any], records: list[dict[str, Any]], spec: RetrainSpec) -> str | None:
    last = records[-1] if records and not spec.again else {}
    if last.get("decision") != FAILED or last["champion"] != news["champion"]:
        return None
    if last["dataset"] != news["latest"]:
        return None
    return (
        f"given up: {'; '.join(last['reasons'])}; put it right, and 'seqclass retrain "
        f"{name_of(news)} --again' tries once more"
    )


def _before_next_try(
    root: Root, news: dict[str, Any], spec: RetrainSpec, now: datetime
) -> str | None:
    attempt = attempt_at(root, news)
    if attempt is None or spec.again or now >= attempt.next_try:
        return None
    return (
        f"try {attempt.tries} of {spec.tries} failed: {attempt.error or NO_WORD}; the next follows "
        f"{attempt.next_try.astimezone(UTC):%H:%M:%S} UTC"
    )


def known_ref(model: Model) -> str:
    """The dataset version whose rows a model had to choose from."""
    return model.manifest["dataset_source"].get(CHOSEN_FROM, model.manifest["dataset"])


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


def _nothing_new(news: dict[str, str]) -> str | None:
    latest = news["latest"]
    if latest == news["known"]:
        return f"nothing new since the champion was trained: the newest rows are {latest}"
    if latest == news["judged"]:
        return f"nothing new since the last look: the newest rows are {latest}"
    return None


def _too_early(
    latest: Dataset, records: list[dict[str, Any]], spec: RetrainSpec, now: datetime
) -> str | None:
    if spec.is_quiet(now.astimezone(UTC).hour) and spec.quiet_hours:
        return "quiet hours from {} to {} (UTC)".format(*spec.quiet_hours)
    quiet_s = (now - datetime.fromisoformat(latest.manifest["created"])).total_seconds()
    if quiet_s < spec.debounce_s:
        return f"rows came {quiet_s:.0f} s ago, more may follow: debounce of {spec.debounce_s:g} s"
    trained = [record["created"] for record in records if record["challenger"]]
    if trained:
        rest_s = (now - datetime.fromisoformat(trained[-1])).total_seconds()
        if rest_s < spec.cool_down_s:
            return f"the last training was {rest_s:.0f} s ago: cool-down of {spec.cool_down_s:g} s"
    return None
