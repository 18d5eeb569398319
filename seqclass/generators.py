"""Generators of datasets: each draws the rows of a spec, the same again whenever it is asked."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import pyarrow as pa
from pydantic import TypeAdapter

from seqclass.plugins import parts
from seqclass.store.manifests import Source
from seqclass.store.rows import EVENT, from_dense
from seqclass.synthesis.iot import IotSpec, generate_iot, sensor_names
from seqclass.synthesis.random_series import Block
from seqclass.synthesis.signals import SignalSpec, generate_signals


@dataclass(frozen=True)
class Generator:
    """A kind of series that is drawn.

    spec: type of the settings, a dataclass of JSON's types whose defaults draw something, with
    ``n_series`` among them. tables: yields the rows of a spec from the first bound up to the
    second, or to the end; the rows of a part are those of the whole. draws, settings: what is
    drawn, and what the spec decides, for people.
    """

    spec: type
    tables: Callable[[Any, int, int | None], Iterator[pa.Table]]
    draws: str
    settings: str


@cache
def generators() -> dict[str, Generator]:
    """Return the generators by name, the built-in ones first."""
    return {name: drawn for named in parts("generators") for name, drawn in named.items()}


def is_generated(source: Source) -> bool:
    """Check whether the rows of a manifest's source can be generated again."""
    return source.get("generator") in generators()


def generated_tables(source: Source, start: int = 0, stop: int | None = None) -> Iterator[pa.Table]:
    """Generate the rows ``start .. stop`` that a manifest's source describes.

    The oldest sources have no events.
    """
    generator = generators()[source["generator"]]
    spec: Any = TypeAdapter(generator.spec).validate_python(source["spec"])
    for table in generator.tables(spec, start, stop):
        is_whole = source.get("events") or not {*EVENT} <= {*table.column_names}
        yield table if is_whole else table.drop_columns(list(EVENT))


def signal_tables(spec: SignalSpec, start: int = 0, stop: int | None = None) -> Iterator[pa.Table]:
    """Yield rows of a dataset, a block of series at a time, in bounded memory."""
    return _tables("signal", spec, generate_signals(spec, start, stop), ["value"])


def iot_tables(spec: IotSpec, start: int = 0, stop: int | None = None) -> Iterator[pa.Table]:
    """Yield rows of a dataset, a block of series at a time, in bounded memory."""
    return _tables("iot", spec, generate_iot(spec, start, stop), sensor_names(spec.n_channels))


def _tables(
    prefix: str, spec: SignalSpec | IotSpec, blocks: Iterator[Block], channels: list[str]
) -> Iterator[pa.Table]:
    names, digits = pa.array(spec.classes, pa.string()), id_digits(spec)
    for block in blocks:
        yield pa.table(
            {
                "series_id": series_ids(prefix, block, digits),
                "label": names.take(pa.array(block.codes)),
                "n_steps": block.n_steps,
                **{n: pa.array(e, mask=e < 0) for n, e in zip(EVENT, block.events.T, strict=True)},
                **channel_columns(block, channels),
            }
        )


def id_digits(spec: Any) -> int:
    """Return the number of digits of the ids of a spec's series."""
    return max(6, len(str(spec.n_series - 1)))


def series_ids(prefix: str, block: Block, digits: int) -> list[str]:
    """Return the ids of a block's series."""
    return [f"{prefix}-{i:0{digits}d}" for i in range(block.start, block.start + len(block.codes))]


def channel_columns(block: Block, channels: list[str]) -> dict[str, pa.Array]:
    """Return the columns of a block's channels, each row a series of its length."""
    ragged = (block.n_steps < block.values.shape[1]).any()
    lengths = block.n_steps if ragged else None  # without them nothing is copied
    return {n: from_dense(block.values[..., k], lengths) for k, n in enumerate(channels)}


GENERATORS = {
    "signals": Generator(
        SignalSpec, signal_tables, "synthetic series", "families, sizes, noise, seed"
    ),
    "iot": Generator(
        IotSpec, iot_tables, "sensor series with known events", "classes, sizes, noise, seed"
    ),
}
