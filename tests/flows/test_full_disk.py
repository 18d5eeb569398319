"""Commands on a root whose disk is full: one line names the root, and nothing is left."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from seqclass.store.root import Root
from tests.support.service import surroundings
from tests.support.stored import store_series

APART = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]
"""Words of a command that sees mounts of its own."""
ON_SMALL_DISK = """
cp -a "$1" "$1.copy" && mount -t tmpfs -o size="$2" none "$1" && cp -a "$1.copy/." "$1" || exit 99
shift 2
"$@"; code=$?
find "$SEQCLASS_STORAGE" -name '*.log' -o -path '*/.staging/*'
exit $code
"""


@pytest.mark.skipif(
    subprocess.run([*APART, "true"], capture_output=True).returncode != 0,
    reason="this account may mount nothing",
)
@pytest.mark.parametrize(
    ("size", "words"),
    [
        ("4m", ["up", "--port", "0"]),
        ("52m", ["generate", "signals", "--n-series", "400000"]),
    ],
    ids=["up", "while it is written"],
)
def test_a_full_disk_is_one_line_that_names_the_root(
    size: str, words: list[str], root: Root, prefect_home: Path
) -> None:
    store_series(root)
    environment = surroundings(SEQCLASS_STORAGE=root.path, PREFECT_HOME=str(prefect_home))
    command = [*APART, "sh", "-c", ON_SMALL_DISK, "sh", root.path, size]
    completed = subprocess.run(
        [*command, sys.executable, "-P", "-m", "seqclass.flows", *words], env=environment,
        capture_output=True, text=True,
    )  # fmt: skip
    problem = completed.stderr.splitlines()[-1]
    assert (completed.returncode, completed.stdout) == (2, ""), completed.stderr
    assert problem.startswith("seqclass: storage root")
    assert root.path in problem
    assert "missing" in problem if size == "4m" else "No space left" in problem
