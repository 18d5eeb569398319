"""Rows that an import set aside, in Parquet beside the versions of their dataset.

A file is named after its content, so that it is written once and checked without a manifest.
"""

import contextlib
import os

import pyarrow as pa
import pyarrow.parquet as pq

from seqclass.store.duplicates import DuplicateIndex
from seqclass.store.root import DamagedError, Damages, Root, sha256_of, sync_folder
from seqclass.store.tables import read_table

QUARANTINE = "quarantine"
REASON = "reason"
DIGITS = 16


class Quarantine:
    """A staged file of quarantined rows; ``commit`` moves it beside their dataset."""

    def __init__(self, root: Root, folder: str) -> None:
        self.root, self.path = root, f"{folder}/{QUARANTINE}.parquet"
        self.writer: pq.ParquetWriter | None = None
        self.place: str | None = None
        root.fs.makedirs(folder, exist_ok=True)

    def add(self, table: pa.Table, reasons: list[str]) -> None:
        """Add rows, with a reason for each."""
        table = table.append_column(REASON, pa.array(reasons, pa.string()))
        if self.writer is None:
            self.sink = self.root.fs.open(self.path, "wb")
            self.writer = pq.ParquetWriter(self.sink, table.schema, compression="zstd")
        self.writer.write_table(table.select(self.writer.schema.names))

    def close(self) -> None:
        """Close the file; nothing can be added any more."""
        if self.writer is not None:
            self.writer.close()
            self.sink.close()

    def commit(self, name: str) -> None:
        """Move the rows of a closed quarantine, if there are any, to their final ``place``."""
        if self.writer is None:
            return
        digest = sha256_of(self.root, self.path)
        self.place = self.root.join("datasets", name, QUARANTINE, f"{digest[:DIGITS]}.parquet")
        if not self.root.fs.exists(self.place):
            _move(self.root, self.path, self.place)


def _move(root: Root, path: str, target: str) -> None:
    if not root.is_local:
        root.fs.cp_file(path, target)
        return
    os.makedirs(os.path.dirname(target), exist_ok=True)
    with open(path, "rb") as file:
        os.fsync(file.fileno())
    os.replace(path, target)
    sync_folder(os.path.dirname(target))


def quarantined_before(root: Root, name: str) -> DuplicateIndex:
    """Return the rows of a dataset's quarantine; files that can't be read are left out."""
    index = DuplicateIndex()
    for file in root.names("datasets", name, QUARANTINE):
        with contextlib.suppress(OSError, ValueError, KeyError):  # verify names it
            table = read_table(root, root.join("datasets", name, QUARANTINE, file))
            index.learn([table.drop_columns([REASON])])
    return index


def damaged_quarantines(root: Root, name: str) -> tuple[int, Damages]:
    """Count the files of a dataset's quarantine, and return those that don't match their names."""
    files, bad = root.names("datasets", name, QUARANTINE), Damages()
    for file in files:
        path = root.join("datasets", name, QUARANTINE, file)
        with contextlib.suppress(DamagedError, OSError):
            if file == f"{sha256_of(root, path)[:DIGITS]}.parquet":
                continue
        problem = "expected the content that its name is the digest of"
        bad.append({"path": path, "problem": problem})
    return len(files), bad
