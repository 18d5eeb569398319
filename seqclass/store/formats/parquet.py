"""Reader of Parquet files, wide (a row is a series) or long (a row is a step)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from seqclass.store.formats.columns import check_precision
from seqclass.store.formats.longform import PART_CELLS, gather, survey_rows
from seqclass.store.formats.order import with_times
from seqclass.store.formats.questions import ask_all, role_questions
from seqclass.store.formats.table import (
    ColumnNames,
    Limits,
    Reading,
    cast,
    check_columns,
    refusal,
    renamed,
)
from seqclass.store.formats.widetext import wide_tables
from seqclass.store.rows import KNOWN_COLUMNS, channels_of

BATCH_ROWS = 65_536
"""Most rows of a long table that are read at once."""
OWN_COLUMNS = (*KNOWN_COLUMNS, "step")


@dataclass(frozen=True)
class Footer:
    """Sizes that a file declares: columns, decoded bytes, and for each row group its rows and the
    most values of any column."""

    n_columns: int
    decoded_bytes: int
    groups: list[tuple[int, int]]


def read_parquet(paths: list[str], reading: Reading) -> Iterator[pa.Table]:
    """Yield tables from a file whose rows are series, or steps of series."""
    path, limits = paths[0], reading.limits
    footer = check_parquet(path, limits)
    with pq.ParquetFile(path) as parquet:
        schema = parquet.schema_arrow
    check_columns(path, schema.names, reading.names)
    texts = [field.name for field in schema if is_text(field.type)]
    with pq.ParquetFile(path, read_dictionary=texts) as parquet:
        if channels := channels_of(schema):
            limits.check(path, "channels", len(channels))
            row = 1
            for group in range(len(footer.groups)):
                batches = parquet.iter_batches(_rows_at_once(footer, group), [group])
                for table in decoded(path, batches, limits):
                    for name in channels:
                        longest = pc.max(pc.list_value_length(table[name])).as_py() or 0
                        limits.check(path, "steps", longest, f"in column {name!r}")
                    yield wide_rows(path, table, reading.names, row)
                    row += len(table)
        else:
            limits.check(path, "channels", len(schema.names))
            n_rows = min(max(PART_CELLS // max(len(schema.names), 1), 1), BATCH_ROWS)

            def steps() -> Iterator[pa.Table]:
                return decoded(path, parquet.iter_batches(n_rows), limits)

            if reading.names.layout == "wide":
                yield from wide_tables(path, steps(), reading, first_row=1)
                return
            survey = survey_rows(path, steps(), reading, first_row=1)
            yield from gather(path, survey, steps, reading, first_row=1)


def check_parquet(path: str, limits: Limits) -> Footer:
    """Check a file's footer against the limits, before anything is decoded.

    pyarrow ends the whole process if the metadata of a column is malformed, so that only the
    process that reads files (``IsolatedReader``) may look at a file that is not trusted.
    """
    try:
        footer = read_footer(path)
    except (ValueError, NotImplementedError, OSError) as error:
        reason = str(error).strip().split("\n")[0]
        raise refusal(path, "a Parquet file", reason, "write it again") from error
    limits.check(path, "channels", footer.n_columns - len(OWN_COLUMNS))
    for _, n_values in footer.groups:
        limits.check(path, "cells", n_values, "in a row group")
    limits.check_ratio(path, footer.decoded_bytes)
    return footer


def read_footer(path: str) -> Footer:
    """Return the sizes that a file declares."""
    metadata = pq.read_metadata(path)
    widths = [_width(metadata.schema.column(place)) for place in range(metadata.num_columns)]
    decoded_bytes, groups = 0, []
    for number in range(metadata.num_row_groups):
        group, longest = metadata.row_group(number), 0
        for place, width in enumerate(widths):
            column = group.column(place)
            longest = max(longest, column.num_values)
            decoded_bytes += max(column.num_values * width, column.total_uncompressed_size)
        groups.append((group.num_rows, longest))
    return Footer(metadata.num_columns, decoded_bytes, groups)


def _width(column: Any) -> int:
    """Return the bytes of a decoded value; texts stay in their dictionary."""
    if column.physical_type == "FIXED_LEN_BYTE_ARRAY":
        return max(column.length, 1)
    return 4 if column.physical_type in ("BYTE_ARRAY", "INT32", "FLOAT", "BOOLEAN") else 8


def is_text(kind: pa.DataType) -> bool:
    """Check for a type of texts that Parquet can leave in their dictionary."""
    return any(f(kind) for f in (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary))


def _rows_at_once(footer: Footer, group: int) -> int:
    """Return the rows of a group that together have as many numbers as a part may have."""
    n_rows, longest = footer.groups[group]
    cells = longest * footer.n_columns
    return max(n_rows * PART_CELLS // max(cells, PART_CELLS), 1)


def decoded(path: str, batches: Iterable[pa.RecordBatch], limits: Limits) -> Iterator[pa.Table]:
    """Yield a table of each batch, with dictionary texts decoded."""
    for batch in batches:
        table = pa.Table.from_batches([batch])
        kinds = [(f.name, f.type) for f in table.schema]
        coded = [name for name, kind in kinds if pa.types.is_dictionary(kind)]
        limits.check(
            path, "whole_bytes", sum(_text_bytes(table[name]) for name in coded), "of text"
        )
        plain = [(n, k.value_type if n in coded else k) for n, k in kinds]
        yield table.cast(pa.schema(plain))


def _text_bytes(column: pa.ChunkedArray) -> int:
    """Return the bytes of a column's texts after decoding."""
    coded = column.combine_chunks()
    if not is_text(coded.dictionary.type):
        return 0
    return pc.sum(pc.binary_length(coded.dictionary).take(coded.indices)).as_py() or 0


def wide_rows(path: str, table: pa.Table, names: ColumnNames, first_row: int = 1) -> pa.Table:
    """Read the stored layout: a row is a series, a channel is a list."""
    ask_all(path, role_questions(table.column_names, names))
    rows = np.arange(first_row, first_row + len(table))
    table = with_times(path, renamed(path, table, names), names, rows)
    channels = channels_of(table.schema)
    columns = {name: table[name] for name in table.column_names if name not in channels}
    columns |= {name: _float_lists(path, table, name) for name in channels}
    if "n_steps" not in columns:
        columns["n_steps"] = pc.list_value_length(columns[channels[0]])
    return cast(path, pa.table(columns))


def _float_lists(path: str, table: pa.Table, name: str) -> pa.Array:
    lists = table[name].combine_chunks()
    if lists.null_count:
        series = table["series_id"].filter(lists.is_null())[0].as_py()
        got = f"null in series {series!r}"
        raise refusal(path, f"a list in column {name!r}", got, "drop the row")
    try:
        flat = lists.flatten().cast(pa.float32(), safe=False)
    except pa.ArrowInvalid as error:
        raise refusal(path, f"lists of numbers in column {name!r}", str(error), "fix it") from error
    except pa.ArrowNotImplementedError:
        kind = str(lists.type)
        raise refusal(path, f"lists of numbers in column {name!r}", kind, "fix it") from None
    if pa.types.is_float64(lists.type.value_type) or pa.types.is_integer(lists.type.value_type):
        wide = lists.flatten().cast(pa.float64(), safe=False)
        check_precision(path, name, _plain(wide), _plain(flat))
    lengths = pc.list_value_length(lists).to_numpy(zero_copy_only=False)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), pc.fill_null(flat, float("nan")))


def _plain(values: pa.Array) -> np.ndarray:
    return values.to_numpy(zero_copy_only=False)
