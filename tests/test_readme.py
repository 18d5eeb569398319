"""The README: what it shows is run, and what it names exists."""

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.support.commands import csv
from tests.support.places import REPOSITORY
from tests.support.servers import free_port, hear_interrupts, wait_until_healthy

README = (REPOSITORY / "README.md").read_text()
BLOCKS = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
LINES = [re.sub(r"\s+#.*", "", line) for block in BLOCKS for line in block.splitlines()]
OPERATION = (REPOSITORY / "docs" / "operation.md").read_text()
DOORS = dict(re.findall(r"export (PREFECT_(?:SERVER_)?(?:API_AUTH|C)\w+)=([^\s\"]+)\n", OPERATION))
"""Settings that keep others out of a server of one's own."""
OWN = [line for line in LINES if line.startswith(".venv/bin/seqclass")]


def run(line: str, environment: dict[str, str], folder: Path) -> None:
    found = subprocess.run(
        shlex.split(line.replace(".venv/bin/", f"{REPOSITORY}/.venv/bin/")), cwd=folder,
        env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert found.returncode == 0, f"{line}\n{found.stdout}\n{found.stderr}"


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_every_command_of_the_readme_runs(prefect_url: str, tmp_path: Path) -> None:
    steps = "series_id,label,step,x\n" + "".join(
        f"s{i},{'ab'[i % 2]},{t},{i % 2 * t}\n" for i in range(1300) for t in range(5)
    )
    csv(tmp_path, lambda _: steps).rename(tmp_path / "my.csv")
    environment = {
        **os.environ, "PREFECT_API_URL": prefect_url, "SEQCLASS_STORAGE": str(tmp_path / "tree"),
    }  # fmt: skip
    assert len(OWN) >= 6
    for line in OWN:
        run(line, environment, tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_make_run_is_the_main_job(prefect_url: str, tmp_path: Path) -> None:
    if not (REPOSITORY / ".venv" / "installed").exists():
        pytest.skip("the environment was not built by make")
    assert "make run" in LINES
    environment = {
        **os.environ, "PREFECT_API_URL": prefect_url, "SEQCLASS_STORAGE": str(tmp_path / "tree"),
    }  # fmt: skip
    found = subprocess.run(
        ["make", "run"], cwd=REPOSITORY, env=environment, capture_output=True, text=True
    )
    assert found.returncode == 0, found.stderr
    for part in ("signals@v1 (champion)", "model.keras", "report.html", "index.html"):
        assert part in found.stdout
    for path in re.findall(r"(/\S+\.(?:html|keras))", found.stdout):
        assert Path(path).exists()


def test_the_makefile_has_every_target_that_the_readme_names() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"make ([a-z-]+)", README)) <= targets


def test_the_readme_names_every_command() -> None:
    from flows.__main__ import app

    commands = {c.name or c.callback.__name__ for c in app.registered_commands if c.callback}
    for command in commands - {"run"}:
        assert f"seqclass {command}" in README, command


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_server_section_leads_to_a_finished_run(tmp_path: Path) -> None:
    """Follow it word for word, with a port and folders of its own."""
    block = next(block for block in BLOCKS if "prefect server start" in block)
    lines = block.splitlines()
    url = f"http://127.0.0.1:{free_port()}/api"
    environment = {
        **os.environ, **DOORS, "PREFECT_API_URL": url, "PREFECT_HOME": str(tmp_path / "home"),
        "SEQCLASS_STORAGE": str(tmp_path / "tree"), "PREFECT_LOGGING_LEVEL": "WARNING",
    }  # fmt: skip
    server = [*lines[0].split(), "--port", url.split(":")[2].split("/")[0]]
    started = [_begin(server, REPOSITORY, environment)]
    try:
        wait_until_healthy(f"{url}/health", started[0])
        for line in lines[1:3]:
            subprocess.run(_in_venv(line.split()), cwd=REPOSITORY, env=environment, check=True)
        started += [_begin(line.split(), tmp_path, environment) for line in lines[3:5]]
        parameters = ["--param", 'signals={"n_series": 300}', "--param", 'training={"seeds": 1}']
        subprocess.run(
            _in_venv([*shlex.split(lines[5]), *parameters, "--watch"]), cwd=tmp_path,
            env=environment, check=True, timeout=400,
        )  # fmt: skip
    finally:
        for process in reversed(started):
            process.terminate()
            process.wait(timeout=60)
    assert (tmp_path / "tree" / "models" / "signals" / "v1" / "report.html").exists()


def _begin(words: list[str], folder: Path, environment: dict[str, str]) -> subprocess.Popen:
    return subprocess.Popen(
        _in_venv(words), cwd=folder, env=environment, preexec_fn=hear_interrupts
    )


def _in_venv(words: list[str]) -> list[str]:
    return [f"{REPOSITORY}/.venv/bin/{words[0]}", *words[1:]]
