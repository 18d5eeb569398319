"""The software and machine that made an artifact."""

import os
import platform
from functools import cache
from importlib import metadata

from seqclass.store.manifests import Fingerprint, Machine

PACKAGES = (
    "tensorflow",
    "tensorflow-cpu",
    "keras",
    "numba",
    "llvmlite",
    "numpy",
    "scipy",
    "scikit-learn",
    "pandas",
    "pyarrow",
    "prefect",
    "sequence-classification",
)


def fingerprint() -> Fingerprint:
    """Return the software and machine of this process."""
    return {"software": software_versions(), "machine": machine_fingerprint()}


@cache
def software_versions() -> dict[str, str]:
    """Return the installed versions of packages that can change a result."""
    versions = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


@cache
def machine_fingerprint() -> Machine:
    """Return CPU model and vector flags, core count and system."""
    model, flags = "", set()
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo") as file:
            for line in file:
                key, _, value = line.partition(":")
                if key.strip() == "model name":
                    model = value.strip()
                elif key.strip() == "flags":
                    flags = set(value.split())
                    break
    return {
        "system": platform.system(),
        "architecture": platform.machine(),
        "cpu": model or platform.processor(),
        "vector_flags": sorted(f for f in flags if f.startswith(("avx", "fma", "sse4"))),
        "cores": os.cpu_count(),
    }
