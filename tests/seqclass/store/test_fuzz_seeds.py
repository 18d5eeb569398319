"""What a fuzzer found (``make fuzz``) stays mended: its bytes are read, or refused in one line."""

from pathlib import Path

import pytest

from tests.support import fuzz_targets
from tests.support.fuzz_targets import TARGETS, first_seed
from tests.support.places import REPOSITORY

SEEDS = sorted((REPOSITORY / "tests" / "fuzz_seeds").glob("*/*"))


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_takes_what_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def refused(error: ValueError) -> None:
        raise error

    monkeypatch.setattr(fuzz_targets, "_check_line", refused)
    content = first_seed(name, tmp_path)
    (tmp_path / "work").mkdir()
    TARGETS[name](tmp_path / "work", content)


@pytest.mark.parametrize("seed", SEEDS, ids=lambda seed: f"{seed.parent.name} {seed.name}")
def test_what_a_fuzzer_found_is_read_or_refused_in_one_line(tmp_path: Path, seed: Path) -> None:
    TARGETS[seed.parent.name](tmp_path, seed.read_bytes())
