"""Comparison of records and specs with the types that declare them."""

import os
import reprlib
from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from functools import cache
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails


def _check_time(text: str) -> str:
    try:
        has_zone = datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        has_zone = False
    if not has_zone:
        raise ValueError("a time with its zone (ISO 8601)")
    return text


Time = Annotated[str, AfterValidator(_check_time)]


def _as_several(value: object) -> object:
    parts = (value,) if isinstance(value, str | os.PathLike) else value
    if not isinstance(parts, tuple | list):
        return value
    return tuple(os.fspath(part) if isinstance(part, os.PathLike) else part for part in parts)


Names = Annotated[tuple[str, ...], BeforeValidator(_as_several)]
"""Several names or paths; a string or a path is one of them."""


def problem_of(record: object, kind: Any) -> str | None:
    """Return how a record differs from its ``TypedDict``, at the first such key, or None.

    Keys that the type doesn't declare are allowed.
    """
    try:
        _adapter(kind).validate_python(record, strict=True)
    except ValidationError as error:
        return _described(error.errors(include_url=False)[0])
    return None


def read_fields(kind: type, given: Mapping[str, Any], where: str = "") -> Any:
    """Return a spec, a dataclass of these fields; the others have their defaults.

    where: what the message of the ValueError begins with if a field does not fit.
    """
    try:
        return _adapter(kind).validate_python(dict(given), extra="forbid")
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        problem = first.get("ctx", {}).get("error")
        if first["type"] == "unexpected_keyword_argument" and len(first["loc"]) == 1:
            names = ", ".join(f.name for f in fields(kind))
            problem = f"expected fields out of {names}, got {field!r}; correct it"
        problem = problem or f"field {field}: {first['msg']}, got {first['input']!r}; correct it"
        raise ValueError(f"{where}{problem}") from error


def _described(error: ErrorDetails) -> str:
    names = map(str, error["loc"])
    key = ".".join(
        part if part.isidentifier() or part.isdigit() else reprlib.repr(part) for part in names
    )
    if error["type"] == "missing":
        return f"expected {key}, got nothing"
    expected = error["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
    return f"expected {expected} as {key or 'the record'}, got {reprlib.repr(error['input'])}"


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)
