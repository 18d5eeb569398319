"""Print a CycloneDX bill of materials of requirements.lock: the same lock gives the same bytes."""

import json
import re
import sys
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

LOCK = Path(__file__).parent.parent / "requirements.lock"
PIN = re.compile(r"(?P<name>[\w.-]+)==(?P<version>[^\s;\\]+)(?:\s*;\s*(?P<marker>[^\\]+?))?\s*\\")
HASH = re.compile(r"--hash=sha256:(?P<digest>[0-9a-f]{64})")


def components(lock: str) -> list[dict]:
    """A component per pin, with the digests of all files that may stand for it."""
    found: list[dict] = []
    for line in lock.splitlines():
        if pin := PIN.match(line):
            found.append(component(**pin.groupdict()))
        elif digest := HASH.search(line):
            found[-1]["properties"].append({"name": "sha256", "value": digest["digest"]})
        elif line and not line.lstrip().startswith("#"):
            raise ValueError(f"requirements.lock: expected pins with hashes, got {line!r}")
    return found


def component(name: str, version: str, marker: str | None) -> dict:
    purl = f"pkg:pypi/{name.lower()}@{version}"
    marked = [{"name": "marker", "value": marker}] if marker else []
    return {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl,
            **licence(name, version), "properties": marked}  # fmt: skip


def licence(name: str, version: str) -> dict:
    """The licence that a package states, where this version is installed and states it in short."""
    try:
        known = metadata(name)
    except PackageNotFoundError:
        return {}
    stated = (known["License-Expression"] or known["License"] or "").strip()
    if known["Version"] != version:
        return {}
    return {"licenses": [{"license": {"name": stated}}]} if 0 < len(stated) < 80 else {}


if __name__ == "__main__":
    bill = {"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
            "metadata": {"component": {"type": "application", "name": "sequence-classification"}},
            "components": components(LOCK.read_text())}  # fmt: skip
    json.dump(bill, sys.stdout, indent=1, ensure_ascii=False)
