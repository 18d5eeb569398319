"""Labels that were turned: how many of them the queue puts first, beside cleanlab's ranking.

``python -m benchmarks labels`` turns a twentieth of the labels of four archive sets, trains one
seed with the commands that people use, and asks ``seqclass queue``. cleanlab ranks the same
held-back answers in an environment of its own (``make .venv-cleanlab/installed``); without it, its
columns are empty.
"""

import csv
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peer_classifiers import DATA

CLEANLAB = Path(__file__).parent.parent / ".venv-cleanlab" / "bin" / "python"
SETS = ("SyntheticControl", "ItalyPowerDemand", "JapaneseVowels", "Libras")
TURNED, FIRST = 0.05, 0.1
DRAWS = (0, 1)
"""Seeds of the turned labels: the queue's rules were chosen on the first alone."""
RANKS = """
import json, sys
import numpy as np
from cleanlab.filter import find_label_issues
from cleanlab.rank import get_label_quality_scores

with np.load(sys.argv[1]) as held:
    y, p = held["y"], held["probabilities"]
issues = {
    kind: find_label_issues(y, p, filter_by=kind, return_indices_ranked_by="self_confidence")
    for kind in ("confident_learning", "prune_by_noise_rate")
}
every = np.argsort(get_label_quality_scores(y, p), kind="stable")
print(json.dumps({**{k: v.tolist() for k, v in issues.items()}, "all rows": every.tolist()}))
"""


def measure() -> list[dict[str, Any]]:
    """Return a row for each set: the share of turned labels among the first tenth of each order."""
    if not DATA.is_dir():
        print(f"labels: expected the archive sets in {DATA}, found none; nothing is measured")
        return []
    with tempfile.TemporaryDirectory() as folder:
        return [
            _measured(name, Path(folder, f"{name}-{draw}"), draw) for draw in DRAWS for name in SETS
        ]


def _measured(name: str, folder: Path, seed: int) -> dict[str, Any]:
    folder.mkdir()
    turned, n = _write_turned(name, folder / "turned.csv", seed)
    spec = folder / "spec.json"
    spec.write_text(json.dumps({"seeds": 1}))
    _run("import", str(folder / "turned.csv"), "--name", "turned", "--root", str(folder / "root"))
    _run("train", "turned", "--spec", str(spec), "--root", str(folder / "root"))
    first = round(FIRST * n)
    asked = _queue(folder, n)
    row: dict[str, Any] = {
        "draw": seed,
        "set": name,
        "series": n,
        "turned": len(turned),
        "in the queue": len(asked),
        "found in the first tenth": _share(asked[:first], turned),
        "found in the queue": _share(asked, turned),
    }
    for kind, ids in _cleanlab(folder).items():
        row[f"cleanlab, {kind.replace('_', ' ')}"] = _share(ids[:first], turned)
    return row


def _share(ids: list[str], turned: set[str]) -> float:
    return len(turned.intersection(ids)) / len(turned)


def _run(*words: str) -> str:
    command = [sys.executable, "-m", "seqclass.flows", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):
        raise RuntimeError(f"seqclass {' '.join(words)}: {done.stderr}")
    return done.stdout


def _write_turned(name: str, path: Path, seed: int) -> tuple[set[str], int]:
    """Write all series of a set as long CSV; returns the ids of those with a turned label."""
    with np.load(DATA / f"{name}.npz") as arrays:
        parts = [
            (x, y, n)
            for part in ("train", "test")
            for x, y, n in zip(arrays[f"X_{part}"], arrays[f"y_{part}"], arrays[f"len_{part}"],
                               strict=True)
        ]  # fmt: skip
    rng = np.random.default_rng(seed)
    classes = sorted({str(y) for _, y, _ in parts})
    wrong = set(rng.choice(len(parts), round(TURNED * len(parts)), replace=False).tolist())
    with path.open("w", newline="") as file:
        out = csv.writer(file)
        channels = [f"c{k}" for k in range(parts[0][0].shape[1])]
        out.writerow(["series_id", "label", "step", *channels])
        for number, (x, y, n_steps) in enumerate(parts):
            others = [own for own in classes if own != str(y)]
            label = str(rng.choice(others)) if number in wrong else str(y)
            for step, values in enumerate(x[:n_steps].tolist()):
                out.writerow([f"s{number:05d}", f"class {label}", step, *values])
    return {f"s{number:05d}" for number in wrong}, len(parts)


def _queue(folder: Path, n: int) -> list[str]:
    """Return the ids that the queue asks about, in its order."""
    root, out = str(folder / "root"), str(folder / "queue.csv")
    _run("queue", "turned@v1", "--limit", str(n), "--out", out, "--root", root)
    with open(out, newline="") as file:
        return list(dict.fromkeys(line["series_id"] for line in csv.DictReader(file)))


def _cleanlab(folder: Path) -> dict[str, list[str]]:
    """Return the ids in each of cleanlab's orders, of the answers that the queue is made of."""
    if not CLEANLAB.exists():
        return {}
    from seqclass.labelling.suspects import held_answers
    from seqclass.store.registry import open_model
    from seqclass.store.root import open_root

    held = held_answers(open_model(open_root(str(folder / "root")), "turned@v1"))
    np.savez(folder / "held.npz", y=held.y, probabilities=held.probabilities)
    command = [str(CLEANLAB), "-c", RANKS, str(folder / "held.npz")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return {k: [held.ids[row] for row in v] for k, v in json.loads(done.stdout).items()}
