"""Task: write the state of models and inboxes, from stored records, for Prometheus."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime

from prefect import task
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    Metric,
    SummaryMetricFamily,
)

from seqclass.store.inbox import INBOX, QUARANTINE, arrivals, inbox_url, inboxes
from seqclass.store.models import model_versions
from seqclass.store.registry import champion_since
from seqclass.store.retrainings import RETRAININGS, read_attempt, retrainings_of
from seqclass.store.root import DamagedError, Root, open_root, read_record, replace_file
from seqclass.store.scores import SCORES

METRICS = "metrics.prom"
REASON = ".reason.txt"


@task(name="write metrics")
def write_metrics(now: datetime, root_url: str) -> str:
    """Write ``metrics.prom`` into the root, for node_exporter; returns its path."""
    root = open_root(root_url)
    replace_file(root, root.join(METRICS), metrics_text(root, now))
    return root.join(METRICS)


def metrics_text(root: Root, now: datetime) -> bytes:
    """Return all metrics in Prometheus's text format."""
    registry = CollectorRegistry()
    found = (_of_models(root, now), _of_truth(root), _of_retrainings(root), _of_inboxes(root))
    registry.register(_Stored([own for part in found for own in part]))
    return generate_latest(registry)


class _Stored:
    """A collector, for a Prometheus registry, of metrics that were counted elsewhere."""

    def __init__(self, metrics: list[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        yield from self._metrics


def _of_models(root: Root, now: datetime) -> list[Metric]:
    age = GaugeMetricFamily(
        "seqclass_champion_age_seconds", "Seconds since the champion moved.", labels=["model"]
    )
    training = GaugeMetricFamily(
        "seqclass_training_seconds", "Training of the newest version, all seeds.", labels=["model"]
    )
    for name in root.names("models"):
        try:
            since, seconds = champion_since(root, name), _trained_s(root, name)
            known_s = (now - datetime.fromisoformat(since)).total_seconds() if since else None
        except (DamagedError, KeyError, TypeError, ValueError):  # verify names it
            continue
        if known_s is not None:
            age.add_metric([name], known_s)
        training.add_metric([name], seconds)
    return [age, training]


def _of_truth(root: Root) -> list[Metric]:
    """Return what labels showed of answers to series like the test series, by version and answer;
    the answer is empty for all of them together."""
    by = ["model", "version", "answer"]
    rows = GaugeMetricFamily(
        "seqclass_labelled_answers", "Answers whose labels came later.", labels=by
    )
    realised = GaugeMetricFamily(
        "seqclass_realised_accuracy", "Their accuracy by these labels.", labels=by
    )
    estimated = GaugeMetricFamily(
        "seqclass_estimated_accuracy", "Their accuracy as it was estimated.", labels=by
    )
    delay = GaugeMetricFamily(
        "seqclass_label_delay_seconds", "From the answer to the label.",
        labels=["model", "version", "quantile"],
    )  # fmt: skip
    scored = [name for name in root.names("models") if root.names(SCORES, name)]
    if scored:
        from seqclass.pages.model_summary import truth_told  # with what draws pages
    for name in scored:
        truth = truth_told(root, name)
        for version, own in ((v.version, v.like) for v in (truth.versions if truth else ())):
            if own is None:
                continue
            for answer, one in {"": own.every, **own.by_answer}.items():
                rows.add_metric([name, version, answer], one.rows)
                realised.add_metric([name, version, answer], one.realised)
                if one.estimated is not None:
                    estimated.add_metric([name, version, answer], one.estimated)
            delay.add_metric([name, version, "0.5"], own.delay_median_s)
            delay.add_metric([name, version, "0.9"], own.delay_90_s)
    return [rows, realised, estimated, delay]


def _trained_s(root: Root, name: str) -> float:
    """Return the seconds of training of the newest version; 0 without one."""
    paths = [root.join("models", name, v, "stability.json") for v in model_versions(root, name)]
    if not paths or not root.fs.exists(paths[-1]):
        return 0.0
    return float(sum(seed["seconds"] for seed in read_record(root, paths[-1])["seeds"]))


def _of_retrainings(root: Root) -> list[Metric]:
    decided = CounterMetricFamily(
        "seqclass_decisions", "Retrainings by their decision.", labels=["model", "decision"]
    )
    waited = SummaryMetricFamily(
        "seqclass_rows_to_decision_seconds", "From the commit of rows to the decision on them.",
        labels=["model"],
    )  # fmt: skip
    tries = GaugeMetricFamily(
        "seqclass_tries", "Tries at the decision that is still to come.", labels=["model"]
    )
    for name in root.names(RETRAININGS):
        records, attempt = retrainings_of(root, name), read_attempt(root, name)
        for decision, count in Counter(str(record.get("decision")) for record in records).items():
            decided.add_metric([name, decision], count)
        times = [s for r in records if isinstance(s := r.get("waited_s"), int | float)]
        waited.add_metric([name], len(times), sum(times))
        tries.add_metric([name], attempt.tries if attempt else 0)
    return [decided, waited, tries]


def _of_inboxes(root: Root) -> list[Metric]:
    waiting = GaugeMetricFamily(
        "seqclass_inbox_files", "Files that wait in an inbox.", labels=["dataset"]
    )
    aside = GaugeMetricFamily(
        "seqclass_quarantine_files", "Files that were set aside.", labels=["dataset"]
    )
    for name in inboxes(root):
        waiting.add_metric([name], len(arrivals(open_root(inbox_url(root, name)))))
        names = root.names(INBOX, name, QUARANTINE)
        aside.add_metric([name], sum(not file.endswith(REASON) for file in names))
    return [waiting, aside]
