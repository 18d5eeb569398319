"""Groups of options: a command takes related options as one dataclass."""

import functools
import inspect
from collections.abc import Callable, Iterator
from dataclasses import MISSING, dataclass, fields, is_dataclass
from typing import Any, get_type_hints

from flows.cli.command_line import (
    JsonFlag,
    RootOption,
    RunnerOption,
    existing_writable,
    writable,
)
from seqclass.store.root import Root


@dataclass(frozen=True)
class Place:
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
class SpreadPlace(Place):
    """The place of a command whose series, trainings or answers a cluster can take."""

    runner: RunnerOption = None


def flat(command: Callable[..., None]) -> Callable[..., None]:
    """Return the command with each field of its dataclasses as an option of its own, for Typer."""
    hints = get_type_hints(command, include_extras=True)
    groups: dict[str, Any] = {name: kind for name, kind in hints.items() if is_dataclass(kind)}

    @functools.wraps(command)
    def call(**given: Any) -> None:
        made = {
            name: kind(**{field.name: given.pop(field.name) for field in fields(kind)})
            for name, kind in groups.items()
        }
        command(**made, **given)

    own = inspect.signature(command).parameters.values()
    options = [option for parameter in own for option in _options(parameter, hints[parameter.name])]
    call.__signature__ = inspect.Signature(options)  # type: ignore[attr-defined]
    call.__annotations__ = {option.name: option.annotation for option in options}
    return call


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
