"""Facts of files: what a reader tells beside a file's rows, and the pages of these files."""

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from seqclass.store.datasets import recordings_folder
from seqclass.store.formats.file_format import format_of
from seqclass.store.formats.table import ColumnNames
from seqclass.store.root import Root, replace_file

FACTS, ATTACHMENT = b"facts", b"attachment"
"""Keys of a table's metadata."""


@dataclass
class Listener:
    """Callbacks while files are read, and whether their facts are taken whatever they are.

    progress: called with a file's path and the share of it that is done. heard: called with the
    path of each file that has facts, these, the bytes attached, and its rows. takes_unsure: facts
    are no reason to refuse the files.
    """

    progress: Callable[[str, float], None] = lambda path, share: None
    heard: Callable[[str, Mapping[str, Any], bytes, pa.Table], None] = lambda *_: None
    takes_unsure: bool = False


def attach(table: pa.Table, facts: Mapping[str, Any], attachment: bytes) -> pa.Table:
    """Return a table that carries the facts of its file, and bytes that belong to them."""
    return table.replace_schema_metadata({FACTS: json.dumps(facts), ATTACHMENT: attachment})


def take_apart(table: pa.Table) -> tuple[pa.Table, dict[str, Any] | None, bytes]:
    """Return a table without its file's facts, these, and the bytes that belong to them."""
    metadata = table.schema.metadata or {}
    if FACTS not in metadata:
        return table, None, b""
    return table.replace_schema_metadata(None), json.loads(metadata[FACTS]), metadata[ATTACHMENT]


@dataclass
class FilePages:
    """The pages of files that are being imported, in a folder of their own until the end.

    progress: called with a file's path and the share of it that is done.
    """

    names: ColumnNames
    progress: Callable[[str, float], None]
    records: list[Mapping[str, Any]] = field(default_factory=list)
    folder: tempfile.TemporaryDirectory[str] = field(default_factory=tempfile.TemporaryDirectory)

    @property
    def listener(self) -> Listener:
        """The listener that makes a page of each file with facts that is read."""
        return Listener(self.progress, self._add)

    def _add(self, path: str, facts: Mapping[str, Any], attachment: bytes, rows: pa.Table) -> None:
        with open(path, "rb") as file:
            page = hashlib.file_digest(file, "sha256").hexdigest()[:16]
        of_path = format_of(path)
        if of_path is not None and of_path.facts is not None:
            with open(os.path.join(self.folder.name, f"{page}.html"), "w") as file:
                file.write(of_path.facts.page(facts, attachment, rows, self.names))
        self.records.append({**facts, "page": page})

    def keep(self, root: Root, name: str) -> None:
        """Move the pages to their dataset."""
        for page in sorted(os.listdir(self.folder.name)):
            with open(os.path.join(self.folder.name, page), "rb") as file:
                replace_file(root, f"{recordings_folder(root, name)}/{page}", file.read())
