"""Draws of 30, 60 and 120 training rows of the archive sets: accuracy and log-loss by their number.

``python -m benchmarks.few_rows [SET …] [--draws N] [--sizes N …]`` trains the default on every draw
and answers at most ``TESTED`` test rows, the same of every method. In the environment of ``make
bench-peers``, ``python benchmarks/few_rows.py --method MiniRocket`` does the same for a peer, whose
ridge is calibrated as in peer_classifiers.py. A JSON line per draw is appended to
benchmarks/few_rows.jsonl, so that a run that was stopped goes on where it was. ``--table`` writes
the section of docs/accuracy.md and its picture from these lines.
"""

import argparse
import json
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))  # of a peer's environment, where nothing is installed

from benchmarks.peer_classifiers import (  # noqa: E402
    DATA,
    SETS,
    fill_all,
    log_loss,
    new_classifier,
    ridge_of,
    tempered,
)
from benchmarks.peer_classifiers import Split as PeerSplit  # noqa: E402

RESULTS = HERE / "few_rows.jsonl"
TITLE = "Few training rows"
PICTURE = HERE.parent / "docs" / "pictures" / "few-rows.png"
SIZES, DRAWS, TESTED = (30, 60, 120), 10, 1000
OURS, PEERS = "ours", ("MiniRocket", "MultiRocket-Hydra")


class Draw(NamedTuple):
    """Series ``(n, steps, channels)`` with NaN and codes of classes: a few training rows, and the
    test rows that every method answers."""

    x: np.ndarray
    y: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray


def choose_rows(y: np.ndarray, n: int, seed: int) -> np.ndarray:
    """Numbers of ``n`` rows, ascending: two of every class, the others by chance."""
    order = np.random.default_rng(seed).permutation(len(y))
    first = np.concatenate([order[y[order] == code][:2] for code in np.unique(y)])
    rest = order[~np.isin(order, first)]
    return np.sort(np.concatenate([first, rest])[:n])


def read_draw(name: str, n: int, seed: int, data: Path) -> Draw | None:
    """A draw of a set; None where the set has fewer training rows."""
    with np.load(data / f"{name}.npz") as arrays:
        x, x_test = (arrays[f"X_{part}"].astype(np.float32) for part in ("train", "test"))
        classes, y = np.unique(arrays["y_train"], return_inverse=True)
        y_test = np.searchsorted(classes, arrays["y_test"])
    if n > len(y):
        return None
    rows = choose_rows(y, n, seed)
    tested = np.sort(np.random.default_rng(7).permutation(len(y_test))[:TESTED])
    return Draw(x[rows], y[rows].astype(np.int32), x_test[tested], y_test[tested])


def ours(draw: Draw, seed: int) -> np.ndarray:
    """Probabilities ``(n, classes)`` of the test rows by the default."""
    from seqclass.runtime import start_tensorflow

    start_tensorflow()
    import keras

    from seqclass.networks.classifier import probabilities_of
    from seqclass.networks.outputs import predict_all
    from seqclass.networks.recurrence import accelerate
    from seqclass.training.learnt_rows import Rows
    from seqclass.training.replica import TrainingRows, train_replica
    from seqclass.training.spec import TrainingSpec

    keras.utils.clear_session()
    known = TrainingRows(Rows(draw.x, draw.y), int(draw.y.max()) + 1)
    made = train_replica(known, TrainingSpec(), seed, lambda *_: None)
    return predict_all(accelerate(probabilities_of(made.classifier)), draw.x_test)


def peer(method: str, draw: Draw) -> np.ndarray:
    """The same by a peer, at the temperature of rows out of folds."""
    steps = max(draw.x.shape[1], draw.x_test.shape[1])
    split = PeerSplit(fill_all(draw.x, steps), draw.y, fill_all(draw.x_test, steps), draw.y_test)
    classifier = new_classifier(method).fit(split.x_train, split.y_train)
    ridge = ridge_of(method, classifier)
    if ridge is None:
        raise ValueError(f"--method: expected one of {', '.join(PEERS)}, got {method!r}")
    return tempered(*ridge, split)[0]


