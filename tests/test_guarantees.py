"""docs/guarantees.md: every promise names tests, and every test that it names is there."""

import re

import pytest
from conftest import REPOSITORY

TEXT = (REPOSITORY / "docs" / "guarantees.md").read_text()
PROMISED = TEXT.partition("## Not promised")[0]
NAMED = re.findall(r"`(test_\w+\.py)::(test_\w+)`", TEXT)


@pytest.mark.parametrize(("file", "name"), NAMED, ids=[name for _, name in NAMED])
def test_a_named_test_is_there(file: str, name: str) -> None:
    [path] = (REPOSITORY / "tests").rglob(file)
    assert f"def {name}(" in path.read_text()


def test_every_promise_names_a_test() -> None:
    promises = [
        line for line in PROMISED.splitlines() if line.startswith("| ") and "|---" not in line
    ]
    without = [line for line in promises if "::" not in line and line != "| promise | test |"]
    assert without == []
    assert len(promises) > 20
