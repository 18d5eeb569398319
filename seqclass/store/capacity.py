"""The cores and the memory that this process may use, which a container limits."""

import math
import os
from pathlib import Path
from typing import NamedTuple

GROUPS, OWN = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")
"""Paths of Linux's control groups (version 2), and of the one of this process."""
MACHINE = Path("/proc/meminfo")
GIB = 2**30


class Capacity(NamedTuple):
    """Whole cores, at least one, and bytes of memory; whether a container limits one of them."""

    cores: int
    memory_bytes: int
    is_limited: bool

    def __str__(self) -> str:
        cores = f"{self.cores} core{'s' * (self.cores > 1)}"
        of = " by the limits of its container" if self.is_limited else ""
        return f"{cores} and {self.memory_bytes / GIB:.1f} GiB of memory{of}"


def capacity(groups: Path = GROUPS, cgroup_file: Path = OWN) -> Capacity:
    """Return what this process may use of the machine.

    It is the machine's, or less by the processor affinity, by ``cpu.max`` and ``memory.max`` of
    the process's control group and of every one above it. A part of a core counts as none.
    """
    counted = getattr(os, "process_cpu_count", lambda: len(os.sched_getaffinity(0)))  # from 3.13
    cores, memory = counted() or 1, os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    folders = _folders(groups, cgroup_file)
    quota = min((_quota(folder / "cpu.max") for folder in folders), default=math.inf)
    limit = min((_number(folder / "memory.max") for folder in folders), default=math.inf)
    allowed, held = max(1, int(min(cores, quota))), int(min(memory, limit))
    return Capacity(allowed, held, (allowed, held) != (cores, memory))


def free_bytes(groups: Path = GROUPS, cgroup_file: Path = OWN, machine: Path = MACHINE) -> int:
    """Return the bytes of memory that are free for this process, or that caches would give up.

    They are the machine's, or what the limits of control groups leave, if that is less.
    """
    free = [_entry(machine, "MemAvailable:") * 1024, capacity(groups, cgroup_file).memory_bytes]
    for folder in _folders(groups, cgroup_file):
        used = _number(folder / "memory.current") - _entry(folder / "memory.stat", "inactive_file")
        free.append(max(_number(folder / "memory.max") - used, 0.0))
    return int(min(number for number in free if not math.isnan(number)))


def _entry(path: Path, name: str) -> float:
    """Return the number beside a name in a file of names and numbers, not a number without one."""
    lines = (line.split() for line in _text(path).splitlines())
    return next((float(words[1]) for words in lines if words[0] == name), math.nan)


def _folders(groups: Path, cgroup_file: Path) -> list[Path]:
    """Return the folder of the process's control group, and those above it."""
    entries = _text(cgroup_file).splitlines()
    names = [entry.removeprefix("0::") for entry in entries if entry.startswith("0::")]
    if not names:
        return []
    folder = groups / names[0].lstrip("/")
    return [path for path in (folder, *folder.parents) if path.is_relative_to(groups)]


def _quota(path: Path) -> float:
    """Return how many cores' time a group has: its quota of microseconds in a period."""
    quota, _, period = _text(path).strip().partition(" ")
    if not (quota.isdecimal() and period.isdecimal() and int(period)):
        return math.inf
    return int(quota) / int(period)


def _number(path: Path) -> float:
    text = _text(path).strip()
    return int(text) if text.isdecimal() else math.inf


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:  # there is no such limit
        return ""
