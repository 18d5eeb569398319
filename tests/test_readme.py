"""The README and the commands of the docs: what they show is run, and what they name exists."""

import inspect
import math
import re
import subprocess

import pytest

from seqclass.flows.__main__ import GROUPS, NAMES
from seqclass.flows.cli.dataset_commands import SignalOptions
from seqclass.flows.cli.training_commands import run as main_job
from tests.support.places import REPOSITORY

MOST_LINES, MOST_WORDS = 70, 650
README = (REPOSITORY / "README.md").read_text()
[SESSION] = re.findall(r"```console\n(.*?)```", README, re.DOTALL)
"""Commands of the page, and their output."""
BEFORE_S = 8.0
"""Seconds before the seeds of a run: server, processes, series, split."""
COMMANDS = (REPOSITORY / "docs" / "commands.md").read_text()


def test_the_readme_is_short() -> None:
    prose = re.sub(r"```.*?```", "", README, flags=re.DOTALL)
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", prose)
    assert len(README.splitlines()) <= MOST_LINES
    assert len(text.split()) <= MOST_WORDS


def test_the_page_of_the_package_needs_no_other() -> None:
    """An index of packages shows it alone."""
    [page] = re.findall(r'^readme = "(.*)"', (REPOSITORY / "pyproject.toml").read_text(), re.M)
    links = re.findall(r"\]\(([^)]*)\)", (REPOSITORY / page).read_text())
    assert [link for link in links if not link.startswith(("https://", "#"))] == []


def test_the_first_run_takes_as_long_as_the_program_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """On two cores as fast as those that the program's estimate was made on."""
    from seqclass.pipeline.expectation import Size, expected_seconds
    from seqclass.training.spec import TrainingSpec

    monkeypatch.setattr("seqclass.pipeline.expectation.at_once", lambda: 2)
    [promised] = re.findall(r"about \[(\d+) s on two idle cores\]", README)
    training = TrainingSpec(seeds=inspect.signature(main_job).parameters["seeds"].default)
    spec = SignalOptions().spec()
    rows = math.ceil(spec.n_series * (1 - training.test_fraction))
    size = Size(rows, spec.n_steps, 1, spec.n_series - rows)
    assert int(promised) == pytest.approx(BEFORE_S + expected_seconds(size, training)[0], abs=5)


def test_make_run_is_the_main_job() -> None:
    assert re.findall(r"^\$ (.*)", SESSION, re.MULTILINE) == ["make run", "make test"]
    planned = subprocess.run(
        ["make", "--dry-run", "run"], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert any(line.endswith("/seqclass run") for line in planned.stdout.splitlines())


def test_the_page_of_commands_names_each_in_its_group() -> None:
    sections = dict(re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", COMMANDS, re.MULTILINE | re.DOTALL))
    assert list(sections)[: len(GROUPS)] == list(GROUPS)
    for group, commands in GROUPS.items():
        named = re.findall(r"^\| `seqclass ([a-z-]+)", sections[group], re.MULTILINE)
        names = [NAMES.get(command, command.__name__) for command in commands]
        listed = [name.replace("_", "-") for name in names]
        assert named == listed + ["generate"] * (group == "Data")
