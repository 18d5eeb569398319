"""Write the state of models and inboxes, from stored records, for Prometheus."""

import contextlib
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    Metric,
    SummaryMetricFamily,
)

from seqclass.pages.model_summary import summary_now
from seqclass.pages.records import ModelSummary
from seqclass.store.inbox import inbox_states
from seqclass.store.retrainings import RETRAININGS, read_attempt
from seqclass.store.root import Root, replace_file

METRICS = "metrics.prom"


def write_metrics(now: datetime, root: Root) -> str:
    """Write ``metrics.prom`` into the root, for node_exporter; returns its path."""
    replace_file(root, root.join(METRICS), metrics_text(root, now))
    return root.join(METRICS)


def metrics_text(root: Root, now: datetime) -> bytes:
    """Return all metrics in Prometheus's text format."""
    models, registry = list(_models(root)), CollectorRegistry()
    metrics = [*_of_models(models, now), *_of_truth(models), *_of_retrainings(root, models)]
    registry.register(_Stored([*metrics, *_of_inboxes(root)]))
    return generate_latest(registry)


def _models(root: Root) -> Iterator[ModelSummary]:
    for name in sorted({*root.names("models"), *root.names(RETRAININGS)}):
        with contextlib.suppress(OSError):  # verify tells of what can't be read
            yield summary_now(root, name)


class _Stored:
    """A collector, for a Prometheus registry, of metrics that were counted elsewhere."""

    def __init__(self, metrics: list[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        yield from self._metrics


def _of_models(models: Sequence[ModelSummary], now: datetime) -> list[Metric]:
    age = GaugeMetricFamily(
        "seqclass_champion_age_seconds", "Seconds since the champion moved.", labels=["model"]
    )
    training = GaugeMetricFamily(
        "seqclass_training_seconds", "Training of the newest version, all seeds.", labels=["model"]
    )
    for model in models:
        if model.since is not None:
            since = datetime.fromisoformat(model.since)
            age.add_metric([model.name], (now - since).total_seconds())
        if model.versions and (seconds := model.versions[-1].training_s) is not None:
            training.add_metric([model.name], seconds)
    return [age, training]


def _of_truth(models: Sequence[ModelSummary]) -> list[Metric]:
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
    likes = [(model.name, shown.version, shown.like) for model in models if model.truth
             for shown in model.truth.versions if shown.like]  # fmt: skip
    for name, version, like in likes:
        for answer, shares in {"": like.every, **like.by_answer}.items():
            rows.add_metric([name, version, answer], shares.rows)
            realised.add_metric([name, version, answer], shares.realised)
            if shares.estimated is not None:
                estimated.add_metric([name, version, answer], shares.estimated)
        for quantile, seconds in (("0.5", like.delay_median_s), ("0.9", like.delay_90_s)):
            delay.add_metric([name, version, quantile], seconds)
    return [rows, realised, estimated, delay]


def _of_retrainings(root: Root, models: Sequence[ModelSummary]) -> list[Metric]:
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
    for model in models:
        name, looks, attempt = model.name, model.retrainings, read_attempt(root, model.name)
        if not looks and attempt is None:
            continue
        for decision, count in Counter(look.decision for look in looks).items():
            decided.add_metric([name, decision], count)
        waited.add_metric([name], len(looks), sum(look.waited_s for look in looks))
        tries.add_metric([name], attempt["tries"] if attempt else 0)
    return [decided, waited, tries]


def _of_inboxes(root: Root) -> list[Metric]:
    waiting = GaugeMetricFamily(
        "seqclass_inbox_files", "Files that wait in an inbox.", labels=["dataset"]
    )
    aside = GaugeMetricFamily(
        "seqclass_quarantine_files", "Files that were set aside.", labels=["dataset"]
    )
    for name, state in inbox_states(root).items():
        waiting.add_metric([name], len(state.files))
        aside.add_metric([name], state.aside)
    return [waiting, aside]
