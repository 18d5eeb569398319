"""What pages cost: 200 datasets and 1,000 versions, and the report of 10,000 test rows."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, cast

import numpy as np
import pyarrow as pa

from seqclass.generators import iot_tables
from seqclass.pages import index_pages
from seqclass.store.datasets import write_dataset
from seqclass.store.log import next_turn
from seqclass.store.manifests import ModelDescription
from seqclass.store.models import REPORT, Model, commit_model, read_model
from seqclass.store.registry import MoveReason, move_champion
from seqclass.store.root import Root, open_root
from seqclass.store.staging import staging
from seqclass.synthesis.iot import IotSpec

DATASETS, MODELS, VERSIONS = 200, 50, 20
TRAIN_ROWS, TEST_ROWS, SMALL = 500, 10_000, 40
RECORDS = ("metrics.json", "stability.json", "comparison.json", "report.json")
"""What pages read of a version."""
SEALED = {"kind", "name", "created", "files", "software", "machine"}


def measure() -> list[dict[str, Any]]:
    """A row per build, and one for the largest report."""
    with tempfile.TemporaryDirectory() as folder:
        root, now = open_root(folder), datetime.now(UTC)
        write_dataset(root, "iot", _tables(TRAIN_ROWS + TEST_ROWS), {}, now)
        words = ["train", "iot", "--seeds", "1", "--budget", "10", "--root", folder]
        subprocess.run(
            [sys.executable, "-m", "seqclass.flows", *words], check=True, capture_output=True
        )
        trained = read_model(root, "iot", "v1")
        _fill(root, trained, now)
        page = f"{trained.folder}/{REPORT}"
        return [*_builds(root, now), _one(root, trained, page)]


def _builds(root: Root, now: datetime) -> Iterator[dict[str, Any]]:
    yield _timed("every page, from nothing", lambda: index_pages.write_all(root))
    move_champion(next_turn(root, "model-7"), "v3", MoveReason("bench", "back", {}, now))
    yield _timed("after one promotion", lambda: index_pages.refresh(root, ["models/model-7@v3"]))


def _one(root: Root, trained: Model, page: str) -> dict[str, Any]:
    os.remove(page)
    os.remove(root.join("models", trained.name, "index.json"))
    return _timed(f"report of {TEST_ROWS:,} test rows, and the index",
                  lambda: index_pages.refresh(root, [trained.ref]), page)  # fmt: skip


def _timed(what: str, call: Callable[[], str], page: str | None = None) -> dict[str, Any]:
    began, busy = time.perf_counter(), time.process_time()
    written = call()
    seconds, busy = time.perf_counter() - began, time.process_time() - busy
    return {
        "what": what,
        "seconds": seconds,
        "cpu_s": busy,
        "page_kb": os.path.getsize(page or written) // 1000,
    }


def _tables(n_series: int) -> Iterator[pa.Table]:
    """Twelve classes on three channels; the first rows train, the others test."""
    begun = 0
    for table in iot_tables(IotSpec(n_series=n_series)):
        test = np.arange(begun, begun + len(table)) >= TRAIN_ROWS
        yield table.append_column("split", pa.array(np.where(test, "test", "train")))
        begun += len(table)


def _fill(root: Root, trained: Model, now: datetime) -> None:
    """Small datasets, and versions with the records of the trained one; no pages yet."""
    for number in range(DATASETS - 1):
        write_dataset(root, f"data-{number}", iot_tables(IotSpec(n_series=SMALL)), {}, now)
    records = {name: json.dumps(trained.read_json(name)).encode() for name in RECORDS}
    known = {key: own for key, own in trained.manifest.items() if key not in SEALED}
    for number in range(MODELS * VERSIONS - 1):
        with staging(root, "version") as workspace:
            root.fs.makedirs(workspace, exist_ok=True)
            for name, content in records.items():
                root.fs.pipe_file(f"{workspace}/{name}", content)
            name = f"model-{number % MODELS}"
            commit_model(root, workspace, name, cast(ModelDescription, known), now)
