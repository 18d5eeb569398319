"""A week of a service with many small models: each delivery decided once, and what that costs.

``python -m benchmarks.week [--models 200] [--limit 3] [--keep FOLDER]`` starts ``seqclass up`` on a
new root. One model in forty gets a file of 60 rows every day, each other one on a day that is
drawn; the next day begins when all are decided and nobody is at work, so that a week lasts as long
as its work. After it ``seqclass prune`` leaves what its rules name, ``seqclass verify`` finds
nothing bad, and every model with an earlier champion is rolled back.
"""

import argparse
import contextlib
import json
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console

from benchmarks.pages import SEALED
from benchmarks.tables import as_table
from seqclass.flows.service.processes import marked
from seqclass.flows.service.server import Service, home_of, is_server, recorded
from seqclass.flows.service.worker import is_worker
from seqclass.pipeline.promote import roll_back
from seqclass.store.datasets import open_dataset, write_dataset
from seqclass.store.locks import is_locked
from seqclass.store.log import next_turn
from seqclass.store.manifests import ModelDescription, RetrainingRecord
from seqclass.store.models import Model, commit_model, read_model
from seqclass.store.registry import MoveReason, move_champion, previous_champion
from seqclass.store.retrainings import RETRAINING, retrainings_of
from seqclass.store.root import MANIFEST, Root, open_root
from seqclass.store.rows import from_dense
from seqclass.store.staging import staging
from tests.support.stored import read_decisions

DAYS, BUSY = 7, 40
ROWS, NEW_ROWS, STEPS = 150, 60, 12
LONGEST_S = 6 * 3600.0
"""Seconds after which a day without all of its decisions counts as failed."""
SPEC = {"members": ["convolutions"], "seeds": 1}
Row = dict[str, Any]


@dataclass(frozen=True)
class Week:
    """A root, the service on it, which models get a file on each day, and when they got it."""

    root: Root
    service: Service
    days: list[list[str]]
    dropped: dict[str, list[float]]


def lines(first: int, n: int) -> pa.Table:
    """Rising and falling lines with noise, numbered from ``first`` on."""
    rng, codes = np.random.default_rng(first), np.arange(n) % 2
    line = np.linspace(-1, 1, STEPS, dtype=np.float32) * np.where(codes, 1, -1)[:, None]
    values = line + 0.1 * rng.standard_normal(line.shape, dtype=np.float32)
    return pa.table({
        "series_id": [f"s{first + i:05d}" for i in range(n)],
        "label": [("down", "up")[code] for code in codes],
        "n_steps": np.full(n, STEPS, np.int32),
        "value": from_dense(values),
    })  # fmt: skip


def make_models(root: Root, names: list[str]) -> None:
    """A dataset and a champion of its own for each name: copies of one that is trained here."""
    now, first = datetime.now(UTC), names[0]
    for name in names:
        write_dataset(root, name, [lines(0, ROWS)], {"week": name}, now)
    with tempfile.NamedTemporaryFile("w", suffix=".json") as spec:
        spec.write(json.dumps(SPEC))
        spec.flush()
        seqclass("train", first, "--spec", spec.name, "--root", root.path)
    trained = read_model(root, first, "v1")
    for name in names[1:]:
        copy_model(root, trained, name, now)


def copy_model(root: Root, trained: Model, name: str, now: datetime) -> None:
    """A version of this name, the champion, which is another one's in all but its dataset."""
    with staging(root, f"model-{name}") as workspace:
        for file in trained.manifest["files"]:
            target = f"{workspace}/{file['path']}"
            root.fs.makedirs(os.path.dirname(target), exist_ok=True)
            root.fs.pipe_file(target, trained.read(file["path"]))
        known = {key: own for key, own in trained.manifest.items() if key not in SEALED}
        own = {**known, "dataset": open_dataset(root, name).ref, "dataset_source": {}}
        model = commit_model(root, workspace, name, cast(ModelDescription, own), now)
    move_champion(next_turn(root, name), model.version, MoveReason("week", "the first", {}, now))


def seqclass(*words: str) -> Any:
    """What a command prints with ``--json``."""
    line = [sys.executable, "-m", "seqclass.flows", *words, "--json"]
    return json.loads(subprocess.run(line, env=surroundings(), check=True,
                                     stdout=subprocess.PIPE).stdout)  # fmt: skip


def surroundings() -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if k not in ("PREFECT_API_URL", "SEQCLASS_STORAGE")}


@contextlib.contextmanager
def served(root: Root, limit: int) -> Iterator[Service]:
    """A running ``seqclass up``."""
    words = [sys.executable, "-m", "seqclass.flows", "up", "--port", "0", "--limit", str(limit),
             "--root", root.path, "--json"]  # fmt: skip
    with open(f"{root.path}.log", "ab") as log:
        process = subprocess.Popen(
            words, env=surroundings(), stdout=subprocess.PIPE, stderr=log, text=True
        )
    try:
        ready = process.stdout is not None and process.stdout.readline()
        service = recorded(root)
        if not ready or service is None:
            raise ChildProcessError(f"seqclass up: expected it to be ready, see {root.path}.log")
        yield service
    finally:
        process.terminate()
        process.wait(timeout=120)


def drawn(names: list[str]) -> list[list[str]]:
    """Which models get a file on each day."""
    rng = random.Random(0)
    days: list[list[str]] = [[] for _ in range(DAYS)]
    for number, name in enumerate(names):
        for day in days if number % BUSY == 0 else [rng.choice(days)]:
            day.append(name)
    return days


