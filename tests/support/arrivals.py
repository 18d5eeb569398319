"""Files that arrive in an inbox."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from seqclass.pipeline.ingest import Inbox, collect_arrivals
from seqclass.screening.incoming import ArrivalSpec
from seqclass.store.root import Root
from seqclass.store.rows import from_dense

Told = list[tuple[str, int]]


def later() -> datetime:
    return datetime.now(UTC) + timedelta(minutes=1)


def rows(first: int, n: int = 4, **columns: object) -> pa.Table:
    """Series like those of ``store_series``, from number ``first`` on."""
    rng = np.random.default_rng(first)
    y = np.arange(n) % 2
    line = np.linspace(-1, 1, 12, dtype=np.float32) * np.where(y, 1, -1)[:, None]
    noise = 0.05 * rng.standard_normal(line.shape, dtype=np.float32)
    plain = {
        "series_id": [f"t{i:04d}" for i in range(first, first + n)],
        "label": [("down", "up")[code] for code in y],
        "n_steps": np.full(n, 12, np.int32),
        "value": from_dense(line * 0.95 + noise),
    }
    return pa.table({**plain, **columns})


def drop(inbox: Root, name: str, table: pa.Table) -> Path:
    path = Path(inbox.path, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path)
    return path


def sweep(
    root: Root, inbox: Root, now: datetime | None = None, told: Told | None = None, **spec: object
) -> dict:
    told = [] if told is None else told
    return collect_arrivals(
        Inbox(root, "toy", inbox),
        replace(ArrivalSpec(), **spec),
        lambda *what: told.append(what),
        now or later(),
    )
