"""Real notation for the transfer: gitams and sancharas as letters, in two fixed halves.

Any file of the same form will do: a JSON object per line with ``id``, ``raga`` and ``svaras``,
letters out of S R G M P D N, one a svara.
"""

import hashlib
import json
from pathlib import Path
from typing import NamedTuple

import numpy as np

from seqclass.ragas.raga_table import find_raga
from seqclass.ragas.svaras import LETTERS

TUNING, REPORTED = "tuning half", "reported half"


class Piece(NamedTuple):
    """A piece in real notation: ``letters (svaras,)`` from 0 to 6 for S R G M P D N."""

    id: str
    form: str
    raga: str
    letters: np.ndarray

    @property
    def half(self) -> str:
        return half_of(self.id)


def half_of(piece_id: str) -> str:
    """The half of a piece, by the lowest bit of the first byte of its id's SHA-256.

    Fixed before any piece was scored: 0 is the tuning half, 1 the reported one.
    """
    return (TUNING, REPORTED)[hashlib.sha256(piece_id.encode()).digest()[0] & 1]


def read_pieces(path: Path) -> list[Piece]:
    """The pieces whose ragas are shipped, under the names that the table gives them."""
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        try:
            raga = find_raga(row["raga"]).name
        except ValueError:
            continue
        letters = np.array([LETTERS.index(letter) for letter in row["svaras"]])
        found.append(Piece(row["id"], row["form"], raga, letters))
    return found


def windows(pieces: list[Piece], width: int, hop: int) -> tuple[np.ndarray, np.ndarray]:
    """Windows ``(n, width, 1)`` of all pieces, NaN behind short ones, and the piece of each."""
    from seqclass.ragas.votes import sliding_windows

    x = np.full((len(pieces), max(len(p.letters) for p in pieces), 1), np.nan, dtype=np.float32)
    for row, piece in enumerate(pieces):
        x[row, : len(piece.letters), 0] = piece.letters
    return sliding_windows(x, width, hop)
