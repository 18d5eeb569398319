"""``make bench-archive``: ten seeds of the default on every archive set, in docs/accuracy.md.

``python -m benchmarks.archive [SET …] [--seeds N] [--root FOLDER] [--table]``. Official splits, no
flag per set. Every seed is stored as soon as it is trained, so that a run that was stopped goes on
where it was; ``--table`` trains nothing and writes the section from what the root holds of the
present learning code.
"""

import argparse
import json
import textwrap
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console

from benchmarks.tables import as_markdown, as_table, write_section
from seqclass.flows.cli.command_line import set_defaults
from seqclass.runtime import numerics

HERE = Path(__file__).parent
DATA = HERE.parent.parent / "shared" / "data" / "archive"
ROOT = HERE / "results" / "archive"
TITLE = "Thirteen archive sets"
SEEDS = 10
COMMITS = {"99996333090530b8": "ee48823"}
"""Commits of the learning code, by its digest, at which the runs were stored."""
BUSY = (
    "The seconds are too high, as the machine had other work too: on a quiet one, the eleven "
    "smaller sets took 90 s a seed together (dddc395)"
)
"""A remark on the seconds of the stored runs."""
CALM = 0.01
"""Standard deviation of accuracy over seeds at most."""


class Bar(NamedTuple):
    """Test accuracy that the worst of ten seeds and their mean should reach, and what others reach:
    ResNet (mean of dl-4-tsc), LSTM-FCN (chosen on training loss), InceptionTime (five networks),
    HIVE-COTE 2; a dash where nothing is published."""

    floor: float
    target: float
    published: tuple[str, str, str, str]


METHODS = ("ResNet", "LSTM-FCN", "InceptionTime", "HIVE-COTE 2")
BARS = {
    "SyntheticControl": Bar(0.983, 0.993, (".997", ".987", ".997", "1.000")),
    "Trace": Bar(0.99, 1.0, ("1.000", ".250", "1.000", "1.000")),
    "CBF": Bar(0.985, 0.996, (".996", ".996", ".999", "1.000")),
    "BME": Bar(0.985, 0.996, (".999", "–", "1.000", "1.000")),
    "ItalyPowerDemand": Bar(0.960, 0.966, (".962", ".962", ".966", ".970")),
    "FreezerRegularTrain": Bar(0.985, 0.997, (".998", "–", ".997", ".999")),
    "DodgerLoopDay": Bar(0.50, 0.58, (".150", "–", ".150", "–")),
    "JapaneseVowels": Bar(0.975, 0.986, (".992", "–", "–", "–")),
    "BasicMotions": Bar(0.975, 1.0, ("1.000", "–", "1.000", "1.000")),
    "Libras": Bar(0.90, 0.94, (".954", "–", "–", "–")),
    "ChlorineConcentration": Bar(0.80, 0.86, (".853", ".803", ".876", ".759")),
    "FordA": Bar(0.93, 0.945, (".937", ".932", ".961", ".956")),
    "ElectricDevices": Bar(0.72, 0.750, (".728", ".747", ".721", ".761")),
}
"""Bars of ../shared/design/series.md, figures of ../shared/data/README.md; quick sets first."""


def study(name: str, seeds: int, root: str) -> dict[str, Any]:
    """Import a set and train its seeds, as ``seqclass import`` and ``seqclass stability`` do."""
    from seqclass.flows.ingestion import import_dataset
    from seqclass.flows.stability import study_stability
    from seqclass.screening.incoming import ImportSpec
    from seqclass.store.root import open_root
    from seqclass.store.studies import open_study
    from seqclass.training.study_spec import StudySpec

    dataset = import_dataset(name, ImportSpec((str(DATA / f"{name}.npz"),)), root)
    outcome = study_stability(dataset["dataset"], StudySpec(seeds=seeds), root)
    [variant] = open_study(open_root(root), outcome["study"]).read_json("stability.json")[
        "variants"
    ]
    return _row(name, variant)


