"""A preview of files before a run starts: small ones whole, of large ones the beginning."""

import os
from collections.abc import Iterator

import pyarrow as pa

from seqclass.store.formats import ColumnNames, Limits
from seqclass.store.formats.isolated import IsolatedReader
from seqclass.store.formats.recording import is_recording

SMALL_BYTES = 2**26
"""Size up to which a file is read twice."""


def preview(
    paths: list[str], names: ColumnNames, keep_infinite: bool, limits: Limits
) -> Iterator[tuple[str, pa.Table]]:
    """Yield rows of files, each with its path; unreadable files are refused as in ``read_files``.

    An ``.npy`` file is left out: it is read together with another. So is a recording: its tonic
    follows from all of it, which takes minutes.
    """
    with IsolatedReader() as reader:
        for path in paths:
            if path.lower().endswith(".npy") or is_recording(path):
                continue
            for table in reader.read_files([path], names, None, keep_infinite, limits):
                yield path, table
                if os.path.getsize(path) > SMALL_BYTES:
                    break
