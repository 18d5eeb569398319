"""Processor time a row and the peak memory of a process, by step, as rows grow.

``python -m benchmarks.growth --rows 100000 1000000 10000000 --picture growth.png`` draws series of
100 steps, imports them from Parquet, splits, trains, scores and draws pages, each as a command of
its own. Ten million rows take some hours and 12 GB of disk. ``--folder`` keeps what was made and
measured there, so that further runs add to it; ``--only`` names the steps of this run.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from glob import glob
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console

from benchmarks.scoring import family
from benchmarks.tables import as_table
from seqclass.flows.cli.command_line import ARROW_SETTINGS
from seqclass.store.rows import from_dense

STEPS = ("generate", "import", "split", "train", "score", "pages")
SIZES = (100_000, 1_000_000)
BUDGET_S = 600
SPLIT = """
import sys
from seqclass.row_split import deciding_columns, select_rows
from seqclass.store.datasets import open_dataset
from seqclass.store.root import open_root
from seqclass.store.split import read_split, write_split
from seqclass.training.spec import TrainingSpec
root = open_root(sys.argv[1])
dataset = open_dataset(root, "rows")
table = deciding_columns(dataset)
split = select_rows(dataset, TrainingSpec(), table)
write_split(root, sys.argv[2], split, table["series_id"])
read_split(root, sys.argv[2] + "/split.parquet")
"""
COLOURS = dict(zip(STEPS, ("#74c0c9", "#1c7ed6", "#868e96", "#e8590c", "#2b8a3e", "#ae3ec9"),
                   strict=True))  # fmt: skip
Row = dict[str, Any]


@dataclass(frozen=True)
class Settings:
    """The steps to take, the seconds of a training, and whether series are of unequal length."""

    steps: tuple[str, ...] = STEPS
    budget_s: float = BUDGET_S
    ragged: bool = False


def measure(n_rows: int, folder: str, settings: Settings) -> None:
    """Take the steps for so many rows, and add a line for each to ``measured.jsonl``."""
    kind = "ragged" if settings.ragged else "equal"
    home = f"{folder}/{n_rows}-{kind}"
    os.makedirs(home, exist_ok=True)
    for step in (own for own in STEPS if own in settings.steps):
        if step == "generate" and settings.ragged:
            _write_ragged(n_rows, f"{home}/ragged.parquet")
            continue
        if step == "pages":
            for page in glob(f"{home}/tree/**/*.html", recursive=True):
                os.remove(page)
        found = watched(_words(step, n_rows, home, settings.budget_s), f"{home}/{step}.out")
        line = {"rows": n_rows, "series": kind, "step": step, **found,
                "cpu_us_a_row": round(1e6 * found["cpu_s"] / n_rows, 2)}  # fmt: skip
        with open(f"{folder}/measured.jsonl", "a") as file:
            file.write(json.dumps(line) + "\n")


def _words(step: str, n_rows: int, home: str, budget_s: float) -> list[str]:
    tree = f"{home}/tree"
    if step == "split":
        return [sys.executable, "-c", SPLIT, tree, f"{home}/split"]
    drawn = sorted(glob(f"{tree}/datasets/drawn/*/*.parquet")) or [f"{home}/ragged.parquet"]
    n_models = len(glob(f"{tree}/models/*"))  # one for each training, so that none has a champion
    words = {
        "generate": ["generate", "signals", "--preset", "hard", "--n-series", str(n_rows),
                     "--name", "drawn"],
        "import": ["import", *drawn, "--name", "rows"],
        "train": ["train", "rows", "--name", f"rows-{n_models + 1}", "--seeds", "1",
                  "--budget", str(budget_s)],
        "score": ["score", f"rows-{n_models}@v1", "rows"],
        "pages": ["pages"],
    }  # fmt: skip
    return [sys.executable, "-m", "seqclass.flows", *words[step], "--root", tree]


def watched(words: list[str], output: str) -> Row:
    """Return a command's seconds, those of processors, and the largest peak of its processes.

    Processor time is that of the command and its processes; a busy machine changes it less.
    """
    began, busy, peaks = time.perf_counter(), _processor_s(), dict[int, int]()
    environment = ARROW_SETTINGS | os.environ
    with (
        open(output, "w") as sink,
        subprocess.Popen(words, stdout=sink, stderr=sink, env=environment) as process,
    ):
        while process.poll() is None:
            for pid in family(process.pid):
                peaks[pid] = max(peaks.get(pid, 0), _peak_kib(pid))
            time.sleep(0.1)
    if process.returncode:
        raise ChildProcessError(f"{words[3]}: expected exit code 0, read {output}")
    return {"seconds": round(time.perf_counter() - began, 1),
            "cpu_s": round(_processor_s() - busy, 1),
            "peak_mib": max(peaks.values()) >> 10}  # fmt: skip


def _processor_s() -> float:
    """Return the processor time of all children that have ended, and of theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _peak_kib(pid: int) -> int:
    """Return the largest resident set that a process has had, as the system has counted it."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:  # it has ended
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), 0)


def _write_ragged(n_rows: int, path: str) -> None:
    """Write series of 50 to 100 steps, one in fifty of whose values is missing."""
    from seqclass.generators import signal_tables
    from seqclass.synthesis.signals import PRESETS, SignalSpec

    rng, writer = np.random.default_rng(0), None
    for table in signal_tables(SignalSpec(n_series=n_rows, **PRESETS["hard"])):
        values = np.stack(table["value"].to_numpy())
        values[rng.random(values.shape) < 0.02] = np.nan
        lengths = rng.integers(50, 101, len(table))
        cut = pa.table({"series_id": table["series_id"], "label": table["label"],
                        "value": from_dense(values, lengths)})  # fmt: skip
        writer = writer or pq.ParquetWriter(path, cut.schema)
        writer.write_table(cut)
    if writer:
        writer.close()


def read_measured(folder: str) -> list[Row]:
    """Return the latest line of every step, by series, rows and the steps' order."""
    lines = map(json.loads, Path(f"{folder}/measured.jsonl").read_text().splitlines())
    latest = {(own["series"], own["rows"], STEPS.index(own["step"])): own for own in lines}
    return [latest[key] for key in sorted(latest)]


