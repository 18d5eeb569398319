"""The footer of a Parquet file, read in a separate process.

pyarrow ends the whole process if the metadata of a column is malformed; here it ends only this one.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

LIMIT_S, AT_ONCE = 60.0, 256
"""Seconds that a process may take, and most files that it looks at."""
READER = "SEQCLASS_READER_PROCESS"
"""Environment variable of a process that only reads files, and may be ended by one."""


@dataclass(frozen=True)
class Footer:
    """Sizes that a file declares: columns, decoded bytes, and for each row group its rows and the
    most values of any column."""

    n_columns: int
    decoded_bytes: int
    groups: list[tuple[int, int]]


def read_footers(paths: Sequence[str]) -> Iterator[Footer]:
    """Yield the footer of each file; ValueError says why the next one can't be read.

    A process looks at many of them, since its start takes far longer than a look.
    """
    for start in range(0, len(paths), AT_ONCE):
        some = paths[start : start + AT_ONCE]
        for footer in map(_look, some) if READER in os.environ else _looked_at_apart(some):
            yield Footer(footer["columns"], footer["decoded"], [tuple(g) for g in footer["groups"]])


def _looked_at_apart(paths: Sequence[str]) -> Iterator[dict[str, Any]]:
    # As a file: the readers of the package take three times as long to import.
    words = [sys.executable, "-P", __file__, *paths]
    process = subprocess.Popen(  # noqa: S603 - the project's own words
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace"
    )
    try:
        output, complaint = process.communicate(timeout=LIMIT_S)
        reason = ([line.strip() for line in complaint.splitlines() if line.strip()] or [""])[-1]
    except subprocess.TimeoutExpired:
        process.kill()
        output, reason = process.communicate()[0], f"a footer that takes longer than {LIMIT_S:g} s"
    lines = output.splitlines()
    yield from map(json.loads, lines)
    if len(lines) < len(paths):
        raise ValueError(reason or "a footer that can't be read")


def _look(path: str) -> dict[str, Any]:
    import pyarrow.parquet as pq

    metadata = pq.read_metadata(path)
    widths = [_width(metadata.schema.column(place)) for place in range(metadata.num_columns)]
    decoded, groups = 0, []
    for number in range(metadata.num_row_groups):
        group, longest = metadata.row_group(number), 0
        for place, width in enumerate(widths):
            column = group.column(place)
            longest = max(longest, column.num_values)
            decoded += max(column.num_values * width, column.total_uncompressed_size)
        groups.append((group.num_rows, longest))
    return {"columns": metadata.num_columns, "decoded": decoded, "groups": groups}


def _width(column: Any) -> int:
    """Return the bytes of a decoded value; texts stay in their dictionary."""
    if column.physical_type == "FIXED_LEN_BYTE_ARRAY":
        return max(column.length, 1)
    return 4 if column.physical_type in ("BYTE_ARRAY", "INT32", "FLOAT", "BOOLEAN") else 8


def _main(paths: list[str]) -> int:
    try:
        for path in paths:
            print(json.dumps(_look(path)), flush=True)
    except Exception as error:
        print(str(error).strip().split("\n")[0] or type(error).__name__, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
