"""Answered requests, kept in the root as scores, so that labels that come later find them.

A file holds the series of some seconds that one version answered. It lies beside their answers, and
both are what scoring that file would have stored: ``seqclass score MODEL FILE --labels LABELS``
finds them answered.
"""

import uuid
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from seqclass.evaluation.decisions import UNKNOWN
from seqclass.inference.answers import Answers
from seqclass.inference.partitions import DIGITS, Partition
from seqclass.inference.prediction import as_scores
from seqclass.inference.score_data import as_meant
from seqclass.serving.protocol import InferenceRequest
from seqclass.serving.versions import ServedVersion
from seqclass.store.formats import names_of
from seqclass.store.models import read_model
from seqclass.store.root import Root, sha256_of
from seqclass.store.rows import from_dense
from seqclass.store.scores import TABLE, ScoreSet
from seqclass.store.staging import staging

SERIES_FILE = "series.parquet"


@dataclass(frozen=True)
class _Answered:
    served: ServedVersion
    name: str
    asked: InferenceRequest
    answers: Answers

    def series(self) -> pa.Table:
        """Return the series as a dataset stores them."""
        x, lengths = self.asked.series, self.asked.lengths
        channels = self.served.scorer.channels
        return pa.table({
            "series_id": [f"{self.name}-{row}" for row in range(len(x))],
            "label": pa.nulls(len(x), pa.string()),
            "n_steps": pa.array(lengths, pa.int32()),
            **{channel: from_dense(x[:, :, c], lengths) for c, channel in enumerate(channels)},
        })  # fmt: skip


class RequestLog:
    """Answered requests that wait to be written into the root."""

    def __init__(self, root: Root) -> None:
        self._root = root
        self._waiting = deque[_Answered]()

    def add(self, served: ServedVersion, asked: InferenceRequest, answers: Answers) -> str:
        """Remember an answered request; returns its name, of which the series' ids are made."""
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:12]}"
        self._waiting.append(_Answered(served, name, asked, answers))
        return name

    def flush(self) -> Iterator[str]:
        """Write what waits; yields a line for each version whose requests could not be written."""
        by_version: dict[str, list[_Answered]] = {}
        for _ in range(len(self._waiting)):
            answered = self._waiting.popleft()
            version = f"{answered.served.name} {answered.served.label}"
            by_version.setdefault(version, []).append(answered)
        for version, rows in by_version.items():
            try:
                self._write(rows)
            except (ValueError, OSError) as error:
                yield f"{version}: {len(rows):,} requests were not logged ({error})"

    def _write(self, rows: list[_Answered]) -> None:
        root, served = self._root, rows[0].served
        parts = [answered.series() for answered in rows]
        pairs = zip(rows, parts, strict=True)
        answers = [as_scores(answered.answers, part, served.scorer) for answered, part in pairs]
        scores = pa.concat_tables(answers)
        with staging(root, f"scores-{served.name}") as workspace:
            for file, table in ((SERIES_FILE, pa.concat_tables(parts)), (TABLE, scores)):
                with root.fs.open(f"{workspace}/{file}", "wb") as sink:
                    pq.write_table(table, sink, compression="zstd")
            names = names_of(read_model(root, served.name, served.version).manifest)
            file = f"{workspace}/{SERIES_FILE}"
            digest = sha256_of(root, file)[:DIGITS]
            partition = as_meant(Partition("files", digest, file, is_stored=False), names)
            place = ScoreSet(root, served.name, served.version, partition.source, partition.digest)
            unknown = pc.sum(pc.equal(scores["answer"], UNKNOWN)).as_py() or 0
            path = root.join(*place.parts, SERIES_FILE)
            description = {"rows": len(scores), "path": path, "unknown": unknown,
                           "reading": names.to_record()}  # fmt: skip
            place.write(workspace, description, datetime.now(UTC), [SERIES_FILE])
