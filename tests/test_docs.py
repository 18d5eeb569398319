"""The docs: the commands, options, files and places that they name are there."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
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
each_page = pytest.mark.parametrize(
    "page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY))
)


def commands(
    command: Any, words: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], set[str]]]:
    """Every command by its words, with its options."""
    for name, own in getattr(command, "commands", {}).items():
        yield from commands(own, (*words, name))
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
    known = next((COMMANDS[words[:n]] for n in (2, 1) if words[:n] in COMMANDS), None)
    if known is None and line[:1].islower():
        return set(words[:1])
    return options_in(line.partition("#")[0]) - (known or COMMANDS[()])


def calls(page: Path) -> list[str]:
    """What follows ``seqclass``, wherever a command is written as code."""
    called = (re.split(r"(?:^|[ /])seqclass ", span, maxsplit=1) for span in spans(page))
    return [parts[1] for parts in called if len(parts) == 2]


def rooted(page: Path) -> list[str]:
    """Paths of this project that are written as code."""
    rooms = r"`((?:seqclass|tasks|flows|tests|docs|benchmarks|\.ci)/[\w./*-]*)`"
    return re.findall(rooms, page.read_text())


def benches(page: Path) -> list[str]:
    found = re.findall(r"python -m benchmarks ((?:[a-z_]+ ?)+)", page.read_text())
    return [name for line in found for name in line.split()]


@pytest.mark.parametrize(("find", "least"), [(calls, 100), (rooted, 40), (benches, 10)])
def test_there_is_much_to_hold_to(find: Callable[[Path], list[str]], least: int) -> None:
    assert sum(len(find(page)) for page in PAGES) >= least


@each_page
def test_commands_and_their_options_are_there(page: Path) -> None:
    assert [line for line in calls(page) if misnamed(line)] == []


@each_page
def test_an_option_that_stands_alone_is_one_of_ours(page: Path) -> None:
    alone = set().union(*(options_in(span) for span in spans(page) if span.startswith("--")))
    left = alone - set().union(*COMMANDS.values())
    assert [option for option in left if f'"{option}"' not in SCRIPTS] == []


@each_page
def test_files_of_this_project_are_there(page: Path) -> None:
    assert [path for path in rooted(page) if not list(REPOSITORY.glob(path))] == []


@each_page
def test_benchmarks_and_targets_are_there(page: Path) -> None:
    text, makefile = page.read_text(), (REPOSITORY / "Makefile").read_text()
    assert set(benches(page)) <= set(BENCHMARKS)
    modules = re.findall(r"python -m benchmarks\.(\w+)", text)
    assert [
        name for name in modules if not (REPOSITORY / "benchmarks" / f"{name}.py").exists()
    ] == []
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    assert set(re.findall(r"`make ([a-z-]+)`", text)) <= targets


def test_the_stores_page_names_every_place() -> None:
    tree = (REPOSITORY / "storage" / "README.md").read_text()
    assert [place for place in PLACES if place not in tree] == []


@pytest.mark.parametrize(
    "line", ["train mine --no-such", "nonsense mine", "generate signals --ragas A1", "--no-such"]
)
def test_what_is_not_there_is_seen(line: str) -> None:
    assert misnamed(line)
