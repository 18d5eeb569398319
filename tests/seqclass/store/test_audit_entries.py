"""The audit's own parts: how entries follow one another, and what each kind of harm is called."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from seqclass.store.audit import (
    HEAD,
    audit_problems,
    entry_name,
    next_number,
    read_audit,
    write_audit,
)
from seqclass.store.leases import locked
from seqclass.store.registry import tenures_of
from seqclass.store.root import Damages, Root
from tests.support.places import NOW


def record(what: str, start: str | None, to: str, second: int = 0) -> dict[str, Any]:
    time = (NOW + timedelta(seconds=second)).isoformat()
    return {"what": what, "alias": "champion", "from": start, "to": to, "time": time,
            "actor": "me", "reason": "why", "evidence": {}}  # fmt: skip


def write(root: Root, *records: dict[str, Any]) -> None:
    with locked(root, "models", "m"):
        for one in records:
            write_audit(root, "m", one, datetime.fromisoformat(one["time"]))


@pytest.fixture
def three(root: Root) -> Root:
    write(root, record("promote", None, "v1"), record("refuse", "v1", "v2", 1),
          record("rollback", "v1", "v0", 2))  # fmt: skip
    return root


def path_of(root: Root, name: str) -> Path:
    return Path(root.join("models", "m", "audit", name))


def test_entries_are_numbered_and_read_in_their_order(three: Root) -> None:
    assert [one["number"] for one in read_audit(three, "m")] == [1, 2, 3]
    assert [one["what"] for one in read_audit(three, "m")] == ["promote", "refuse", "rollback"]
    assert next_number(three, "m") == 4
    assert audit_problems(three, "m") == []
    assert json.loads(path_of(three, HEAD).read_text())["number"] == 3


def test_names_keep_the_order_beyond_their_digits() -> None:
    assert [entry_name(number) for number in (1, 999_999, 1_000_000)] == [
        "000001.json", "999999.json", "1000000.json",
    ]  # fmt: skip


def test_no_audit_is_no_problem(root: Root) -> None:
    assert read_audit(root, "m") == []
    assert audit_problems(root, "m") == []
    assert next_number(root, "m") == 1


@pytest.mark.parametrize(
    ("number", "change", "says"),
    [
        (1, {"reason": "another"}, "expected the digest that entry 2 holds, it was edited"),
        (3, {"reason": "another"}, "expected its digest in .head.json, it was edited"),
        (2, {"number": 5}, "expected the name 000005.json, it was edited or renamed"),
        (2, {"number": "two"}, "number, got 'two'"),
        (2, {"number": True}, "number, got True"),
        (2, {"number": -2}, "expected a number of the entry, got -2"),
        (2, {"time": "noon"}, "time, got 'noon'"),
        (3, {"what": 7}, "what, got 7"),
        (3, {"from": "v9"}, "expected a move from v1, where the one before led, got one from v9"),
    ],
)
def test_what_is_changed_is_named(three: Root, number: int, change: dict, says: str) -> None:
    path = path_of(three, entry_name(number))
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    found = [one["problem"] for one in audit_problems(three, "m")]
    assert any(says in problem for problem in found), found


@pytest.mark.parametrize("lost", [[1], [2], [1, 2], [3], [2, 3], [1, 2, 3]])
def test_what_is_gone_is_named_at_the_first_that_is_missing(three: Root, lost: list[int]) -> None:
    for number in lost:
        path_of(three, entry_name(number)).unlink()
    assert [one["path"] for one in audit_problems(three, "m")] == [
        str(path_of(three, entry_name(lost[0])))
    ]


@pytest.mark.parametrize("number", [1, 2, 3])
def test_an_edited_entry_is_named_itself_though_others_follow(three: Root, number: int) -> None:
    path = path_of(three, entry_name(number))
    path.write_text(json.dumps({**json.loads(path.read_text()), "reason": "another"}))
    before = audit_problems(three, "m")
    write(three, record("refuse", None, None, 9))
    assert [one["path"] for one in before] == [str(path)]
    assert [one["path"] for one in audit_problems(three, "m")] == [str(path)]


def test_a_number_is_never_given_twice_though_the_last_entry_is_gone(three: Root) -> None:
    path_of(three, entry_name(3)).unlink()
    write(three, record("promote", "v0", "v5", 9))
    assert [one["number"] for one in read_audit(three, "m")] == [1, 2, 4]


def test_a_lost_head_loses_no_entry(three: Root) -> None:
    path_of(three, HEAD).write_text("{")
    assert next_number(three, "m") == 4
    assert any(HEAD in one["path"] for one in audit_problems(three, "m"))


def test_a_file_of_another_name_is_no_entry(three: Root) -> None:
    path_of(three, "notes.json").write_text(path_of(three, entry_name(1)).read_text())
    assert any("no file of the audit" in one["problem"] for one in audit_problems(three, "m"))


def test_a_damaged_entry_is_told_of_and_left_out(three: Root) -> None:
    path_of(three, entry_name(2)).write_text("[]")
    bad = Damages()
    assert [one["number"] for one in read_audit(three, "m", bad)] == [1, 3]
    assert [Path(one["path"]).name for one in bad] == [entry_name(2)]


def test_an_entry_that_is_there_is_not_replaced(three: Root) -> None:
    path_of(three, entry_name(4)).write_text("{}")
    with pytest.raises(ValueError, match="nothing was moved, run the command again"):
        write(three, record("promote", "v0", "v5", 9))
    assert path_of(three, entry_name(4)).read_text() == "{}"


@pytest.mark.parametrize("key", ["what", "from", "to", "time"])
def test_an_entry_with_a_key_of_another_type_is_told_of(three: Root, key: str) -> None:
    path = path_of(three, entry_name(2))
    path.write_text(json.dumps({**json.loads(path.read_text()), key: 5}))
    bad = Damages()
    assert [one["number"] for one in read_audit(three, "m", bad)] == [1, 3]
    assert f" as {key}, got 5" in bad[0]["problem"]


@pytest.mark.parametrize("key", ["number", "previous", "time", "actor", "evidence"])
def test_an_entry_that_lacks_a_key_is_told_of_and_moves_on(three: Root, key: str) -> None:
    path = path_of(three, entry_name(3))
    record = json.loads(path.read_text())
    path.write_text(json.dumps({name: own for name, own in record.items() if name != key}))
    bad = Damages()
    assert [one["number"] for one in read_audit(three, "m", bad)] == [1, 2]
    assert f"expected {key}, got nothing" in bad[0]["problem"]
    assert len(tenures_of(three, "m")) == 1
