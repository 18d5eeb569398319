"""A record that was read is compared with its type, key by key."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NotRequired

from typing_extensions import TypedDict

from seqclass.store.validation import Time, problem_of


class Part(TypedDict):
    share: float


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


def test_the_first_value_of_another_type_is_named() -> None:
    changes: dict[str, dict] = {
        "name": {"name": None},
        "made": {"made": "2026-01-01T00:00:00"},
        "part.share": {"part": {}},
        "by_name.x.share": {"by_name": {"x": {"share": True}}},
        "rows.1": {"rows": ["r", 1]},
        "kind": {"kind": "c"},
        "flag": {"flag": 0},
    }
    for key, change in changes.items():
        assert f" {key}, got " in str(problem_of({**SOUND, **change}, Whole))


def test_a_record_of_its_type_has_no_problem() -> None:
    for change in ({}, {"unheard": 1}, {"part": None}, {"more": {"any": [None]}}, {"flag": True}):
        assert problem_of({**SOUND, **change}, Whole) is None
    without = {key: value for key, value in SOUND.items() if key != "rows"}
    assert problem_of(without, Whole) == "expected rows, got nothing"
    assert problem_of([], Whole) is not None


def test_what_is_long_or_deep_is_told_in_one_short_line() -> None:
    deep: list = []
    for _ in range(900):
        deep = [deep]
    changes = [{"rows": value} for value in (deep, {"\n": 1}, "x\x1b[31m" * 1000)]
    for change in (*changes, {"by_name": {"\x1b[31m": {}}}):
        problem = problem_of({**SOUND, **change}, Whole)
        assert problem is not None
        assert problem.isprintable()
        assert len(problem) < 200
