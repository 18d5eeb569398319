"""The same work done by one machine of a fleet, and by two of which one is lost in the middle.

``python -m benchmarks.fleet [--models 40] [--retrainings 20] [--files 200]`` has machines with a
core, a home and a clone of their own, moto's bucket, PostgreSQL and a server of docs/fleet.md. The
first model, a small LSTM, is trained by the fleet; the others are copies of it with rows of their
own. Some get a file in their inbox, and four others files to score. The second machine is killed
for good while it is at a retraining and has answered a part of a model's files. A scoring that died
with it is asked for again; nobody asks for a retraining. Fails where what is stored differs, or was
written twice.
"""

import argparse
import io
import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from rich.console import Console

from benchmarks.tables import as_table
from benchmarks.week import NEW_ROWS, ROWS, copy_model, decided, lines
from seqclass.flows.cli.command_line import PREFECT_SETTINGS
from seqclass.store.catalogue import verify_tree
from seqclass.store.datasets import write_dataset
from seqclass.store.locks import is_locked
from seqclass.store.manifests import ScoresManifest
from seqclass.store.models import model_versions, read_model
from seqclass.store.retrainings import RETRAINING, retrainings_of
from seqclass.store.root import MANIFEST, Root, open_root, read_manifest
from seqclass.store.scores import SCORES, score_folders
from tests.support.buckets import ACCESS, Requests, endpoint
from tests.support.machines import fleet_server, in_hand, lose, machine
from tests.support.places import REPOSITORY
from tests.support.postgres import postgres
from tests.support.service import Up
from tests.support.stored import SMALL
from tests.support.waiting import until

SPEC = {**SMALL, "seeds": 1}
LIMIT, SCORERS, SCORED_ROWS, LONGEST_S = 3, 4, 20, 3600
MACHINES = {1: "one machine", 2: "two machines"}
CORES = sorted(os.sched_getaffinity(0))[-2:]
"""Of the two machines, one each."""
SOURCE = "files"
Row = dict[str, Any]


@dataclass(frozen=True)
class Plan:
    """All models, those that get a file of rows, and those that answer so many files each."""

    models: list[str]
    retrained: list[str]
    scored: list[str]
    files: int


class Questions:
    """Runs that somebody asked for and wants to see completed."""

    def __init__(self, up: Up) -> None:
        self.up, self.again = up, 0
        self.open: dict[str, tuple[str, Row]] = {}

    def ask(self, deployment: str, **parameters: object) -> None:
        self.open[str(self.up.ask(deployment, **parameters))] = deployment, parameters

    def are_answered(self) -> bool:
        """Check whether all runs are completed; one that crashed is asked for again."""
        for run, (deployment, parameters) in list(self.open.items()):
            state = self.up.run(run).state
            if not state.is_final():
                continue
            del self.open[run]
            if state.is_crashed():
                self.again += 1
                self.ask(deployment, **parameters)
            elif not state.is_completed():
                raise ChildProcessError(f"{deployment}: {parameters}: {state.message}")
        return not self.open


