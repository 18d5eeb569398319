"""Common parts of the commands of ``seqclass``: options, reading of specs, preparation."""

import contextlib
import json
import os
import re
import shutil
import signal
import sys
from importlib import import_module
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seqclass.flows.cli.spec_files import read_spec_file
from seqclass.store.format_version import check_format
from seqclass.store.objects import access_problem
from seqclass.store.root import Damages, Root, check_name, open_root, printable
from seqclass.store.staging import discard_staging
from seqclass.tasks.compute.runner import RUNNER, scheduler_of
from seqclass.workers import pids

if TYPE_CHECKING:
    from seqclass.monitoring.decide import FinalVerdict

PREFECT_SETTINGS = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
    "PREFECT_TASKS_DEFAULT_NO_CACHE": "true",
    "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
}
"""Settings of Prefect in these commands, unless the environment overrides them."""
ARROW_SETTINGS = {"ARROW_DEFAULT_MEMORY_POOL": "system"}
"""Arrow's other allocators keep what they no longer use: half a gigabyte of ten million rows."""
PYTHON_SETTINGS = {"PYTHONSAFEPATH": "1"}
"""Processes that this one starts import nothing from the current folder."""
LEAST_BYTES = 50 * 10**6
"""Free bytes on the disk of a root without which no run begins."""
REFUSED, BAD_INPUT, AWAITS_APPROVAL, FAULT, INTERRUPTED = 1, 2, 3, 70, 130
EXIT_CODES = {"promoted": 0, "registered": 0, "refused": REFUSED,
              "awaits_approval": AWAITS_APPROVAL}  # fmt: skip
"""Exit codes of the commands that judge a version, by their verdicts."""
OPENED: list[Root] = []
"""Roots that this process writes to."""
INTERRUPTION = "interrupted; nothing half-made was kept"


def new_name(given: str | None) -> str | None:
    """Return the value of an option that must be a valid name; None is allowed."""
    return given if given is None else check_name(given)


def no_file(given: str) -> str:
    """Return the argument that names a dataset; ValueError for a file, which is imported first."""
    if os.path.isfile(given):
        raise ValueError(f"DATASET: expected a dataset, got the file {given!r}; import it first")
    return given


def use_runner(given: str | None) -> str | None:
    """Let the flows of this process, which are imported later, use the cluster of an option."""
    if given is not None:
        scheduler_of("--runner", given)
        os.environ[RUNNER] = given
    return given


LimitOption = Annotated[
    list[str] | None,
    typer.Option("--limit", help="NAME=NUMBER where a file may hold more; repeatable."),
]
JsonFlag = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
RootOption = Annotated[
    str | None,
    typer.Option("--root", help="Storage root: a folder or URL (default: $SEQCLASS_STORAGE)."),
]
RunnerOption = Annotated[
    str | None,
    typer.Option(
        help="Dask scheduler to work on: dask://HOST:8786 (default: $SEQCLASS_RUNNER).",
        callback=use_runner,
    ),
]
DatasetArgument = Annotated[
    str, typer.Argument(help="A dataset: NAME or NAME@VERSION.", callback=no_file)
]
ModelArgument = Annotated[str, typer.Argument(help="A model: NAME (its champion) or NAME@vN.")]
DatasetName = Annotated[str, typer.Option(help="Name of the dataset.", callback=new_name)]
ModelName = Annotated[
    str | None, typer.Option(help="Name of the model (default: dataset's).", callback=new_name)
]
ReasonOption = Annotated[str, typer.Option(help="Why, for the audit.")]
PolicyOption = Annotated[
    list[str] | None, typer.Option(help="KIND=ACTION where rows break the contract; repeatable.")
]
RetrainSpecOption = Annotated[
    str | None, typer.Option(help="JSON file of retraining spec fields that differ.")
]
SeedOption = Annotated[int, typer.Option(help="Every number follows from it.")]
WeightsOption = Annotated[
    str | None, typer.Option(help="Shares of the classes, by comma (default: equal).")
]


def training_spec(
    options: dict[str, Any], path: str | None = None, argument: str = "--spec"
) -> Any:
    """Return the training spec: the defaults, overridden by options, overridden by a file."""
    from seqclass.training.spec import TrainingSpec

    return read_spec(TrainingSpec, options, path, argument)


def read_spec(
    kind: type, options: dict[str, Any], path: str | None, argument: str = "--spec"
) -> Any:
    """Return a spec of this dataclass: defaults, overridden by options, then by a JSON file."""
    if path is None:
        return kind(**options)
    from seqclass.store.validation import read_fields

    try:
        given = {**options, **read_spec_file(argument, path)}
    except TypeError as error:
        raise ValueError(
            f"{argument} {path}: expected a JSON object, got {error}; correct it"
        ) from error
    return read_fields(kind, given, f"{argument} {path}: ")


def comma_words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def span_of(argument: str, text: str) -> tuple[int, int]:
    ends = re.fullmatch(r"(\d+)(?:\.\.(\d+))?", text)
    if ends is None:
        raise ValueError(
            f"{argument}: expected a whole number, or shortest..longest, got {text!r}; correct it"
        )
    return int(ends[1]), int(ends[2] or ends[1])


