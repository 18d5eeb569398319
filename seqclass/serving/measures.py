"""Counters of a server, for Prometheus."""

from collections import Counter as Tally
from collections.abc import Iterable, Sequence

import prometheus_client as prometheus

from seqclass.serving.versions import ServedVersion

SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)
ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)


class Measures:
    """Counters of one server, in a registry of their own."""

    def __init__(self) -> None:
        self._registry = own = prometheus.CollectorRegistry()
        self._responses = prometheus.Counter(
            "seqclass_serve_responses", "Answers by their status of HTTP.", ["code"], registry=own
        )
        self._seconds = prometheus.Histogram(
            "seqclass_serve_seconds", "From a request for answers to its answer.", ["model"],
            buckets=SECONDS, registry=own,
        )  # fmt: skip
        self._batch = prometheus.Histogram(
            "seqclass_serve_batch_series", "Series that were answered together.",
            buckets=ROWS, registry=own,
        )  # fmt: skip
        self._answers = prometheus.Counter(
            "seqclass_serve_answers", "Answered series by their answer.",
            ["model", "version", "answer"], registry=own,
        )  # fmt: skip
        self._version = prometheus.Gauge(
            "seqclass_serve_version", "1 for the version that answers where none is named.",
            ["model", "version"], registry=own,
        )  # fmt: skip

    def saw_response(self, status: int) -> None:
        """Count an answer of any kind."""
        self._responses.labels(status).inc()

    def saw_batch(self, n_series: int) -> None:
        """Count a batch."""
        self._batch.observe(n_series)

    def saw_answers(self, served: ServedVersion, answers: Sequence[str], seconds: float) -> None:
        """Count the answers of a request."""
        self._seconds.labels(served.name).observe(seconds)
        for answer, n in Tally(answers).items():
            self._answers.labels(served.name, served.label, answer).inc(n)

    def text(self, models: Iterable[ServedVersion]) -> bytes:
        """Return all in Prometheus's text format."""
        self._version.clear()
        for served in models:
            self._version.labels(served.name, served.label).set(1)
        return prometheus.generate_latest(self._registry)
