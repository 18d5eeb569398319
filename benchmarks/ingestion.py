"""What ``seqclass import`` of a long CSV costs, by the order of its rows."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv

N_SERIES, N_STEPS = 100_000, 100
BLOCK = 1000
ORDERS = ("series after series", "step after step")
PEAK = (
    "import resource, sys; from seqclass.flows.__main__ import app\n"
    "app(standalone_mode=False)\n"
    "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)"
)


def import_csv(n_series: int = N_SERIES, n_steps: int = N_STEPS) -> list[dict[str, Any]]:
    """Wall seconds and the command's own peak memory for ten million rows of CSV."""
    rows = []
    for order in ORDERS:
        with tempfile.TemporaryDirectory() as folder:
            path = f"{folder}/in.csv"
            write_csv(path, n_series, n_steps, together=order == ORDERS[0])
            rows.append({"what": f"import {n_series:,} x {n_steps} as CSV, {order}",
                         **_measured(path, folder)})  # fmt: skip
    return rows


def write_csv(path: str, n_series: int, n_steps: int, together: bool) -> None:
    """A long CSV, each series' rows together or one step of all series after the other."""
    with pa.OSFile(path, "wb") as sink:
        writer = None
        for table in _blocks(n_series, n_steps, together):
            writer = writer or pyarrow.csv.CSVWriter(sink, table.schema)
            writer.write_table(table)
        if writer:
            writer.close()


def _blocks(n_series: int, n_steps: int, together: bool) -> Any:
    rng = np.random.default_rng(0)
    longer = n_series if together else n_steps
    for start in range(0, longer, BLOCK if together else 1):
        here = np.arange(start, min(start + BLOCK, n_series)) if together else np.arange(n_series)
        steps = np.tile(np.arange(n_steps), len(here)) if together else np.full(n_series, start)
        series = np.repeat(here, n_steps) if together else here
        yield pa.table({
            "series_id": pa.array(series).cast(pa.string()),
            "label": pa.array(np.where(series % 2, "up", "down")),
            "step": steps,
            "x": rng.standard_normal(len(series)).round(4),
        })  # fmt: skip


def _measured(path: str, folder: str) -> dict[str, Any]:
    began = time.perf_counter()
    found = subprocess.run(
        [sys.executable, "-c", PEAK, "import", path, "--name", "x", "--root", f"{folder}/tree"],
        check=True, capture_output=True, text=True, env=dict(os.environ),
    )  # fmt: skip
    return {"median_s": time.perf_counter() - began,
            "peak_mib": int(found.stdout.splitlines()[-1]),
            "csv_mb": round(Path(path).stat().st_size / 1e6)}  # fmt: skip