def _row(name: str, variant: dict[str, Any]) -> dict[str, Any]:
    bar, accuracy, lstm = BARS[name], variant["spread"]["accuracy"], variant["lstm"]["spread"]
    met = {
        "floor": accuracy["min"] >= bar.floor,
        "target": accuracy["mean"] >= bar.target,
        "sd": (accuracy["sd"] or 0.0) <= CALM,
    }
    reached = ", ".join(key for key in met if met[key]) or "none"
    return {
        "set": name,
        "seeds": variant["n_seeds"],
        **{key: accuracy[key] for key in ("mean", "min", "sd")},
        "floor": bar.floor,
        "target": bar.target,
        "met": reached if variant["n_seeds"] >= SEEDS else "too few seeds",
        "lstm_mean": lstm["accuracy"]["mean"],
        "lstm_min": lstm["accuracy"]["min"],
        "lstm_log_loss": lstm["log_loss"]["mean"],
        "log_loss": variant["log_loss_mean"],
        "untempered": variant["log_loss_untempered_mean"],
        "ece": variant["ece_mean"],
        "restarts": variant["restarts"],
        "seconds": round(variant["seconds_median"], 1),
    }


def summary(rows: list[dict[str, Any]]) -> str:
    """The means over the sets, and the sets with fewer seeds, in a sentence each."""
    shown = [(round(row["log_loss"], 4), round(row["untempered"], 4)) for row in rows]
    better = sum(tempered < untempered for tempered, untempered in shown)
    short = [f"{row['set']} ({row['seeds']})" for row in rows if row["seeds"] < SEEDS]
    others = f" Fewer than ten seeds: {', '.join(short)}." if short else ""
    return (
        f"The mean accuracy is {np.mean([row['mean'] for row in rows]):.4f}; the LSTM alone has "
        f"{np.mean([row['lstm_mean'] for row in rows]):.4f}. The mean log-loss is "
        f"{np.mean([row['log_loss'] for row in rows]):.3f}, which the temperature lowers on "
        f"{better} of {len(rows)} sets, and the mean calibration error is "
        f"{np.mean([row['ece'] for row in rows]):.3f}.{others}"
    )


def learner() -> str:
    """Return which learning code our figures are of."""
    code = numerics()["learning_code"]
    commit = f" ({COMMITS[code]})" if code in COMMITS else ""
    return f"Our figures are of learning code `{code}`{commit}."


def section(rows: list[dict[str, Any]]) -> str:
    """Return the section in Markdown: our table, with the published figures."""
    beside = [
        {
            "set": row["set"], "mean": row["mean"], "lowest": row["min"],
            "LSTM alone": row["lstm_mean"], "seconds": f"{row['seconds']:.0f}",
            **dict(zip(METHODS, BARS[row["set"]].published, strict=True)),
        }
        for row in rows
    ]  # fmt: skip
    head = (
        f"Made by `make bench-archive`; do not edit. {learner()} They are test accuracies over ten "
        f"seeds, and the median seconds of a seed while another one was trained. {BUSY}. The last "
        "four columns are published accuracies."
    )
    origin = (
        "ResNet: mean over seeds (Fawaz et al. 2019). LSTM-FCN: chosen on training loss. "
        "InceptionTime: an ensemble of five networks. DodgerLoopDay has its missing values. "
        "ElectricDevices was recorded in different households for training and testing. BME and "
        "DodgerLoopDay are not blind ([decisions](decisions.md#sets-that-are-not-blind))."
    )
    parts = [
        textwrap.fill(head, 100, break_on_hyphens=False),
        as_markdown(beside),
        textwrap.fill(f"{summary(rows)} {origin}", 100, break_on_hyphens=False),
    ]
    return "\n\n".join(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", nargs="*", metavar="SET", help=", ".join(BARS))
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--root", default=str(ROOT))
    parser.add_argument("--table", action="store_true", help="write the section, train nothing")
    chosen = parser.parse_args()
    if strange := [name for name in chosen.sets if name not in BARS]:
        parser.error(f"SET: expected some of {', '.join(BARS)}, got {strange[0]!r}; correct it")
    set_defaults()
    Path(chosen.root).mkdir(parents=True, exist_ok=True)
    stored = Path(chosen.root, f"archive-{numerics()['learning_code']}.json")
    rows = json.loads(stored.read_text()) if stored.exists() else {}
    for name in [] if chosen.table else chosen.sets or BARS:
        rows[name] = study(name, chosen.seeds, chosen.root)
        stored.write_text(json.dumps(rows, indent=2))
        Console(width=200).print(as_table("archive", list(rows.values())))
    write_section(TITLE, section([rows[name] for name in BARS if name in rows]))


if __name__ == "__main__":
    main()
