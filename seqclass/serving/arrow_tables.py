"""Tables of series that a request brings as an Arrow stream."""

import struct
from collections.abc import Iterator

import flatbuffers.encode
import flatbuffers.number_types
import pyarrow as pa
import pyarrow.compute as pc
from flatbuffers.table import Table as Flatbuffer

from seqclass.inference.prediction import Scorer, checked_rows
from seqclass.serving.limits import RequestLimits, bad
from seqclass.store.repeats import repeated_name
from seqclass.store.root import printable

HEADER, COMPRESSION = 8, 10
"""Places of fields in the tables of Arrow's ``Message.fbs``: a message's header, and how the
buffers of a record batch are compressed."""


def read_series(body: bytes, scorer: Scorer, limits: RequestLimits) -> pa.Table:
    """Return the series of an Arrow stream as a dataset stores them; Refusal says what is wrong.

    They are columns as in a wide Parquet file: a list of numbers for each channel, and
    ``series_id``, without which series are numbered.
    """
    try:
        rows = checked_rows("body", _table(body, limits), scorer)
    except (ValueError, OSError, pa.ArrowException) as error:
        raise bad(f"body: {str(error).removeprefix('body: ')}") from None
    if (twice := repeated_name(lambda: [rows["series_id"]])) is not None:
        raise bad(
            f"body: expected a different id for every series, got {printable(twice, 40)!r} more "
            "than once; rename or remove the repeats"
        )
    steps, channels = rows["n_steps"], len(scorer.channels)
    limits.check("body", steps=pc.max(steps).as_py(), values=pc.sum(steps).as_py() * channels)
    return rows


def _table(body: bytes, limits: RequestLimits) -> pa.Table:
    batches = list(_batches(body))
    n_rows = sum(map(len, batches))
    limits.check("body", series=n_rows)
    if not n_rows:
        raise bad("body: expected at least one series, got none")
    table = pa.Table.from_batches(batches)
    table.validate(full=True)
    if "series_id" not in table.column_names:
        table = table.append_column("series_id", pa.array(map(str, range(n_rows)), pa.string()))
    return table


def _batches(body: bytes) -> Iterator[pa.RecordBatch]:
    """Yield the batches of a stream, none of which takes more memory than its bytes."""
    messages = iter(pa.ipc.MessageReader.open_stream(pa.py_buffer(body)))
    first = next(messages, None)
    if first is None or first.type != "schema":
        raise bad("body: expected an Arrow stream, which begins with a schema, got another message")
    schema = pa.ipc.read_schema(first)
    for own in schema:
        if not _is_plain(own.type):
            raise bad(f"body: expected lists of numbers, got {own.name[:40]} of {own.type!s:.80}")
    for message in messages:
        if message.type != "record batch" or _is_compressed(message.metadata.to_pybytes()):
            raise bad("body: expected record batches without compression, got other messages")
        yield pa.ipc.read_record_batch(message, schema)


def _is_plain(kind: pa.DataType) -> bool:
    """Check that a column of this type holds no more values than its bytes."""
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        kind = kind.value_type
        return pa.types.is_floating(kind) or pa.types.is_integer(kind)
    return pa.types.is_integer(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind)


def _is_compressed(metadata: bytes) -> bool:
    """Check a record batch's metadata; Refusal if they are damaged."""
    packer = flatbuffers.number_types.UOffsetTFlags.packer_type
    try:
        message = Flatbuffer(metadata, flatbuffers.encode.Get(packer, metadata, 0))
        header = Flatbuffer(metadata, 0)
        message.Union(header, message.Offset(HEADER))
        return header.Offset(COMPRESSION) != 0
    except (TypeError, struct.error):
        raise bad("body: expected record batches, got a damaged one; send it again") from None
