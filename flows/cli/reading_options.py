"""Options for reading files of series."""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from seqclass.store.formats import ColumnNames


Said = str | None


@dataclass(frozen=True)
class ReadingOptions:
    """Options for reading files of series."""

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
        """Return the reading options; ValueError for an impossible combination."""
        from seqclass.store.formats import ColumnNames
        from seqclass.store.formats.cells import date_formats
        from seqclass.store.formats.hints import split_names

        given = asdict(self).items()
        said: dict[str, Any] = {key.removesuffix("_column"): value for key, value in given if value}
        said |= {name: split_names(said.get(name, "")) for name in ("channels", "ignore")}
        _check_choice("layout", self.layout, ("long", "wide", "folders"))
        _check_choice("decimal", self.decimal, (".", ","))
        if self.delimiter == "tab":
            said["delimiter"] = "\t"
        elif len(self.delimiter or ",") != 1:
            raise ValueError(
                f"--delimiter: expected one sign, or tab, got {self.delimiter!r}; correct it"
            )
        date_formats(self.dates)
        return ColumnNames(**said)


def _check_choice(name: str, given: str | None, choices: tuple[str, ...]) -> None:
    if given and given not in choices:
        raise ValueError(f"--{name}: expected {' or '.join(choices)}, got {given!r}; correct it")
