"""Exports to ONNX against the versions that they were made of: answers, and seconds.

``python -m benchmarks.exports [SET …] [--root FOLDER] [--budget SECONDS]`` imports and trains one
seed of each archive set that the root has no model of, exports it, and prints a row for each: how
many series were compared (test rows, and the same with gaps and cut ends), how far probabilities
are apart at most, how many series Keras itself answers otherwise by the last bit of a value
(``unsettled``), and milliseconds for 1, 60 and 512 of them, in ONNX Runtime as ``decide.py`` asks
it and in Keras as ``seqclass score`` does. Each is the quickest of three.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from benchmarks.archive import BARS, DATA
from benchmarks.tables import as_markdown

ROOT = Path(__file__).parent / "results" / "exports"
SIZES = (1, 60, 512)
TIMES = 3


def train(name: str, root: Path, budget: float) -> None:
    """Import and train a set by the commands, unless the root has a model of its name."""
    if (root / "models" / name / "v1").is_dir():
        return
    root.mkdir(parents=True, exist_ok=True)
    for command in (
        ["import", str(DATA / f"{name}.npz"), "--name", name],
        ["train", name, "--seeds", "1", "--budget", str(budget)],
    ):
        whole = [sys.executable, "-m", "seqclass.flows", *command, "--root", str(root)]
        subprocess.run(whole, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def compared(name: str, root_url: str) -> dict[str, Any]:
    from seqclass.export.export_check import asked, tested_rows
    from seqclass.export.exporting import export_model
    from seqclass.export.standalone import Classifier
    from seqclass.inference.prediction import outputs_of
    from seqclass.networks.recurrence import accelerate
    from seqclass.store.models import load_keras
    from seqclass.store.registry import open_model
    from seqclass.store.root import open_root

    root = open_root(root_url)
    model = open_model(root, f"{name}@v1")
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        made = export_model(root, model, "onnx", f"{folder}/onnx")
        exported = time.perf_counter()
        classifier = Classifier(made.folder)
        loaded = time.perf_counter()
        size = Path(made.folder, "model.onnx").stat().st_size
    stock = outputs_of(accelerate(load_keras(root, model.path("model.keras"))))
    x = tested_rows(model).x
    rows = np.resize(np.arange(len(x)), max(SIZES))
    near = made.agreement
    return {
        "set": name,
        "steps": x.shape[1],
        "MB": f"{size / 1e6:.1f}",
        "export_s": round(exported - began),
        "series": near.series,
        "apart": f"{near.gap:.1e}",
        "unsettled": near.unsettled,
        "unsettled_apart": f"{near.unsettled_gap:.1e}",
        "load_ms": round(1000 * (loaded - exported)),
        **{f"onnx_{n}": _ms(lambda n=n: asked(classifier.ask, x[rows[:n]])) for n in SIZES},
        **{f"keras_{n}": _ms(lambda n=n: asked(stock, x[rows[:n]])) for n in SIZES},
    }


def _ms(call: Callable[[], Any]) -> str:
    seconds = []
    for _ in range(TIMES + 1):  # the first compiles
        began = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - began)
    return f"{1000 * min(seconds[1:]):.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", nargs="*", metavar="SET", help=", ".join(BARS))
    parser.add_argument("--root", type=Path, default=ROOT)
    parser.add_argument("--budget", type=float, default=40.0)
    given = parser.parse_args()
    rows = []
    for name in given.sets or list(BARS)[:10]:
        train(name, given.root, given.budget)
        rows.append(compared(name, str(given.root)))
        Console().print(rows[-1])
    print(as_markdown(rows))


if __name__ == "__main__":
    main()
