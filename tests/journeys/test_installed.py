"""A journey passes with a wheel in an environment of its own."""

import os
import shutil
import subprocess
import sys
import sysconfig
from glob import glob
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
SOURCES = ["pyproject.toml", "INSTALL.md", "LICENSE", "prefect.yaml", "work-pool.json", "seqclass"]
JOURNEY = "stored_model"
PIP = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
pytestmark = [pytest.mark.system, pytest.mark.timeout(1500)]


@pytest.fixture(scope="module")
def commands(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an installed wheel's commands: ``SEQCLASS_BIN``, or that of a new environment.

    The new one borrows this environment's packages, but not the project's own checkout.
    """
    if there := os.environ.get("SEQCLASS_BIN"):
        return Path(there)
    folder = tmp_path_factory.mktemp("installed")
    source, environment = folder / "source", folder / "environment"
    source.mkdir()
    for name in SOURCES:
        copy = shutil.copytree if (CHECKOUT / name).is_dir() else shutil.copy
        copy(CHECKOUT / name, source / name)
    wheel = ["wheel", "--no-deps", "--no-index", "--no-build-isolation", "--wheel-dir", folder]
    subprocess.run([*PIP, *wheel, source], check=True)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    install = ["--python", environment / "bin" / "python", "install", "--no-deps", "--no-index"]
    subprocess.run([*PIP, *install, *folder.glob("*.whl")], check=True)
    [packages] = environment.glob("lib/*/site-packages")
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    return environment / "bin"


def test_a_journey_on_a_wheel(commands: Path) -> None:
    passed = subprocess.run(
        [sys.executable, "-m", "pytest", "-k", JOURNEY, "tests/journeys"], cwd=CHECKOUT,
        env={**os.environ, "SEQCLASS_BIN": str(commands), "JOURNEYS": "compare"},
        capture_output=True, text=True,
    )  # fmt: skip
    assert passed.returncode == 0, passed.stdout + passed.stderr


def test_it_holds_every_module_and_template_and_takes_one_name(commands: Path) -> None:
    script = "from importlib.metadata import files; print(*files('sequence-classification'))"
    shown = subprocess.run([commands / "python", "-c", script], capture_output=True, text=True)
    held, there = (
        {name for name in names if name.endswith((".py", ".j2", "py.typed"))}
        for names in (shown.stdout.split(), glob("seqclass/**", root_dir=CHECKOUT, recursive=True))
    )
    assert held == there, shown.stderr


def test_it_works_beside_a_users_own_flows_and_tasks(commands: Path, tmp_path: Path) -> None:
    """Those of the current folder, and others on the path that an import would find first."""
    here, before = tmp_path / "here", tmp_path / "before"
    for package in (folder / name for folder in (here, before) for name in ("flows", "tasks")):
        package.mkdir(parents=True)
        (package / "__init__.py").write_text("raise AssertionError(__file__)\n")
    plain = {name: text for name, text in os.environ.items() if name != "SEQCLASS_STORAGE"}
    for line in ("--help", "generate signals --n-series 60", "datasets", "models", "doctor"):
        typed = subprocess.run(
            [commands / "seqclass", *line.split()], cwd=here, capture_output=True, text=True,
            env={**plain, "PYTHONPATH": str(before), "PREFECT_HOME": str(tmp_path / "home")},
        )  # fmt: skip
        assert typed.returncode == 0, f"{line}\n{typed.stdout}\n{typed.stderr}"
    assert (here / "seqclass-store" / "datasets" / "signals").is_dir()
