"""``make bench``: what generation, storage, the commands and the classifier cost and reach.

Prints a table and writes ``benchmarks/results/<time>.json`` with the machine's fingerprint.
``python -m benchmarks NAME …`` runs some of them; ``peer`` is the longest, and takes ``--seeds``.
``python -m benchmarks contours PATH`` takes a file of other recordings.
"""

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from benchmarks.tables import as_markdown, as_table
from seqclass.store.fingerprint import fingerprint, machine_fingerprint, software_versions

RESULTS = Path(__file__).parent / "results"
MILLION = 1_000_000
COMMANDS = ("--help", "models", "datasets", "show signals")
PEER_SERIES, PEER_SEEDS = 5000, 5

Row = dict[str, Any]


def timed(call: Callable[[], Any], times: int = 5) -> Row:
    """Median and range of wall seconds."""
    seconds = []
    for _ in range(times):
        began = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - began)
    return {"median_s": statistics.median(seconds), "range_s": [min(seconds), max(seconds)]}


def generation() -> list[Row]:
    """Drawing a million series against NumPy drawing as many numbers of the same kind."""
    from seqclass.synthesis.signals import SignalSpec, generate_signals

    spec = SignalSpec(n_series=MILLION)

    def ours() -> None:
        for _ in generate_signals(spec):
            pass

    def plain() -> None:
        rng = np.random.default_rng(0)
        for _ in range(0, MILLION, 1024):
            rng.standard_normal((1024, spec.n_steps), dtype=np.float32)

    rows = [{"what": "draw 1,000,000 x 100", **timed(ours, 3)},
            {"what": "NumPy, the same count of normals", **timed(plain, 3)}]  # fmt: skip
    return [{**row, "series_per_s": round(MILLION / row["median_s"])} for row in rows]


def command() -> list[Row]:
    """``seqclass generate`` of a million series: series per second and peak memory."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "seqclass.flows", "generate", "signals", "--n-series",
             str(MILLION), "--root", folder], check=True, capture_output=True,
        )  # fmt: skip
        seconds = time.perf_counter() - began
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        size = sum(p.stat().st_size for p in Path(folder).rglob("*.parquet")) / 1e6
    return [{"what": "seqclass generate, 1,000,000 x 100", "median_s": seconds,
             "series_per_s": round(MILLION / seconds), "peak_mib": round(peak),
             "parquet_mb": round(size)}]  # fmt: skip


def parquet() -> list[Row]:
    """Writing and reading a million series against ``np.save`` and ``np.load``."""
    from seqclass.generators import signal_tables
    from seqclass.store.datasets import open_dataset, write_dataset
    from seqclass.store.root import open_root
    from seqclass.synthesis.signals import SignalSpec

    folder = tempfile.mkdtemp()
    root = open_root(folder)
    tables = list(signal_tables(SignalSpec(n_series=MILLION)))
    now = datetime.now(UTC)

    def write() -> None:
        shutil.rmtree(f"{folder}/datasets", ignore_errors=True)
        write_dataset(root, "x", tables, {}, now)

    written = timed(write, 3)
    read = timed(lambda: open_dataset(root, "x").values(), 3)
    values = open_dataset(root, "x").values()
    saved = timed(lambda: np.save(f"{folder}/x.npy", values), 3)
    loaded = timed(lambda: np.load(f"{folder}/x.npy"), 3)
    copied = timed(values.copy, 3)
    shutil.rmtree(folder)
    names = ("write Parquet with digests", "read Parquet, digests checked", "np.save", "np.load",
             "memcpy")  # fmt: skip
    found = zip(names, (written, read, saved, loaded, copied), strict=True)
    return [{"what": name, **row} for name, row in found]


def import_csv() -> list[Row]:
    """``seqclass import`` of ten million rows of CSV: seconds and peak memory."""
    from benchmarks.ingestion import import_csv as measure

    return measure()


def startup() -> list[Row]:
    """Wall time of the commands that only look."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "SEQCLASS_STORAGE": folder}

        def call(line: str) -> None:
            words = [str(Path(sys.executable).parent / "seqclass"), *line.split()]
            subprocess.run(words, env=environment, capture_output=True)

        call("generate signals --n-series 300")
        return [{"what": f"seqclass {line}", **timed(lambda line=line: call(line))}
                for line in COMMANDS]  # fmt: skip


