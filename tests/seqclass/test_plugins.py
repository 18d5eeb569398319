"""Plug-ins: a package, the one that the docs show, adds parts by an entry point."""

import json
import os
import re
import subprocess
import sys
from dataclasses import fields
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from seqclass import plugins
from seqclass.ragas.plugin import PLUGIN
from tests.support.places import REPOSITORY

ARCHITECTURE = (REPOSITORY / "docs" / "architecture.md").read_text()
[DICE] = re.findall(r"^```python\n# dice.py\n(.*?)^```", ARCHITECTURE, re.MULTILINE | re.DOTALL)


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The folder of an installed package, whose plug-in is ``dice:PLUGIN``."""
    folder = tmp_path / "packages"
    (folder / "dice-1.0.dist-info").mkdir(parents=True)
    (folder / "dice-1.0.dist-info" / "METADATA").write_text("Name: dice\nVersion: 1.0\n")
    points = "[seqclass.plugins]\ndice = dice:PLUGIN\n"
    (folder / "dice-1.0.dist-info" / "entry_points.txt").write_text(points)
    (folder / "dice.py").write_text(DICE)
    return folder


def run(packages: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": f"{packages}{os.pathsep}{REPOSITORY}"}
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, text=True)


def test_ragas_are_an_installed_plug_in_and_every_part_is_there() -> None:
    """If it fails, install the project again: ``make install``."""
    [entry] = metadata.entry_points(group=plugins.GROUP, name="ragas")
    assert entry.load() is PLUGIN
    for kind in fields(plugins.Plugin):
        named = [getattr(of, kind.name) for of in (plugins.BUILT_IN, PLUGIN)]
        assert len(plugins.parts(kind.name)) >= len([name for name in named if name]) >= 1


def test_a_package_adds_a_file_format_a_generator_and_a_command(
    installed: Path, tmp_path: Path
) -> None:
    (tmp_path / "night.dice").write_text("rolls!")
    seen = run(installed, "-m", "seqclass.flows", "inspect", tmp_path / "night.dice", "--json")
    inspected: dict[str, Any] = json.loads(seen.stdout)
    assert inspected["classes"] == {"fair": 3, "loaded": 3}
    assert [file["layout"] for file in inspected["files"].values()] == ["a letter is a series"]

    source = {"generator": "dice", "spec": {"n_series": 6}}
    script = (
        "from seqclass.generators import generated_tables\n"
        f"print(sum(len(table) for table in generated_tables({source}, 1, 5)))\n"
    )
    assert run(installed, "-c", script).stdout == "4\n"

    refused = run(installed, "-m", "seqclass.flows", "generate", "dice", "--n-series", "0")
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert "--n-series: expected at least 2, got 0" in refused.stderr


def test_a_plug_in_that_cannot_be_loaded_is_one_line(installed: Path) -> None:
    (installed / "dice.py").write_text("import no_such_module\n")
    refused = run(installed, "-m", "seqclass.flows", "--help")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.count("\n") == 1
    assert "plug-in: expected dice:PLUGIN" in refused.stderr
    assert "no_such_module" in refused.stderr
