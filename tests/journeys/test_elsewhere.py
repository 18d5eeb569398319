"""The same commands in a bucket, by a service, on two machines and on a cluster."""

import json
import shutil
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from tests.journeys.journey import Copy, Journey
from tests.journeys.made import strokes

pytestmark = [pytest.mark.system, pytest.mark.timeout(1500)]

STEPS = {"seeds": 1, "members": ["steps"]}
"""The quickest training: one seed of a member in closed form."""
NEW_ROWS = {"retraining": {"least_rows": 20, "debounce_s": 0, "cool_down_s": 0, "when": "new rows"}}
READY = r'"api": "([^"]+)"'


def press_with_policy(journey: Journey) -> None:
    """Import and train ``press``; from then on 20 new rows begin a retraining."""
    strokes(journey.folder / "press.csv", range(150))
    strokes(journey.folder / "june.csv", range(150, 190), seed=2)
    (journey.folder / "steps.json").write_text(json.dumps(STEPS))
    (journey.folder / "policy.json").write_text(json.dumps(NEW_ROWS))
    journey.run("seqclass import press.csv --name press", only=("dataset", "n_series"))
    journey.run("seqclass train press --spec steps.json", only=("model", "verdict"))
    journey.run("seqclass policy press --set policy.json --reason 'new rows'", only=("model",))


@pytest.fixture(scope="module")
def quick_press(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    """Put a store with ``press``, its champion and its policy into a journey's folder."""
    made = Journey("quick_press", tmp_path_factory.mktemp("quick_press"))
    press_with_policy(made)
    return lambda journey: shutil.copytree(made.folder, journey.folder, dirs_exist_ok=True)


@contextmanager
def bucket(journey: Journey) -> Iterator[None]:
    """Let the journey's root be ``s3://factory/tree``, on a server on this machine."""
    pytest.importorskip("moto.server")
    server = "python -m moto.server --host 127.0.0.1 --port 0"
    with journey.started(server, r"Running on (http://\S+)") as url:
        journey.environment |= {
            "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": "us-east-1", "AWS_ENDPOINT_URL_S3": url,
            "SEQCLASS_STORAGE": "s3://factory/tree",
        }  # fmt: skip
        journey.python("import s3fs; s3fs.S3FileSystem().mkdir('factory'); print('true')")
        yield


def await_decision(journey: Journey, version: str) -> None:
    """Wait until the history of ``press`` names a version that a retraining has made."""
    while f'"{version}"' not in json.dumps(journey.asked("seqclass history press --json")):
        time.sleep(3)  # each look is a process, and two cores train meanwhile


def test_bucket(journey: Journey) -> None:
    """Import, train, score, retrain and verify in a bucket; take it to a folder."""
    with bucket(journey):
        press_with_policy(journey)
        journey.run("seqclass score press june.csv --out answers.csv", only=("model", "scored"))
        journey.run("seqclass import june.csv --name press --append", only=("dataset", "added"))
        journey.run("seqclass retrain press", only=("decision", "champion"))
        journey.run("seqclass models")
        journey.run("seqclass verify")
        journey.python(
            "import s3fs; s3fs.S3FileSystem().get('factory/tree/', 'moved/', recursive=True);"
            " print('true')"
        )
    journey.run("seqclass verify --root moved")


def test_service(journey: Journey, quick_press: Copy) -> None:
    """A file that arrives in an inbox ends in a new champion, and a bad one in quarantine."""
    quick_press(journey)
    inbox = journey.store / "inbox" / "press"
    with journey.started("seqclass up --port 0 --json", READY):
        doctor = journey.asked("seqclass doctor --json")
        journey.keep({entry["what"]: entry["ok"] for entry in doctor["findings"]}, "doctor")
        inbox.mkdir(parents=True)
        (inbox / "broken.csv").write_text("series_id,label,step,force\nx,good,0,high\n")
        shutil.copy(journey.folder / "june.csv", inbox / ".june.csv")
        (inbox / ".june.csv").rename(inbox / "june.csv")
        await_decision(journey, "v2")
        journey.run("seqclass history press")
        moved = sorted(f"{path.parent.name}/*{path.suffix}" for path in inbox.glob("*/*"))
        journey.keep(moved, "files moved")
        journey.run("seqclass up --port 0", only=("already", "root"))
    journey.run("seqclass verify")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def await_health(url: str) -> None:
    while True:
        try:
            urllib.request.urlopen(f"{url}/health", timeout=5)  # noqa: S310 - loopback
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.5)


def test_two_machines(journey: Journey, quick_press: Copy) -> None:
    """Two machines join a server by its address; one leaves, the other goes on."""
    quick_press(journey)
    port = free_port()
    home, url = journey.folder / "server", f"http://127.0.0.1:{port}/api"
    server = f"python -m prefect server start --host 127.0.0.1 --port {port}"
    settings = {
        "PREFECT_HOME": str(home), "PREFECT_SERVER_API_AUTH_STRING": "fleet:secret",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "1",
    }  # fmt: skip
    fleet = {"PREFECT_API_URL": url, "PREFECT_API_AUTH_STRING": "fleet:secret"}
    with ExitStack() as stack:
        stack.enter_context(bucket(journey))
        stack.enter_context(journey.started(server, r"(Check out the dashboard)", **settings))
        await_health(url)
        journey.environment |= fleet
        journey.python(
            "import s3fs; s3fs.S3FileSystem().put('store/', 'factory/tree/', recursive=True);"
            " print('true')"
        )
        first = stack.enter_context(ExitStack())
        for machine, owner in (("first", first), ("second", stack)):
            (journey.folder / machine).mkdir()
            up = journey.started(
                "seqclass up --limit 1 --json", READY, HOME=str(journey.folder / machine)
            )
            owner.enter_context(up)
        first.close()
        journey.python(
            "import s3fs;"
            " s3fs.S3FileSystem().put('june.csv', 'factory/tree/inbox/press/june.csv');"
            " print('true')"
        )
        journey.python(  # else the machine lists the bucket within a minute
            "from prefect.deployments import run_deployment;"
            " run_deployment('ingest/local', timeout=0); print('true')"
        )
        await_decision(journey, "v2")
        journey.run("seqclass history press")
        journey.run("seqclass verify")


def test_cluster(journey: Journey, quick_press: Copy) -> None:
    """A Dask cluster trains the same weights as this machine alone."""
    pytest.importorskip("prefect_dask")
    quick_press(journey)
    alone = json.loads((journey.store / "models/press/v1/stability.json").read_text())
    scheduler = "python -m dask scheduler --host 127.0.0.1 --port 0 --no-dashboard"
    with journey.started(scheduler, r"Scheduler at:\s+(tcp://\S+)") as address:
        worker = (
            f"python -m dask worker {address} --host 127.0.0.1 --no-dashboard"
            " --nworkers 2 --nthreads 1 --local-directory dask"
        )
        runner = address.replace("tcp", "dask")
        train = f"seqclass train press --name shared --spec steps.json --runner {runner}"
        with journey.started(worker, "(Registered to)", DO_NOT_TRACK="1"):
            shared = journey.run(train, only=("model", "verdict"))
            journey.run(f"seqclass score shared june.csv --runner {runner}", only=("scored",))
    weights = [[seed["weights_sha256"] for seed in trained["seeds"]] for trained in (alone, shared)]
    journey.keep(weights[0] == weights[1], "same weights")
    journey.refused(f"{train} --seeds 2")