@dataclass(frozen=True)
class Fleet:
    """A root in a bucket, with the machines that work on it."""

    root: Root
    machines: list[Up]
    scratch: Path

    def make_models(self, plan: Plan) -> None:
        """A dataset and a champion for each name."""
        first, now = plan.models[0], datetime.now(UTC)
        for name in plan.models:
            write_dataset(self.root, name, [lines(first_row(name), ROWS)], {"fleet": name}, now)
        questions = Questions(self.machines[0])
        questions.ask("train-classifier/local", dataset=first, spec=SPEC)
        until(questions.are_answered, LONGEST_S, 1)
        trained = read_model(self.root, first, "v1")
        for name in plan.models[1:]:
            copy_model(self.root, trained, name, now)

    def serve(self, plan: Plan) -> Row:
        """Have files decided on and others scored; one machine of two is lost meanwhile.

        Runs are taken in the order in which they come, so that the scorings are in the middle.
        """
        questions, half = Questions(self.machines[0]), len(plan.retrained) // 2
        self._deliver(plan.retrained[:half])
        for name in plan.scored:
            questions.ask("score-dataset/local", model=f"{name}@v1", data=self._files(name))
        self._deliver(plan.retrained[half:])
        lost = self._lose_one(plan) if self.machines[1:] else {}
        until(lambda: questions.are_answered() and self._is_decided(plan), LONGEST_S, 2)
        return {**lost, "asked again": questions.again}

    def write_files(self, plan: Plan) -> None:
        for name in plan.scored:
            os.makedirs(self._files(name))
            for number in range(plan.files):
                first = first_row(name) + ROWS + NEW_ROWS + SCORED_ROWS * number
                table = lines(first, SCORED_ROWS).drop_columns(["label"])
                pq.write_table(table, f"{self._files(name)}{number:03d}.parquet")

    def _files(self, name: str) -> str:
        return f"{self.scratch}/{name}/"

    def _deliver(self, names: list[str]) -> None:
        """Put a file into the inbox of each model, and wait until a sweep has taken it."""
        files = [self.root.join("inbox", name, "more.parquet") for name in names]
        for name, file in zip(names, files, strict=True):
            sink = io.BytesIO()
            pq.write_table(lines(first_row(name) + ROWS, NEW_ROWS), sink)
            self.root.fs.pipe_file(file, sink.getvalue())

        def are_taken() -> bool:
            if there := any(map(self.root.fs.exists, files)):
                self.machines[0].ask("ingest/local")
            return not there

        until(are_taken, 900, 20)

    def _is_decided(self, plan: Plan) -> bool:
        root = self.root
        return all(
            decided(root, name) and not is_locked(root, RETRAINING, "models", name)
            for name in plan.retrained
        )

    def _lose_one(self, plan: Plan) -> Row:
        """Kill the second machine in the middle of a retraining and of a scoring."""
        keeps, loses = self.machines
        late = 3 * len(plan.retrained) // 4
        until(lambda: self._in_the_middle(plan, late) or self._is_decided(plan), LONGEST_S, 0.3)
        known = {str(run.id): run for run in keeps.runs("retrain-model")}
        names = [known[run].parameters["model"] for run in in_hand(loses) & known.keys()]
        before = self._n_decided(plan.retrained)
        lose(loses)
        began = time.monotonic()
        until(lambda: self._n_decided(names) == len(names), LONGEST_S, 1)
        return {"decided before the loss": before,
                "from loss to its decision s": round(time.monotonic() - began)}  # fmt: skip

    def _n_decided(self, names: list[str]) -> int:
        return sum(bool(decided(self.root, name)) for name in names)

    def _in_the_middle(self, plan: Plan, late: int) -> bool:
        """Check whether the second machine is at a retraining and, unless it is late, a scoring."""
        loses = self.machines[1]
        at_work = in_hand(loses)
        retrained, scored = (
            [run.parameters["model"].partition("@")[0] for run in loses.runs(flow)
             if str(run.id) in at_work] for flow in ("retrain-model", "score-dataset")
        )  # fmt: skip
        at_a_scoring = any(0 < self._answered(name) < plan.files for name in scored)
        return any(is_locked(self.root, RETRAINING, "models", name) for name in retrained) and (
            at_a_scoring or self._n_decided(plan.retrained) >= late
        )

    def _answered(self, name: str) -> int:
        return len(self.root.sealed_names(SCORES, name, "v1", SOURCE))


def first_row(name: str) -> int:
    """Return the number of a model's first row; no two models share one."""
    return 10_000 * int(name[1:])


def digests(root: Root, plan: Plan) -> dict[str, Any]:
    """Return what must not depend on who did the work: weights, decisions and answers."""
    found: dict[str, Any] = {}
    for name in plan.models:
        for version in model_versions(root, name):
            seeds = read_model(root, name, version).read_json("stability.json")["seeds"]
            found[f"{name}@{version}"] = [seed["weights_sha256"] for seed in seeds]
        for record in retrainings_of(root, name):
            found[f"{name} on {record['dataset']}"] = record["decision"], record["challenger"]
        for folder in score_folders(root, name):
            files = read_manifest(root, folder, ScoresManifest)["files"]
            found[folder.removeprefix(root.path)] = [file["sha256"] for file in files]
    return found


