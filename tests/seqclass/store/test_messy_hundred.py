"""One hundred files as people have them: read correctly, at once or after two hints at most."""

import os
from collections import Counter
from pathlib import Path

import pytest

from tests.support.commands import Command
from tests.support.hints import options_in
from tests.support.messy_files import Messy, draw

SEED = int(os.environ.get("SEQCLASS_MESSY_SEED", "0"))
FILES, HINTS = 100, 2


def hints_until_read(file: Messy) -> int:
    """How many refusals its owner follows until a file is read; it must be correctly."""
    told: list[str] = []
    while True:
        try:
            rows = file.read()
        except ValueError as error:
            hint = str(error)
            assert hint not in told, f"the same again: {hint}"
            told.append(hint)
            assert len(told) <= HINTS, told
            assert file.follow(hint), f"leads nowhere: {hint}\nknown: {file.knows}, {file.flaws}"
        else:
            assert file.is_right(rows), f"read wrongly, {file.options}: {file.wrong(rows)}"
            return len(told)


@pytest.mark.system
@pytest.mark.parametrize("seed", sorted({0, SEED}))
def test_a_hundred_files_are_read_correctly_after_two_hints_at_most(
    tmp_path: Path, capsys: pytest.CaptureFixture, seed: int
) -> None:
    counts, wrong = Counter[int](), list[str]()
    for number in range(FILES):
        file = draw(seed, number, tmp_path / f"{number:03}")
        try:
            counts[hints_until_read(file)] += 1
        except AssertionError as error:
            wrong.append(f"{seed}/{number} {file.path.name}: {error}")
    with capsys.disabled():
        print(f"\nseed {seed}: {dict(sorted(counts.items()))} read after so many hints")
    assert not wrong, "\n".join(wrong)


@pytest.mark.system
def test_a_command_does_what_its_hint_says(seqclass: Command, tmp_path: Path) -> None:
    """The same by the command line, whose words are those of the hint as a shell splits them."""
    followed = 0
    for number in range(0, 40, 2):
        file = draw(SEED, number, tmp_path / f"{number:03}")
        code, _, err = seqclass("inspect", file.path, *file.words())
        while code == 2 and followed < 100:
            before = err
            assert file.follow(err.strip()), err
            followed += 1
            code, _, err = seqclass("inspect", file.path, *file.words())
            assert err != before
        assert code == 0, err
    assert followed > 10


def test_options_are_found_in_a_sentence() -> None:
    hint = "say --step-column 'Sample #', or --ignore a,b; --decimal ',' or --label-column NAME, x"
    assert options_in(hint) == [
        ("--step-column", "Sample #"), ("--ignore", "a,b"), ("--decimal", ","),
        ("--label-column", "NAME"),
    ]  # fmt: skip
