"""The command line ``seqclass``.

Prefect and TensorFlow are imported only by the commands that need them.
"""

import atexit
import contextlib
import errno
import os
import sys
import traceback
from collections.abc import Callable
from importlib import metadata
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from seqclass.flows.cli import (
    dataset_commands,
    inspection_commands,
    label_commands,
    model_commands,
    prune_commands,
    scoring_commands,
    server_commands,
    serving_commands,
    training_commands,
)
from seqclass.flows.cli.command_line import (
    BAD_INPUT,
    FAULT,
    INTERRUPTED,
    INTERRUPTION,
    OPENED,
    fail,
    set_defaults,
)
from seqclass.flows.cli.option_groups import flat
from seqclass.plugins import packages, parts
from seqclass.settings_files import ignore_current_folder

ignore_current_folder()

REMOTE_STORES = {"botocore", "aiobotocore", "aiohttp", "s3fs"}
UsageProblem: Any = next(c for c in typer.BadParameter.__mro__ if c.__name__ == "ClickException")
"""Typer's base of usage errors: Click's own, or that of the Click it carries."""
OWN_PACKAGES = {"__main__", "seqclass"}

ALIASES = {
    "predict": "score", "fit": "train", "evaluate": "show", "load": "import", "add": "import",
    "list": "models", "ls": "models", "status": "doctor", "start": "up",
    "remove": "delete", "rm": "delete", "mv": "rename", "audit": "history", "report": "show",
}  # fmt: skip
"""Names in other libraries that call a command, too."""


class Commands(TyperGroup):
    """The commands, which can also be called by their aliases."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        return super().get_command(ctx, ALIASES.get(cmd_name, cmd_name))


app = typer.Typer(
    name="seqclass",
    cls=Commands,
    help="Turn labelled sequences into a trusted LSTM classifier.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


generate = typer.Typer(
    name="generate",
    help="Generate a dataset of signals, sensor series or ragas.",
    no_args_is_help=True,
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"seqclass {metadata.version('sequence-classification')}")
        raise typer.Exit


@app.callback()
def about(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Turn labelled sequences into a trusted LSTM classifier."""
    set_defaults()


GROUPS: dict[str, tuple[Callable[..., None], ...]] = {
    "Start": (training_commands.run, model_commands.simulate, inspection_commands.doctor),
    "Data": (
        dataset_commands.inspect,
        dataset_commands.import_files,
        dataset_commands.ingest,
        label_commands.queue,
        label_commands.label,
        inspection_commands.datasets,
    ),
    "Train": (
        training_commands.train,
        training_commands.stability,
        model_commands.reproduce,
    ),
    "Answer": (
        scoring_commands.score,
        serving_commands.serve,
        serving_commands.export,
    ),
    "Keep": (
        model_commands.retrain,
        model_commands.approve,
        model_commands.decline,
        model_commands.promote,
        model_commands.rollback,
        model_commands.policy,
        prune_commands.prune,
        prune_commands.delete,
        prune_commands.rename,
        inspection_commands.verify,
    ),
    "Look": (
        inspection_commands.models,
        inspection_commands.show,
        inspection_commands.history,
        inspection_commands.compare,
        inspection_commands.digest,
        inspection_commands.pages,
    ),
    "Service": (server_commands.up, server_commands.alerts, server_commands.metrics),
}
"""The commands in the order of ``seqclass --help``; those of plug-ins follow."""
GENERATE: list[Callable[..., None]] = [
    dataset_commands.generate_signals,
    dataset_commands.generate_iot,
]
"""The commands below ``seqclass generate``."""
NAMES = {dataset_commands.import_files: "import"}


def add_commands() -> None:
    """Add all commands to ``app``."""
    for of_plugin in parts("commands"):
        for group, commands in of_plugin.items():
            if group == generate.info.name:
                GENERATE.extend(commands)
            else:
                GROUPS[group] = (*GROUPS.get(group, ()), *commands)
    for group, commands in GROUPS.items():
        for command in commands:
            app.command(NAMES.get(command), rich_help_panel=group)(flat(command))
    for drawing in GENERATE:
        generate.command(drawing.__name__.removeprefix("generate_"))(flat(drawing))
    app.add_typer(generate, rich_help_panel="Data")


def main() -> None:
    """Run the command in ``sys.argv`` and end this process with its exit code."""
    code = run_command()
    if "tensorflow" not in sys.modules or "prefect" in sys.modules:
        sys.exit(code)  # Prefect's threads send what is left as the interpreter ends
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)  # without TensorFlow's tidying up, which takes a second


def run_command() -> int:
    """Return the exit code of a command: 2, after one line, for a failure that a user can cause."""
    return _guarded(lambda: app(prog_name="seqclass", standalone_mode=False))


def _guarded(command: Callable[[], Any]) -> int:
    try:
        return command() or 0
    except UsageProblem as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            return BAD_INPUT
        return fail(_usage(error), BAD_INPUT)
    except (typer.Abort, KeyboardInterrupt):
        return fail(INTERRUPTION, INTERRUPTED)
    except MemoryError:
        return fail("memory: expected enough for this input, ran out; use less", BAD_INPUT)
    except (ValueError, OSError) as error:
        if os.environ.get("SEQCLASS_TRACEBACK") or not _is_ours(error):
            traceback.print_exc()
        return fail(_by_option(_one_line(error)), BAD_INPUT)
    except Exception as error:
        if type(error).__module__.partition(".")[0] in REMOTE_STORES:
            return fail(f"storage root: {_one_line(error)}; check address and keys", BAD_INPUT)
        traceback.print_exc()
        return fail(f"a fault of this program: {_one_line(error)}; please report it", FAULT)


def _usage(error: Any) -> str:
    """Return the problem with a command's arguments, and the value that was given."""
    given, options = sys.argv[1:], getattr(getattr(error, "param", None), "opts", [])
    values = [given[i + 1] for i, word in enumerate(given[:-1]) if word in options]
    got = f", got {values[-1]!r}" if values else ""
    message = error.format_message().rstrip(".")
    if message.startswith("No such option") and error.ctx.parent is None:
        cure = "write options behind it, as in 'seqclass models --json'"
        return f"{message} before the command; {cure}"
    return f"{message}{got}; see --help"


def _is_ours(error: BaseException) -> bool:
    """Check whether this project or the system raised an error, so that its message is clear."""
    if isinstance(error, OSError):
        return True
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    package = frames[-1].f_globals.get("__name__", "").partition(".")[0] if frames else ""
    return package in OWN_PACKAGES or package in packages()


def _one_line(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror and error.errno:
        is_full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        target = error.filename2 if is_full else None  # of a copy
        place = f"storage root {OPENED[-1].url}" if OPENED else "storage"
        where = f"{target or error.filename or place}: "
        is_gone = isinstance(error, FileNotFoundError | IsADirectoryError | NotADirectoryError)
        advice = "free space, correct the permissions or choose another --root"
        return f"{where}{error.strerror}; {'correct the path' if is_gone else advice}"
    return " ".join(str(error).split())


def _by_option(message: str) -> str:
    """Name the option that was typed where a message begins with the field that it sets."""
    option = "--" + message.partition(":")[0].replace("_", "-")
    is_typed = any(word.partition("=")[0] == option for word in sys.argv)
    return option + message[len(option) - 2 :] if is_typed else message


if code := _guarded(add_commands):
    sys.exit(code)
if __name__ == "__main__":
    main()
