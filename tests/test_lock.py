"""The lock: every package by version and digest, and a bill of materials that says the same."""

import json
import re
import subprocess
import sys
from importlib.metadata import version

from tests.support.commands import in_python
from tests.support.places import REPOSITORY

LOCK = (REPOSITORY / "requirements.lock").read_text()
PINS = re.findall(r"^([\w.-]+)==([^\s;]+)", LOCK, re.MULTILINE)


def test_every_pin_has_a_hash() -> None:
    """Then pip demands one of every package, and of every file of it that it takes."""
    pinned = re.split(r"\n(?=[\w.-]+==)", LOCK)[1:]
    assert len(pinned) == len(PINS) > 100
    assert [text.split()[0] for text in pinned if "--hash=sha256:" not in text] == []


def test_the_bill_of_materials_holds_what_the_lock_holds() -> None:
    words = [sys.executable, str(REPOSITORY / ".ci" / "sbom.py")]
    output = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    bill = json.loads(output)
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    parts = bill["components"]
    assert [(part["name"], part["version"]) for part in parts] == PINS
    assert len({part["bom-ref"] for part in parts}) == len(parts)
    digests = [p["value"] for part in parts for p in part["properties"] if p["name"] == "sha256"]
    assert sorted(digests) == sorted(re.findall(r"--hash=sha256:(\w+)", LOCK))
    [prefect] = [part for part in parts if part["name"] == "prefect"]
    assert prefect["version"] == version("prefect")
    assert prefect["licenses"] == [{"license": {"name": "Apache-2.0"}}]


def test_a_lock_without_hashes_gives_no_bill() -> None:
    script = "import sys; sys.path.insert(0, '.ci'); import sbom; sbom.components('numpy==1.0\\n')"
    completed = in_python(script)
    assert "expected pins with hashes" in completed.stderr
