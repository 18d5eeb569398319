"""The docs and messages: the commands, options, files and places that they name are there."""

import os
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

from typer.main import get_command

from benchmarks.__main__ import BENCHMARKS
from seqclass.flows.__main__ import app
from seqclass.flows.service.server import HOME
from seqclass.pages.index_pages import COMPARISONS, DIGESTS
from seqclass.pipeline.prometheus import METRICS
from seqclass.store.inbox import INBOX
from seqclass.store.policy_file import POLICY
from seqclass.store.pruning import DATASETS, MODELS, PRUNINGS
from seqclass.store.retrainings import RETRAININGS
from seqclass.store.scores import SCORES
from seqclass.store.seeds import UNFINISHED
from seqclass.store.staging import STAGING
from seqclass.store.studies import STUDIES
from tests.support.places import REPOSITORY

PAGES = [
    *(REPOSITORY / name for name in ("README.md", "INSTALL.md", "CONTRIBUTING.md", "SECURITY.md")),
    REPOSITORY / "storage" / "README.md",
    *sorted((REPOSITORY / "docs").glob("*.md")),
]
SCRIPTS = "\n".join(path.read_text() for path in (REPOSITORY / "benchmarks").glob("*.py"))
PLACES = (DATASETS, MODELS, SCORES, INBOX, RETRAININGS, STUDIES, PRUNINGS, UNFINISHED, STAGING,
          HOME, METRICS, POLICY, COMPARISONS, DIGESTS)  # fmt: skip


def commands(
    command: Any, words: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], set[str]]]:
    """Every command by its words, with its options."""
    for name, below in getattr(command, "commands", {}).items():
        yield from commands(below, (*words, name))
    given = {option for each in command.params for option in (*each.opts, *each.secondary_opts)}
    yield words, given | {"--help"}


COMMANDS = dict(commands(get_command(app)))


def spans(page: Path) -> list[str]:
    """What is written as code, a line each."""
    text, fenced = page.read_text(), re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)
    code = "".join(block for kind, block in fenced.findall(text) if kind in ("", "sh"))
    return [*code.splitlines(), *re.findall(r"`([^`\n]+)`", fenced.sub("", text))]


def options_in(text: str) -> set[str]:
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]*+(?!\.)", text))


def misnamed(line: str) -> set[str]:
    """Of a line with ``seqclass``: options that its command lacks, or the words of no command."""
    words = tuple(re.findall(r"[\w-]+", line)[:2])
    options = next((COMMANDS[words[:n]] for n in (2, 1) if words[:n] in COMMANDS), None)
    if options is None and line[:1].islower():
        return set(words[:1])
    return options_in(line.partition("#")[0]) - (options or COMMANDS[()])


def calls(page: Path) -> list[str]:
    """What follows ``seqclass``, wherever a command is written as code."""
    called = (re.split(r"(?:^|[ /])seqclass ", span, maxsplit=1) for span in spans(page))
    return [parts[1] for parts in called if len(parts) == 2]


def rooted(page: Path) -> list[str]:
    """Paths of this project that are written as code."""
    rooms = r"`((?:seqclass|tasks|flows|tests|docs|benchmarks|\.ci)/[\w./*-]*)`"
    return re.findall(rooms, page.read_text())


def benches(page: Path) -> list[str]:
    lines = re.findall(r"python -m benchmarks ((?:[a-z_]+ ?)+)", page.read_text())
    return [name for line in lines for name in line.split()]


def everywhere(find: Callable[[Path], list[str]], least: int) -> list[tuple[str, str]]:
    """What all pages name, with the page; at least as much, or the search is wrong."""
    named = [(page.name, name) for page in PAGES for name in find(page)]
    assert len(named) >= least
    return named


def test_commands_and_their_options_are_there() -> None:
    assert [call for call in everywhere(calls, 100) if misnamed(call[1])] == []
    assert misnamed("train mine --no-such")
    assert misnamed("nonsense mine")


def parse(line: str) -> None:
    """Read a command as the program does, up to what it would do."""
    group: Any = get_command(app)
    context = group.make_context("seqclass", ["--help"], resilient_parsing=True)
    words = shlex.split(line, comments=True)
    name, command, words = group.resolve_command(context, words)
    if hasattr(command, "resolve_command"):
        context = command.make_context(name, list(words), parent=context, resilient_parsing=True)
        name, command, words = command.resolve_command(context, words)
    with patch.dict(os.environ):  # an option such as --runner leaves its value there
        command.make_context(name, words, parent=context).close()


def test_commands_that_are_shown_have_their_arguments() -> None:
    """In blocks, and within sentences for operators, where a name alone is a mention of it."""
    for page in PAGES:
        for block in re.findall(r"```sh\n(.*?)```", page.read_text(), re.DOTALL):
            for line in re.findall(r"^(?:\S*/)?seqclass (.+)", block, re.MULTILINE):
                parse(line)
    for line in calls(REPOSITORY / "docs" / "operation.md"):
        if " " in line:
            parse(line)


def test_an_option_that_stands_alone_is_one_of_ours() -> None:
    ours = set().union(*COMMANDS.values())
    alone = [(page.name, option) for page in PAGES for span in spans(page)
             if span.startswith("--") for option in options_in(span)]  # fmt: skip
    left = [(page, option) for page, option in alone if option not in ours]
    assert [(page, option) for page, option in left if f'"{option}"' not in SCRIPTS] == []


def test_files_benchmarks_and_targets_are_there() -> None:
    assert [path for path in everywhere(rooted, 40) if not list(REPOSITORY.glob(path[1]))] == []
    assert [name for name in everywhere(benches, 10) if name[1] not in BENCHMARKS] == []
    text = "\n".join(page.read_text() for page in PAGES)
    modules = {path.stem for path in (REPOSITORY / "benchmarks").glob("*.py")}
    assert set(re.findall(r"python -m benchmarks\.(\w+)", text)) <= modules
    makefile = (REPOSITORY / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    assert set(re.findall(r"`make ([a-z-]+)`", text)) <= targets


def test_the_stores_page_names_every_place() -> None:
    tree = (REPOSITORY / "storage" / "README.md").read_text()
    assert [place for place in PLACES if place not in tree] == []


def test_messages_name_commands_and_options_that_are_there() -> None:
    sources = [path for folder in ("flows", "tasks", "seqclass")
               for path in (REPOSITORY / folder).rglob("*.py")]  # fmt: skip
    named = [(path.name, call) for path in sources
             for call in re.findall(r"'seqclass ([a-z-]+[^'\n]*)", path.read_text())]  # fmt: skip
    assert len(named) > 10
    assert [call for call in named if misnamed(call[1])] == []
