"""Pages from templates: one style, no external resources, every text escaped."""

import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from pydantic import TypeAdapter, ValidationError

from seqclass.pages import drawing
from seqclass.store.references import DatasetRef, ModelRef
from seqclass.store.root import DamagedError, Root, read_bytes, replace_file

Record = TypeVar("Record")
PAGES, TEMPLATE = Path(__file__).parent, ".html.j2"
STEERING = re.compile(r"[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def render(template: str | Path, home: str, **content: Any) -> str:
    """Render a page. home: path from its folder to the root of the store, such as ``../``.

    template: a name of this package's templates, or the file of another one, which may use these.
    """
    now = datetime.now(UTC).isoformat()
    path = PAGES / template
    name = path.name.removesuffix(TEMPLATE) + TEMPLATE
    return _environment(path.parent).get_template(name).render(home=home, now=now, **content)


@cache
def _environment(folder: Path = PAGES) -> Environment:
    made = Environment(
        loader=FileSystemLoader([folder, PAGES]),
        autoescape=True,
        finalize=_plain,
        undefined=StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"score": score_text, "share": share, "day": day, "minute": minute,
                     "href": quote, "pretty": pretty, "span": span, "words": words,
                     "dataset": DatasetRef.parse, "model": ModelRef.parse}  # fmt: skip
    made.globals["draw"] = drawing
    return made


def _plain(value: Any) -> Any:
    """Remove characters that change the direction of text; markup is returned as it is."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return STEERING.sub(lambda match: match[0].encode("unicode_escape").decode(), value)
    return value


def score_text(value: float | None) -> str:
    """Format four decimals, or a dash for None."""
    return "–" if value is None else f"{value:.4f}"


def share(value: float | None) -> str:
    """Format per cent, or a dash for None."""
    return "–" if value is None else f"{value:.1%}"


def day(moment: str | None) -> str:
    """Return the date of an ISO time."""
    return (moment or "")[:10]


def minute(moment: str | None) -> str:
    """Return the date and minute of an ISO time."""
    return (moment or "")[:16].replace("T", " ")


def span(seconds: float) -> str:
    """Format seconds in the unit in which they are at least one, or in seconds."""
    for unit, length in (("days", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.0f} s"


def words(name: str) -> str:
    """Return a field's name with blanks in place of underscores."""
    return name.replace("_", " ")


def pretty(content: Any) -> str:
    """Format JSON for people."""
    return json.dumps(content, indent=2, ensure_ascii=False)


def write_pages(root: Root, pages: Iterable[tuple[str, str | bytes]]) -> None:
    """Write each page (text), or the JSON beside it (bytes), whole, in this order.

    Nothing is synchronised to disk: what a power failure takes is written again.
    """
    for path, page in pages:
        content = page if isinstance(page, bytes) else page.encode(errors="replace")
        replace_file(root, path, content, durable=False)


@cache
def adapter(kind: Any) -> TypeAdapter[Any]:
    """Return the reader of a kind of record, cached since it is slow to create."""
    return TypeAdapter(kind)


def record_bytes(record: Any) -> bytes:
    """Return a record as JSON."""
    return json.dumps(record, default=vars, ensure_ascii=False).encode(errors="replace")


def read_page_record(root: Root, path: str, kind: type[Record]) -> Record | None:
    """Read the record beside a page; None if there is none, or one of another release."""
    try:
        return adapter(cast(Any, kind)).validate_json(read_bytes(root, path))
    except (DamagedError, ValidationError):
        return None
