"""Tasks: generate a dataset of synthetic series."""

from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

import pyarrow as pa
from prefect import get_run_logger, task
from pydantic import TypeAdapter

from seqclass.ragas.raga_series import generate_ragas
from seqclass.ragas.raga_spec import RagaSpec
from seqclass.store.datasets import write_dataset
from seqclass.store.manifests import Source
from seqclass.store.root import check_name, open_root
from seqclass.store.rows import EVENT, from_dense
from seqclass.synthesis.iot import IotSpec, channel_names, generate_iot
from seqclass.synthesis.random_series import Block
from seqclass.synthesis.signals import SignalSpec, generate_signals
from tasks.compute.assets import describe_asset
from tasks.compute.bars import counted

Spec = SignalSpec | IotSpec | RagaSpec


@task(name="generate signals")
def generate_signal_dataset(spec: SignalSpec, name: str, root_url: str) -> str:
    """Draw the series of a spec into a dataset and return its reference."""
    return _write("signals", spec, name, root_url)


@task(name="generate iot")
def generate_iot_dataset(spec: IotSpec, name: str, root_url: str) -> str:
    """Draw the sensor series of a spec into a dataset and return its reference."""
    return _write("iot", spec, name, root_url)


@task(name="generate ragas")
def generate_raga_dataset(spec: RagaSpec, name: str, root_url: str) -> str:
    """Draw melodies of a spec's ragas into a dataset and return its reference."""
    return _write("ragas", spec, name, root_url)


def _write(generator: str, spec: Spec, name: str, root_url: str) -> str:
    check_name(name)
    source = {"generator": generator, "events": True, "spec": asdict(spec)}
    tables = counted(generated_tables(source), spec.n_series)
    dataset = write_dataset(open_root(root_url), name, tables, source)
    describe_asset(dataset.root, dataset.ref, series=spec.n_series)
    get_run_logger().info("%s: %d series", dataset.ref, spec.n_series)
    return dataset.ref


def is_generated(source: Source) -> bool:
    """Check whether the rows of a manifest's source can be generated again."""
    return source.get("generator") in GENERATORS


def generated_tables(source: Source) -> Iterator[pa.Table]:
    """Generate the rows that a manifest's source describes; the oldest sources have no events."""
    kind, tables_of = GENERATORS[source["generator"]]
    for table in tables_of(TypeAdapter(kind).validate_python(source["spec"])):
        known = source.get("events") or not {*EVENT} <= {*table.column_names}
        yield table if known else table.drop_columns(list(EVENT))


def signal_tables(spec: SignalSpec) -> Iterator[pa.Table]:
    """Yield rows of a dataset, a block of series at a time, in bounded memory."""
    return _tables("signal", spec, generate_signals(spec), ["value"])


def iot_tables(spec: IotSpec) -> Iterator[pa.Table]:
    """Yield rows of a dataset, a block of series at a time, in bounded memory."""
    return _tables("iot", spec, generate_iot(spec), channel_names(spec.n_channels))


def raga_tables(spec: RagaSpec) -> Iterator[pa.Table]:
    """Yield rows of a dataset: a melody each, with its composition, tonic and notation."""
    names, digits = pa.array(spec.classes, pa.string()), _digits(spec)
    for block in generate_ragas(spec):
        yield pa.table(
            {
                "series_id": _series_ids("raga", block, digits),
                "label": names.take(pa.array(block.codes)),
                "n_steps": block.n_steps,
                "group": [f"composition-{i:0{digits}d}" for i in block.composition],
                "tonic_hz": block.tonic_hz,
                "notation": block.notations(),
                **_series(block, spec.channels),
            }
        )


GENERATORS: dict[str, tuple[type, Callable[[Any], Iterator[pa.Table]]]] = {
    "signals": (SignalSpec, signal_tables),
    "iot": (IotSpec, iot_tables),
    "ragas": (RagaSpec, raga_tables),
}


def _tables(
    prefix: str, spec: SignalSpec | IotSpec, blocks: Iterator[Block], channels: list[str]
) -> Iterator[pa.Table]:
    names, digits = pa.array(spec.classes, pa.string()), _digits(spec)
    for block in blocks:
        yield pa.table(
            {
                "series_id": _series_ids(prefix, block, digits),
                "label": names.take(pa.array(block.codes)),
                "n_steps": block.n_steps,
                **{n: pa.array(e, mask=e < 0) for n, e in zip(EVENT, block.events.T, strict=True)},
                **_series(block, channels),
            }
        )


def _digits(spec: Spec) -> int:
    return max(6, len(str(spec.n_series - 1)))


def _series_ids(prefix: str, block: Block, digits: int) -> list[str]:
    return [f"{prefix}-{i:0{digits}d}" for i in range(block.start, block.start + len(block.codes))]


def _series(block: Block, channels: list[str]) -> dict[str, pa.Array]:
    ragged = (block.n_steps < block.values.shape[1]).any()
    lengths = block.n_steps if ragged else None  # without them nothing is copied
    return {n: from_dense(block.values[..., k], lengths) for k, n in enumerate(channels)}
