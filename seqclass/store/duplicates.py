"""Detection of repeated rows, of ids with different content, and of names that look the same."""

import hashlib
import unicodedata
from collections.abc import Callable, Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from seqclass.store.rows import canonical_buffers, channels_of

VARIATIONS = range(0xFE00, 0xFE10)
"""Characters that select how the one before them is drawn."""


def find_lookalikes(names: Iterable[str], earlier: Iterable[str] = ()) -> tuple[str, str] | None:
    """Return two different names that look the same, not both of them ``earlier``; else None.

    They look the same if only invisible characters, kinds of spaces, or composed and combining
    accents (Unicode's NFC and NFD) tell them apart.
    """
    seen = {_look_of(name): name for name in earlier}
    for name in names:
        if (other := seen.setdefault(_look_of(name), name)) != name:
            return other, name
    return None


def _look_of(name: str) -> str:
    if name.isascii():
        return name.strip()
    drawn = (" " if c.isspace() else c for c in name if not _is_shapeless(c))
    return unicodedata.normalize("NFC", "".join(drawn)).strip()


def _is_shapeless(character: str) -> bool:
    return unicodedata.category(character) == "Cf" or ord(character) in VARIATIONS


def numbered(names: pa.ChunkedArray) -> tuple[pa.Array, np.ndarray]:
    """Return the distinct names in order, and the number ``(n,)`` of each row's among them.

    They are sorted, which takes half of the memory of a table of hashes.
    """
    order = pc.sort_indices(names).to_numpy()
    ordered = names.take(pa.array(order)).combine_chunks()
    is_first = np.ones(len(order), dtype=bool)
    is_first[1:] = pc.not_equal(ordered[1:], ordered[:-1]).to_numpy(zero_copy_only=False)
    place = np.cumsum(is_first)
    place -= 1
    number = np.empty(len(order), dtype=np.int64)
    number[order] = place
    return ordered if is_first.all() else ordered.filter(pa.array(is_first)), number


FRESH, REPEAT, CONFLICT = 0, 1, 2


class DuplicateIndex:
    """Index of ids and contents seen so far, 16 bytes a row.

    Both are 64-bit digests: among ten million ids, two share one by chance in one of 400,000
    indexes, and then the later row counts as a conflict. Nothing is lost silently.
    """

    def __init__(self) -> None:
        self.runs: list[np.ndarray] = []

    def learn(self, tables: Iterable[pa.Table]) -> None:
        """Add existing rows, without judging them."""
        for table in tables:
            self.judge(table)

    def judge(self, table: pa.Table) -> np.ndarray:
        """Return FRESH, REPEAT or CONFLICT for every row, ``(n,)``, and add the fresh rows."""
        ids, contents = row_digests(table)
        names, first, inverse = np.unique(ids, return_index=True, return_inverse=True)
        there, indexed = self._look_up(names)
        indexed = np.where(there, indexed, contents[first])
        verdict = np.where(indexed[inverse] == contents, REPEAT, CONFLICT)
        verdict[first[~there]] = FRESH
        self._add(names[~there], contents[first[~there]])
        return verdict

    def holds(self, table: pa.Table) -> np.ndarray:
        """Return whether the index has each row with this content, bool ``(n,)``."""
        ids, contents = row_digests(table)
        there, indexed = self._look_up(ids)
        return there & (indexed == contents)

    def _look_up(self, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        there, contents = np.zeros(len(ids), dtype=bool), np.zeros(len(ids), dtype=np.uint64)
        for run in self.runs:
            place = np.minimum(np.searchsorted(run[0], ids), run.shape[1] - 1)
            hit = run[0, place] == ids
            contents[hit], there = run[1, place[hit]], there | hit
        return there, contents

    def _add(self, ids: np.ndarray, contents: np.ndarray) -> None:
        """Add a sorted run; runs are merged so that each is over twice as long as the next."""
        if not len(ids):
            return
        self.runs.append(np.stack([ids, contents]))
        while len(self.runs) > 1 and self.runs[-2].shape[1] <= 2 * self.runs[-1].shape[1]:
            merged = np.concatenate([self.runs.pop(), self.runs.pop()], axis=1)
            self.runs.append(merged[:, np.argsort(merged[0])])


def row_digests(table: pa.Table) -> tuple[np.ndarray, np.ndarray]:
    """Return a digest of each row's id and one of all its other columns, ``(n,)`` uint64 each.

    Every channel of a row has ``n_steps`` values.
    """
    table = table.combine_chunks()
    channels = sorted(channels_of(table.schema))
    plain = sorted({*table.column_names} - {*channels, "series_id"})
    cells = list(zip(*(_cells(table[name]) for name in plain), strict=True))
    ends = 4 * np.cumsum(table["n_steps"].to_numpy(), dtype=np.int64)
    starts = [0, *ends[:-1].tolist()]
    bounds = list(zip(starts, ends.tolist(), strict=True))
    values = [_bytes(table[name]) for name in channels]
    contents = [_digest(repr(cells[i]).encode(), *(v[a:b] for v in values))
                for i, (a, b) in enumerate(bounds)]  # fmt: skip
    return name_digests(table["series_id"]), np.frombuffer(b"".join(contents), np.uint64)


def name_digests(names: pa.ChunkedArray) -> np.ndarray:
    """Return a digest of each name, ``(n,)`` uint64."""
    digests = [
        b"".join(_digest(name.encode()) for name in chunk.to_pylist()) for chunk in names.chunks
    ]
    return np.frombuffer(b"".join(digests), np.uint64)


def repeated_name(read: Callable[[], Iterable[pa.ChunkedArray]]) -> str | None:
    """Return a name that comes twice, else None; of each name 8 bytes are held.

    read: gives the names, in pieces, and once more if two of their digests are equal.
    """
    digests = np.sort(np.concatenate([np.empty(0, np.uint64), *map(name_digests, read())]))
    twice, seen = np.unique(digests[1:][digests[1:] == digests[:-1]]), set[str]()
    for names in read() if len(twice) else ():
        for name in names.filter(pa.array(np.isin(name_digests(names), twice))).to_pylist():
            if name in seen:
                return name
            seen.add(name)
    return None


def _cells(column: pa.ChunkedArray) -> list[object]:
    is_time = pa.types.is_timestamp(column.type)
    return (column.cast(pa.int64()) if is_time else column).to_pylist()


def _bytes(column: pa.ChunkedArray) -> memoryview:
    return memoryview(b"".join(canonical_buffers(chunk)[1] for chunk in column.chunks))


def _digest(*parts: bytes | memoryview) -> bytes:
    hasher = hashlib.blake2b(digest_size=8)
    for part in parts:
        hasher.update(part)
    return hasher.digest()
