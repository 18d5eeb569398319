"""A record that was read is compared with its type, key by key."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NotRequired

import pytest
from typing_extensions import TypedDict

from seqclass.store.validation import Time, problem_of
from tests.support.stored_files import keys_of


class Part(TypedDict):
    share: float


@dataclass(frozen=True)
class Bounds:
    low: int
    high: int | None = None


class Whole(TypedDict):
    name: str
    made: Time
    part: Part | None
    by_name: Mapping[str, Part]
    rows: Sequence[str]
    kind: Literal["a", "b"]
    more: NotRequired[dict[str, Any]]
    flag: NotRequired[bool]


SOUND: dict[str, Any] = {
    "name": "n", "made": "2026-01-01T00:00:00+00:00", "part": {"share": 1},
    "by_name": {"x": {"share": 0.5}},
    "rows": ["r"], "kind": "a",
}  # fmt: skip
ODD: list[tuple[dict[str, Any], str]] = [
    ({"name": None}, "name"),
    ({"made": "today"}, "made"),
    ({"made": "2026-01-01T00:00:00"}, "made"),
    ({"made": 5}, "made"),
    ({"part": {}}, "part.share"),
    ({"part": []}, "part"),
    ({"by_name": {"x": {"share": "much"}}}, "by_name.x.share"),
    ({"by_name": {"x": {"share": True}}}, "by_name.x.share"),
    ({"rows": "r"}, "rows"),
    ({"rows": ["r", 1]}, "rows.1"),
    ({"kind": "c"}, "kind"),
    ({"kind": []}, "kind"),
    ({"more": []}, "more"),
    ({"flag": 0}, "flag"),
]


@pytest.mark.parametrize(("change", "key"), ODD, ids=[f"{change}" for change, _ in ODD])
def test_the_first_value_of_another_type_is_named(change: dict, key: str) -> None:
    problem = problem_of({**SOUND, **change}, Whole)
    assert problem is not None
    assert f" {key}, got " in problem


@pytest.mark.parametrize(
    "change",
    [{}, {"unheard": 1}, {"part": None}, {"more": {"any": [None]}}, {"flag": True}],
    ids=str,
)
def test_a_record_of_its_type_has_no_problem(change: dict) -> None:
    assert problem_of({**SOUND, **change}, Whole) is None


def test_a_missing_key_is_named_unless_it_is_not_required() -> None:
    without = {key: value for key, value in SOUND.items() if key != "rows"}
    assert "rows" in str(problem_of(without, Whole))
    assert problem_of([], Whole) is not None


def test_what_is_long_or_deep_is_told_in_one_short_line() -> None:
    deep: list = []
    for _ in range(900):
        deep = [deep]
    for value in (deep, {"\n": 1}, "x\x1b[31m" * 1000, {"k": "\n" * 1000}):
        problem = problem_of({**SOUND, "rows": value}, Whole)
        assert problem is not None
        assert problem.isprintable()
        assert len(problem) < 200
    problem = problem_of({**SOUND, "by_name": {"\x1b[31m": {}}}, Whole)
    assert problem is not None
    assert problem.isprintable()


def test_the_keys_of_a_type_are_listed_with_those_that_none_lacks() -> None:
    assert keys_of(Bounds) == {"low": (int, True), "high": (int | None, False)}
    assert keys_of(Whole)["flag"] == (bool, False)
    assert keys_of(Whole)["made"] == (Time, True)
