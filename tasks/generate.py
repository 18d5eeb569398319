"""Task: generate a dataset of synthetic series."""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
from prefect import get_run_logger, task

from storage.datasets import write_dataset
from storage.root import check_name, open_root
from storage.rows import from_dense
from tasks.display import counted
from tasks.synthesis.signals import SignalSpec, generate_signals


@task(name="generate signals")
def generate_signal_dataset(spec: SignalSpec, name: str, root_url: str) -> str:
    """Draw the series of a spec into a dataset and return its reference."""
    check_name(name)
    source = {"generator": "signals", "spec": asdict(spec)}
    tables = counted(signal_tables(spec), spec.n_series)
    dataset = write_dataset(open_root(root_url), name, tables, source, datetime.now(UTC))
    get_run_logger().info("%s: %d series", dataset.ref, spec.n_series)
    return dataset.ref


def signal_tables(spec: SignalSpec) -> Iterator[pa.Table]:
    """Rows of a dataset, a block of series at a time, in bounded memory."""
    names = pa.array(spec.classes, pa.string())
    digits = max(6, len(str(spec.n_series - 1)))
    for block in generate_signals(spec):
        index = range(block.start, block.start + len(block.values))
        yield pa.table(
            {
                "series_id": [f"signal-{i:0{digits}d}" for i in index],
                "label": names.take(pa.array(block.codes)),
                "n_steps": np.full(len(block.values), spec.n_steps, dtype=np.int32),
                "value": from_dense(block.values),
            }
        )
