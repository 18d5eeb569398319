"""Write the state of models and inboxes, from stored records, for Prometheus."""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    Metric,
    SummaryMetricFamily,
)

from seqclass.pages.model_facts import FACTS, ModelFacts, facts_of_models
from seqclass.store.inbox import inbox_states
from seqclass.store.metadata_cache import keep_facts
from seqclass.store.retrainings import RETRAININGS, attempted, read_attempt
from seqclass.store.root import Root, replace_file

METRICS = "metrics.prom"


def write_metrics(now: datetime, root: Root) -> str:
    """Write ``metrics.prom`` into the root, for node_exporter; returns its path.

    In an object store the facts that it was made of are kept, so that few requests read them again.
    """
    facts = facts_of_models(root)
    replace_file(root, root.join(METRICS), _text(root, facts, now))
    if not root.is_local:
        tagged = {name: asdict(model) for name, model in facts.items() if model.tags}
        keep_facts(root, FACTS, tagged)
    return root.join(METRICS)


def metrics_text(root: Root, now: datetime) -> bytes:
    """Return all metrics in Prometheus's text format."""
    return _text(root, facts_of_models(root), now)


def _text(root: Root, facts: dict[str, ModelFacts], now: datetime) -> bytes:
    registry = CollectorRegistry()
    metrics = [*_of_models(facts, now), *_of_truth(facts), *_of_retrainings(root, facts)]
    registry.register(_Stored([*metrics, *_of_inboxes(root)]))
    return generate_latest(registry)


class _Stored:
    """A collector, for a Prometheus registry, of metrics that were counted elsewhere."""

    def __init__(self, metrics: list[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        yield from self._metrics


def _of_models(facts: dict[str, ModelFacts], now: datetime) -> list[Metric]:
    age = GaugeMetricFamily(
        "seqclass_champion_age_seconds", "Seconds since the champion moved.", labels=["model"]
    )
    training = GaugeMetricFamily(
        "seqclass_training_seconds", "Training of the newest version, all seeds.", labels=["model"]
    )
    for name, model in facts.items():
        if model.since is not None:
            age.add_metric([name], (now - datetime.fromisoformat(model.since)).total_seconds())
        if model.trained_s is not None:
            training.add_metric([name], model.trained_s)
    return [age, training]


def _of_truth(facts: dict[str, ModelFacts]) -> list[Metric]:
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
    for name, model in facts.items():
        for version, answer, n_rows, share, expected in model.answers:
            rows.add_metric([name, version, answer], n_rows)
            realised.add_metric([name, version, answer], share)
            if expected is not None:
                estimated.add_metric([name, version, answer], expected)
        for version, quantile, seconds in model.delays:
            delay.add_metric([name, version, quantile], seconds)
    return [rows, realised, estimated, delay]


def _of_retrainings(root: Root, facts: dict[str, ModelFacts]) -> list[Metric]:
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
    retrained, under_way = set(root.names(RETRAININGS)), set(attempted(root))
    for name, model in facts.items():
        if name not in retrained:
            continue
        for decision, count in model.decisions.items():
            decided.add_metric([name, decision], count)
        waited.add_metric([name], *model.waited)
        attempt = read_attempt(root, name) if name in under_way else None
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
