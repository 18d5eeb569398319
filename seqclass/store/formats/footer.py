"""The footer of a Parquet file, read in a separate process.

pyarrow ends the whole process if the metadata of a column is malformed; here it ends only this one.
"""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

LIMIT_S = 60.0
READER = "SEQCLASS_READER_PROCESS"
"""Environment variable of a process that only reads files, and may be ended by one."""


@dataclass(frozen=True)
class Footer:
    """Sizes that a file declares: columns, decoded bytes, and for each row group its rows and the
    most values of any column."""

    n_columns: int
    decoded_bytes: int
    groups: list[tuple[int, int]]


def read_footer(path: str) -> Footer:
    """Read a file's footer; ValueError says why it can't be read."""
    return _footer_of(_look(path) if READER in os.environ else _looked_at_apart(path))


def _footer_of(known: dict[str, Any]) -> Footer:
    return Footer(known["columns"], known["decoded"], [tuple(g) for g in known["groups"]])


def _looked_at_apart(path: str) -> dict[str, Any]:
    words = [sys.executable, "-P", "-m", "seqclass.store.formats.footer", path]
    try:
        found = subprocess.run(  # noqa: S603 - the project's own words
            words, capture_output=True, text=True, errors="replace", timeout=LIMIT_S
        )
    except subprocess.TimeoutExpired as error:
        raise ValueError(f"a footer that takes longer than {LIMIT_S:g} s") from error
    if found.returncode:
        said = [line.strip() for line in found.stderr.splitlines() if line.strip()]
        raise ValueError((said or ["a footer that can't be read"])[-1])
    return dict(json.loads(found.stdout))


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


def _main(path: str) -> int:
    try:
        print(json.dumps(_look(path)))
    except Exception as error:
        print(str(error).strip().split("\n")[0] or type(error).__name__, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1]))
