"""docs/guarantees.md: every promise names tests, and every test that it names is there."""

import re

from tests.support.places import REPOSITORY

TEXT = (REPOSITORY / "docs" / "guarantees.md").read_text()


def test_every_test_that_is_named_is_there() -> None:
    named = re.findall(r"`(test_\w+\.py)::(test_\w+)`", TEXT)
    texts = {path.name: path.read_text() for path in (REPOSITORY / "tests").rglob("test_*.py")}
    assert len(named) > 100
    assert [(file, name) for file, name in named if f"def {name}(" not in texts[file]] == []


def test_every_promise_names_a_test() -> None:
    rows = re.findall(r"^\| (?!promise \|).*", TEXT.partition("## Not promised")[0], re.MULTILINE)
    assert len(rows) > 20
    assert [row for row in rows if "::" not in row] == []
