"""Options that say how a file of series is meant."""

import functools
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.cli.command_line import words

if TYPE_CHECKING:
    from seqclass.store.formats import ColumnNames

OPTIONS = {
    "series_id_column": ("series_id", "Column of the series' id."),
    "label_column": ("label", "Column of the label."),
    "step_column": ("step", "Column of the step, in long form."),
    "group_column": ("group", "Column of what a split keeps together."),
    "time_column": ("time", "Column of each series' time."),
    "channels": ("channels", "The only channels, by comma."),
    "ignore": ("ignore", "Columns to leave out, by comma."),
    "layout": ("layout", "long: a row is a step; wide: a series."),
    "delimiter": ("delimiter", "Sign between columns, or tab."),
    "decimal": ("decimal", "Decimal sign: a point or a comma."),
    "encoding": ("encoding", "Encoding of text, such as latin-1."),
    "dates": ("dates", "How days are written: dd/mm/yyyy, …."),
}
"""Name of each option's field in ``ColumnNames``, and its help."""


def reads_files(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command these options; it gets what they say as ``columns``."""

    @functools.wraps(command)
    def call(**given: Any) -> None:
        said = {OPTIONS[name][0]: given.pop(name) for name in OPTIONS}
        command(columns=names_from(**said), **given)

    own = inspect.signature(command).parameters.values()
    named = [p.replace(kind=p.KEYWORD_ONLY) for p in own if p.name != "columns"]
    more = [
        inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=None,
            annotation=Annotated[str | None, typer.Option(help=help_text)],
        )
        for name, (_, help_text) in OPTIONS.items()
    ]  # fmt: skip
    signature = inspect.Signature([*named, *more])
    call.__signature__ = signature  # type: ignore[attr-defined]
    call.__annotations__ = {name: p.annotation for name, p in signature.parameters.items()}
    return call


def names_from(**given: str | None) -> "ColumnNames":
    """What options say of a file; ValueError for what none of them can mean."""
    from seqclass.store.formats import ColumnNames
    from seqclass.store.formats.dialect import date_formats

    said: dict[str, Any] = {name: value for name, value in given.items() if value}
    for name in ("channels", "ignore"):
        said[name] = words(given.get(name) or "")
    for name, choices in (("layout", ("long", "wide")), ("decimal", (".", ","))):
        if given.get(name) and given[name] not in choices:
            raise ValueError(
                f"--{name}: expected {' or '.join(choices)}, got {given[name]!r}; correct it"
            )
    sign = said.get("delimiter", ",")
    said |= {"delimiter": "\t"} if sign == "tab" else {}
    if len(said.get("delimiter", ",")) != 1:
        raise ValueError(f"--delimiter: expected one sign, or tab, got {sign!r}; correct it")
    date_formats(given.get("dates"))
    return ColumnNames(**said)
