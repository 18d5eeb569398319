"""The user's own ragas, read from TOML or JSON files."""

import json
import tomllib
from pathlib import Path
from typing import Any

from seqclass.synthesis.ragas.definitions import Raga, ragas_from

READERS = {".toml": tomllib.loads, ".json": json.loads}


def ragas_of(words: tuple[str, ...]) -> tuple[str | Raga, ...]:
    """Names and sets as they are, files replaced by the ragas that they define."""
    found: list[str | Raga] = []
    for word in words:
        is_file = Path(word).suffix.lower() in READERS or Path(word).is_file()
        found += read_ragas(word) if is_file else [word]
    if not found:
        raise ValueError("--ragas: expected names of ragas or a file, got none; name some")
    return tuple(found)


def read_ragas(path: str) -> tuple[Raga, ...]:
    """Ragas that a file defines; what is wrong with one is said in its own terms."""
    reader = READERS.get(Path(path).suffix.lower())
    if reader is None:
        raise ValueError(
            f"--ragas: expected a file that ends in {' or '.join(READERS)}, got {path!r}; rename it"
        )
    try:
        return ragas_from(_parsed(path, reader))
    except FileNotFoundError as error:
        raise ValueError(
            f"--ragas: expected an existing file, got {path!r}; check the path"
        ) from error
    except ValueError as error:
        raise ValueError(f"--ragas {path}: {error}") from error


def _parsed(path: str, reader: Any) -> Any:
    try:
        return reader(Path(path).read_text(encoding="utf-8"))
    except (json.JSONDecodeError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        kind = Path(path).suffix[1:].upper()
        raise ValueError(f"expected {kind}, got other text ({error}); correct it") from error
