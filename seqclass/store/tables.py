"""Reading of whole Parquet files of a root."""

from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from seqclass.store.root import Root


def read_table(
    root: Root,
    path: str,
    columns: Sequence[str] | None = None,
    dictionaries: Sequence[str] = (),
) -> pa.Table:
    """Return the table in a Parquet file, or these of its columns; ``dictionaries`` stay encoded.

    It is read by this thread alone, as every file that Python has opened: Arrow's threads may
    release a Python object as the interpreter ends, and the process then aborts.
    """
    encoded = list(dictionaries)
    with root.fs.open(path, "rb") as file, pq.ParquetFile(file, read_dictionary=encoded) as parquet:
        return parquet.read(columns, use_threads=False)


def read_row_groups(
    root: Root, path: str, columns: Sequence[str] | None = None
) -> Iterator[pa.Table]:
    """Yield the table in a Parquet file, or these of its columns, a row group at a time."""
    with root.fs.open(path, "rb") as file, pq.ParquetFile(file) as parquet:
        for group in range(parquet.num_row_groups):
            yield parquet.read_row_group(group, columns, use_threads=False)
