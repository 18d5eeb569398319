"""Counts of series by what is wrong with them, with examples, for one line of text."""

from collections import Counter
from collections.abc import Iterable

EXAMPLES = 5


class Tally:
    """Series per kind of violation, the ids of the first of them, and what was wrong with those."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.examples: dict[str, list[str]] = {}
        self.words: dict[str, str] = {}

    def add(self, kind: str, ids: Iterable[str], what: str) -> None:
        """Count series by their ids; ``what`` was wrong is told of the first of a kind."""
        ids = list(ids)
        self.counts[kind] += len(ids)
        self.words.setdefault(kind, what)
        own = self.examples.setdefault(kind, [])
        own += ids[: EXAMPLES - len(own)]

    def __str__(self) -> str:
        return ", ".join(self._line(kind, count) for kind, count in self.counts.items())

    def _line(self, kind: str, count: int) -> str:
        ids = self.examples[kind]
        more = ", …" if count > len(ids) else ""
        return f"{kind} in {count} series ({', '.join(ids)}{more}: {self.words[kind]})"
