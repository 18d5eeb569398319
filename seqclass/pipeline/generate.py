"""Generation of a dataset of synthetic series."""

import logging
import uuid
from collections.abc import Callable, Iterator
from dataclasses import asdict
from itertools import chain
from typing import Any

import pyarrow as pa

from seqclass.bars import counted
from seqclass.generators import generated_tables
from seqclass.pages.index_pages import refresh
from seqclass.pipeline.progress import followed
from seqclass.store.datasets import write_dataset
from seqclass.store.garbage import collect_garbage
from seqclass.store.manifests import Source
from seqclass.store.root import Root, check_name

logger = logging.getLogger(__name__)

SHARD_SERIES, MOST_SHARDS = 8192, 200
"""Fewest series of a shard, unless there are fewer, and most shards of a dataset."""


Draw = Callable[[Source, int], Iterator[pa.Table]]
"""Draws that many series of a manifest's source, in order, in several places at once."""


def generate_dataset(
    generator: str, spec: Any, name: str, root: Root, draw: Draw | None = None
) -> str:
    """Draw the series of a spec into a dataset, and bring its pages up to date.

    Returns the dataset's reference.

    generator: a name of ``seqclass.generators.generators``; spec: of its type. draw: what draws the
    series, if not this process.
    """
    check_name(name)
    collect_garbage(root)
    source: Source = {"generator": generator, "events": True, "spec": asdict(spec)}
    drawn = draw(source, spec.n_series) if draw else generated_tables(source)
    dataset = write_dataset(root, name, counted(drawn, spec.n_series), source)
    logger.info("%s: %d series", dataset.ref, spec.n_series)
    refresh(root, [dataset.ref])
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
