"""Who may speak to the servers that this project starts: neither other pages nor other users."""

import asyncio
import base64
import contextlib
import json
import re
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from seqclass.flows.service import ephemeral_server
from seqclass.flows.service.credentials import PASSWORD, make_password, password_in, private_folder
from seqclass.flows.service.server import Service
from seqclass.flows.service.worker import job_template
from seqclass.store.root import Root
from tests.support.chromium import Page
from tests.support.listeners import listening
from tests.support.servers import kept_server

FOREIGN = "http://elsewhere.example"
SOCKETS = ("events/in", "events/out", "logs/out", "task_runs/subscriptions/scheduled")
READ, WRITE = ("GET", "admin/version"), ("POST", "flows/filter")


@contextlib.contextmanager
def thrown_away(home: Path) -> Iterator[Service]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PREFECT_HOME", str(home))
        server = ephemeral_server.begin_server()
    try:
        ephemeral_server.wait_for(server)
        yield server.service
    finally:
        server.process.stdin.close()  # type: ignore[union-attr]
        server.process.wait(timeout=120)


@pytest.fixture(scope="module", params=[kept_server, thrown_away], ids=["service", "throw-away"])
def started(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    copy_database: Callable[[Path], None],
) -> Iterator[tuple[Service, Path]]:
    """A server and its home, in which an older one had left a database for everybody to read."""
    home = tmp_path_factory.mktemp("home")
    copy_database(home)
    (home / "prefect.db").chmod(0o644)
    with request.param(home) as service:
        yield service, home


@pytest.fixture
def server(started: tuple[Service, Path]) -> Service:
    return started[0]


def ask(
    service: Service, request: tuple[str, str], password: bool = False, **headers: str
) -> tuple[int, Any]:
    """Status and headers of a plain request."""
    method, path = request
    if password:
        words = base64.b64encode(str(service.password).encode()).decode()
        headers["Authorization"] = f"Basic {words}"
    sent = urllib.request.Request(  # noqa: S310 - loopback
        f"{service.url}/{path}", b"{}" if method == "POST" else None,
        {"Content-Type": "application/json", **headers}, method=method,
    )  # fmt: skip
    try:
        with urllib.request.urlopen(sent, timeout=60) as reply:  # noqa: S310 - loopback
            return reply.status, reply.headers
    except urllib.error.HTTPError as error:
        return error.code, error.headers


def csrf(service: Service) -> dict[str, str]:
    from seqclass.flows.service.server import client_of

    with client_of(service) as client:
        client.read_work_pools()  # a change as far as CSRF goes
        inner = client._client
        return {"Prefect-Csrf-Token": inner.csrf_token,
                "Prefect-Csrf-Client": str(inner.csrf_client_id)}  # fmt: skip


def test_who_has_the_password_is_served(server: Service) -> None:
    assert ask(server, READ, password=True)[0] == 200
    assert ask(server, WRITE, password=True, **csrf(server))[0] == 200
    origin = server.ui
    status, headers = ask(server, WRITE, password=True, Origin=origin, **csrf(server))
    assert (status, headers["Access-Control-Allow-Origin"]) == (200, origin)


def test_who_has_no_password_is_not_served(server: Service) -> None:
    assert ask(server, READ)[0] == 401
    assert ask(server, WRITE, **csrf(server))[0] == 401
    assert ask(server, ("GET", "csrf-token?client=me"))[0] == 401


def test_a_change_needs_a_token_against_forgery(server: Service) -> None:
    assert ask(server, WRITE, password=True)[0] == 403


@pytest.mark.parametrize("origin", [FOREIGN, "null", "http://127.0.0.1:1", "https://127.0.0.1"])
def test_a_page_of_another_origin_is_refused_though_it_had_the_password(
    server: Service, origin: str
) -> None:
    for request in (READ, WRITE, ("OPTIONS", "flows/filter"), ("GET", "health")):
        asks = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        status, headers = ask(server, request, password=True, **asks)
        assert status == 403
        assert headers["Access-Control-Allow-Origin"] is None


@pytest.mark.parametrize("host", ["rebound.example", "rebound.example:4200", "127.0.0.1.x", ""])
def test_a_rebound_name_is_refused_though_it_had_the_password(server: Service, host: str) -> None:
    for request in (READ, WRITE, ("GET", "health")):
        assert ask(server, request, password=True, Host=host)[0] == 400


def hear(service: Service, path: str, token: str | None, **headers: str) -> Any:
    """The first answer of a WebSocket to whom introduces itself."""
    url = f"{service.url}/{path}".replace("http", "ws", 1)
    with connect(url, subprotocols=["prefect"], additional_headers=headers) as socket:  # type: ignore[list-item]
        socket.send(json.dumps({"type": "auth", "token": token}))
        return json.loads(socket.recv(timeout=60))


@pytest.mark.parametrize("path", SOCKETS)
def test_a_socket_asks_for_the_password(server: Service, path: str) -> None:
    assert hear(server, path, server.password)["type"] == "auth_success"
    for wrong in (None, "", "seqclass:"):
        with pytest.raises(ConnectionClosed):
            hear(server, path, wrong)


