"""Options that say how a file of series is meant."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.command_line import words

if TYPE_CHECKING:
    from storage.formats import ColumnNames

Text = str | None
SeriesIdOption = Annotated[Text, typer.Option(help="Column of the series' id.")]
LabelOption = Annotated[Text, typer.Option(help="Column of the label.")]
StepOption = Annotated[Text, typer.Option(help="Column of the step, in long form.")]
GroupOption = Annotated[Text, typer.Option(help="Column of what a split keeps together.")]
TimeOption = Annotated[Text, typer.Option(help="Column of each series' time.")]
ChannelsOption = Annotated[Text, typer.Option(help="The only channels, by comma.")]
IgnoreOption = Annotated[Text, typer.Option(help="Columns to leave out, by comma.")]
LayoutOption = Annotated[Text, typer.Option(help="long: a row is a step; wide: a series.")]
DelimiterOption = Annotated[Text, typer.Option(help="Sign between columns, or tab.")]
DecimalOption = Annotated[Text, typer.Option(help="Decimal sign: . or a comma.")]
EncodingOption = Annotated[Text, typer.Option(help="Encoding of text, such as latin-1.")]
DatesOption = Annotated[Text, typer.Option(help="How days are written: dd/mm/yyyy, ….")]


def names_from(**given: Text) -> "ColumnNames":
    """What options say of a file; ValueError for what none of them can mean."""
    from storage.formats import ColumnNames
    from storage.formats.dialect import date_formats

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
