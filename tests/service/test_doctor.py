"""``seqclass doctor``: the usual faults of a service, each with what to do."""

import json
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest
import s3fs

from seqclass.flows.cli.command_line import PREFECT_SETTINGS
from seqclass.flows.service.automations import SILENT, STUCK, find, watch_runs
from seqclass.flows.service.diagnosis import server_problem
from seqclass.flows.service.server import (
    POOL,
    SILENCE_S,
    Service,
    choose_port,
    home_of,
    only_one,
    prefect_file,
)
from seqclass.flows.service.worker import make_pool
from seqclass.store.root import Root, open_root
from tests.support.commands import Command
from tests.support.listeners import listening
from tests.support.servers import free_port


@pytest.fixture
def elsewhere() -> Iterator[str]:
    """What another Prefect would say: another version, a clock far away, nothing else."""
    replies = {"/api/health": b"true", "/api/admin/version": b'"3.4.0"', "/api/hello": b'"hi"'}
    with listening(replies, Date="Thu, 01 Jan 2026 00:00:00 GMT") as listener:
        yield f"{listener.url}/api"


def findings(seqclass: Command, url: str) -> dict[str, dict]:
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with temporary_settings({PREFECT_API_URL: url}):
        code, out, err = seqclass("doctor", "--json")
    entries = json.loads(out)["findings"]
    assert code == (not all(f["ok"] for f in entries)), err
    return {f["what"]: f for f in entries}


def test_another_version_and_another_clock_are_found(seqclass: Command, elsewhere: str) -> None:
    faults = findings(seqclass, elsewhere)
    assert not faults["server version"]["ok"]
    assert "3.4.0" in faults["server version"]["found"]
    assert not faults["clock"]["ok"]
    assert "clocks" in faults["clock"]["advice"]


def test_a_server_for_the_commands_alone_lacks_nothing(seqclass: Command, prefect: str) -> None:
    entries = findings(seqclass, prefect)
    assert all(finding["ok"] for finding in entries.values()), entries
    assert "seqclass up" in entries["service"]["found"]


def test_what_half_a_service_lacks_is_found_with_what_to_do(
    seqclass: Command, prefect: str
) -> None:
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        make_pool(client)
        make_pool(client)
        try:
            entries = findings(seqclass, prefect)
        finally:
            client.delete_work_pool(POOL)
    assert entries["work pool"]["ok"]
    for what in ("worker", "deployments", "automations"):
        assert not entries[what]["ok"], entries[what]
        assert "seqclass up" in entries[what]["advice"]


def test_a_server_that_does_not_answer_is_found(seqclass: Command) -> None:
    entries = findings(seqclass, f"http://127.0.0.1:{free_port()}/api")
    assert not entries["prefect server"]["ok"]
    assert "seqclass up" in entries["prefect server"]["advice"]


def test_a_root_that_can_not_be_written_is_found(
    seqclass: Command, tmp_path: os.PathLike, prefect: str
) -> None:
    (file := tmp_path / "file").write_text("not a folder")
    code, out, _ = seqclass("doctor", "--root", file / "tree", "--json")
    entries = {f["what"]: f for f in json.loads(out)["findings"]}
    assert (code, entries["storage root"]["ok"]) == (1, False)
    assert "--root" in entries["storage root"]["advice"]


def test_a_file_beside_the_inboxes_is_found(seqclass: Command, root: Root, prefect: str) -> None:
    assert "inboxes" not in findings(seqclass, prefect)
    Path(root.join("inbox", "toy")).mkdir(parents=True)
    Path(root.join("inbox", "stray.csv")).write_text("rows")
    finding = findings(seqclass, prefect)["inboxes"]
    assert "stray.csv" in finding["found"]
    assert "inbox/DATASET" in finding["advice"]


