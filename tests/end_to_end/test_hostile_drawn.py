"""Workbooks, specs and files of labels that mean harm: each is refused in one line, and soon."""

import json
import sys
import time
from pathlib import Path

import pytest

from seqclass.store.root import Root
from tests.support.commands import in_python
from tests.support.hostile_files import Harm, harms
from tests.support.stored import store_champion, store_series

CPU_S, MEMORY_BYTES = 10, 2**30


MEASURED = """
import json, resource, subprocess, sys
code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([code, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024]))
"""
"""A small process, since whoever begins another one counts in its most memory."""


def run(harm: Harm, root: Root) -> tuple[int, str, float, int]:
    """Exit code, errors, seconds of processor and the most memory of the command."""
    words = [*harm.words, *(["--name", "x"] if harm.words[0] in ("import", "generate") else [])]
    words += [] if harm.words[0] == "inspect" else ["--root", root.path]
    process = in_python(MEASURED, sys.executable, "-m", "seqclass.flows", *words, check=True)
    code, cpu_s, memory = json.loads(process.stdout)
    return code, process.stderr, cpu_s, memory


def refused(harm: Harm, root: Root) -> str:
    """What is wrong with how a file was refused, if anything."""
    before_s = time.monotonic()
    code, errors, cpu_s, memory = run(harm, root)
    line, wall_s = errors.strip(), time.monotonic() - before_s
    figures = f"{cpu_s:4.1f} s of processor, {wall_s:4.1f} s, {memory / 2**20:4.0f} MiB"
    print(f"{harm.kind:17} {harm.words[0]:8} {figures}: {line[:150]}")
    is_line = "\n" not in line and line.startswith("seqclass: ")
    if code == 2 and is_line and cpu_s <= CPU_S and memory <= MEMORY_BYTES:
        return ""
    return f"{harm.kind}, {harm.words}: exit code {code}, {figures}: {errors[:2000]}"


@pytest.mark.timeout(1800)
@pytest.mark.system
def test_hostile_files_are_refused_in_one_line_each(tmp_path: Path, root: Root) -> None:
    dataset = store_series(root)
    store_champion(root, "toy", dataset=dataset.ref)
    problems = [refused(harm, root) for harm in harms(tmp_path)]
    assert [problem for problem in problems if problem] == []
    assert root.names("datasets") == ["toy"]
    assert root.names(".staging") == []
