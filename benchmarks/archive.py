"""``make bench-archive``: ten seeds of the default recipe on every archive set.

``python -m benchmarks.archive [SET …] [--seeds N] [--root FOLDER]``. Official splits, no flag per
set. The studies lie in the root, so that a run that was stopped goes on where it was.
"""

import argparse
import json
import os
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console

from benchmarks.tables import as_table
from flows.command_line import PREFECT_SETTINGS

DATA = Path(__file__).parent.parent.parent / "shared" / "data" / "archive"
ROOT = Path(__file__).parent / "results" / "archive"


class Bar(NamedTuple):
    """Test accuracy that the worst of ten seeds and their mean should reach, and what deep nets
    of others reach: ResNet's mean (dl-4-tsc), or the best of the others named."""

    floor: float
    target: float
    published: str


BARS = {
    "SyntheticControl": Bar(0.983, 0.993, "ResNet .997"),
    "Trace": Bar(0.99, 1.0, "ResNet 1.000, LSTM-FCN .250"),
    "CBF": Bar(0.985, 0.996, "ResNet .996"),
    "BME": Bar(0.985, 0.996, "ResNet .999"),
    "ItalyPowerDemand": Bar(0.960, 0.966, "ResNet .962"),
    "ElectricDevices": Bar(0.72, 0.750, "ResNet .728"),
    "FordA": Bar(0.93, 0.945, "ResNet .937"),
    "ChlorineConcentration": Bar(0.80, 0.86, "ResNet .853"),
    "FreezerRegularTrain": Bar(0.985, 0.997, "ResNet .998"),
    "DodgerLoopDay": Bar(0.50, 0.58, "ResNet .150"),
    "JapaneseVowels": Bar(0.975, 0.986, "ResNet .992"),
    "BasicMotions": Bar(0.975, 1.0, "ResNet 1.000"),
    "Libras": Bar(0.90, 0.94, "ResNet .954"),
}
"""Bars of ../shared/design/series.md, figures of ../shared/data/README.md."""


def study(name: str, seeds: int, root: str) -> dict[str, Any]:
    """Import a set and train its seeds, as ``seqclass import`` and ``seqclass stability`` do."""
    from flows.ingestion import import_dataset
    from flows.stability import study_stability
    from storage.root import open_root
    from storage.studies import open_study
    from tasks.ingest import ImportSpec
    from tasks.learning.spec import StudySpec

    dataset = import_dataset(name, ImportSpec((str(DATA / f"{name}.npz"),)), root)
    outcome = study_stability(dataset, StudySpec(seeds=seeds), root)
    [variant] = open_study(open_root(root), outcome["study"]).read_json("stability.json")[
        "variants"
    ]
    return _row(name, variant)


def _row(name: str, variant: dict[str, Any]) -> dict[str, Any]:
    bar, accuracy = BARS[name], variant["spread"]["accuracy"]
    return {
        "set": name,
        "seeds": variant["n_seeds"],
        "mean": accuracy["mean"],
        "min": accuracy["min"],
        "sd": accuracy["sd"],
        "floor": bar.floor,
        "target": bar.target,
        "met": f"{'floor' if accuracy['min'] >= bar.floor else '-'} "
        f"{'target' if accuracy['mean'] >= bar.target else '-'} "
        f"{'sd' if accuracy['sd'] <= 0.01 else '-'}",
        "published": bar.published,
        "log_loss": variant["log_loss_mean"],
        "ece": variant["ece_mean"],
        "restarts": variant["restarts"],
        "seconds": round(variant["seconds_median"], 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", nargs="*", metavar="SET", help=", ".join(BARS))
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--root", default=str(ROOT))
    chosen = parser.parse_args()
    if strange := [name for name in chosen.sets if name not in BARS]:
        parser.error(f"SET: expected some of {', '.join(BARS)}, got {strange[0]!r}; correct it")
    for key, value in PREFECT_SETTINGS.items():
        os.environ.setdefault(key, value)
    rows = []
    for name in chosen.sets or BARS:
        rows.append(study(name, chosen.seeds, chosen.root))
        Console(width=200).print(as_table("archive", rows))
    Path(chosen.root, "archive.json").write_text(json.dumps(rows, indent=2))


if __name__ == "__main__":
    main()