@pytest.mark.parametrize("wrong", ["bucket", "address"])
def test_a_bucket_that_does_not_answer_is_found_and_starts_nothing(
    seqclass: Command, bucket: Root, wrong: str, prefect: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if wrong == "address":
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://127.0.0.1:{free_port()}")
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
        s3fs.S3FileSystem.clear_instance_cache()
    place = ("--root", bucket.url if wrong == "address" else "s3://absent/tree")
    _, out, _ = seqclass("doctor", *place, "--json")
    entries = {f["what"]: f for f in json.loads(out)["findings"]}
    assert not entries["storage root"]["ok"]
    code, out, err = seqclass("up", *place)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("seqclass: storage root: expected a bucket that answers, got s3://")


def test_a_port_in_use_is_refused_in_one_line(
    seqclass: Command, root: Root, elsewhere: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from prefect.settings import PREFECT_API_URL, temporary_settings

    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    port = int(elsewhere.split(":")[2].partition("/")[0])
    with temporary_settings({PREFECT_API_URL: None}):
        code, out, err = seqclass("up", "--port", port)
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert f"expected a free port, got {port}" in err
    assert f"set PREFECT_API_URL={elsewhere}" in err
    assert not home_of(root).joinpath("server.log").exists()
    for wrong in (-1, 70_000):
        with pytest.raises(ValueError, match="--port: expected"):
            choose_port(wrong)


@pytest.mark.parametrize("greeting", [b"SSH-2.0-OpenSSH_9.6\r\n", b"-ERR unknown command\r\n"])
def test_what_speaks_no_http_is_no_server(greeting: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        def greet() -> None:
            for _ in range(2):
                with listener.accept()[0] as caller:
                    caller.sendall(greeting)
                    caller.recv(1024)

        greeter = Thread(target=greet)
        greeter.start()
        with pytest.raises(
            ValueError, match=f"--port: expected a free port, got {port}"
        ) as refusal:
            choose_port(port)
        problem = server_problem(f"http://127.0.0.1:{port}/api")
        greeter.join()
    assert "PREFECT_API_URL" not in str(refusal.value)
    assert problem is not None


def test_a_service_without_room_for_a_run_is_refused(seqclass: Command, root: Root) -> None:
    code, out, err = seqclass("up", "--limit", 0)
    assert (code, out) == (2, "")
    assert err == "seqclass: --limit: expected at least 1, got 0; correct the number\n"


@pytest.mark.parametrize("stage", ["_choose", "_set_up"])
def test_a_stop_that_a_library_turns_into_its_own_error_is_a_stop(
    seqclass: Command, stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pydantic does so to whatever a signal handler raises while it writes settings."""

    def stop_in_library(*_: object) -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        except BaseException as error:
            raise ValueError("of a library") from error

    service = Service("http://127.0.0.1:9/api", "a stop in a library")
    monkeypatch.setattr("seqclass.flows.cli.server_commands._choose", lambda *_: (service, False))
    monkeypatch.setattr(f"seqclass.flows.cli.server_commands.{stage}", stop_in_library)
    code, out, err = seqclass("up")
    assert (code, out) == (0, ""), err


def test_who_holds_a_home_sees_its_own_errors(tmp_path: Path) -> None:
    def read_from_a_pipe() -> None:
        with only_one(tmp_path) as first, only_one(tmp_path) as second:
            assert (first, second) == (True, False)
            raise BlockingIOError("the pipe is empty")

    with pytest.raises(BlockingIOError, match="the pipe is empty"):
        read_from_a_pipe()


def test_the_files_of_a_service_have_their_places() -> None:
    assert prefect_file().name == "prefect.yaml"
    home, other = (home_of(open_root(f"memory://{place}")) for place in ("a-b/c", "a/b-c"))
    assert "://" not in str(home)
    assert home.parent == other.parent
    assert home.name != other.name


def test_automations_are_made_once_and_renewed_where_they_differ(prefect: str) -> None:
    automations = {}
    try:
        watch_runs(90, 600, ["1"])
        for name in (SILENT, STUCK):
            automations[name] = find(name)
        watch_runs(90, 600, ["1"])
        assert find(SILENT).id == automations[SILENT].id
        watch_runs(120, 600, ["1"])
        renewed = find(SILENT)
        assert renewed.id == automations[SILENT].id
        assert renewed.trigger.within.total_seconds() == 120
        assert find(STUCK).id == automations[STUCK].id
    finally:
        for automation in automations.values():
            automation.delete()


def test_runs_of_other_flows_on_a_shared_server_are_not_watched(prefect: str) -> None:
    from prefect.server.events.schemas.automations import EventTrigger
    from prefect.server.events.schemas.events import RelatedResource, Resource

    run = Resource({"prefect.resource.id": "prefect.flow-run.7"})
    watch_runs(90, 600, ["1", "2"])
    for name in (SILENT, STUCK):
        automation = find(name)
        automation.delete()
        trigger = EventTrigger.model_validate(automation.trigger.model_dump(mode="json"))
        for flow, is_watched in (("2", True), ("3", False)):
            related = {"prefect.resource.id": f"prefect.flow.{flow}"}
            named = RelatedResource({**related, "prefect.resource.role": "flow"})
            assert trigger.covers_resources(run, [named]) is is_watched


def test_flows_of_every_command_beat_often_enough_for_the_automations() -> None:
    assert 3 * int(PREFECT_SETTINGS["PREFECT_FLOWS_HEARTBEAT_FREQUENCY"]) <= SILENCE_S
