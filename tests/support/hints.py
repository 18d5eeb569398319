"""What outputs name as the next step, taken out of a line as a shell would."""

import shlex


def next_step(out: str) -> list[str]:
    """The words of the command that an output names as the next step, without ``seqclass``."""
    [line] = [line for line in out.splitlines() if line.startswith("next:")]
    program, *words = shlex.split(line.removeprefix("next:"))
    assert program == "seqclass"
    return words
