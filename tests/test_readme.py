"""The README and the commands of the docs: what they show is run, and what they name exists."""

import inspect
import json
import math
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from seqclass.flows.__main__ import GROUPS, NAMES
from seqclass.flows.cli.dataset_commands import SignalOptions
from seqclass.flows.cli.training_commands import run as main_job
from tests.support.commands import csv
from tests.support.places import REPOSITORY
from tests.support.stored import QUICK, SMALL

MOST_LINES, MOST_WORDS = 70, 650
README = (REPOSITORY / "README.md").read_text()
[SESSION] = re.findall(r"```console\n(.*?)```", README, re.DOTALL)
"""Commands of the page, and their output."""
BEFORE_S = 8.0
"""Seconds before the seeds of a run: server, processes, series, split."""
COMMANDS = (REPOSITORY / "docs" / "commands.md").read_text()


def blocks(page: str) -> list[str]:
    return re.findall(r"```sh\n(.*?)```", page, re.DOTALL)


def own(page: str) -> list[str]:
    """Lines of this project's command, without what is said of them."""
    lines = [line for block in blocks(page) for line in block.splitlines()]
    return [re.sub(r"\s+#.*", "", line) for line in lines if "seqclass" in line.split()[0]]


def run(line: str, environment: dict[str, str], folder: Path) -> None:
    completed = subprocess.run(
        [sys.executable, "-m", "seqclass.flows", *shlex.split(line)[1:]], cwd=folder,
        env={**environment, "PYTHONPATH": str(REPOSITORY)}, capture_output=True, text=True,
    )  # fmt: skip
    gains_nothing = completed.returncode == 1 and "it learned no new rows" in completed.stderr
    assert completed.returncode == 0 or gains_nothing, (
        f"{line}\n{completed.stdout}\n{completed.stderr}"
    )


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


@pytest.mark.system
@pytest.mark.timeout(1500)
def test_every_command_that_is_shown_runs(prefect_url: str, tmp_path: Path) -> None:
    """With short trainings: the tutorial's journey has those of the defaults."""
    steps = "series_id,label,step,x\n" + "".join(
        f"s{i},{'ab'[i % 2]},{t},{i % 2 * t}\n" for i in range(400) for t in range(5)
    )
    csv(tmp_path, lambda _: steps).rename(tmp_path / "my.csv")
    environment = {
        **os.environ, "PREFECT_API_URL": prefect_url, "SEQCLASS_STORAGE": str(tmp_path / "tree"),
    }  # fmt: skip
    (tmp_path / "closed.json").write_text(json.dumps({"members": list(QUICK.members)}))
    (tmp_path / "small.json").write_text(json.dumps(SMALL))
    shorter = {"train": "--seeds 2 --spec closed.json", "stability": "--recipes small.json"}
    shown = [line.partition(" ")[2] for page in (README, COMMANDS) for line in own(page)]
    assert len(shown) >= 8
    for line in dict.fromkeys(shown):
        run(f"seqclass {line} {shorter.get(line.split()[0], '')}", environment, tmp_path)


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
