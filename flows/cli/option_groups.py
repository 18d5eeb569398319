"""Groups of options: a command takes related options as one dataclass."""

import functools
import inspect
from collections.abc import Callable, Iterator
from dataclasses import MISSING, dataclass, fields, is_dataclass, make_dataclass
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from seqclass.flows.cli.command_line import (
    JsonFlag,
    RootOption,
    RunnerOption,
    existing_writable,
    writable,
)
from seqclass.plugins import parts
from seqclass.store.root import Root

if TYPE_CHECKING:
    from seqclass.store.formats import ColumnNames

Said = str | None


@dataclass(frozen=True)
class OutputPlace:
    """The storage root of a command, and the format of its output."""

    root: RootOption = None
    as_json: JsonFlag = False

    def store(self) -> Root:
        """Return the root, which must be writable; it must exist if it was named."""
        return existing_writable(self.root)

    def new_store(self) -> Root:
        """Return the root, which must be writable; it is created if it does not exist."""
        return writable(self.root)


@dataclass(frozen=True)
class SpreadPlace(OutputPlace):
    """The place of a command whose series, trainings or answers a cluster can take."""

    runner: RunnerOption = None


def flat(command: Callable[..., None]) -> Callable[..., None]:
    """Return the command with each field of its dataclasses as an option of its own, for Typer."""
    hints = {
        name: _import_reading() if kind is ImportReadingOptions else kind
        for name, kind in get_type_hints(command, include_extras=True).items()
    }
    groups: dict[str, Any] = {name: kind for name, kind in hints.items() if is_dataclass(kind)}

    @functools.wraps(command)
    def call(**given: Any) -> None:
        made = {
            name: kind(**{field.name: given.pop(field.name) for field in fields(kind)})
            for name, kind in groups.items()
        }
        command(**made, **given)

    parameters = inspect.signature(command).parameters.values()
    options = [option for p in parameters for option in _options(p, hints[p.name])]
    call.__signature__ = inspect.Signature(options)  # type: ignore[attr-defined]
    call.__annotations__ = {option.name: option.annotation for option in options}
    return call


def _import_reading() -> type:
    bases = (*parts("options"), ImportReadingOptions)
    return make_dataclass(ImportReadingOptions.__name__, (), bases=bases, frozen=True)


def _options(parameter: inspect.Parameter, kind: Any) -> Iterator[inspect.Parameter]:
    if not is_dataclass(kind):
        yield parameter.replace(kind=parameter.KEYWORD_ONLY, annotation=kind)
        return
    hints = get_type_hints(kind, include_extras=True)
    for field in fields(kind):
        default = inspect.Parameter.empty if field.default is MISSING else field.default
        yield parameter.replace(
            name=field.name,
            kind=parameter.KEYWORD_ONLY,
            default=default,
            annotation=hints[field.name],
        )


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
        from seqclass.series import check_choice
        from seqclass.store.formats import ColumnNames
        from seqclass.store.formats.cells import date_formats
        from seqclass.store.formats.table import split_names

        given = {field.name: getattr(self, field.name) for field in fields(ReadingOptions)}
        options: dict[str, Any] = {
            key.removesuffix("_column"): value for key, value in given.items() if value
        }
        options |= {name: split_names(options.get(name, "")) for name in ("channels", "ignore")}
        check_choice("--layout", self.layout or "long", ("long", "wide", "folders"))
        check_choice("--decimal", self.decimal or ".", (".", ","))
        if self.delimiter == "tab":
            options["delimiter"] = "\t"
        elif len(self.delimiter or ",") != 1:
            raise ValueError(
                f"--delimiter: expected one sign, or tab, got {self.delimiter!r}; correct it"
            )
        date_formats(self.dates)
        return ColumnNames(**options)


@dataclass(frozen=True)
class ImportReadingOptions(ReadingOptions):
    """Options for reading files into a dataset; ``flat`` adds those of plug-ins."""
