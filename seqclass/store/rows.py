"""The form of a dataset's rows: columns, checks, canonical bytes, dense arrays."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from seqclass.store.root import printable

SERIES = pa.list_(pa.float32())
FIXED_COLUMNS = {"series_id": pa.string(), "label": pa.string(), "n_steps": pa.int32()}
OPTIONAL_COLUMNS = {
    "group": pa.string(),
    "time": pa.timestamp("us", tz="UTC"),
    "split": pa.string(),
    "event_start": pa.int32(),
    "event_stop": pa.int32(),
    "tonic_hz": pa.float32(),
    "notation": pa.string(),
}
KNOWN_COLUMNS = FIXED_COLUMNS | OPTIONAL_COLUMNS
"""Columns that are not channels."""
EVENT = ("event_start", "event_stop")
"""The steps ``start <= step < stop`` in which the label of a series shows.

They are null if nothing happens or the steps are unknown; an event that fills the series is ``0 ..
n_steps``.
"""
REMARKS = ("tonic_hz", "notation")
"""Facts about a melody beside its values: the pitch of its Sa, and its notation.

People and reports read them; no classifier does.
"""
FACTS = (*EVENT, *REMARKS)
"""Columns that rows may lack although others of their dataset have them; they are null then."""
SPLITS = ("train", "test")
ABSTENTION = "unknown"
"""The answer of a model that abstains; a class of that name would be ambiguous."""


MAX_TEXT_BYTES, MAX_NAME_LENGTH = 1024, 255
"""Most bytes of a series' id, label or group in UTF-8, and most characters of a channel's name."""
CONTROL = r"[\x00-\x1f\x7f-\x{9f}\x{202a}-\x{202e}\x{2066}-\x{2069}]"
"""Characters that control a terminal, or change the direction of a text."""


def dataset_schema(schema: pa.Schema) -> pa.Schema:
    """Return the stored schema for these columns: fixed, optional, then the channels."""
    channels = channels_of(schema)
    missing = [name for name in FIXED_COLUMNS if name not in schema.names]
    allowed = {*KNOWN_COLUMNS, *channels}
    strange = [name for name in schema.names if name not in allowed]
    if missing or strange or not channels:
        raise ValueError(
            f"columns: expected {', '.join(FIXED_COLUMNS)} (with {', '.join(OPTIONAL_COLUMNS)} "
            "where they exist) and a list of numbers per channel, got "
            f"{printable(', '.join(schema.names))}; rename or drop the others"
        )
    odd = [n for n in channels if not n.isprintable() or len(n) > MAX_NAME_LENGTH]
    if odd:
        raise ValueError(
            f"columns: expected names of at most {MAX_NAME_LENGTH} printable characters, got "
            f"{printable(odd[0])}; rename it"
        )
    optional = {n: t for n, t in OPTIONAL_COLUMNS.items() if n in schema.names}
    return pa.schema({**FIXED_COLUMNS, **optional, **dict.fromkeys(channels, SERIES)})


def channels_of(schema: pa.Schema) -> list[str]:
    """Return columns that hold lists of numbers."""
    kinds = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    return [f.name for f in schema if any(is_kind(f.type) for is_kind in kinds)]


def check_rows(table: pa.Table, channels: list[str]) -> None:
    """Refuse rows that no classifier could use, naming the first bad series."""
    check_form(table, channels)
    for channel in channels:
        infinite = np.isinf(pc.list_flatten(table[channel]).to_numpy())
        wrong = ("finite numbers, or NaN where one is missing", "Inf (or beyond float32)")
        _refuse_values(table, channel, infinite, *wrong)


def check_form(table: pa.Table, channels: list[str]) -> None:
    """Refuse rows that are not of the stored form; their values may still be infinite."""
    _refuse(table, pc.is_null(table["series_id"]), "series_id", "an id for every series", "none")
    _refuse(table, pc.less(table["n_steps"], 1), "n_steps", "at least one step", "zero length")
    _refuse(table, pc.equal(table["label"], ""), "label", "a label or null", "an empty text")
    for name in ("series_id", "label", "group"):
        if name in table.column_names:
            steering = pc.match_substring_regex(table[name], CONTROL)
            _refuse(table, steering, name, "printable characters", "others")
            n_bytes = pc.binary_length(table[name])
            most = f"at most {MAX_TEXT_BYTES:,} bytes"
            _refuse(table, pc.greater(n_bytes, MAX_TEXT_BYTES), name, most, "more")
    taken = pc.equal(table["label"], ABSTENTION)
    _refuse(table, taken, "label", "another name", f"{ABSTENTION!r}, the answer that is none,")
    if "tonic_hz" in table.column_names:
        tonic = table["tonic_hz"]
        wrong = pc.invert(pc.and_(pc.greater(tonic, 0), pc.is_finite(tonic)))
        _refuse(table, wrong, "tonic_hz", "a frequency above 0 Hz, or null", "another number")
    if "split" in table.column_names:
        wrong = pc.invert(pc.is_in(table["split"], pa.array([*SPLITS, None], pa.string())))
        _refuse(table, wrong, "split", "'train' or 'test'", "another word")
    _check_events(table)
    for channel in channels:
        lengths = pc.list_value_length(table[channel])
        wrong = pc.fill_null(pc.not_equal(lengths, table["n_steps"]), True)
        _refuse(table, wrong, channel, "n_steps values in every channel", "another count")
        null = pc.is_null(pc.list_flatten(table[channel])).to_numpy(zero_copy_only=False)
        _refuse_values(table, channel, null, "a number or NaN at every step", "null")


def _check_events(table: pa.Table) -> None:
    present = [name for name in EVENT if name in table.column_names]
    if not present:
        return
    if len(present) == 1:
        raise ValueError(
            f"columns: expected {' and '.join(EVENT)} together, got {present[0]} alone; "
            "add the other, or drop it"
        )
    start, stop = (table[name] for name in EVENT)
    halved = pc.not_equal(pc.is_null(start), pc.is_null(stop))
    _refuse(table, halved, "event_stop", "both ends of an event or neither", "one end alone")
    _refuse(table, pc.less(start, 0), "event_start", "a step from 0 on", "a negative step")
    _refuse(table, pc.less_equal(stop, start), "event_stop", "more than event_start", "less")
    late = pc.greater(stop, table["n_steps"])
    _refuse(table, late, "event_stop", "at most n_steps", "a step beyond the end")


def _refuse_values(table: pa.Table, channel: str, bad: np.ndarray, expected: str, got: str) -> None:
    if not bad.any():
        return
    row = pc.list_parent_indices(table[channel].combine_chunks()).to_numpy()
    marks = np.zeros(len(table), dtype=bool)
    marks[row[np.flatnonzero(bad)[0]]] = True
    _refuse(table, pa.array(marks), channel, expected, got)


def _refuse(table: pa.Table, wrong: pa.Array, column: str, expected: str, got: str) -> None:
    rows = np.flatnonzero(pc.fill_null(wrong, False).to_numpy(zero_copy_only=False))
    if len(rows):
        name = table["series_id"][int(rows[0])].as_py()
        raise ValueError(
            f"column {column!r}: expected {expected}, got {got} in series {printable(str(name))!r} "
            f"({len(rows)} of {len(table)} rows); correct the input"
        )


def canonical_buffers(chunk: pa.Array) -> tuple[bytes, bytes]:
    """Return a column's lengths and content as bytes that do not depend on its chunks."""
    if pa.types.is_list(chunk.type):
        values = chunk.flatten().to_numpy(zero_copy_only=False)
        missing = np.isnan(values)
        if missing.any():
            values = np.where(missing, np.float32(np.nan), values)
        return b"", np.ascontiguousarray(values).tobytes()
    if pa.types.is_string(chunk.type):
        lengths = pc.fill_null(pc.binary_length(chunk), -1).to_numpy(zero_copy_only=False)
        text = pc.fill_null(chunk, "")
        offsets = np.frombuffer(text.buffers()[1], np.int32)[text.offset :][: len(text) + 1]
        content = text.buffers()[2]
        return lengths.tobytes(), bytes(content[offsets[0] : offsets[-1]]) if content else b""
    if pa.types.is_floating(chunk.type):
        return b"", pc.fill_null(chunk, float("nan")).to_numpy(zero_copy_only=False).tobytes()
    numbers = pc.fill_null(chunk.cast(pa.int64()), -1).to_numpy(zero_copy_only=False)
    return b"", numbers.tobytes()


def to_dense(column: pa.ChunkedArray, longest: int) -> np.ndarray:
    """Convert lists of float32 to ``(rows, longest)``, padded with NaN; may avoid a copy."""
    lists = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    flat = lists.flatten().to_numpy(zero_copy_only=False)
    if len(flat) == len(lists) * longest:
        return flat.reshape(-1, longest)
    lengths = pc.list_value_length(lists).to_numpy(zero_copy_only=False)
    dense = np.full((len(lists), longest), np.nan, dtype=np.float32)
    dense[np.arange(longest) < lengths[:, None]] = flat
    return dense


def from_dense(values: np.ndarray, lengths: np.ndarray | None = None) -> pa.Array:
    """Convert ``(rows, steps)`` float32 to lists; ``lengths`` cuts the padding off each row."""
    n, n_steps = values.shape
    if lengths is None:
        offsets = np.arange(0, n * n_steps + 1, n_steps, dtype=np.int32)
        flat = values.reshape(-1)
    else:
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
        flat = values[np.arange(n_steps) < lengths[:, None]]
    return pa.ListArray.from_arrays(
        pa.array(offsets), pa.array(np.ascontiguousarray(flat, dtype=np.float32))
    )
