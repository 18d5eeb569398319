"""What outputs name as the next step, taken out of a line as a shell would."""

import re
import shlex

WORD = re.compile(r"""(--[a-z-]+) ((?:'[^']*'|"[^"]*"|[^\s'"])+)""")


def options_in(hint: str) -> list[tuple[str, str]]:
    """Options and their values in a sentence."""
    return [(name, shlex.split(raw.rstrip(",;"))[0]) for name, raw in WORD.findall(hint)]


def next_step(out: str) -> list[str]:
    """The words of the command that an output names as the next step, without ``seqclass``."""
    [line] = [line for line in out.splitlines() if line.startswith("next:")]
    program, *words = shlex.split(line.removeprefix("next:"))
    assert program == "seqclass"
    return words
