"""Names that people can't tell apart."""

import unicodedata
from collections.abc import Iterable

VARIATIONS = range(0xFE00, 0xFE10)
"""Characters that choose how the one before them is drawn."""


def find_lookalikes(names: Iterable[str], known: Iterable[str] = ()) -> tuple[str, str] | None:
    """Two different names that look the same, not both of them known; None where there are none.

    They do where only characters without a shape, kinds of spaces, or composed and combining
    accents (Unicode's NFC and NFD) tell them apart.
    """
    seen = {_look_of(name): name for name in known}
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