def live(n_machines: int, plan: Plan, requests: Requests, folder: Path) -> tuple[Row, Any]:
    """One fleet, from nothing to the end of its work; what it was like, and its digests."""
    root = open_root(f"s3://fleet-{n_machines}/tree")
    root.fs.mkdir(f"fleet-{n_machines}")
    folder.mkdir()
    with ExitStack() as stack:
        database = stack.enter_context(postgres())
        service = stack.enter_context(fleet_server(folder / "server", database))
        machines = [
            stack.enter_context(machine(root, service, home, LIMIT, clone, frozenset({core})))
            for core, (home, clone) in zip(CORES, made(folder, n_machines), strict=False)
        ]
        fleet = Fleet(root, machines, folder.parent / "to-score")
        fleet.make_models(plan)
        began = time.monotonic()
        found = fleet.serve(plan)
        ended, load = time.monotonic(), os.getloadavg()[2]
    return {
        "machines": n_machines,
        "decided and scored s": round(ended - began),
        **found,
        **counted(root, plan, requests),
        "load of 15 min": f"{load:.1f}",
    }, digests(root, plan)


def made(folder: Path, n_machines: int) -> list[tuple[Path, Path]]:
    """A home for each machine, and a clone of the repository as it is committed."""
    places = [(folder / f"home-{own}", folder / f"clone-{own}") for own in range(n_machines)]
    for _, clone in places:
        subprocess.run(["git", "clone", "--quiet", str(REPOSITORY), str(clone)], check=True)
    return places


def counted(root: Root, plan: Plan, requests: Requests) -> Row:
    """How much was done, and how much of it twice, as the bucket saw it."""
    sealed = {path: n for path, n in requests.written.items()
              if path.startswith(f"/{root.path}/") and path.endswith(MANIFEST)}  # fmt: skip
    kinds = {kind: {path: n for path, n in sealed.items() if f"/tree/{kind}/" in path}
             for kind in (SCORES, "retrainings", "models")}  # fmt: skip
    return {
        "files answered": len(kinds[SCORES]),
        "decisions": len(kinds["retrainings"]),
        "versions": len(kinds["models"]),
        "written twice": sum(n > 1 for own in kinds.values() for n in own.values()),
        "decided twice": sum(len(retrainings_of(root, name)) > 1 for name in plan.retrained),
        "bad": len(verify_tree(root)["bad"]),
    }


def planned() -> Plan:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=int, default=40)
    parser.add_argument("--retrainings", type=int, default=20, help="models that get a file")
    parser.add_argument("--files", type=int, default=200, help="that the other models score")
    chosen = parser.parse_args()
    names = [f"m{number:03d}" for number in range(chosen.models)]
    retrained, others = names[: chosen.retrainings], names[chosen.retrainings :]
    scored = others[:SCORERS]
    if not retrained or len(scored) < 2 or chosen.files % len(scored):
        parser.error(
            "--models: expected at least two beside --retrainings, and --files to be the same for "
            f"each of up to {SCORERS} of them"
        )
    return Plan(names, retrained, scored, chosen.files // len(scored))


def main() -> None:
    """Do the work with one machine and with two, and compare what they left."""
    plan = planned()
    os.environ.update({**PREFECT_SETTINGS, **ACCESS})
    with tempfile.TemporaryDirectory() as scratch, endpoint() as (requests, url):
        os.environ["AWS_ENDPOINT_URL_S3"] = url
        place = Path(scratch)
        Fleet(open_root("s3://fleet-1/tree"), [], place / "to-score").write_files(plan)
        rows, left = list[Row](), list[Any]()
        for number in MACHINES:
            row, digest = live(number, plan, requests, place / str(number))
            print(json.dumps(row), file=sys.stderr, flush=True)
            rows.append({**row, "same digests": not left or digest == left[0]})
            left.append(digest)
    upright = [{"": key, **{MACHINES[row["machines"]]: row.get(key) for row in rows}}
               for key in dict.fromkeys(key for row in rows for key in row)]  # fmt: skip
    Console(width=None if sys.stdout.isatty() else 200).print(as_table("fleet", upright))
    if not all(row["same digests"] and not row["written twice"] + row["bad"] for row in rows):
        sys.exit("fleet: expected two machines to leave what one leaves, once; see the table")


if __name__ == "__main__":
    main()
