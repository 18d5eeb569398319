"""The user's own ragas, read from TOML or JSON files."""

from pathlib import Path

from flows.cli.spec_files import PARSERS, read_spec_file
from seqclass.ragas.definitions import Raga, ragas_from


def ragas_of(words: tuple[str, ...]) -> tuple[str | Raga, ...]:
    """Return names and sets as they are, and files replaced by the ragas that they define."""
    found: list[str | Raga] = []
    for word in words:
        is_file = Path(word).suffix.lower() in PARSERS or Path(word).is_file()
        found += read_ragas(word) if is_file else [word]
    if not found:
        raise ValueError("--ragas: expected names of ragas or a file, got none; name some")
    return tuple(found)


def read_ragas(path: str) -> tuple[Raga, ...]:
    """Read ragas that a file defines; ValueError names the file and the problem."""
    if Path(path).suffix.lower() not in PARSERS:
        raise ValueError(
            f"--ragas: expected a file that ends in {' or '.join(PARSERS)}, got {path!r}; rename it"
        )
    try:
        found = read_spec_file("--ragas", path)
    except FileNotFoundError as error:
        raise ValueError(
            f"--ragas: expected an existing file, got {path!r}; check the path"
        ) from error
    try:
        return ragas_from(found)
    except ValueError as error:
        raise ValueError(f"--ragas {path}: {error}") from error