def measure(method: str, name: str, n: int, seed: int, data: Path) -> dict[str, Any] | None:
    """The line of one draw; None where the set has too few rows."""
    draw = read_draw(name, n, seed, data)
    if draw is None:
        return None
    found = ours(draw, seed) if method == OURS else peer(method, draw)
    return {
        "method": method, "set": name, "rows": n, "draw": seed,
        "accuracy": round(float((found.argmax(axis=1) == draw.y_test).mean()), 6),
        "log_loss": round(log_loss(found, draw.y_test), 6),
    }  # fmt: skip


def learning_code() -> str:
    """Digest of the code that trains, which keeps figures of different code apart."""
    from seqclass.runtime import numerics

    return str(numerics()["learning_code"])


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def by_size(lines: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """A row per number of training rows that we have learnt from, and method that has draws of it:
    means over the sets of the means of their draws, of those draws that all these methods have."""
    cells = {(m["method"], m["rows"], m["set"], m["draw"]): m for m in lines}
    for size in sorted({key[1] for key in cells if key[0].startswith(OURS)}):
        methods = list(dict.fromkeys(key[0] for key in cells if key[1] == size))
        drawn = ({key[2:] for key in cells if key[:2] == (method, size)} for method in methods)
        shared = set.intersection(*drawn)
        names = sorted({name for name, _ in shared})
        for method in methods:
            own = [
                [cells[method, size, *draw] for draw in shared if draw[0] == name] for name in names
            ]
            yield {
                "training rows": size, "sets": len(names), "draws": len(shared), "method": method,
                **{
                    key: float(np.mean([np.mean([line[key] for line in part]) for part in own]))
                    for key in ("accuracy", "log_loss")
                },
            }  # fmt: skip


def draw_picture(rows: list[dict[str, Any]]) -> None:
    """Accuracy and log-loss of each method by training rows; the sets of two sizes differ."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    sizes = list(dict.fromkeys(row["training rows"] for row in rows))
    figure, panels = pyplot.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
    for method in dict.fromkeys(row["method"] for row in rows):
        own = [row for row in rows if row["method"] == method]
        places = [sizes.index(row["training rows"]) for row in own]
        for panel, key in zip(panels, ("accuracy", "log_loss"), strict=True):
            panel.plot(places, [row[key] for row in own], marker="o", linestyle="", label=method)
            panel.set_xticks(range(len(sizes)), [
                f"{size} rows, {next(r['sets'] for r in rows if r['training rows'] == size)} sets"
                for size in sizes
            ])  # fmt: skip
            panel.set_xlim(-0.5, len(sizes) - 0.5)
            panel.set_ylabel(key.replace("_", "-"))
    panels[0].legend(frameon=False, fontsize=8)
    figure.savefig(PICTURE, dpi=110)


def show() -> None:
    """Write the section and draw its picture."""
    from benchmarks.tables import as_markdown, write_section

    rows = list(by_size(read_lines(RESULTS)))
    head = (
        "Made by `python -m benchmarks.few_rows --table` from `benchmarks/few_rows.jsonl`; do not "
        f"edit. Training rows are drawn from the sets that have as many, and at most {TESTED:,} "
        "test rows are answered. A figure is the mean over the sets of the mean of those draws "
        "that all methods have. Ours names the learning code, which is that of 9b480d7 (30 rows at "
        "dddc395, whose networks are the same)."
    )
    text = f"{textwrap.fill(head, 100)}\n\n{as_markdown(rows)}"
    if len({row["training rows"] for row in rows}) > 1:
        draw_picture(rows)
        text += f"\n\n![Accuracy and log-loss by training rows](pictures/{PICTURE.name})"
    write_section(TITLE, text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", nargs="*", metavar="SET", help=", ".join(SETS))
    parser.add_argument("--method", choices=(OURS, *PEERS), default=OURS)
    parser.add_argument("--draws", type=int, default=DRAWS)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--table", action="store_true")
    chosen = parser.parse_args()
    if chosen.table:
        show()
        return
    label = f"{OURS} ({learning_code()})" if chosen.method == OURS else chosen.method
    done = {(m["method"], m["set"], m["rows"], m["draw"]) for m in read_lines(RESULTS)}
    for size in chosen.sizes:
        for seed in range(chosen.draws):
            for name in chosen.sets or SETS:
                if (label, name, size, seed) in done:
                    continue
                line = measure(chosen.method, name, size, seed, chosen.data)
                if line:
                    with RESULTS.open("a") as file:
                        file.write(json.dumps({**line, "method": label}) + "\n")
                    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
