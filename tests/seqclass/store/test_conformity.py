"""A record that was read is compared with its type, key by key."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal, NotRequired, TypedDict

import pytest

from seqclass.store.conformity import Form, keys_of, problem_of

DAY = Annotated[str, Form("a day", datetime.fromisoformat)]


class Part(TypedDict):
    share: float


@dataclass(frozen=True)
class Bounds:
    low: int
    high: int | None = None


class Whole(TypedDict):
    name: str
    made: DAY
    part: Part | None
    by_name: Mapping[str, Part]
    ends: tuple[int, int]
    rows: Sequence[str]
    kind: Literal["a", "b"]
    bounds: Bounds
    more: NotRequired[dict[str, Any]]
    flag: NotRequired[bool]


SOUND: dict[str, Any] = {
    "name": "n", "made": "2026-01-01", "part": {"share": 1}, "by_name": {"x": {"share": 0.5}},
    "ends": [1, 2], "rows": ["r"], "kind": "a", "bounds": {"low": 1},
}  # fmt: skip
ODD = [
    ({"name": None}, "expected str as name, got None"),
    ({"made": "today"}, "expected a day as made, got 'today'"),
    ({"made": 5}, "expected a day as made, got 5"),
    ({"part": {}}, "expected float as part.share, got nothing"),
    ({"part": []}, "expected Part | None as part, got []"),
    ({"by_name": {"x": {"share": "much"}}}, "expected float as by_name.'x'.share, got 'much'"),
    ({"by_name": {"x": {"share": True}}}, "expected float as by_name.'x'.share, got True"),
    ({"ends": [1, 2, 3]}, "expected tuple[int, int] as ends, got [1, 2, 3]"),
    ({"ends": [1, 2.5]}, "expected int as ends.1, got 2.5"),
    ({"rows": "r"}, "expected Sequence[str] as rows, got 'r'"),
    ({"rows": ["r", 1]}, "expected str as rows.1, got 1"),
    ({"kind": "c"}, "expected Literal['a', 'b'] as kind, got 'c'"),
    ({"kind": []}, "expected Literal['a', 'b'] as kind, got []"),
    ({"bounds": {"low": 1, "high": "2"}}, "expected int | None as bounds.high, got '2'"),
    ({"bounds": {}}, "expected int as bounds.low, got nothing"),
    ({"more": []}, "expected dict[str, Any] as more, got []"),
    ({"flag": 0}, "expected bool as flag, got 0"),
]


@pytest.mark.parametrize(("change", "problem"), ODD, ids=[f"{change}" for change, _ in ODD])
def test_the_first_value_of_another_type_is_named(change: dict, problem: str) -> None:
    assert problem_of({**SOUND, **change}, Whole) == problem


@pytest.mark.parametrize(
    "change",
    [{}, {"unheard": 1}, {"part": None}, {"more": {"any": [None]}}, {"flag": True}],
    ids=str,
)
def test_a_record_of_its_type_has_no_problem(change: dict) -> None:
    assert problem_of({**SOUND, **change}, Whole) is None


def test_a_missing_key_is_named_unless_it_is_not_required() -> None:
    without = {key: value for key, value in SOUND.items() if key != "ends"}
    assert problem_of(without, Whole) == "expected tuple[int, int] as ends, got nothing"
    assert problem_of([], Whole) == "expected Whole as the record, got []"


def test_what_is_long_or_deep_is_told_in_one_short_line() -> None:
    deep: list = []
    for _ in range(900):
        deep = [deep]
    for value in (deep, {"\n": 1}, "x\x1b[31m" * 1000, {"k": "\n" * 1000}):
        problem = problem_of({**SOUND, "ends": value}, Whole)
        assert problem is not None
        assert problem.isprintable()
        assert len(problem) < 200
    problem = problem_of({**SOUND, "by_name": {"\x1b[31m": {}}}, Whole)
    assert problem is not None
    assert problem.isprintable()


def test_the_keys_of_a_type_are_listed_with_those_that_none_lacks() -> None:
    assert keys_of(Bounds) == {"low": (int, True), "high": (int | None, False)}
    assert keys_of(Whole)["flag"] == (bool, False)
    assert keys_of(Whole)["made"] == (DAY, True)
