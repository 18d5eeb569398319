"""``seqclass score`` of a million series of 100 steps: rows per second, and peak memory.

Beside it ``predict`` of the same model in stock Keras, on all cores and fewer rows in memory.
``python -m benchmarks.scoring [--rows 1000000]``; the memory is that of the command and all of its
worker processes together (proportional set size).
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console

from benchmarks.tables import as_table

QUICK = {
    "members": ["conv-lstm"],
    "networks": {"conv-lstm": 1},
    "recipe": {"updates": 300, "epochs": 1, "shortest": 200},
}

STOCK = """
import sys, time
import keras, numpy
model, batch, rows = keras.saving.load_model(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
x = numpy.random.default_rng(0).standard_normal((rows, 100, 1), dtype=numpy.float32)
model.predict(x[:batch], batch_size=batch, verbose=0)
began = time.perf_counter()
model.predict(x, batch_size=batch, verbose=0)
print(time.perf_counter() - began)
"""


def memory_mib(pid: int) -> float:
    """Proportional set size of a process and its descendants."""
    return sum(map(_pss_kib, family(pid))) / 1024


def family(pid: int) -> set[int]:
    """A process and its descendants."""
    parents = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()
            parents[int(name)] = int(fields[1])
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def _pss_kib(pid: int) -> int:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return 0


def stock_predict(model: str, batch: int, rows: int = 50_000) -> dict[str, object]:
    """Rows per second of ``keras.Model.predict`` on series that lie in memory already."""
    words = [sys.executable, "-c", STOCK, model, str(batch), str(rows)]
    found = subprocess.run(words, check=True, capture_output=True, text=True)
    seconds = float(found.stdout.split()[-1])
    return {"what": f"stock Keras predict, batch {batch}", "seconds": seconds,
            "rows_per_s": round(rows / seconds)}  # fmt: skip


def measure(rows: int, folder: str) -> list[dict[str, object]]:
    environment = {**os.environ, "SEQCLASS_STORAGE": f"{folder}/tree"}
    spec = Path(folder) / "quick.json"
    spec.write_text(json.dumps(QUICK))
    draw = ("generate", "signals", "--preset", "hard", "--n-series")
    for words in (
        (*draw, "600", "--name", "few"),
        ("train", "few", "--seeds", "1", "--spec", str(spec)),
        (*draw, str(rows), "--seed", "1", "--name", "many"),
    ):
        subprocess.run(
            [sys.executable, "-m", "seqclass.flows", *words], env=environment, check=True,
            capture_output=True,
        )  # fmt: skip
    command = [sys.executable, "-m", "seqclass.flows", "score", "few", "many", "--json"]
    began, peak = time.perf_counter(), 0.0
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as process:
        while process.poll() is None:
            peak = max(peak, memory_mib(process.pid))
            time.sleep(0.3)
    seconds = time.perf_counter() - began
    if process.returncode:
        raise ChildProcessError(f"score: expected exit code 0, got {process.returncode}")
    model = f"{folder}/tree/models/few/v1/model.keras"
    return [
        {"what": f"seqclass score, {rows:,} x 100", "seconds": seconds,
         "rows_per_s": round(rows / seconds), "peak_mib": round(peak),
         "cores": len(os.sched_getaffinity(0))},
        *(stock_predict(model, batch) for batch in (32, 512)),
    ]  # fmt: skip


def main() -> None:
    """Measure once and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    with tempfile.TemporaryDirectory() as folder:
        found = measure(parser.parse_args().rows, folder)
    Console(width=None if sys.stdout.isatty() else 200).print(as_table("scoring", found))


if __name__ == "__main__":
    main()