def main_job() -> list[Row]:
    """``seqclass run``, a throw-away server included."""
    with tempfile.TemporaryDirectory() as folder:
        words = [sys.executable, "-m", "seqclass.flows", "run", "--root", folder, "--json"]
        row = timed(lambda: subprocess.run(words, check=True, capture_output=True), 1)
    return [{"what": "seqclass run, throw-away server", **row}]


def peer(seeds: int = PEER_SEEDS) -> list[Row]:
    """The product, the author's recipe and the oracle on the same rows and seeds."""
    from benchmarks.peer import compare_with_author

    return compare_with_author(PEER_SERIES, seeds)


def unknown() -> list[Row]:
    """Classes left out of training: the share of their series below the threshold that leaves 90%
    of the known test series answered."""
    from benchmarks.unknown import leave_classes_out

    return leave_classes_out()


def unknown_tuning() -> list[Row]:
    """The same on training rows, by which the rule of distances is chosen."""
    from benchmarks.unknown import leave_classes_out

    return leave_classes_out(on_training_rows=True)


def imbalance() -> list[Row]:
    """One rare class in a hundred: balanced accuracy of the default recipe and of plain loss."""
    from benchmarks.imbalance import balanced_against_plain

    return balanced_against_plain()


def ragged() -> list[Row]:
    """Series of 1 to 10,000 steps: time and memory of training and prediction."""
    from benchmarks.ragged import train_and_predict

    return train_and_predict()


def melodies() -> list[Row]:
    """1,000 melodies of all ragas, how they move, beside real ones and the author's rule."""
    from benchmarks.melodies import as_rows, compare, picture

    found = compare()
    RESULTS.mkdir(exist_ok=True)
    picture(found, RESULTS / "melodies.png")
    return as_rows(found)


def raga_oracle() -> list[Row]:
    """What there is to hear beyond pairs of svaras in all ragas, and in each allied set."""
    from benchmarks.raga_oracle import compare
    from seqclass.ragas.raga_table import SETS

    rows = [compare(("all",), form) for form in ("svara", "letters")]
    return rows + [compare((name,), "svara", n_train=4000) for name in SETS if name != "all"]


def contours(path: Path | None = None) -> list[Row]:
    """Real recordings of ragas told by pitch alone, from generated contours and from others."""
    from benchmarks.contour_pictures import picture
    from benchmarks.contours import measure
    from benchmarks.pitch_distributions import DATA, read_recordings

    if path is None and not DATA.is_file():
        return [{"what": f"skipped: {DATA} is absent"}]
    recordings = read_recordings(path or DATA)
    RESULTS.mkdir(exist_ok=True)
    picture(recordings, RESULTS / "contour-distributions.png")
    return measure(recordings)


def recurrences() -> list[Row]:
    """Training small LSTMs, by this product, stock Keras and PyTorch."""
    from benchmarks.speed import recurrences as measure

    return measure()


def eight_seeds() -> list[Row]:
    """Eight seeds of the author's families against eight runs of his recipe."""
    from benchmarks.speed import eight_seeds as measure

    return measure()


def scoring() -> list[Row]:
    """A million series from Parquet to Parquet, against stock Keras."""
    from benchmarks.scoring import measure

    with tempfile.TemporaryDirectory() as folder:
        return measure(MILLION, folder)


def bucket() -> list[Row]:
    """Lists of 5,000 model versions in a bucket."""
    from benchmarks.bucket import measure

    return measure()


