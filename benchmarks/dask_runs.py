"""The same work done on this machine and on a Dask cluster of two workers, compared by digests.

``python -m benchmarks.dask_runs [--shards 16] [--seeds 8] [--runs 16] [--files 40]`` draws series,
trains seeds, trains the runs of a study and scores files by commands: without a cluster, then on
one in a folder and in moto's bucket, where one of its workers is killed in each of the four once a
quarter is done. Fails where what is stored differs.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from rich.console import Console

from benchmarks.tables import as_table
from seqclass.flows.cli.command_line import PREFECT_SETTINGS
from seqclass.pipeline.generate import SHARD_SERIES
from seqclass.store.datasets import open_dataset
from seqclass.store.models import read_model
from seqclass.store.root import Record, Root, open_root, read_record
from seqclass.store.scores import SCORES
from seqclass.store.seeds import UNFINISHED
from seqclass.store.staging import STAGING
from seqclass.store.studies import RUNS, STUDIES
from seqclass.tasks.compute.runner import RUNNER
from tests.support.buckets import ACCESS, endpoint
from tests.support.clusters import Cluster, cluster
from tests.support.stored import SMALL

NAME, MANY, SERIES, STEPS = "drawn", "many", 300, 40
Row = dict[str, Any]


@dataclass(frozen=True)
class Plan:
    """Numbers of shards, seeds, runs of a study and files, and the place of spec and files."""

    shards: int
    seeds: int
    runs: int
    files: int
    scratch: Path

    @property
    def spec(self) -> str:
        return f"{self.scratch}/small.json"

    @property
    def data(self) -> str:
        return f"{self.scratch}/to-score/"

    def commands(self) -> dict[str, list[str]]:
        drawn = ["generate", "signals", "--n-steps", str(STEPS)]
        seeds, runs = str(self.seeds), str(self.runs)
        return {
            "generate": [*drawn, "--n-series", str(self.shards * SHARD_SERIES), "--name", MANY],
            "draw": [*drawn, "--n-series", str(SERIES), "--name", NAME],
            "train": ["train", NAME, "--spec", self.spec, "--seeds", seeds],
            "stability": ["stability", NAME, "--recipes", self.spec, "--seeds", runs],
            "score": ["score", f"{NAME}@v1", self.data],
        }


def live(plan: Plan, root: Root, on: Cluster | None = None) -> Row:
    """Seconds of each command, and how many workers were killed; those of a cluster, if given."""
    found: Row = {}
    environment = {**os.environ, **({RUNNER: on.runner} if on else {})}
    killed: list[int] = []
    for name, words in plan.commands().items():
        loses = on and name != "draw"
        with (
            losing_one(on, partial(is_begun, plan, root, name), killed) if loses else nullcontext()
        ):
            began = time.monotonic()
            line = [sys.executable, "-m", "seqclass.flows", *words, "--root", root.url, "--json"]
            done = subprocess.run(line, env=environment, capture_output=True, text=True)
            if done.returncode:
                raise ChildProcessError(f"{name}: {done.stderr}")
            found[f"{name} s"] = round(time.monotonic() - began)
    return {**found, "workers killed": len(killed)}


@contextmanager
def losing_one(on: Cluster, is_time: Callable[[], bool], killed: list[int]) -> Iterator[None]:
    """Kill a worker that has a task when it is time; its nanny starts another one."""

    is_over = threading.Event()

    def kill() -> None:
        while not is_over.wait(0.05):
            if is_time() and (busy := on.busy()):
                os.kill(busy[0], signal.SIGKILL)
                killed.append(busy[0])
                return

    killer = threading.Thread(target=kill)
    killer.start()
    yield
    is_over.set()
    killer.join()


def is_begun(plan: Plan, root: Root, command: str) -> bool:
    """Check whether a quarter of a command's tasks is done."""
    done, of = {
        "generate": (root.fs.glob(root.join(STAGING, "*", "*.arrow")), plan.shards),
        "train": (root.names(UNFINISHED), plan.seeds),
        "stability": (root.names(STUDIES, NAME, RUNS), plan.runs),
        "score": (root.sealed_names(SCORES, NAME, "v1", "files"), plan.files),
    }[command]
    return len(done) >= of // 4


def digests(root: Root) -> dict[str, Any]:
    """Return what must not depend on who did the work: rows, weights, runs and answers."""
    place = STUDIES, NAME, RUNS
    records = {run: read_record(root, root.join(*place, run), Record) for run in root.names(*place)}
    answers = sorted(root.fs.find(root.join(SCORES, NAME)))
    return {
        "rows": [open_dataset(root, name).ref for name in (NAME, MANY)],
        "seeds": [seed["weights_sha256"]
                  for seed in read_model(root, NAME, "v1").read_json("stability.json")["seeds"]],
        "runs": {name: record["weights_sha256"] for name, record in records.items()},
        "answers": {path.removeprefix(root.path): root.fs.cat_file(path)
                    for path in answers if path.endswith("scores.parquet")},
    }  # fmt: skip


def write_files(plan: Plan) -> None:
    """The spec, and files of other series than those that are learnt from."""
    from seqclass.generators import signal_tables
    from seqclass.synthesis.signals import SignalSpec

    Path(plan.spec).write_text(json.dumps(SMALL))
    os.makedirs(plan.data)
    for number in range(plan.files):
        spec = SignalSpec(n_series=64, n_steps=STEPS, seed=100 + number)
        [table] = signal_tables(spec)
        pq.write_table(table.select(["series_id", "value"]), f"{plan.data}{number:03d}.parquet")


def main() -> None:
    """Do the work three times, and compare what is left."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shards", type=int, default=16, help="of a generation")
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--runs", type=int, default=16, help="of a study")
    parser.add_argument("--files", type=int, default=40, help="to score")
    chosen = parser.parse_args()
    os.environ.update({**PREFECT_SETTINGS, **ACCESS})
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as scratch, endpoint() as (_, url):
        os.environ["AWS_ENDPOINT_URL_S3"] = url
        plan = Plan(chosen.shards, chosen.seeds, chosen.runs, chosen.files, Path(scratch))
        write_files(plan)
        for row in measured(plan):
            print(json.dumps(row), file=sys.stderr, flush=True)
            rows.append(row)
    Console(width=None if sys.stdout.isatty() else 200).print(as_table("dask", rows))
    if not all(row["same"] == "all" for row in rows):
        sys.exit("dask_runs: expected a cluster to leave what one machine leaves; see the table")


def measured(plan: Plan) -> Iterator[Row]:
    alone = open_root(f"{plan.scratch}/alone")
    yield {"where": "here, no cluster", **live(plan, alone), "same": "all", **loaded()}
    wanted = digests(alone)
    for kind in ("folder", "bucket"):
        root = open_root("s3://dask/tree" if kind == "bucket" else f"{plan.scratch}/cluster")
        if kind == "bucket":
            root.fs.mkdir("dask")
        with cluster(plan.scratch / f"{kind}.log") as two:
            found = live(plan, root, two)
        theirs = digests(root)
        differing = ", ".join(key for key, own in wanted.items() if theirs[key] != own)
        same = f"not {differing}" if differing else "all"
        yield {"where": f"cluster, {kind}", **found, "same": same, **loaded()}


def loaded() -> Row:
    return {"load of 5 min": f"{os.getloadavg()[1]:.1f}"}


if __name__ == "__main__":
    main()
