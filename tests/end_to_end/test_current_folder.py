"""A folder of data sets nothing and runs nothing, whatever files are hidden in it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from seqclass.settings_files import profiles_file
from seqclass.store.root import open_root
from tests.support.commands import csv, in_python
from tests.support.listeners import Listener, listening
from tests.support.places import REPOSITORY
from tests.support.service import Up, ended

SECRET = "mine:kept-9d1c"  # noqa: S105 - of nobody
QUICK = {
    "recipe": {"updates": 20, "epochs": 2, "shortest": 10, "restarts": 1},
    "members": ["conv-lstm"],
    "networks": {"conv-lstm": 1},
}
LOGGING = """
version: 1
disable_existing_loggers: false
handlers: {{mark: {{class: logging.FileHandler, filename: {marker}/logging}}}}
loggers: {{prefect: {{handlers: [mark]}}}}
"""


@pytest.fixture
def listener() -> Iterator[Listener]:
    """A server that looks like Prefect's."""
    with listening({"/api/health": b"true", "/api/admin/version": b'"3.9.1"'}) as listener:
        yield listener


@pytest.fixture
def marks(tmp_path: Path) -> Path:
    """A folder in which each hostile file leaves a mark if it is obeyed."""
    (tmp_path / "marks").mkdir()
    return tmp_path / "marks"


@pytest.fixture
def hostile(tmp_path: Path, marks: Path, listener: Listener) -> dict[str, str]:
    """Texts of hostile files, by name."""
    (tmp_path / "logging.yml").write_text(LOGGING.format(marker=marks))
    (tmp_path / "profiles.toml").write_text(
        f'active = "evil"\n[profiles.evil]\nPREFECT_API_URL = "{listener.url}/api"\n'
    )
    logging, profiles = tmp_path / "logging.yml", tmp_path / "profiles.toml"
    api = f"{listener.url}/api"
    return {
        ".env": f"PREFECT_API_URL={api}\nPREFECT_LOGGING_SETTINGS_PATH={logging}\n",
        "prefect.toml": f'[api]\nurl = "{api}"\n[logging]\nconfig_path = "{logging}"\n',
        "pyproject.toml": f'[tool.prefect]\nprofiles_path = "{profiles}"\n'
                          f'[tool.prefect.logging]\nconfig_path = "{logging}"\n',
        ".numba_config.yaml": f"cache_dir: {marks}/numba\n",
        "matplotlibrc": "text.usetex: True\n",
        "multiprocessing.py": f"open({str(marks / 'multiprocessing')!r}, 'w')\n",
    }  # fmt: skip


Run = Callable[..., subprocess.CompletedProcess]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    gone = ("PREFECT_API_URL", "PREFECT_PROFILES_PATH", "PYTHONSAFEPATH")
    kept = {name: value for name, value in os.environ.items() if name not in gone}
    return {
        **kept, "PREFECT_HOME": str(tmp_path / "home"), "SEQCLASS_STORAGE": str(tmp_path / "tree"),
        "PREFECT_API_AUTH_STRING": SECRET, "PYTHONPATH": str(REPOSITORY),
    }  # fmt: skip


@pytest.fixture
def run(tmp_path: Path, environment: dict[str, str]) -> Run:
    """Run a command in the folder of data, by a script like the one that pip installs."""
    script = tmp_path / "bin" / "seqclass"
    script.parent.mkdir()
    script.write_text(
        "from seqclass.flows.__main__ import main\nif __name__ == '__main__':\n    main()\n"
    )
    (tmp_path / "data").mkdir()

    def call(*words: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, str(script), *words], cwd=tmp_path / "data", env=environment,
            capture_output=True, text=True,
        )  # fmt: skip

    return call


def server_of(completed: subprocess.CompletedProcess) -> Any:
    findings = json.loads(completed.stdout)["findings"]
    return next(f for f in findings if f["what"] == "prefect server")


def test_the_secret_goes_to_the_server_that_the_profile_names(
    run: Run, listener: Listener, tmp_path: Path
) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "profiles.toml").write_text(
        f'active = "mine"\n[profiles.mine]\nPREFECT_API_URL = "{listener.url}/api"\n'
    )
    assert server_of(run("doctor", "--json"))["found"] == f"{listener.url}/api"
    assert "Authorization: Basic" in listener.requests[0].headers


def test_profiles_are_those_of_the_user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("PREFECT_PROFILES_PATH", raising=False)
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path))
    assert profiles_file() == tmp_path / "profiles.toml"
    monkeypatch.setenv("PREFECT_PROFILES_PATH", "/else/where.toml")
    assert profiles_file() == Path("/else/where.toml")


def test_libraries_take_no_settings_from_the_folder(
    hostile: dict[str, str], environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "data").mkdir()
    for name in (".numba_config.yaml", "matplotlibrc"):
        (tmp_path / "data" / name).write_text(hostile[name] + "num_threads: 7\n" * ("y" in name))
    script = (
        "import seqclass.flows.__main__, matplotlib, numba\n"
        "from numba.core.config import reload_config\n"
        "reload_config()\n"
        "from matplotlib import rcParams\n"
        "print([numba.config.CACHE_DIR, numba.config.NUMBA_NUM_THREADS == 7,"
        " rcParams['text.usetex']])"
    )
    completed = in_python(script, cwd=tmp_path / "data", env=environment, check=True)
    assert completed.stdout == "['', False, False]\n"


@pytest.fixture
def data(tmp_path: Path, run: Run, hostile: dict[str, str], prefect_home: Path) -> Path:
    """The folder of data, with every hostile file, a table and a spec."""
    folder = tmp_path / "data"
    for name, text in hostile.items():
        (folder / name).write_text(text)
    rows = "".join(
        f"s{i},{'ab'[i % 2]},{t},{i % 2 * t + i / 100}\n" for i in range(200) for t in range(8)
    )
    csv(folder, lambda _: f"series_id,label,step,x\n{rows}")
    (tmp_path / "spec.json").write_text(json.dumps(QUICK))
    return folder


@pytest.mark.system
@pytest.mark.timeout(900)
def test_commands_run_and_send_nothing(
    run: Run, data: Path, marks: Path, listener: Listener, tmp_path: Path
) -> None:
    (data / "labels.csv").write_text("series_id,label\ns0,b\n")
    for words in (
        "import in.csv --name toy",
        f"train toy --seeds 1 --spec {tmp_path}/spec.json",
        "score toy in.csv --out answers.csv",
        "label toy labels.csv",
        "models",
        "pages",
        "doctor",
    ):
        completed = run(*words.split())
        assert completed.returncode == 0, f"{words}\n{completed.stdout}\n{completed.stderr}"
        assert not list(marks.iterdir()), words
        assert not listener.requests, words


@pytest.mark.system
@pytest.mark.timeout(600)
def test_a_service_and_its_runs_do_neither(
    data: Path, marks: Path, listener: Listener, hostile: dict[str, str], tmp_path: Path
) -> None:
    root = open_root(tmp_path / "tree")
    home = Path(root.path) / ".service"
    home.mkdir(parents=True)
    for name, text in hostile.items():
        (home / name).write_text(text)
    up = Up(root, port=0, folder=data, PREFECT_API_AUTH_STRING=SECRET)
    try:
        run_id = up.ask("import-dataset/local", name="toy", spec={"paths": [f"{data}/in.csv"]})
        state = ended(up, run_id)
        assert state.is_completed(), state
    finally:
        up.stop()
    assert not list(marks.iterdir())
    assert not listener.requests
