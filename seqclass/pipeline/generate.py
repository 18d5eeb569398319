"""Generation of a dataset of synthetic series."""

import logging
import uuid
from collections.abc import Callable, Iterator
from dataclasses import asdict
from itertools import chain
from typing import Any

import pyarrow as pa
from pydantic import TypeAdapter

from seqclass.bars import counted
from seqclass.pipeline.progress import followed
from seqclass.ragas.raga_series import generate_ragas
from seqclass.ragas.raga_spec import RagaSpec
from seqclass.store.datasets import write_dataset
from seqclass.store.manifests import Source
from seqclass.store.root import Root, check_name
from seqclass.store.rows import EVENT, from_dense
from seqclass.synthesis.iot import IotSpec, channel_names, generate_iot
from seqclass.synthesis.random_series import Block
from seqclass.synthesis.signals import SignalSpec, generate_signals

logger = logging.getLogger(__name__)

SHARD_SERIES, MOST_SHARDS = 8192, 200
"""Fewest series of a shard, unless there are fewer, and most shards of a dataset."""
Spec = SignalSpec | IotSpec | RagaSpec


Draw = Callable[[Source, int], Iterator[pa.Table]]
"""Draws that many series of a manifest's source, in order, in several places at once."""


def generate_dataset(
    generator: str, spec: Spec, name: str, root: Root, draw: Draw | None = None
) -> str:
    """Draw the series of a spec into a dataset and return its reference.

    generator: the kind of series: signals, iot or ragas. draw: what draws them, if not this
    process.
    """
    check_name(name)
    source: Source = {"generator": generator, "events": True, "spec": asdict(spec)}
    drawn = draw(source, spec.n_series) if draw else generated_tables(source)
    dataset = write_dataset(root, name, counted(drawn, spec.n_series), source)
    logger.info("%s: %d series", dataset.ref, spec.n_series)
    return dataset.ref


def shards_of(n_series: int) -> list[tuple[int, int]]:
    """Return first number and end of each shard of a dataset."""
    size = max(SHARD_SERIES, -(-n_series // MOST_SHARDS))
    return [(start, min(start + size, n_series)) for start in range(0, n_series, size)]


def draw_shard(label: str, bounds: tuple[int, int], path: str, source: Source, root: Root) -> None:
    """Draw the series from the first bound up to the second into a file, if it isn't there."""
    written = f"{path}.{uuid.uuid4().hex}"
    with followed(label) as watch:
        if not root.fs.exists(path):
            with root.fs.open(written, "wb") as file:
                _write_stream(file, generated_tables(source, *bounds))
            root.fs.mv(written, path)
        watch.finish(f"{label} is drawn")


def _write_stream(file: Any, tables: Iterator[pa.Table]) -> None:
    first = next(tables)
    with pa.ipc.new_stream(file, first.schema) as stream:
        for table in chain([first], tables):
            stream.write_table(table)


def is_generated(source: Source) -> bool:
    """Check whether the rows of a manifest's source can be generated again."""
    return source.get("generator") in GENERATORS


def generated_tables(source: Source, start: int = 0, stop: int | None = None) -> Iterator[pa.Table]:
    """Generate the rows ``start .. stop`` that a manifest's source describes.

    The oldest sources have no events.
    """
    kind, tables_of = GENERATORS[source["generator"]]
    for table in tables_of(TypeAdapter(kind).validate_python(source["spec"]), start, stop):
        known = source.get("events") or not {*EVENT} <= {*table.column_names}
        yield table if known else table.drop_columns(list(EVENT))


def signal_tables(spec: SignalSpec, start: int = 0, stop: int | None = None) -> Iterator[pa.Table]:
    """Yield rows of a dataset, a block of series at a time, in bounded memory."""
    return _tables("signal", spec, generate_signals(spec, start, stop), ["value"])


def iot_tables(spec: IotSpec, start: int = 0, stop: int | None = None) -> Iterator[pa.Table]:
    """Yield rows of a dataset, a block of series at a time, in bounded memory."""
    return _tables("iot", spec, generate_iot(spec, start, stop), channel_names(spec.n_channels))


def raga_tables(spec: RagaSpec, start: int = 0, stop: int | None = None) -> Iterator[pa.Table]:
    """Yield rows of a dataset: a melody each, with its composition, tonic and notation."""
    names, digits = pa.array(spec.classes, pa.string()), _digits(spec)
    for block in generate_ragas(spec, start, stop):
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


GENERATORS: dict[str, tuple[type, Callable[[Any, int, int | None], Iterator[pa.Table]]]] = {
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