def pages() -> list[Row]:
    """The pages of 200 datasets and 1,000 versions, and the report of 10,000 test rows."""
    from benchmarks.pages import measure

    return measure()


def growth() -> list[Row]:
    """Seconds a row and peak memory of each step, from drawing series to drawing pages."""
    from benchmarks.growth import growth as measure

    return measure()


def labels() -> list[Row]:
    """A twentieth of the labels turned: share found in the first tenth of the queue, beside
    cleanlab's rankings of the same answers."""
    from benchmarks.labels import measure

    return measure()


def recordings() -> list[Row]:
    """100 contours of the author's ragas, sung by other voices over a drone, heard from WAV and
    from MP3; bad recordings; an hour. A model of generated contours is trained first."""
    from benchmarks.recordings import measure, train_model

    with tempfile.TemporaryDirectory() as folder:
        train_model(folder)
        return measure(folder)


def mixing() -> list[Row]:
    """Contours of other singers, 0 to 6 recordings a raga, alone and beside generated ones: the
    accuracy on other recordings, with two standard errors over the draws."""
    from benchmarks.mixing import measure

    return measure()


BENCHMARKS: dict[str, Callable[..., list[Row]]] = {
    "generation": generation,
    "command": command,
    "parquet": parquet,
    "import_csv": import_csv,
    "startup": startup,
    "main_job": main_job,
    "recurrences": recurrences,
    "eight_seeds": eight_seeds,
    "scoring": scoring,
    "pages": pages,
    "growth": growth,
    "labels": labels,
    "bucket": bucket,
    "peer": peer,
    "unknown": unknown,
    "unknown_tuning": unknown_tuning,
    "imbalance": imbalance,
    "ragged": ragged,
    "melodies": melodies,
    "raga_oracle": raga_oracle,
    "contours": contours,
    "recordings": recordings,
    "mixing": mixing,
}


def page(found: dict[str, list[Row]], names: list[str]) -> str:
    """Results as a page in Markdown, with what made them."""
    machine, software = machine_fingerprint(), software_versions()
    versions = ", ".join(f"{name} {version}" for name, version in software.items())
    head = (
        f"# Measured\n\n`python -m benchmarks {' '.join(names)} --page FILE` wrote this page on "
        f"{datetime.now(UTC):%Y-%m-%d}: {machine['cpu']}, {machine['cores']} cores; {versions}."
    )
    parts = []
    for name, rows in found.items():
        says = " ".join((BENCHMARKS[name].__doc__ or "").split())
        parts.append(f"## {name}\n\n{says}\n\n{as_markdown(rows)}")
    return "\n\n".join([head, *parts]) + "\n"


def main() -> None:
    """Run the named benchmarks, or all; print and store what they found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--seeds", type=int, default=PEER_SEEDS, help="of the peer benchmark")
    parser.add_argument("--page", type=Path, help="write the tables in Markdown, too")
    chosen = parser.parse_args()
    options: dict[str, list[Any]] = {"peer": [chosen.seeds]}
    if chosen.names[:1] == ["contours"] and len(chosen.names) == 2:
        options["contours"] = [Path(chosen.names.pop())]
    if strange := [name for name in chosen.names if name not in BENCHMARKS]:
        parser.error(f"NAME: expected some of {', '.join(BENCHMARKS)}, got {strange[0]!r}")
    found: dict[str, list[Row]] = {}
    for name in chosen.names or BENCHMARKS:
        try:
            found[name] = BENCHMARKS[name](*options.get(name, []))
        except ValueError as error:
            parser.error(str(error))
        Console(width=None if sys.stdout.isatty() else 200).print(as_table(name, found[name]))
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{datetime.now(UTC):%Y%m%dT%H%M%S}.json"
    path.write_text(json.dumps({**fingerprint(), "results": found}, indent=2))
    print(path)
    if chosen.page:
        chosen.page.write_text(page(found, chosen.names))


if __name__ == "__main__":
    main()
