"""What software and machine made an artifact: what is there, and nothing about its owner."""

import os
import platform
import socket
from importlib import metadata

from seqclass.store.fingerprint import PACKAGES, machine_fingerprint, software_versions


def test_versions_are_those_that_are_installed() -> None:
    found = software_versions()
    assert found.pop("python") == platform.python_version()
    assert set(found) <= set(PACKAGES)
    assert {"numpy", "pyarrow", "keras"} <= set(found)
    assert all(metadata.version(name) == version for name, version in found.items())


def test_the_machine_is_told_by_what_changes_bits() -> None:
    found = machine_fingerprint()
    assert set(found) == {"system", "architecture", "cpu", "vector_flags", "cores"}
    assert found["cores"] == os.cpu_count()
    assert found["vector_flags"] == sorted(found["vector_flags"])
    assert all(flag.startswith(("avx", "fma", "sse4")) for flag in found["vector_flags"])


def test_neither_host_nor_user_is_told() -> None:
    told = {*software_versions().values(), *map(str, machine_fingerprint().values())}
    assert not told & {socket.gethostname(), os.path.expanduser("~")}
