"""Processes that carry a mark are found and ended, with all that they started."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from seqclass.flows.service.ending import has_died
from seqclass.flows.service.processes import (
    MARK,
    begin,
    marked,
    run_of,
    runs,
    tell,
    wait_until_gone,
)
from tests.support.waiting import until

pytestmark = pytest.mark.skipif(not Path("/proc").is_dir(), reason="the system shows no processes")
RUN = "PREFECT__FLOW_RUN_ID"
FAMILY = """
import os, subprocess, sys, time
run = subprocess.Popen([sys.executable, "-c", {script!r}], env={{**os.environ, "{run}": "r1"}})
time.sleep(60)
"""
WORK = (
    "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(60)'])"
)


@pytest.fixture
def family(tmp_path: Path) -> Iterator[tuple[str, subprocess.Popen]]:
    """A process, a run below it, and a process below that, all of one mark."""
    mark = f"test-{os.getpid()}-{time.monotonic_ns()}"
    script = FAMILY.format(script=WORK, run=RUN)
    top = begin([sys.executable, "-c", script], {**os.environ, MARK: mark}, tmp_path / "log")
    until(lambda: len(marked(mark)) == 3)
    yield mark, top
    tell(marked(mark), signal.SIGKILL)
    top.wait(timeout=10)


def test_a_mark_finds_what_a_killed_process_left(family: tuple[str, subprocess.Popen]) -> None:
    mark, top = family
    before = marked(mark)
    top.kill()
    top.wait()
    assert marked(mark) == before - {top.pid}
    tell(marked(mark), signal.SIGKILL)
    assert wait_until_gone(before, 10) == set()
    assert marked(mark) == set()


def test_of_a_run_only_the_topmost_process_is_named(family: tuple[str, subprocess.Popen]) -> None:
    mark, top = family
    (run,) = runs(mark)
    assert run_of(run) == "r1"
    assert run != top.pid
    assert sum(run_of(pid) == "r1" for pid in marked(mark)) == 2


def test_a_process_that_stays_is_named(family: tuple[str, subprocess.Popen]) -> None:
    _, top = family
    assert wait_until_gone({top.pid}, 0.1) == {top.pid}
    tell({top.pid, 2**22 + 1}, signal.SIGTERM)
    assert wait_until_gone({top.pid}, 10) == set()


@pytest.fixture
def deaf() -> Iterator[None]:
    """This process ignores Ctrl-C, as a background job of a shell does."""
    heard = signal.signal(signal.SIGINT, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGINT, heard)


def test_a_started_process_hears_interrupts_though_its_parent_is_deaf(
    deaf: None, family: tuple[str, subprocess.Popen]
) -> None:
    _, top = family
    tell({top.pid}, signal.SIGINT)
    assert wait_until_gone({top.pid}, 10) == set()


def test_a_run_whose_process_is_gone_or_another_has_died(
    family: tuple[str, subprocess.Popen],
) -> None:
    (run,) = runs(family[0])
    assert not has_died(SimpleNamespace(id="r1", infrastructure_pid=str(run)))
    assert has_died(SimpleNamespace(id="r2", infrastructure_pid=str(run)))
    assert not has_died(SimpleNamespace(id="r1", infrastructure_pid=None))
    tell(marked(family[0]), signal.SIGKILL)
    assert wait_until_gone({run}, 10) == set()
    assert has_died(SimpleNamespace(id="r1", infrastructure_pid=str(run)))
