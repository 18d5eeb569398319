"""Options that say how a file of series is meant."""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.cli.command_line import words

if TYPE_CHECKING:
    from seqclass.store.formats import ColumnNames


Said = str | None


@dataclass(frozen=True)
class ReadingOptions:
    """How files of series are meant."""

    series_id_column: Annotated[Said, typer.Option(help="Column of the series' id.")] = None
    label_column: Annotated[Said, typer.Option(help="Column of the label.")] = None
    step_column: Annotated[Said, typer.Option(help="Column of the step, in long form.")] = None
    group_column: Annotated[
        str | None, typer.Option(help="Column of what a split keeps together.")
    ] = None
    time_column: Annotated[Said, typer.Option(help="Column of each series' time.")] = None
    channels: Annotated[Said, typer.Option(help="The only channels, by comma.")] = None
    ignore: Annotated[Said, typer.Option(help="Columns to leave out, by comma.")] = None
    layout: Annotated[
        Said, typer.Option(help="long: a row is a step; wide: a series; folders: a file.")
    ] = None
    delimiter: Annotated[Said, typer.Option(help="Sign between columns, or tab.")] = None
    decimal: Annotated[Said, typer.Option(help="Decimal sign: a point or a comma.")] = None
    encoding: Annotated[Said, typer.Option(help="Encoding of text, such as latin-1.")] = None
    sheet: Annotated[Said, typer.Option(help="Sheet of a workbook.")] = None
    dates: Annotated[Said, typer.Option(help="How days are written: dd/mm/yyyy, ….")] = None

    def names(self) -> "ColumnNames":
        """What was said; ValueError for what none of these can mean."""
        said = {name.removesuffix("_column"): value for name, value in asdict(self).items()}
        return names_from(**said)


def names_from(**given: str | None) -> "ColumnNames":
    """What options say of a file; ValueError for what none of them can mean."""
    from seqclass.store.formats import ColumnNames
    from seqclass.store.formats.dialect import date_formats

    said: dict[str, Any] = {name: value for name, value in given.items() if value}
    for name in ("channels", "ignore"):
        said[name] = words(given.get(name) or "")
    for name, choices in (("layout", ("long", "wide", "folders")), ("decimal", (".", ","))):
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
