"""Files as people have them: each is read correctly, at once or after two hints at most."""

import os
from pathlib import Path

from tests.support.hints import options_in
from tests.support.messy_files import Messy, draw

SEED = int(os.environ.get("SEQCLASS_MESSY_SEED", "0"))
FILES, HINTS = 60, 2


def read_with_hints(file: Messy) -> str:
    """Let its owner follow refusals until a file is read; what is wrong with it then, if anything.

    A file is to be read correctly, and no hint given twice.
    """
    hints: list[str] = []
    while len(hints) <= HINTS:
        try:
            rows = file.read()
        except ValueError as error:
            hint = str(error)
            if hint in hints or not file.follow(hint):
                return f"leads nowhere: {hint}\n{file.knows}, {file.flaws}"
            hints.append(hint)
        else:
            return "" if file.is_right(rows) else f"read wrongly, {file.options}: {rows}"
    return f"too many hints: {hints}"


def test_files_of_any_make_are_read_correctly_after_two_hints_at_most(tmp_path: Path) -> None:
    """``SEQCLASS_MESSY_SEED`` draws others."""
    wrong = list[str]()
    for number in range(FILES):
        file = draw(SEED, number, tmp_path / f"{number:03}")
        if problem := read_with_hints(file):
            wrong.append(f"{SEED}/{number} {file.path.name}: {problem}")
    assert not wrong, "\n".join(wrong)


def test_options_are_found_in_a_sentence() -> None:
    hint = "say --step-column 'Sample #', or --ignore a,b; --decimal ',' or --label-column NAME, x"
    assert options_in(hint) == [
        ("--step-column", "Sample #"), ("--ignore", "a,b"), ("--decimal", ","),
        ("--label-column", "NAME"),
    ]  # fmt: skip
