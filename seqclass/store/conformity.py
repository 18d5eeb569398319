"""Comparison of records that were read with the types that declare them.

A type is a ``TypedDict`` or a dataclass whose values are those of JSON.
"""

import re
import reprlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    Literal,
    NamedTuple,
    NotRequired,
    Required,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

SCALARS: dict[Any, tuple[type, ...]] = {
    str: (str,), int: (int,), float: (int, float), bool: (bool,), NoneType: (NoneType,),
}  # fmt: skip
"""Types of single values, as ``json.loads`` gives them."""
LISTS, OBJECTS, UNIONS = (list, tuple, Sequence), (dict, Mapping), (Union, UnionType)
Oddity = tuple[str, Any, object]
"""A key, the type of its value, and the value of another type that was found."""


class Form(NamedTuple):
    """A form of text, in words; ``parse`` raises ValueError for any other text.

    ``Annotated[str, Form(…)]`` declares a text of this form.
    """

    words: str
    parse: Callable[[str], object]

    def fits(self, value: object) -> bool:
        """Check whether a value is a text of this form."""
        try:
            return isinstance(value, str) and self.parse(value) is not None
        except ValueError:
            return False


def problem_of(record: object, kind: Any) -> str | None:
    """Return how a record differs from its type, at the first such key, or None.

    Keys that the type doesn't declare are allowed.
    """
    if _check_of(kind)(record):
        return None
    key, declared, value = _oddity(record, kind, "")
    got = "nothing" if value is MISSING else reprlib.repr(value)
    return f"expected {type_name(declared)} as {key or 'the record'}, got {got}"


def type_name(kind: Any) -> str:
    """Return a type as people write it, without modules."""
    if get_origin(kind) is Annotated:
        return str(get_args(kind)[1].words)
    name = kind.__name__ if isinstance(kind, type) and not get_args(kind) else repr(kind)
    return re.sub(r"\b(?:\w+\.)+", "", name)


def is_record(kind: Any) -> bool:
    """Check whether a type declares keys."""
    return is_typeddict(kind) or is_dataclass(kind)


@cache
def keys_of(kind: Any) -> dict[str, tuple[Any, bool]]:
    """Return the type of each key of a record, and True for a key that no record lacks."""
    types = get_type_hints(kind, include_extras=True)
    if is_typeddict(kind):
        needed = kind.__required_keys__
    else:
        needed = {f.name for f in fields(kind) if f.default is f.default_factory is MISSING}
    marks = (NotRequired, Required)
    return {
        key: (get_args(own)[0] if get_origin(own) in marks else own, key in needed)
        for key, own in types.items()
    }


@cache
def _check_of(kind: Any) -> Callable[[Any], bool]:
    """Return the check of a value's type; it is kept, since each reading of a record needs it."""
    origin, inner = get_origin(kind) or kind, get_args(kind)
    if origin in SCALARS:
        return lambda value: type(value) in SCALARS[origin]
    if origin is Annotated:
        return cast(Form, inner[1]).fits
    if origin is Literal:
        return lambda value: value in inner
    if is_record(kind):
        return _record_check(kind)
    checks = [_check_of(own) for own in inner if own is not ...]
    if origin in UNIONS:
        return lambda value: any(check(value) for check in checks)
    return lambda value: origin is Any or _fits(value, origin, checks)


def _record_check(kind: Any) -> Callable[[Any], bool]:
    keys = [(key, _check_of(own), not needed) for key, (own, needed) in keys_of(kind).items()]
    return lambda value: (
        isinstance(value, dict)
        and all(check(value[key]) if key in value else may_lack for key, check, may_lack in keys)
    )


def _fits(value: Any, origin: Any, checks: list[Callable[[Any], bool]]) -> bool:
    """Check whether a value is a list or an object of values that pass these checks."""
    if origin in OBJECTS:
        return isinstance(value, dict) and all(map(checks[1], value.values()))
    if origin is tuple and len(checks) > 1:
        return isinstance(value, list) and len(value) == len(checks) and all(
            check(part) for check, part in zip(checks, value, strict=True)
        )  # fmt: skip
    return isinstance(value, list) and all(map(checks[0], value))


def _oddity(value: Any, kind: Any, key: str) -> Oddity:
    """Return the first part of a value that is not of its type, or the value itself."""
    inner = get_args(kind) if get_origin(kind) in UNIONS else (kind,)
    for name, own, part in (found for one in inner for found in _parts(value, one)):
        if part is MISSING or not _check_of(own)(part):
            return _oddity(part, own, f"{key}.{name}".lstrip("."))
    return key, kind, value


def _parts(value: Any, kind: Any) -> Iterator[tuple[str, Any, object]]:
    """Yield name, type and value of everything that a value of this type consists of."""
    origin, inner = get_origin(kind) or kind, get_args(kind)
    if isinstance(value, dict) and is_record(kind):
        for key, (own, is_needed) in keys_of(kind).items():
            if is_needed or key in value:
                yield key, own, value.get(key, MISSING)
    elif isinstance(value, dict) and origin in OBJECTS:
        yield from ((reprlib.repr(key), inner[1], own) for key, own in value.items())
    elif isinstance(value, list) and origin in LISTS:
        types = inner if origin is tuple and ... not in inner else inner[:1] * len(value)
        yield from (
            (str(at), own, part) for at, (own, part) in enumerate(zip(types, value, strict=False))
        )
