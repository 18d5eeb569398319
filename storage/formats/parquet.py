"""Parquet, wide (a row is a series) or long (a row is a step)."""

from collections.abc import Iterator
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from storage.formats.longform import gather, survey_rows
from storage.formats.table import ColumnNames, Reading, cast, refusal, renamed
from storage.rows import channels_of


def read_parquet(paths: list[str], reading: Reading) -> Iterator[pa.Table]:
    path = paths[0]
    try:
        parquet = pq.ParquetFile(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise refusal(
            path, "a Parquet file", str(error).split("\n")[0], "write it again"
        ) from error
    with parquet:
        if channels_of(parquet.schema_arrow):
            for group in range(parquet.num_row_groups):
                yield wide_rows(path, parquet.read_row_group(group), reading.names)
        else:
            survey = survey_rows(path, _steps(parquet), reading, first_row=1)
            yield from gather(path, survey, partial(_steps, parquet), reading, first_row=1)


def _steps(parquet: pq.ParquetFile) -> Iterator[pa.Table]:
    """A long table in pieces, repeated texts written out."""
    plain = pa.schema(
        (f.name, f.type.value_type if pa.types.is_dictionary(f.type) else f.type)
        for f in parquet.schema_arrow
    )
    for batch in parquet.iter_batches():
        yield pa.Table.from_batches([batch]).cast(plain)


def wide_rows(path: str, table: pa.Table, names: ColumnNames) -> pa.Table:
    """Our own layout: a row is a series, a channel is a list."""
    table = renamed(path, table, names)
    channels = channels_of(table.schema)
    columns = {name: table[name] for name in table.column_names if name not in channels}
    columns |= {name: _float_lists(path, table[name], name) for name in channels}
    if "n_steps" not in columns:
        columns["n_steps"] = pc.list_value_length(columns[channels[0]])
    return cast(path, pa.table(columns))


def _float_lists(path: str, column: pa.ChunkedArray, name: str) -> pa.Array:
    lists = column.combine_chunks()
    if lists.null_count:
        row = int(np.flatnonzero(lists.is_null().to_numpy(zero_copy_only=False))[0]) + 1
        raise refusal(path, f"a list in column {name!r}", "null", "drop the row", row)
    try:
        flat = lists.flatten().cast(pa.float32(), safe=False)
    except pa.ArrowInvalid as error:
        raise refusal(path, f"lists of numbers in column {name!r}", str(error), "fix it") from error
    except pa.ArrowNotImplementedError:
        kind = str(lists.type)
        raise refusal(path, f"lists of numbers in column {name!r}", kind, "fix it") from None
    lengths = pc.list_value_length(lists).to_numpy(zero_copy_only=False)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), pc.fill_null(flat, float("nan")))
