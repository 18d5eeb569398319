"""What a process may use: the machine, or what the control groups of a container leave of it."""

import os
from pathlib import Path

import pytest

from seqclass.store.capacity import Capacity, capacity, free_bytes

CORES = len(os.sched_getaffinity(0))
MEMORY = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
MIB = 2**20


def of(folder: Path, group: str, files: dict[str, str]) -> Capacity:
    """The capacity of a process in a group, by the contents of the files of a fake hierarchy."""
    for name, content in files.items():
        path = folder / "cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    own = folder / "own"
    own.write_text(group)
    return capacity(folder / "cgroup", own)


@pytest.mark.parametrize(
    ("group", "files", "cores", "memory"),
    [
        ("0::/\n", {}, CORES, MEMORY),
        ("0::/\n", {"cpu.max": "max 100000\n", "memory.max": "max\n"}, CORES, MEMORY),
        ("0::/\n", {"cpu.max": "150000 100000\n"}, 1, MEMORY),
        ("0::/\n", {"cpu.max": "20000 100000\n"}, 1, MEMORY),
        ("0::/\n", {"cpu.max": f"{CORES + 6}00000 100000\n"}, CORES, MEMORY),
        ("0::/\n", {"memory.max": f"{512 * MIB}\n"}, CORES, 512 * MIB),
        ("0::/\n", {"memory.max": f"{MEMORY * 2}\n"}, CORES, MEMORY),
        ("0::/pods/one\n", {"pods/one/memory.max": "max\n", "pods/memory.max": f"{64 * MIB}\n"},
         CORES, 64 * MIB),
        ("0::/pods/one\n", {"pods/one/memory.max": f"{32 * MIB}\n",
                            "pods/memory.max": f"{64 * MIB}\n"}, CORES, 32 * MIB),
        ("0::/gone\n", {"other/memory.max": "1\n"}, CORES, MEMORY),
        ("4:memory:/older\n", {"memory.max": "1\n"}, CORES, MEMORY),
        ("0::/\n", {"cpu.max": "nonsense\n", "memory.max": "-5\n"}, CORES, MEMORY),
        ("0::/../..\n", {"cpu.max": "100000 0\n"}, CORES, MEMORY),
    ],
)  # fmt: skip
def test_the_least_of_all_limits_counts(
    tmp_path: Path, group: str, files: dict[str, str], cores: int, memory: int
) -> None:
    found = of(tmp_path, group, files)
    assert found == (cores, memory, (cores, memory) != (CORES, MEMORY))


def test_a_limited_process_says_so(tmp_path: Path) -> None:
    found = of(tmp_path, "0::/\n", {"cpu.max": "100000 100000", "memory.max": f"{256 * MIB}"})
    assert str(found) == "1 core and 0.2 GiB of memory by the limits of its container"


def test_a_system_without_groups_is_the_machine(tmp_path: Path) -> None:
    assert capacity(tmp_path, tmp_path / "none") == (CORES, MEMORY, False)


@pytest.mark.parametrize(
    ("files", "free"),
    [
        ({}, 900 * MIB),
        ({"memory.max": "max\n", "memory.current": "5\n"}, 900 * MIB),
        ({"memory.max": f"{512 * MIB}\n", "memory.current": f"{200 * MIB}\n",
          "memory.stat": f"anon 7\ninactive_file {50 * MIB}\n"}, 362 * MIB),
        ({"memory.max": f"{64 * MIB}\n", "memory.current": f"{70 * MIB}\n",
          "memory.stat": "inactive_file 0\n"}, 0),
    ],
)  # fmt: skip
def test_free_is_what_machine_and_container_leave(
    tmp_path: Path, files: dict[str, str], free: int
) -> None:
    of(tmp_path, "0::/\n", files)
    machine = tmp_path / "meminfo"
    machine.write_text(f"MemTotal: {8 * 2**20} kB\nMemAvailable: {900 * 2**10} kB\n")
    assert free_bytes(tmp_path / "cgroup", tmp_path / "own", machine) == free
