"""Whatever is killed at whatever stage of a retraining, it comes to one decision by itself.

A file is dropped for a small model of its own. As soon as storage shows that the stage has begun,
the run, its worker, the server, or several of them at once, get SIGKILL, and nobody lends a hand.
With ``SEQCLASS_CHAOS`` set, every kill is made at every stage, else all three in a training.
"""

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from seqclass.flows.cli.supervision import STEADY_S
from seqclass.flows.service.processes import marked, runs
from seqclass.store.catalogue import verify_tree
from seqclass.store.datasets import dataset_versions, open_dataset
from seqclass.store.locks import is_locked
from seqclass.store.manifests import SeedManifest
from seqclass.store.registry import champion_of, open_model
from seqclass.store.retrainings import RETRAINING, read_attempt, retrainings_of
from seqclass.store.root import Root, open_root, read_manifest
from seqclass.store.seeds import UNFINISHED, forget_seed
from seqclass.training.spec import TrainingSpec
from tests.support.arrivals import drop, rows
from tests.support.candidates import make_candidate, register_champion
from tests.support.databases import DATABASES, server_database
from tests.support.service import Up, with_database
from tests.support.stored import read_decisions
from tests.support.waiting import until

pytestmark = [pytest.mark.system, pytest.mark.timeout(1500)]
SPEC = TrainingSpec(seeds=2, members=("convolutions",))


@dataclass(frozen=True)
class Case:
    """A model whose retraining is disturbed; no seed was stored before."""

    root: Root
    name: str

    def staged(self, kind: str, file: str = "") -> bool:
        folders = Path(self.root.path, ".staging").glob(f"*-{kind}-{self.name}-????????")
        return any((folder / file).exists() for folder in folders)

    def kept(self) -> set[str]:
        """Seeds that this retraining has finished."""
        return set(self.root.names(UNFINISHED))


STAGES: dict[str, Callable[[Case], Any]] = {
    "ingest": lambda case: len(dataset_versions(case.root, case.name)) > 1,
    "inspect": lambda case: case.staged("retraining"),
    "train": lambda case: case.kept(),
    "evaluate": lambda case: case.staged("model", "model.keras"),
    "judge": lambda case: case.staged("model", "stability.json"),
    "promote": lambda case: retrainings_of(case.root, case.name),
}
"""What storage shows as soon as a stage has begun, or of ``ingest``, that rows are committed and
nobody was told; of ``promote``, that the decision is sealed."""
WHO = ("run worker server", "server", "run", "worker", "run worker", "run server", "worker server")
FEW = (("sqlite", "run worker server", "train"),)
EVERY = [(base, who, stage) for base in DATABASES for who in WHO for stage in STAGES]
CASES = EVERY if os.environ.get("SEQCLASS_CHAOS") else FEW


@pytest.fixture(scope="module")
def candidate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What training and testing a small model gave, as every model of these tests has it."""
    return make_candidate(tmp_path_factory.mktemp("candidate"), SPEC)


@pytest.fixture(scope="module")
def services(
    tmp_path_factory: pytest.TempPathFactory, copy_database: Callable[[Path], None]
) -> Iterator[Callable[[str], Up]]:
    """One service for each kind of database, started for the first case that has it."""
    with ExitStack() as stack:

        @cache
        def service_on(base: str) -> Up:
            root = open_root(tmp_path_factory.mktemp(base) / "tree")
            if base == "sqlite":
                with_database(root, copy_database)
            settings = stack.enter_context(server_database(base))
            return stack.enter_context(served(root, **settings))

        yield service_on


@contextmanager
def served(root: Root, **more: str) -> Iterator[Up]:
    up = Up(root, 0, **more)
    try:
        yield up
        assert verify_tree(root)["bad"] == []
        assert up.process.poll() is None
    finally:
        up.stop()
        assert marked(up.service.mark) == set()


def seconds_of(case: Case) -> dict[int, float]:
    """Seconds that each finished seed has taken: another training would take others."""
    seconds = {}
    for key in case.kept():
        record = read_manifest(case.root, case.root.join(UNFINISHED, key), SeedManifest)["record"]
        seconds[record["seed"]] = record["seconds"]
    return seconds


def kill(up: Up, who: str) -> None:
    pids = runs(up.service.mark) if "run" in who else set()
    for kind in set(who.split()) - {"run"}:
        pids |= up.pids_of(kind)
    assert pids, f"expected a {who} to kill, there is none"
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


def has_come_to_rest(case: Case) -> bool:
    """Whether there is a decision, it was carried out, and nobody is at work on the model."""
    root, name = case.root, case.name
    records = retrainings_of(root, name)
    return (
        bool(records)
        and champion_of(root, name) == str(records[-1]["challenger"]).rpartition("@")[2]
        and read_attempt(root, name) is None
        and not is_locked(root, RETRAINING, "models", name)
    )


def ends_steadily(up: Up) -> bool:
    """Whether one more end of a process counts as the first: after five in a row ``up`` ends."""
    return time.monotonic() - LAST_KILL.get(up.service.mark, -1e9) > STEADY_S + 10


LAST_KILL: dict[str, float] = {}


@pytest.mark.parametrize(("base", "who", "stage"), CASES)
def test_a_retraining_comes_to_one_decision_whatever_is_killed(
    services: Callable[[str], Up], candidate: Path, base: str, who: str, stage: str,
    capsys: pytest.CaptureFixture,
) -> None:  # fmt: skip
    service = services(base)
    root, name = service.root, f"{who}-{stage}".replace(" ", "-")
    register_champion(root, candidate, SPEC, name)
    for key in root.names(UNFINISHED):
        forget_seed(root, key)
    case = Case(root, name)
    until(service.is_online, every_s=0.5)
    until(lambda: ends_steadily(service))
    drop(open_root(root.join("inbox", name)), "more.parquet", rows(0, 60))
    until(lambda: STAGES[stage](case), 240, every_s=0.002)
    finished, killed, moment = seconds_of(case), time.monotonic(), datetime.now(UTC)
    assert finished or stage != "train"
    kill(service, who)
    LAST_KILL[service.service.mark] = killed
    until(lambda: has_come_to_rest(case), 900)
    seconds = time.monotonic() - killed
    [record] = retrainings_of(root, name)
    assert record["decision"] == "promoted", record["reasons"]
    decisions = [entry["what"] for entry in read_decisions(root, name)]
    assert decisions == ["promote", "promote"]
    latest = open_dataset(root, name)
    assert Counter(latest.labels()["series_id"].to_pylist()).most_common(1)[0][1] == 1
    assert (record["dataset"], latest.manifest["n_series"]) == (latest.ref, 210)
    trained = open_model(root, name).read_json("stability.json")["seeds"]
    assert finished.items() <= {seed["seed"]: seed["seconds"] for seed in trained}.items()
    again = (datetime.fromisoformat(record["created"]) - moment).total_seconds()
    with capsys.disabled():
        print(f"\nchaos on {base}: {who} killed at {stage}: at rest after {seconds:.0f} s, "
              f"{f'begun again after {again:.0f} s' if again > 0 else 'not begun again'}, "
              f"{len(finished)} seeds taken up")  # fmt: skip