@pytest.mark.parametrize("path", SOCKETS)
def test_a_socket_of_a_foreign_page_or_a_rebound_name_is_refused(
    server: Service, path: str
) -> None:
    for status, headers in ((403, {"Origin": FOREIGN}), (400, {"Host": "rebound.example"})):
        with pytest.raises(InvalidStatus) as refused:
            hear(server, path, server.password, **headers)
        assert refused.value.response.status_code == status


@pytest.fixture
def foreign_page(browser: Page) -> Iterator[Page]:
    """A page that another server of this machine gave out."""
    page = {"/": b"<!doctype html><title>elsewhere</title><body>a page"}
    with listening(page, **{"Content-Type": "text/html"}) as other:
        browser.go(f"{other.url}/")
        yield browser


TRIES = """
(async () => {
  const api = %s, password = 'Basic ' + btoa(%s);
  const words = {'Content-Type': 'application/json', 'Authorization': password};
  const told = request => request.then(reply => reply.status, () => 'refused');
  const heard = url => new Promise(done => {
    const socket = new WebSocket(url.replace('http', 'ws'));
    socket.onopen = () => done('open');
    socket.onerror = () => done('refused');
  });
  return {
    read: await told(fetch(api + '/admin/version', {headers: words})),
    health: await told(fetch(api + '/health')),
    post: await told(fetch(api + '/flows/filter', {method: 'POST', headers: words, body: '{}'})),
    simple: await told(fetch(api + '/flows/filter', {method: 'POST', body: '{}'})),
    socket: await heard(api + '/events/in'),
  };
})()
"""


def tries(page: Page, url: str, password: str) -> dict[str, Any]:
    return page.evaluate(TRIES % (json.dumps(url), json.dumps(password)))


def test_a_page_in_a_browser_gets_nothing_from_our_servers(
    foreign_page: Page, server: Service
) -> None:
    outcomes = tries(foreign_page, server.url, str(server.password))
    assert set(outcomes.values()) == {"refused"}, outcomes


def test_the_same_page_gets_all_of_a_server_without_doors(
    foreign_page: Page, prefect_url: str
) -> None:
    outcomes = tries(foreign_page, prefect_url, "")
    assert outcomes["read"] == outcomes["health"] == outcomes["post"] == 200, outcomes
    assert outcomes["socket"] == "open"


@pytest.mark.parametrize("started", [kept_server], indirect=True, ids=["service"])
def test_the_page_of_the_service_lets_in_who_knows_the_password(
    browser: Page, server: Service
) -> None:
    browser.go(server.ui)
    browser.wait_for("document.querySelector('input')")
    browser.evaluate("document.querySelector('input').focus()")
    browser.type(str(server.password))
    browser.evaluate("document.querySelector('button[type=submit], form button').click()")
    browser.wait_for("document.body.innerText.includes('Deployments')")
    browser.wait_for("!location.pathname.includes('login')")


def test_a_run_chooses_neither_its_command_nor_its_surroundings() -> None:
    from prefect.workers.process import ProcessJobConfiguration

    asked = {"command": "touch CANARY", "env": {"PATH": "evil"}, "working_dir": "evil",
             "env.PYTHONPATH": "evil", "name": "x", "labels": {"a": "b"}}  # fmt: skip
    unused: Any = "no block and no variable is named"
    made = ProcessJobConfiguration.from_template_and_values(job_template(), asked, client=unused)
    configuration = asyncio.run(made)
    assert (configuration.command, configuration.env, configuration.working_dir) == (None, {}, None)


def test_all_files_of_a_server_are_private(started: tuple[Service, Path]) -> None:
    _, home = started
    modes = {path.name: path.stat().st_mode & 0o777 for path in home.iterdir()}
    assert {"prefect.db", "prefect.db-wal"} <= set(modes)
    assert {name: mode for name, mode in modes.items() if mode & 0o077} == {}
    assert home.stat().st_mode & 0o777 == 0o700


def test_the_password_stands_in_its_file_alone(started: tuple[Service, Path]) -> None:
    service, home = started
    secret = str(service.password).encode()
    files = [path for path in home.rglob("*") if path.is_file()]
    holders = {path.name for path in files if secret in path.read_bytes()}
    assert holders <= {PASSWORD}
    assert str(service.password) not in repr(service)


def test_a_password_is_kept_and_one_that_others_could_read_is_made_anew(tmp_path: Path) -> None:
    first = make_password(tmp_path)
    assert re.fullmatch(r"seqclass:[\w-]{43}", first)
    assert make_password(tmp_path) == first
    (tmp_path / PASSWORD).chmod(0o644)
    assert password_in(tmp_path) is None
    second = make_password(tmp_path)
    assert second != first
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / PASSWORD).symlink_to(tmp_path / PASSWORD)
    assert password_in(tmp_path / "elsewhere") is None
    assert (tmp_path / PASSWORD).stat().st_mode & 0o777 == 0o600


def test_what_an_older_service_left_open_is_closed(root: Root, tmp_path: Path) -> None:
    (home := tmp_path / "home").mkdir(mode=0o755)
    for name in ("prefect.db", "worker.log"):
        (home / name).touch(mode=0o644)
    private_folder(home)
    assert home.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in home.iterdir()} == {0o600}
