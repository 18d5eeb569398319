"""docs/tutorial.md, block by block, as a reader follows it."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from seqclass.store.registry import champion_of
from seqclass.store.root import open_root
from tests.support.places import REPOSITORY

TEXT = (REPOSITORY / "docs" / "tutorial.md").read_text()
[MAKER] = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
LINES = "".join(re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL)).splitlines()


@pytest.mark.system
@pytest.mark.timeout(1200)
def test_every_block_of_the_tutorial_runs(prefect_url: str, tmp_path: Path) -> None:
    environment = {
        **os.environ, "PREFECT_API_URL": prefect_url, "SEQCLASS_STORAGE": str(tmp_path / "tree"),
    }  # fmt: skip
    subprocess.run([sys.executable, "-c", MAKER], cwd=tmp_path, check=True)
    assert len(LINES) >= 9
    for line in LINES:
        words = [sys.executable, "-m", "flows", *shlex.split(line)[1:]]
        found = subprocess.run(
            words, cwd=tmp_path, env={**environment, "PYTHONPATH": str(REPOSITORY)},
            capture_output=True, text=True,
        )  # fmt: skip
        assert found.returncode == 0, f"{line}\n{found.stdout}\n{found.stderr}"
    assert len((tmp_path / "answers.csv").read_text().splitlines()) == 101
    assert champion_of(open_root(tmp_path / "tree"), "press") == "v1"