def picture(found: list[Row], path: str) -> None:
    """Draw processor time a row and the peak memory of each step over the number of rows."""
    import matplotlib
    from matplotlib.figure import Figure

    from seqclass.pages.charts import STYLE

    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9, 3.4), layout="constrained", dpi=120)
        cost, memory = figure.subplots(1, 2)
    for step, own in _curves(found):
        for axes, name in ((cost, "cpu_us_a_row"), (memory, "peak_mib")):
            known = [line for line in own if name in line]
            rows, values = ([line[key] for line in known] for key in ("rows", name))
            axes.plot(rows, values, "o-", markersize=4, color=COLOURS[step], label=step)
    cost.set_yscale("log")
    memory.axhline(2048, color="0.7", linewidth=0.8)
    memory.set_ylim(0, None)
    for axes, title in (
        (cost, "microseconds of a processor a row"),
        (memory, "peak of a process, MiB"),
    ):
        axes.set_xscale("log")
        axes.set_xlabel("rows of 100 steps")
        axes.set_title(title, loc="left", fontsize=9)
    figure.legend(
        *memory.get_legend_handles_labels(),
        loc="outside lower center",
        ncols=len(STEPS),
        frameon=False,
        fontsize=8,
    )
    figure.savefig(path, metadata={"Software": None})


def _curves(found: list[Row]) -> Iterator[tuple[str, list[Row]]]:
    for step in STEPS:
        own = [line for line in found if line["step"] == step and line["series"] == "equal"]
        if own:
            yield step, own


def growth(sizes: tuple[int, ...] = SIZES) -> list[Row]:
    """Take all steps for each number of rows in a folder that is removed afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        for n_rows in sizes:
            measure(n_rows, folder, Settings())
        return read_measured(folder)


def main() -> None:
    """Measure, and print everything that the folder knows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="*", default=[])
    parser.add_argument("--budget", type=float, default=BUDGET_S, help="seconds of the training")
    parser.add_argument("--ragged", action="store_true", help="series of 50 to 100 steps, with NaN")
    parser.add_argument("--only", nargs="*", choices=STEPS, default=STEPS)
    parser.add_argument("--folder", required=True)
    parser.add_argument("--picture", help="file for a picture of all that was measured")
    chosen = parser.parse_args()
    settings = Settings(tuple(chosen.only), chosen.budget, chosen.ragged)
    for n_rows in chosen.rows:
        measure(n_rows, chosen.folder, settings)
    found = read_measured(chosen.folder)
    Console(width=None if sys.stdout.isatty() else 200).print(as_table("growth", found))
    if chosen.picture:
        picture(found, chosen.picture)


if __name__ == "__main__":
    main()
