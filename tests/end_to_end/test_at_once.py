"""Commands at the same time, each with its own throw-away Prefect server."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from seqclass.store.audit import read_audit
from seqclass.store.registry import champion_of
from seqclass.store.root import open_root


@pytest.mark.system
@pytest.mark.timeout(400)
def test_two_main_jobs_at_once_both_work(tmp_path: Path) -> None:
    environment = {**os.environ, "PREFECT_HOME": str(tmp_path / "home")}
    environment.pop("PREFECT_API_URL", None)
    words = ["run", "--n-series", "300", "--seeds", "1", "--root", str(tmp_path / "tree"), "--json"]
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "flows", *words],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    ended = [process.communicate(timeout=300) for process in started]
    assert sorted(process.returncode for process in started) == [0, 1], ended
    found = [json.loads(out) for out, _ in ended]
    root = open_root(tmp_path / "tree")
    assert {f["model"] for f in found} == {"models/signals@v1", "models/signals@v2"}
    assert len({f["dataset"] for f in found}) == 1
    assert sorted(f["verdict"] for f in found) == ["promoted", "refused"]
    entries = [(entry["what"], entry["to"]) for entry in read_audit(root, "signals")]
    champion = champion_of(root, "signals")
    assert entries == [("promote", champion), ("refuse", champion)]
