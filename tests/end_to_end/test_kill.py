"""kill -9 at any moment: the tree stays sound, and nothing stays behind."""

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from seqclass.flows.cli.command_line import INTERRUPTION
from seqclass.store.garbage import collect_garbage
from seqclass.store.root import Root
from seqclass.store.seeds import UNFINISHED
from tests.support.commands import start
from tests.support.stored import QUICK, store_series
from tests.support.waiting import until

LOADED_S = 6.0
"""CPU seconds after which a worker has loaded TensorFlow and trains."""


def group_is_gone(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


def workers_busy_s(group: int) -> list[float]:
    """CPU seconds of each process of a group that works for others."""
    seconds = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(ProcessLookupError, FileNotFoundError):
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            if int(fields[2]) == group and b"seqclass.workers" in (folder / "cmdline").read_bytes():
                seconds.append(sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK"))
    return seconds


def kill(process: subprocess.Popen) -> None:
    """SIGKILL the command alone, then wait until the processes it started are gone too."""
    process.send_signal(signal.SIGKILL)
    process.wait()
    until(lambda: group_is_gone(process.pid))


def check_tree(root: Root, seqclass_json: Callable[..., dict]) -> None:
    for command in ("verify", "datasets", "models"):
        assert seqclass_json(command).get("bad", []) == []
    for kind in ("datasets", "models"):
        for version in Path(root.path).glob(f"{kind}/*/*"):
            if version.is_dir():
                assert (version / "manifest.json").exists()


@pytest.mark.timeout(900)
def test_a_killed_training_leaves_a_sound_tree(
    prefect_url: str,
    root: Root,
    tmp_path: Path,
    seqclass_json: Callable[..., dict],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is killed when its first seed is finished, and as its model is tested."""
    environment = {**os.environ, "PREFECT_API_URL": prefect_url, "SEQCLASS_STORAGE": root.path}
    store_series(root, n=150)
    spec = tmp_path / "spec.json"
    spec.write_text(json.dumps({"members": list(QUICK.members)}))
    words = ["train", "toy", "--seeds", "2", "--spec", str(spec)]
    staged = Path(root.path, ".staging")

    moments = (
        lambda: root.names(UNFINISHED),
        lambda: list(staged.glob("*-model-*/model.keras")),
    )
    for reached in moments:
        process = start(words, environment)
        until(reached, every_s=0.01)
        kill(process)
        assert process.returncode == -signal.SIGKILL
        check_tree(root, seqclass_json)
        assert root.names("models") == []
    assert start(words, environment).wait() == 0
    check_tree(root, seqclass_json)
    assert root.names("models") == ["toy"]
    monkeypatch.setattr("seqclass.store.garbage.LEFTOVER_AGE_S", -1)
    collect_garbage(root)
    assert list(staged.iterdir()) == []


def test_an_interrupted_training_ends_at_once_and_leaves_nothing(
    root: Root, prefect_home: Path, tmp_path: Path
) -> None:
    """With a throw-away server; the terminal interrupts the whole group."""
    environment = {**os.environ, "SEQCLASS_STORAGE": root.path, "PREFECT_HOME": str(prefect_home)}
    environment.pop("PREFECT_API_URL", None)
    messages = tmp_path / "stderr"
    run = ["run", "--n-series", "1300", "--seeds", "2", "--preset", "hard"]
    with messages.open("w") as stderr:
        process = start(run, environment, stderr)
    staged = Path(root.path, ".staging")
    until(lambda: max(workers_busy_s(process.pid), default=0) >= LOADED_S)
    until(lambda: list(staged.glob("*-model-*/split.parquet")))
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(timeout=120) == 130
    until(lambda: group_is_gone(process.pid))
    assert list(staged.iterdir()) == []
    assert root.names("models") == []
    assert messages.read_text().splitlines()[-1] == f"seqclass: {INTERRUPTION}"
