"""What a process may use: the machine, or what the control groups of a container leave of it."""

import os
from pathlib import Path

import pytest

from seqclass.store.capacity import Capacity, capacity, free_bytes

CORES = len(os.sched_getaffinity(0))
MEMORY = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
MIB = 2**20


def write_groups(folder: Path, group: str, files: dict[str, str]) -> tuple[Path, Path]:
    """A fake hierarchy of control groups, and the file that names the one of this process."""
    for name, content in files.items():
        path = folder / "cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    (group_of_process := folder / "group").write_text(group)
    return folder / "cgroup", group_of_process


@pytest.mark.parametrize(
    ("group", "files", "cores", "memory"),
    [
        ("0::/\n", {"cpu.max": "max 100000\n", "memory.max": "max\n"}, CORES, MEMORY),
        ("0::/\n", {"cpu.max": "150000 100000\n", "memory.max": f"{256 * MIB}\n"}, 1, 256 * MIB),
        ("0::/\n", {"cpu.max": "20000 100000\n"}, 1, MEMORY),
        ("0::/\n", {"cpu.max": f"{CORES + 6}00000 100000\n", "memory.max": f"{MEMORY * 2}\n"},
         CORES, MEMORY),
        ("0::/pods/a\n", {"pods/a/memory.max": "max\n", "pods/memory.max": f"{64 * MIB}\n"},
         CORES, 64 * MIB),
        ("0::/gone\n", {"other/memory.max": "1\n"}, CORES, MEMORY),
        ("4:memory:/older\n", {"memory.max": "1\n"}, CORES, MEMORY),
        ("0::/../..\n", {"cpu.max": "100000 0\n", "memory.max": "-5\n"}, CORES, MEMORY),
    ],
)  # fmt: skip
def test_the_least_of_all_limits_counts(
    tmp_path: Path, group: str, files: dict[str, str], cores: int, memory: int
) -> None:
    limits = capacity(*write_groups(tmp_path, group, files))
    assert limits == (cores, memory, (cores, memory) != (CORES, MEMORY))


def test_a_limited_process_says_so() -> None:
    limits = Capacity(1, 256 * MIB, True)
    assert str(limits) == "1 core and 0.2 GiB of memory by the limits of its container"


def test_free_is_what_machine_and_container_leave(tmp_path: Path) -> None:
    machine = tmp_path / "meminfo"
    machine.write_text(f"MemTotal: {8 * 2**20} kB\nMemAvailable: {900 * 2**10} kB\n")
    for number, (most, used, cached, free) in enumerate(
        (("max", 5, 0, 900 * MIB),
         (f"{512 * MIB}", 200 * MIB, 50 * MIB, 362 * MIB),
         (f"{64 * MIB}", 70 * MIB, 0, 0))
    ):  # fmt: skip
        (folder := tmp_path / str(number)).mkdir()
        files = {"memory.max": most, "memory.current": f"{used}\n",
                 "memory.stat": f"anon 7\ninactive_file {cached}\n"}  # fmt: skip
        assert free_bytes(*write_groups(folder, "0::/\n", files), machine) == free
