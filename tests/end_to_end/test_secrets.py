"""Secrets of the environment stay there: no file of a run holds one."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from seqclass.flows.cli.command_line import PREFECT_SETTINGS
from seqclass.store.root import open_root
from tests.support.stored import QUICK, store_series

NAMES = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "DB_PASSWORD", "HF_TOKEN")


@pytest.mark.system
@pytest.mark.timeout(400)
def test_no_file_of_a_run_holds_a_secret_of_its_environment(tmp_path: Path) -> None:
    """Root, Prefect's database and logs, with a server of the command's own."""
    secrets = {name: f"planted-{name.lower()}-7f3a" for name in NAMES}
    home, tree, temporary = (tmp_path / name for name in ("home", "tree", "temporary"))
    temporary.mkdir()
    environment = {**os.environ, **PREFECT_SETTINGS, **secrets, "PREFECT_HOME": str(home),
                   "TMPDIR": str(temporary)}  # fmt: skip
    environment.pop("PREFECT_API_URL", None)
    store_series(open_root(tree), n=150)
    (tmp_path / "spec.json").write_text(json.dumps({"members": QUICK.members}))
    words = ["train", "toy", "--seeds", "1", "--spec", f"{tmp_path}/spec.json", "--root", str(tree)]
    completed = subprocess.run(
        [sys.executable, "-m", "seqclass.flows", *words], env=environment, capture_output=True
    )
    assert completed.returncode == 0, completed.stderr
    assert list(temporary.iterdir()) == []
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert any(file.suffix == ".db" for file in files)
    assert any(file.match("models/toy/*/manifest.json") for file in files)
    texts = {str(file): file.read_bytes() for file in files}
    texts |= {"output": completed.stdout, "errors": completed.stderr}
    holding = [(n, s) for n, text in texts.items() for s in secrets.values() if s.encode() in text]
    assert holding == []
