"""The series that questions are about, from where they lie, and which of them are alike."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from seqclass.inference.partitions import partitions_of
from seqclass.inference.score_data import as_meant
from seqclass.labelling.doubtful_rows import DATASET, FILE, Origin, Question
from seqclass.store.datasets import Dataset, open_dataset
from seqclass.store.formats import Limits, names_of
from seqclass.store.formats.isolated import IsolatedReader
from seqclass.store.root import DamagedError, Damages, Root, note
from seqclass.store.rows import KNOWN_COLUMNS, SERIES, dataset_schema
from seqclass.store.tables import read_table

POINTS = 32
"""Points of each channel at which series are compared."""
ALIKE = 0.05
"""Distance of two series, in standard deviations of their channels, below which they are alike."""


def schema_of(dataset: Dataset) -> pa.Schema:
    """Return the schema of a dataset's rows."""
    columns = dataset.manifest["columns"]
    return dataset_schema(pa.schema({name: KNOWN_COLUMNS.get(name, SERIES) for name in columns}))


def series_of(newest: Dataset, questions: list[Question], bad: Damages) -> pa.Table:
    """Return the series of the questions, in their order, in the form of the newest dataset.

    A file that is gone or has changed is left out, and added to ``bad``.
    """
    schema, by_origin = schema_of(newest), dict[str, tuple[Origin, list[str]]]()
    for own in questions:
        key = f"{own.origin.kind} {own.origin.place} {own.origin.digest}"
        by_origin.setdefault(key, (own.origin, []))[1].append(own.series_id)
    parts = [schema.empty_table()]
    for origin, ids in by_origin.values():
        try:
            parts += [as_rows(table, schema) for table in _picked(newest.root, origin, ids)]
        except (ValueError, OSError) as error:
            note(bad, origin.place, DamagedError(str(error)))
    table = pa.concat_tables(parts)
    place = {name: row for row, name in enumerate(table["series_id"].to_pylist())}
    order = [place[own.series_id] for own in questions if own.series_id in place]
    return table.take(pa.array(order, pa.int64()))


def as_rows(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Return a table with a dataset's columns; optional ones that it lacks are null.

    ValueError if it lacks a channel.
    """
    missing = [name for name in schema.names if name not in table.column_names]
    if lacking := [name for name in missing if name not in KNOWN_COLUMNS]:
        raise ValueError(f"expected the channel {lacking[0]}, got none; its series are left out")
    for name in missing:
        table = table.append_column(name, pa.nulls(len(table), schema.field(name).type))
    return table.select(schema.names).cast(schema)


def _picked(root: Root, origin: Origin, ids: list[str]) -> Iterator[pa.Table]:
    wanted = pa.array(ids, pa.string())
    for table in _tables(root, origin):
        yield table.filter(pc.is_in(table["series_id"], wanted))


def _tables(root: Root, origin: Origin) -> Iterable[pa.Table]:
    if origin.kind == DATASET:
        return open_dataset(root, origin.place).tables()
    if origin.kind == FILE:
        return _tables_of_file(root, origin)
    return [read_table(root, origin.place)]


def _tables_of_file(root: Root, origin: Origin) -> Iterator[pa.Table]:
    """Yield the series of a user's file, if it is the one that was scored."""
    names = names_of({"reading": origin.reading})
    if not os.path.isfile(origin.place):
        raise ValueError("expected the file that was scored, it is gone; its rows are left out")
    [partition] = partitions_of(root, origin.place)
    if as_meant(partition, names).digest != origin.digest:
        raise ValueError("expected the file that was scored, it has changed; score it again")
    with IsolatedReader() as reader:
        wanted = replace(names, unlabelled=True)
        yield from reader.read_files([origin.place], wanted, limits=Limits())


def apart(table: pa.Table, channels: list[str]) -> np.ndarray:
    """Return numbers of rows, ascending, no two of which are alike; of several the first stays.

    Series are compared by the root mean square of their differences at ``POINTS`` points of each
    channel, in units of the channel's standard deviation; lengths do not count.
    """
    shapes = _shapes(table, channels)
    kept = list[int]()
    for row, shape in enumerate(shapes):
        far = ((shapes[kept] - shape) ** 2).mean(axis=1) >= ALIKE**2
        if far.all():
            kept.append(row)
    return np.array(kept, dtype=np.int64)


def _shapes(table: pa.Table, channels: list[str]) -> np.ndarray:
    """Return ``(n, channels x points)``; a missing value is interpolated, a missing channel 0."""
    found = np.zeros((len(table), len(channels), POINTS))
    for k, name in enumerate(channels):
        for row, values in enumerate(table[name]):
            found[row, k] = _resampled(values.values.to_numpy(zero_copy_only=False))
        found[:, k] /= found[:, k].std() or 1.0
    return found.reshape(len(table), len(channels) * POINTS)


def _resampled(values: np.ndarray) -> np.ndarray:
    known = np.flatnonzero(np.isfinite(values))
    if not len(known):
        return np.zeros(POINTS)
    places = np.linspace(0, len(values) - 1, POINTS)
    return np.interp(places, known, values[known].astype(np.float64))
