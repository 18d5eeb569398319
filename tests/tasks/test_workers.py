"""The processes that train: they end when they are told to, and others take their place."""

import subprocess
import sys

from tests.support.places import REPOSITORY

ENDED = """
import os
from tasks.compute.workers import end_workers, workers
pids = []
for _ in range(2):
    pids += workers().run([(os.getpid, ())])
    os.kill(pids[-1], 0)
    end_workers()
    try:
        os.kill(pids[-1], 0)
    except ProcessLookupError:
        continue
    raise SystemExit("it lives on")
assert pids[0] != pids[1]
"""


def test_ended_processes_are_gone_and_the_next_job_has_another() -> None:
    found = subprocess.run(
        [sys.executable, "-c", ENDED], cwd=REPOSITORY, capture_output=True, text=True
    )
    assert found.returncode == 0, found.stderr
