"""The commands that the hint of a refusal names, taken out of its line as a shell would."""

import re
import shlex
import subprocess
from pathlib import Path

WORD = re.compile(r"""(--[a-z-]+) ((?:'[^']*'|"[^"]*"|[^\s'"])+)""")
OWN = re.compile(r"'seqclass ([^']+)'| it: seqclass (.+)$")
SHELL = re.compile(r" it: (?!seqclass )(\w+ .+)$")
KNOWN = {
    "MODEL": "m", "DATASET": "toy", "NAME": "other", "WHY": "because",
}  # fmt: skip
"""Values for the words of a hint that stand for something only its reader knows."""


def options_in(hint: str) -> list[tuple[str, str]]:
    """Options and their values in a sentence, as a shell would split it."""
    return [(name, shlex.split(raw.rstrip(",;"))[0]) for name, raw in WORD.findall(hint)]


def commands_in(hint: str) -> list[list[str]]:
    """The words of the commands of ours that a sentence names."""
    return [shlex.split(quoted or last) for quoted, last in OWN.findall(hint)]


def next_step(out: str) -> list[str]:
    """The words of the command that an output names as the next step, without ``seqclass``."""
    [line] = [line for line in out.splitlines() if line.startswith("next:")]
    program, *words = shlex.split(line.removeprefix("next:"))
    assert program == "seqclass"
    return words


def tries_after(words: list[str], line: str, folder: Path) -> list[list[str]]:
    """The commands that a refusal of these words names, each of which its reader may try next.

    What the shell is to do is done in the folder.
    """
    hint = line.strip().partition("; ")[2]
    files = [word for word in words[1:] if (folder / word).is_file()]
    known = KNOWN | {"PATH": files[0] if files else "good.csv"}
    tries = [[known.get(word, word) for word in command] for command in commands_in(hint)]
    if hint.endswith("' does that"):
        return [[*tries[0], *words[1:]]]
    if (shell := SHELL.search(hint)) is not None:
        return [_after_shell(words, shell[1], folder)]
    choices = re.split(r" or |; ", OWN.sub("", hint))
    changed = [_changed(words, choice, line) for choice in choices]
    return [*tries, *(own for own in changed if own != words)]


def _changed(words: list[str], choice: str, line: str) -> list[str]:
    """The same command with an option more, less or otherwise, or with the word that it says."""
    others = re.findall(r"another (--[a-z-]+)", choice)
    for option in [*others, *re.findall(r"without (--[a-z-]+)", choice)]:
        words = without(words, option)
    added = options_in(re.sub(r"(another|without|correct) --\S+", "", choice))
    options = [*added, *((option, "NAME") for option in others)]
    if re.search(r"leave (it|one of them) out", choice):
        words = without(words, line.removeprefix("seqclass: ").partition(":")[0])
    for name in re.findall(r"^write (\S+)$", choice):
        words = instead(words, line, name)
    return [*words, *(KNOWN.get(word, word) for option in options for word in option)]


def instead(words: list[str], line: str, name: str) -> list[str]:
    """The same command with a name in the place of the one that the refusal got."""
    [got] = re.findall(r", got '([^']*)'", line)
    return [name if word == got else word for word in words]


def without(words: list[str], option: str) -> list[str]:
    """The same command without an option and its value."""
    if option not in words:
        return words
    place = words.index(option)
    has_value = place + 1 < len(words) and not words[place + 1].startswith("--")
    return words[:place] + words[place + 1 + has_value :]


def _after_shell(words: list[str], command: str, folder: Path) -> list[str]:
    """The same command after one of the shell, with the file that it made for that which it had."""
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    subprocess.run(["sh", "-c", command], cwd=folder, check=True)
    after = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    lost = [name for name, content in before.items() if content not in after.values()]
    assert not lost, f"{command} lost {lost}"
    made = [name for name in after if name not in before]
    had = {Path(word).name for word in shlex.split(command)} & before.keys()
    return [made[0] if made and word in had else word for word in words]


def same_refusal(line: str) -> str:
    """The part of a refusal that another value refused for the same reason has too."""
    return line.partition(", got")[0].strip()


def leads_on(line: str, code: int, err: str) -> bool:
    """Check whether a try has another outcome than the refusal, and is not misspelt.

    What needs Prefect or TensorFlow has got past all that is refused by reading.
    """
    if code not in (0, 1, 2):
        return code == 70 and err.strip().endswith("is imported; please report it")
    return same_refusal(err) != same_refusal(line) and "see --help" not in err
