"""Tasks: generate a dataset of synthetic series."""

from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
from prefect import get_run_logger, task
from pydantic import TypeAdapter

from storage.datasets import write_dataset
from storage.root import check_name, open_root
from storage.rows import EVENT, from_dense
from tasks.display import counted
from tasks.synthesis.drawing import Block
from tasks.synthesis.iot import IotSpec, channel_names, generate_iot
from tasks.synthesis.signals import SignalSpec, generate_signals


@task(name="generate signals")
def generate_signal_dataset(spec: SignalSpec, name: str, root_url: str) -> str:
    """Draw the series of a spec into a dataset and return its reference."""
    return _write("signals", spec, name, root_url)


@task(name="generate iot")
def generate_iot_dataset(spec: IotSpec, name: str, root_url: str) -> str:
    """Draw the sensor series of a spec into a dataset and return its reference."""
    return _write("iot", spec, name, root_url)


def _write(generator: str, spec: SignalSpec | IotSpec, name: str, root_url: str) -> str:
    check_name(name)
    source = {"generator": generator, "events": True, "spec": asdict(spec)}
    tables = counted(generated_tables(source), spec.n_series)
    dataset = write_dataset(open_root(root_url), name, tables, source, datetime.now(UTC))
    get_run_logger().info("%s: %d series", dataset.ref, spec.n_series)
    return dataset.ref


def is_generated(source: dict[str, Any]) -> bool:
    """Whether the rows of a manifest's source can be drawn again."""
    return source.get("generator") in GENERATORS


def generated_tables(source: dict[str, Any]) -> Iterator[pa.Table]:
    """Rows that a manifest's source describes; the oldest sources know no events."""
    kind, tables_of = GENERATORS[source["generator"]]
    for table in tables_of(TypeAdapter(kind).validate_python(source["spec"])):
        yield table if source.get("events") else table.drop_columns(list(EVENT))


def signal_tables(spec: SignalSpec) -> Iterator[pa.Table]:
    """Rows of a dataset, a block of series at a time, in bounded memory."""
    return _tables("signal", spec, generate_signals(spec), ["value"])


def iot_tables(spec: IotSpec) -> Iterator[pa.Table]:
    """Rows of a dataset, a block of series at a time, in bounded memory."""
    return _tables("iot", spec, generate_iot(spec), channel_names(spec.n_channels))


GENERATORS: dict[str, tuple[type, Callable[[Any], Iterator[pa.Table]]]] = {
    "signals": (SignalSpec, signal_tables),
    "iot": (IotSpec, iot_tables),
}


def _tables(
    prefix: str, spec: SignalSpec | IotSpec, blocks: Iterator[Block], channels: list[str]
) -> Iterator[pa.Table]:
    names = pa.array(spec.classes, pa.string())
    digits = max(6, len(str(spec.n_series - 1)))
    for block in blocks:
        index = range(block.start, block.start + len(block.values))
        ragged = (block.n_steps < block.values.shape[1]).any()
        lengths = block.n_steps if ragged else None  # without them nothing is copied
        yield pa.table(
            {
                "series_id": [f"{prefix}-{i:0{digits}d}" for i in index],
                "label": names.take(pa.array(block.codes)),
                "n_steps": block.n_steps,
                **{n: pa.array(e, mask=e < 0) for n, e in zip(EVENT, block.events.T, strict=True)},
                **{n: from_dense(block.values[..., k], lengths) for k, n in enumerate(channels)},
            }
        )
