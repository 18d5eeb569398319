"""How much a file may hold, or say that it holds: looked at before anything is decoded."""

import os
from dataclasses import dataclass, fields

from seqclass.store.formats.table import refusal

END_BYTES, MAX_DIRECTORY_BYTES = 2**16 + 98, 2**22
"""Of an archive's end with its longest comment, and of its directory."""
SPARED_BYTES = 2**28
"""Decoded bytes that any file may have, however small it is itself."""


@dataclass(frozen=True)
class Limits:
    """The most of everything.

    series: of a file. steps: of one series. channels: of a file. cells: numbers of a channel that
    one row group of Parquet holds. whole_bytes: of what can't be read in parts: labels, lengths,
    arrays in Fortran order, the texts of a block of rows. line_bytes: of a line of text.
    ratio: bytes that come out of a byte of the file. sheet_cells: of a sheet of a workbook.
    seconds: that reading a file takes, and one more for each MiB of it. memory_bytes: that
    reading a file takes.
    """

    series: int = 10_000_000
    steps: int = 10_000_000
    channels: int = 4096
    cells: int = 2**28
    whole_bytes: int = 2**28
    line_bytes: int = 2**28
    ratio: int = 200
    sheet_cells: int = 2**20
    seconds: int = 120
    memory_bytes: int = 2**30

    def check(self, path: str, name: str, found: int, of_what: str = "") -> None:
        """Refuse a file that has more of something than the limit of this name says."""
        most = getattr(self, name)
        if found > most:
            what = f"{name.replace('_', ' ')}{of_what and ' '}{of_what}"
            raise refusal(
                path, f"at most {most:,} {what}", f"{found:,}",
                f"if you trust the file, --limit {name}={found} takes it",
            )  # fmt: skip

    def check_ratio(self, path: str, decoded_bytes: int) -> None:
        """Refuse a small file that would become a large one."""
        if decoded_bytes > SPARED_BYTES:
            stored_bytes = max(os.path.getsize(path), 1)
            self.check(path, "ratio", -(-decoded_bytes // stored_bytes), "of its size, decoded")


def check_directory(path: str) -> None:
    """Refuse an archive whose directory alone would take long to read."""
    with open(path, "rb") as file:
        file.seek(max(file.seek(0, os.SEEK_END) - END_BYTES, 0))
        tail = file.read()
    end = tail.rfind(b"PK\x05\x06")
    found = int.from_bytes(tail[end + 12 : end + 16], "little") if end >= 0 else 0
    if end >= 76 and tail[end - 20 : end].startswith(b"PK\x06\x07"):  # of more than 4 GiB
        found = int.from_bytes(tail[end - 36 : end - 28], "little")
    if found > MAX_DIRECTORY_BYTES:
        raise refusal(
            path, f"an archive's directory of at most {MAX_DIRECTORY_BYTES:,} bytes",
            f"{found:,}", "put fewer members into it",
        )  # fmt: skip


def limits_of(choices: list[str]) -> Limits:
    """The limits with the given choices, each ``name=number``."""
    names, chosen = [field.name for field in fields(Limits)], {}
    for choice in choices:
        name, _, number = choice.partition("=")
        if name not in names or not number.isdecimal() or not int(number):
            raise ValueError(
                f"--limit: expected NAME=NUMBER with a name out of {', '.join(names)}, "
                f"got {choice!r}; correct it"
            )
        chosen[name] = int(number)
    return Limits(**chosen)
