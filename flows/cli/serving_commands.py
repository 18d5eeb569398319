"""Commands that let other programs ask a model: serve and export."""

import ipaddress
import json
import shlex
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seqclass.flows.cli.command_line import JsonFlag, ModelArgument, RootOption, existing, remark
from seqclass.flows.cli.option_groups import OutputPlace
from seqclass.flows.cli.printing import print_json, print_result
from seqclass.flows.service.credentials import TOKEN, make_token, private_folder, read_token
from seqclass.flows.service.server import home_of
from seqclass.store.root import Root

if TYPE_CHECKING:
    from seqclass.serving.versions import ServedModels, ServedVersion

LOCAL_NAMES = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class ServingOptions:
    """Options of a server: its address, who may ask, and how much."""

    host: Annotated[str, typer.Option(help="Address on which it listens.")] = "127.0.0.1"
    port: Annotated[int, typer.Option(help="Port; 0 takes any free one.")] = 8080
    token_file: Annotated[
        str | None, typer.Option(help="File of the token that requests bring (default: its own).")
    ] = None
    no_token: Annotated[
        bool, typer.Option("--no-token", help="Answer whoever asks from this machine.")
    ] = False
    log_requests: Annotated[
        bool, typer.Option("--log-requests", help="Keep series and answers in the root.")
    ] = False
    limit: Annotated[
        list[str] | None,
        typer.Option("--limit", help="NAME=NUMBER where requests may bring more; repeatable."),
    ] = None

    @property
    def is_local(self) -> bool:
        """True if only this machine reaches the address."""
        try:
            return self.host == "localhost" or ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def check(self) -> None:
        """Refuse options that exclude each other."""
        if self.no_token and self.token_file is not None:
            raise ValueError("--no-token: expected it without --token-file; leave one of them out")
        if self.no_token and not self.is_local:
            raise ValueError(
                f"--no-token: expected it with a --host of this machine only, got {self.host!r}; "
                "leave it out"
            )


def serve(
    models: Annotated[
        list[str],
        typer.Argument(metavar="MODEL…", help="Models: NAME (its champion) or NAME@vN."),
    ],
    options: ServingOptions,
    place: OutputPlace,
) -> None:
    """Answer series over HTTP until it is stopped.

    It speaks the Open Inference Protocol; a champion that changes answers without a restart.
    """
    from seqclass.serving.access import RequestLimits
    from seqclass.store.formats.table import chosen_limits
    from seqclass.store.registry import open_model

    began, store = time.monotonic(), place.store()
    options.check()
    limits = chosen_limits(RequestLimits, options.limit or [])
    for ref in models:
        open_model(store, ref).check()
    listener = bound(options.host, options.port)
    token_file = None if options.no_token else _token_file(store, options)
    token = None if token_file is None else read_token(token_file)
    remark("serve", f"loading {', '.join(models)}")
    from seqclass.serving.access import Access
    from seqclass.serving.app import ServingSettings, create_app
    from seqclass.serving.request_log import RequestLog
    from seqclass.serving.versions import ServedModels

    served = ServedModels(store, models)
    access = Access(token, LOCAL_NAMES if options.is_local else None)
    log = RequestLog(store) if options.log_requests else None
    settings = ServingSettings(access, limits, log=log)
    app = create_app(served, settings, lambda line: remark("serve", line))
    host, port = listener.getsockname()[:2]
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    _run(app, listener, lambda: say_ready(served, url, token_file, began, place.as_json))


def _token_file(store: Root, options: ServingOptions) -> Path:
    """Return the file of the token; that of the root is made at the first start."""
    if options.token_file is not None:
        return Path(options.token_file)
    home = home_of(store)
    private_folder(home)
    make_token(home)
    return home / TOKEN


def bound(host: str, port: int) -> socket.socket:
    """Return a socket that holds the address, and does not listen yet."""
    try:
        if not 0 <= port < 2**16:
            raise OverflowError("a port is a number of 0 to 65535")
        [family, kind, tcp, _, address], *_ = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM
        )
        # asyncio sends at once (TCP_NODELAY) only where the protocol is named; else an answer's
        # body waits 40 ms for the client to acknowledge its head.
        sock = socket.socket(family, kind, tcp)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
    except (OSError, OverflowError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ValueError(
            f"--host, --port: expected an address of this machine and a free port, got {host!r} "
            f"and {port} ({reason}); choose others"
        ) from error
    return sock


def _run(app: Any, listener: socket.socket, show_ready: Callable[[], None]) -> None:
    """Run the server until a signal ends it."""
    import uvicorn

    from seqclass.serving.app import server_config

    class Announced(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            show_ready()

    for number in (signal.SIGINT, signal.SIGTERM):  # uvicorn raises them again when it has ended
        signal.signal(number, lambda *_: None)
    Announced(server_config(app)).run(sockets=[listener])


def say_ready(
    served: "ServedModels", url: str, token_file: Path | None, began: float, as_json: bool
) -> None:
    """Say where each version answers, and how to ask."""
    versions = {version.name: version.label for version in served}
    seconds = time.monotonic() - began
    if as_json:
        print_json({"url": url, "models": versions, "token": token_file and str(token_file),
                    "seconds": seconds})  # fmt: skip
        return
    typer.echo(f"ready in {seconds:.0f} s: {url}")
    for name in versions:
        first, *others = served.versions(name)
        typer.echo(f"{name}: {first} answers POST {url}/v2/models/{name}/infer")
        for label in others:
            place = f"{url}/v2/models/{name}/versions/{label.partition('-')[0]}/infer"
            typer.echo(f"{name}: {label} answers POST {place}")
    typer.echo(f"ask:    {_request(next(iter(served)), url, token_file)}")
    typer.echo("Ctrl-C stops it")


def _request(version: "ServedVersion", url: str, token_file: Path | None) -> str:
    """Return a command that asks for the answer to a series of one step."""
    n_channels = len(version.scorer.channels)
    series = {"name": "series", "datatype": "FP32", "shape": [1, 1, n_channels]}
    body = json.dumps({"inputs": [{**series, "data": [0.0] * n_channels}]})
    words = f"curl {url}/v2/models/{version.name}/infer --header 'Content-Type: application/json'"
    if token_file is not None:
        words += f' --header "Authorization: Bearer $(cat {shlex.quote(str(token_file))})"'
    return f"{words} --data '{body}'"


def export(
    model: ModelArgument,
    to: Annotated[str, typer.Option("--to", help="onnx, mlflow or savedmodel.")],
    out: Annotated[str, typer.Option(help="The new folder.")],
    root: RootOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Write a model to a folder that works without this project.

    The folder appears once its answers are those that are stored with the version.
    """
    from seqclass.export.exporting import check_export, export_model
    from seqclass.store.registry import open_model

    store = existing(root)
    version, kind = open_model(store, model), check_export(store, to, out)
    made = export_model(store, version, kind, out)
    print_result(asdict(made), as_json)
