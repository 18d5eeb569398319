"""A fitted classifier in one file, a zip archive.

It holds the network as ``model.keras`` and everything else as ``classifier.json``. Reading it runs
no code from the file.
"""

import io
import json
import operator
import os
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from seqclass.store.root import open_root, printable, replace_file

RECORD, WEIGHTS = "classifier.json", "model.keras"
FORMAT = 1
MAX_RECORD_BYTES = 2**24
BEGINNING = (1980, 1, 1, 0, 0, 0)
"""The time of every member, so that equal classifiers give equal files."""


@dataclass(frozen=True)
class ClassifierFile:
    """The content of a file: a record of JSON, and the network as a ``.keras`` file."""

    record: dict[str, Any]
    network: bytes


def write_classifier(path: str | os.PathLike[str], content: ClassifierFile) -> None:
    """Write a classifier's file whole or not at all; an older one is replaced."""
    file = io.BytesIO()
    plain = operator.methodcaller("tolist")  # parameters may be NumPy's, as from a grid search
    record = json.dumps(
        {"format": FORMAT, **content.record}, allow_nan=False, indent=2, default=plain
    )
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(zipfile.ZipInfo(RECORD, BEGINNING), record)
        archive.writestr(zipfile.ZipInfo(WEIGHTS, BEGINNING), content.network)
    place = Path(path).resolve()
    replace_file(open_root(place.parent), str(place), file.getvalue())


def read_classifier(path: str | os.PathLike[str]) -> ClassifierFile:
    """Read a file of ``write_classifier``; ValueError for any other file."""
    with open(path, "rb") as file:
        try:
            return ClassifierFile(*_members(file))
        except (zipfile.BadZipFile, RuntimeError, ValueError, EOFError, OSError) as error:
            raise ValueError(
                f"MODEL: expected a file that SequenceClassifier.save wrote, got "
                f"{os.fspath(path)!r} ({str(error) or 'it ends early'}); save it again"
            ) from error


def _members(file: BinaryIO) -> tuple[dict[str, Any], bytes]:
    with zipfile.ZipFile(file) as archive:
        members = {member.filename: member for member in archive.infolist()}
        if members.keys() != {RECORD, WEIGHTS}:
            raise ValueError(f"it holds {printable(', '.join(sorted(members)), 80)}")
        if any(member.compress_type != zipfile.ZIP_STORED for member in members.values()):
            raise ValueError("its members are compressed")
        if members[RECORD].file_size > MAX_RECORD_BYTES:
            raise ValueError(f"{RECORD} has {members[RECORD].file_size:,} bytes")
        record = json.loads(archive.read(RECORD))
        if not isinstance(record, dict) or record.pop("format", None) != FORMAT:
            raise ValueError(f"expected format {FORMAT}, it has another")
        return record, archive.read(WEIGHTS)
