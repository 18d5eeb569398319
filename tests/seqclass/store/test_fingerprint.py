"""What software and machine made an artifact: what is there, and nothing about its owner."""

import os
import socket
from importlib import metadata

from seqclass.store.fingerprint import machine_fingerprint, software_versions


def test_what_changes_bits_is_named_and_neither_host_nor_user() -> None:
    software, machine = software_versions(), machine_fingerprint()
    assert software["numpy"] == metadata.version("numpy")
    assert set(machine) == {"system", "architecture", "cpu", "vector_flags", "cores"}
    assert all(flag.startswith(("avx", "fma", "sse4")) for flag in machine["vector_flags"])
    texts = {*software.values(), *map(str, machine.values())}
    assert not texts & {socket.gethostname(), os.path.expanduser("~")}
