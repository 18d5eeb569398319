"""Pages from templates: one look, nothing loaded from elsewhere, every text escaped."""

import json
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from pydantic import TypeAdapter, ValidationError

from seqclass.pages import drawing
from seqclass.store.references import DatasetRef, ModelRef
from seqclass.store.root import DamagedError, Root, read_bytes, replace_file

Record = TypeVar("Record")


def render(template: str, home: str, **content: Any) -> str:
    """A whole page. ``home``: the way from its folder to the root of the store, such as ``../``."""
    now = datetime.now(UTC).isoformat()
    return _environment().get_template(f"{template}.html.j2").render(home=home, now=now, **content)


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"score": score, "share": share, "day": day, "minute": minute, "href": quote,
                     "pretty": pretty, "words": words,
                     "dataset": DatasetRef.parse, "model": ModelRef.parse}  # fmt: skip
    made.globals["draw"] = drawing
    return made


def score(value: float | None) -> str:
    """Four digits, or a dash."""
    return "–" if value is None else f"{value:.4f}"


def share(value: float | None) -> str:
    """Per cent, or a dash."""
    return "–" if value is None else f"{value:.1%}"


def day(moment: str | None) -> str:
    """The day of a moment in ISO form."""
    return (moment or "")[:10]


def minute(moment: str | None) -> str:
    """Day and minute of a moment in ISO form."""
    return (moment or "")[:16].replace("T", " ")


def words(name: str) -> str:
    """A name of a field as words."""
    return name.replace("_", " ")


def pretty(content: Any) -> str:
    """JSON for people."""
    return json.dumps(content, indent=2, ensure_ascii=False)


def write_pages(root: Root, pages: Iterable[tuple[str, str | bytes]]) -> None:
    """Write each page, or the JSON beside it, whole."""
    for path, content in pages:
        text = content if isinstance(content, bytes) else content.encode(errors="replace")
        replace_file(root, path, text)


def record_bytes(record: Any) -> bytes:
    """A record as JSON."""
    return json.dumps(asdict(record), ensure_ascii=False).encode(errors="replace")


def read_page_record(root: Root, path: str, kind: type[Record]) -> Record | None:
    """The record beside a page; None where there is none, or one of another release."""
    try:
        return TypeAdapter(kind).validate_json(read_bytes(root, path))
    except (DamagedError, ValidationError):
        return None
