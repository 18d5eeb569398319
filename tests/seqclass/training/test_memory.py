"""Memory that a process no longer uses goes back to the system."""

import os
import platform
from pathlib import Path

import pytest

from seqclass.training.memory import return_memory

MIB = 2**20


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other libraries return it at once")
def test_free_memory_below_what_is_used_goes_back() -> None:
    """The last of many small blocks stays in use, so that the heap can't shrink from its end."""
    blocks = [bytearray(b"x" * 10_000) for _ in range(10_000)]
    last = blocks[-1]
    full = resident()
    del blocks
    return_memory()
    assert resident() < full - 60 * MIB
    assert len(last) == 10_000