def numbers(argument: str, text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise ValueError(
            f"{argument}: expected numbers separated by commas, got {text!r}; correct the list"
        ) from None


def existing(root: str | None) -> Root:
    """Open a root for reading; it must exist if it was named."""
    store = check_format(open_root(root))
    if root is not None and not store.exists():
        raise ValueError(
            f"--root: expected a storage root that is there, got {root!r}; correct it, or let "
            "'seqclass import PATH --name NAME' make one, with the same --root"
        )
    return store


def writable(root: str | None) -> Root:
    """Open a root and check that it can be written to before any work begins."""
    store = open_root(root)
    OPENED.append(store)
    if not store.is_local and (problem := access_problem(store.fs, store.path)):
        raise ValueError(
            f"storage root: expected a bucket that answers, got {store.url} ({problem}); check its "
            "address, keys and name"
        )
    check_format(store)
    if store.is_local:
        try:
            os.makedirs(store.path, exist_ok=True)
        except OSError as error:
            raise ValueError(
                f"storage root: expected a folder that can be made, got {store.path!r} "
                f"({error.strerror}); choose another with --root"
            ) from error
        if not os.access(store.path, os.W_OK | os.X_OK):
            raise ValueError(
                f"storage root: expected a writable folder, got {store.path!r}; "
                "change its permissions or choose another with --root"
            )
    return store


def existing_writable(root: str | None) -> Root:
    """Open a root for changes; it must exist if it was named."""
    existing(root)
    return writable(root)


def check_disk(store: Root) -> None:
    """Refuse a folder whose disk is so full that a run, or the log of a server, would be cut."""
    if not store.is_local:
        return
    missing = LEAST_BYTES - shutil.disk_usage(store.path).free
    if missing > 0:
        raise ValueError(
            f"storage root: expected at least {LEAST_BYTES:,} free bytes on the disk of "
            f"{store.path!r}, {missing:,} are missing; remove files from that disk, or choose "
            "another root with --root"
        )


def set_defaults() -> None:
    """Set what Prefect, Arrow and further processes read from the environment as they begin."""
    for key, value in (PREFECT_SETTINGS | ARROW_SETTINGS | PYTHON_SETTINGS).items():
        os.environ.setdefault(key, value)


def prepare_prefect(
    what: str, module: str, store: Root | None = None, workers: bool = False
) -> None:
    """Prepare Prefect for a flow in a module of this process, and wait until a server responds.

    With ``store``, its disk must have room, and if no server is configured, that of a ``seqclass
    up`` of the root is used. A temporary one starts while the module, and modules that the
    ``workers`` need, are imported.
    """
    set_defaults()
    from seqclass.flows.service import ephemeral_server
    from seqclass.flows.service.diagnosis import answering_url
    from seqclass.flows.service.server import use, use_service

    if store is not None:
        check_disk(store)
        use_service(store)

    url = answering_url()
    leave_on_interrupt()
    remark(what, f"Prefect on {url or 'a throw-away server (takes some seconds)'}")
    server = None if url else ephemeral_server.begin_server()
    if workers:
        from seqclass.workers import workers as processes

        processes().start()
    import_module(module)
    if server:
        ephemeral_server.wait_for(server)
        use(server.service, {"flows.heartbeat_frequency": None})


def prepare_step(store: Root) -> None:
    """Prepare a command that works in this process, without Prefect, and writes to a root."""
    set_defaults()
    check_disk(store)
    leave_on_interrupt()


def can_announce(store: Root) -> bool:
    """Prepare Prefect to send events if a server is configured, or runs for the root.

    False if there is none, or, after a line that says so, if it does not answer.
    """
    from seqclass.flows.service.server import may_have_server, use_service

    if not may_have_server(store):
        return False
    from seqclass.flows.service.diagnosis import answering_url

    set_defaults()
    use_service(store)
    try:
        url = answering_url()
    except ValueError as error:
        complain(f"not announced: {error}", 0)
        return False
    if url:
        remark("events", f"sent to Prefect on {url}")
    return bool(url)


LONGEST_LINE = 2000


def remark(what: str, line: str) -> None:
    """Print on standard error what a command does or expects."""
    typer.secho(f"{what}: {line}", dim=True, err=True)


def name_damaged(bad: Damages) -> None:
    """Print which damaged items were left out of the output."""
    for item in bad:
        complain(f"left out, damaged: {item['path']}: {item['problem']}", 0)


def complain(message: str, code: int) -> int:
    print(f"seqclass: {printable(' '.join(message.split()), LONGEST_LINE)}", file=sys.stderr)
    return code


def fail(message: str, code: int) -> int:
    """Say why a command ends with an exit code, with ``--json`` as JSON on standard output, too."""
    complain(message, code)
    if "--json" in sys.argv:
        print(json.dumps({"error": message, "exit_code": code}, ensure_ascii=False))
    return code


def conclude(verdict: "FinalVerdict | None", why: str) -> None:
    """End a command that judges a version with the exit code of its verdict, and say why."""
    if code := EXIT_CODES[verdict] if verdict else 0:
        raise typer.Exit(complain(why, code))


def leave_on_interrupt() -> None:
    """Make SIGINT end this process and its workers from now on, and leave a clean tree.

    The temporary Prefect server ends with the process. A flow would first end its tasks, which may
    take long.
    """
    signal.signal(signal.SIGINT, _leave)


def _leave(number: int, frame: FrameType | None) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for pid in pids():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    discard_staging()
    print(f"seqclass: {INTERRUPTION}", file=sys.stderr, flush=True)
    os._exit(INTERRUPTED)
