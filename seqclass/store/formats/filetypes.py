"""Detection of a file's real type by its bytes, if the ending of its name is wrong."""

import re
import zipfile

from seqclass.store.formats.cells import NUMBER
from seqclass.store.formats.file_format import by_ending, ending_of
from seqclass.store.formats.table import RefusalError, refusal
from seqclass.store.rows import KNOWN_COLUMNS

KINDS = {
    b"PAR1": ("a Parquet file", ".parquet"),
    b"\x93NUMPY": ("a NumPy array", ".npy"),
}
"""First bytes of the types that have a reader, except archives."""
PACKED = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"\x28\xb5\x2f\xfd": "zstd"}
OTHERS = {
    b"\xd0\xcf\x11\xe0": ("an old Excel workbook", "save it as .xlsx"),
    b"%PDF": ("a PDF", "save the table as CSV"),
    b"ARROW1": ("an Arrow file", "convert it to Parquet"),
    b"\x89HDF": ("an HDF5 file", "convert it to CSV or Parquet"),
    b"SQLite format 3": ("a database", "save the table as CSV"),
}
LABELS = ("id", "class", "target", "y")
WORD = re.compile(r"[^\W\d]")
NO_WORD = re.compile(r"nan|inf(inity)?", re.IGNORECASE)
PAGES = (b"<!doctype html", b"<html", b"<table", b"<?xml")


def check_content(path: str) -> None:
    """Refuse a file whose bytes are clearly of another type than its ending says."""
    head = _head(path)
    ending = ending_of(path)
    is_text = ending in by_ending() and by_ending()[ending].is_text
    for magic, program in PACKED.items():
        if head.startswith(magic):
            raise refusal(path, f"a plain {ending} file", f"one packed with {program}", "unpack it")
    for magic, (kind, cure) in OTHERS.items():
        if head.startswith(magic):
            raise refusal(path, f"a {ending} file", kind, cure)
    if is_text and head.lstrip().lower().startswith(PAGES):
        raise refusal(path, "a table of text", "a web page or XML", "save the table as CSV")
    if ending == ".tsv":
        check_first_line(path, head.replace(b"\0", b"").decode("latin-1").split("\n")[0])
    kind, right = _kind_of(path, head, ending, is_text)
    if right != ending:
        raise _misnamed(path, ending, kind, right)


def check_first_line(path: str, line: str) -> None:
    """Refuse a .tsv with names in its first line: it is a table like CSV."""
    label, *tokens = (part.strip("\ufeff\xfe\xff \r") for part in line.split(ucr_sign(line)))
    words = [token for token in tokens if WORD.match(token) and not NO_WORD.fullmatch(token)]
    if label.lower() in (*KNOWN_COLUMNS, *LABELS) or words:
        raise _misnamed(path, ".tsv", "a table with names in the first line", ".csv")


def ucr_sign(line: str) -> str | None:
    """Return the sign between the cells of a line of UCR text; None for spaces."""
    return next((sign for sign in "\t," if sign in line), None)


def _kind_of(path: str, head: bytes, ending: str, is_text: bool) -> tuple[str, str]:
    """Return the type of a file in words, and its right ending: its own if that may be right."""
    for magic, kind in KINDS.items():
        if head.startswith(magic):
            return kind
    if head.startswith(b"PK\x03\x04"):
        return _archive(path, ending, is_text)
    expected = by_ending().get(ending)
    if expected and expected.matches and not head:
        raise refusal(path, expected.noun, "an empty file", "write it again")
    if head and not is_text and not _has_controls(head):
        return "text", _ending_of_text(head)
    return ending, ending


def _archive(path: str, ending: str, is_text: bool) -> tuple[str, str]:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, NotImplementedError):
        return ending, ending
    if any(name.startswith("xl/") for name in names):
        return "an Excel workbook", ".xlsx"
    if names and all(name.endswith(".npy") for name in names):
        return "NumPy arrays", ".npz"
    if is_text:
        raise refusal(path, "a table of text", "a zip archive", "unpack it")
    return ending, ending


def ending_of_text(path: str) -> str | None:
    """Return the ending by which a file of text is read; None if it is empty or no text."""
    head = _head(path)
    return _ending_of_text(head) if head and not _has_controls(head) else None


def _ending_of_text(head: bytes) -> str:
    """Return ``.tsv`` if the cells after the first one are values, else ``.csv``."""
    line, *more = head.decode("latin-1").strip().splitlines()
    cells = line.split(ucr_sign(line))[1 : None if more else -1]
    are_values = all(NUMBER.fullmatch(c.strip()) or NO_WORD.fullmatch(c.strip()) for c in cells)
    return ".tsv" if cells and are_values else ".csv"


def _head(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read(4096)


def _has_controls(head: bytes) -> bool:
    """Check for bytes that occur in no text."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return False
    for letters in (head[::2], head[1::2]):
        if not any(letters):
            return False  # UTF-16 of plain letters
    return any(byte < 32 and byte not in b"\t\n\r\f" for byte in head)


def _misnamed(path: str, ending: str, kind: str, right: str) -> RefusalError:
    return refusal(path, f"a {ending} file", kind, f"rename it to end in {right}")