def live(week: Week) -> Iterator[Row]:
    """The week, a row a day."""
    yield {"day": 0, "files": 0, "minutes": 0.0, **sizes(week)}
    for number, names in enumerate(week.days, 1):
        began = time.monotonic()
        for name in names:
            week.dropped.setdefault(name, []).append(deliver(week.root, name, number))
        await_decisions(week)
        minutes = round((time.monotonic() - began) / 60, 1)
        yield {"day": number, "files": len(names), "minutes": minutes, **sizes(week)}


def deliver(root: Root, name: str, day: int) -> float:
    """Drop a file for a model; when."""
    folder = Path(root.join("inbox", name))
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(lines(ROWS + day * NEW_ROWS, NEW_ROWS), folder / f".day{day}.parquet")
    (folder / f".day{day}.parquet").rename(folder / f"day{day}.parquet")
    return time.time()


def await_decisions(week: Week) -> None:
    """Until each file so far has a decision, and nobody is at work on its model."""
    deadline, root = time.monotonic() + LONGEST_S, week.root
    while missing := [
        name for name, files in week.dropped.items()
        if decided(root, name) < len(files) or is_locked(root, RETRAINING, "models", name)
    ]:  # fmt: skip
        if time.monotonic() > deadline:
            raise TimeoutError(f"no decision on {', '.join(missing)}")
        time.sleep(2)


def decided(root: Root, name: str) -> int:
    """How many retrainings were sealed; only names are read."""
    entries = root.names("retrainings", name)
    return sum(root.exists("retrainings", name, entry, MANIFEST) for entry in entries)


def sizes(week: Week) -> Row:
    """Resident memory of server and worker; what lies on the disk."""
    pids = marked(week.service.mark)
    database = megabytes(home_of(week.root))
    return {
        "server MiB": sum(resident_mib(pid) for pid in pids if is_server(pid)),
        "worker MiB": sum(resident_mib(pid) for pid in pids if is_worker(pid)),
        "server's files MB": database,
        "root MB": round(megabytes(Path(week.root.path)) - database, 1),
    }


def resident_mib(pid: int) -> int:
    with contextlib.suppress(OSError):
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") // 2**20
    return 0


def megabytes(folder: Path) -> float:
    total = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):
            total += path.lstat().st_size
    return round(total / 1e6, 1)


def decisions(week: Week) -> Row:
    """What was decided, how often twice, and how long after the file had come."""
    of_models = {name: retrainings_of(week.root, name) for name in week.dropped}
    every = [record for own in of_models.values() for record in own]
    seconds = sorted(
        sealed_at(record) - dropped
        for name, own in of_models.items()
        for record, dropped in zip(own, week.dropped[name], strict=False)
    )
    of_each = Counter(record["dataset"] for record in every)
    return {
        "files": sum(map(len, week.dropped.values())),
        "decided": len(of_each),
        "decided twice": sum(count > 1 for count in of_each.values()),
        "moves": sum(len(read_decisions(week.root, name)) - 1 for name in week.dropped),
        **Counter(record["decision"] for record in every),
        "median s": round(statistics.median(seconds)),
        "p95 s": round(seconds[int(0.95 * (len(seconds) - 1))]),
        "longest s": round(seconds[-1]),
    }


def sealed_at(record: RetrainingRecord) -> float:
    return os.path.getmtime(f"{record['folder']}/{MANIFEST}")


def tidied(root: Root) -> Row:
    """What ``prune`` takes and why the rest stays; whether what is left is sound, and goes back."""
    place, before = ("--root", root.path), megabytes(Path(root.path))
    rules = ("prune", "--days", "0", "--rollbacks", "1", *place)
    removed = seqclass(*rules, "--yes")["removed"]
    left, after = seqclass(*rules), megabytes(Path(root.path))
    why = Counter(re.sub(r"\S+@\S+", "a version", own) for own in left["kept"].values())
    bad = seqclass("verify", *place)["bad"]
    now = datetime.now(UTC)
    names = [name for name in root.names("models") if previous_champion(root, name)]
    moved = [roll_back(root, name, "to try it", now)["moved"] for name in names]
    return {"MB before": before, "MB after": after, "removed": len(removed),
            "would still go": len(left["goes"]), "bad": len(bad), "rolled back": sum(moved),
            "stays because": "; ".join(f"{own}: {n}" for own, n in why.items())}  # fmt: skip


def main() -> None:
    """Live through the week, and print what it was like."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=int, default=200)
    parser.add_argument("--limit", type=int, default=3, help="of 'seqclass up'")
    parser.add_argument("--keep", type=Path, help="a new folder for the tree, which then stays")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        root = open_root(str((chosen.keep or Path(scratch)).resolve() / "tree"))
        names = [f"m{number:03d}" for number in range(chosen.models)]
        make_models(root, names)
        with served(root, chosen.limit) as service:
            week = Week(root, service, drawn(names), {})
            days = []
            for day in live(week):
                days.append(day)
                print(json.dumps(day), file=sys.stderr, flush=True)
        console = Console(width=None if sys.stdout.isatty() else 200)
        found = (("week", days), ("decisions", [decisions(week)]), ("prune", [tidied(root)]))
        for title, rows in found:
            console.print(as_table(title, rows))


if __name__ == "__main__":
    main()
