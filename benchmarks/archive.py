"""``make bench-archive``: ten seeds of the default recipe on every archive set, as docs/archive.md.

``python -m benchmarks.archive [SET …] [--seeds N] [--root FOLDER] [--table]``. Official splits, no
flag per set. Every seed is stored as soon as it is trained, so that a run that was stopped goes on
where it was; ``--table`` trains nothing and writes the page from what the root holds of the present
learning code.
"""

import argparse
import json
import textwrap
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console

from benchmarks.tables import as_markdown, as_table
from flows.cli.command_line import set_defaults
from seqclass.runtime import numerics

HERE = Path(__file__).parent
DATA = HERE.parent.parent / "shared" / "data" / "archive"
ROOT = HERE / "results" / "archive"
PAGE = HERE.parent / "docs" / "archive.md"
SEEDS = 10
COMMITS = {"99996333090530b8": "ee48823"}
"""Commits of the learning code, by its digest, at which the runs were stored."""
BUSY = (
    "They are too high, as the machine had other work too: on a quiet one, the eleven smaller sets "
    "took 90 s a seed together (dddc395)"
)
"""A remark on the seconds of the stored runs."""
CALM = 0.01
"""Standard deviation of accuracy over seeds at most."""


class Bar(NamedTuple):
    """Test accuracy that the worst of ten seeds and their mean should reach, and what others reach:
    ResNet (mean of dl-4-tsc), LSTM-FCN (chosen on training loss), InceptionTime (five networks),
    MiniRocket, HIVE-COTE 2; a dash where nothing is published."""

    floor: float
    target: float
    published: tuple[str, str, str, str, str]


METHODS = ("ResNet", "LSTM-FCN", "InceptionTime", "MiniRocket", "HIVE-COTE 2")
BARS = {
    "SyntheticControl": Bar(0.983, 0.993, (".997", ".987", ".997", ".987", "1.000")),
    "Trace": Bar(0.99, 1.0, ("1.000", ".250", "1.000", "1.000", "1.000")),
    "CBF": Bar(0.985, 0.996, (".996", ".996", ".999", ".999", "1.000")),
    "BME": Bar(0.985, 0.996, (".999", "–", "1.000", "1.000", "1.000")),
    "ItalyPowerDemand": Bar(0.960, 0.966, (".962", ".962", ".966", ".963", ".970")),
    "FreezerRegularTrain": Bar(0.985, 0.997, (".998", "–", ".997", "1.000", ".999")),
    "DodgerLoopDay": Bar(0.50, 0.58, (".150", "–", ".150", "–", "–")),
    "JapaneseVowels": Bar(0.975, 0.986, (".992", "–", "–", "–", "–")),
    "BasicMotions": Bar(0.975, 1.0, ("1.000", "–", "1.000", "–", "1.000")),
    "Libras": Bar(0.90, 0.94, (".954", "–", "–", "–", "–")),
    "ChlorineConcentration": Bar(0.80, 0.86, (".853", ".803", ".876", ".755", ".759")),
    "FordA": Bar(0.93, 0.945, (".937", ".932", ".961", ".948", ".956")),
    "ElectricDevices": Bar(0.72, 0.750, (".728", ".747", ".721", ".742", ".761")),
}
"""Bars of ../shared/design/series.md, figures of ../shared/data/README.md; quick sets first."""


def study(name: str, seeds: int, root: str) -> dict[str, Any]:
    """Import a set and train its seeds, as ``seqclass import`` and ``seqclass stability`` do."""
    from flows.ingestion import import_dataset
    from flows.stability import study_stability
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
    """How many sets meet their bars, and the means over the sets, in a sentence each."""
    judged = [row for row in rows if row["seeds"] >= SEEDS]
    floor, target, sd = (
        sum(word in row["met"] for row in judged) for word in ("floor", "target", "sd")
    )
    shown = [(round(row["log_loss"], 4), round(row["untempered"], 4)) for row in rows]
    better = sum(tempered < untempered for tempered, untempered in shown)
    same = sum(tempered == untempered for tempered, untempered in shown)
    short = [f"{row['set']} ({row['seeds']})" for row in rows if row["seeds"] < SEEDS]
    others = f"\nThe others have fewer seeds: {', '.join(short)}." if short else ""
    return (
        f"Of the {len(judged)} sets with ten seeds, {floor} reach the floor, {target} the target, "
        f"and {sd} a standard deviation of at most {CALM}.\n"
        f"The mean accuracy is {np.mean([row['mean'] for row in rows]):.4f}; the LSTM alone has "
        f"{np.mean([row['lstm_mean'] for row in rows]):.4f}. "
        f"The mean log-loss is {np.mean([row['log_loss'] for row in rows]):.3f}, and the mean "
        f"calibration error {np.mean([row['ece'] for row in rows]):.3f}. The temperature lowers "
        f"the log-loss on {better} of {len(rows)} sets, and does not change its four digits on "
        f"{same}.{others}"
    )


def learner() -> str:
    """Return the learning code of our figures, and a description of their seconds."""
    code = numerics()["learning_code"]
    commit = f" ({COMMITS[code]})" if code in COMMITS else ""
    return (
        f"Our figures are of learning code `{code}`{commit}; the manifest of a model names its own "
        "under `numerics`. Our seconds are wall seconds of a seed while another one was trained. "
        f"{BUSY}."
    )


def page(rows: list[dict[str, Any]]) -> str:
    """Return the page in Markdown: our table, and our means next to the published figures."""
    beside = [
        {"set": row["set"], "ours": row["mean"], **dict(zip(METHODS, BARS[row["set"]].published,
         strict=True))} for row in rows
    ]  # fmt: skip
    head = (
        f"Made by `make bench-archive`; do not edit. {learner()} The tables show the test accuracy "
        "on the official splits, with default settings on every set. BME and DodgerLoopDay are not "
        "blind: their test rows led to a change of a rule "
        "([decisions](decisions.md#when-members-are-not-trained)). `floor` is the aim for the "
        "worst seed, `target` that for the mean. `lstm_…` is the LSTM of these seeds alone, "
        "`untempered` the log-loss without the temperature, `seconds` the median of the seeds."
    )
    origin = (
        "ResNet: mean over seeds (Fawaz et al. 2019). LSTM-FCN: chosen on training loss. "
        "InceptionTime: an\nensemble of five networks. DodgerLoopDay has its missing values. Data: "
        "Dau et al. 2019, Bagnall et\nal. 2018, Alcock and Manolopoulos 1999."
    )
    title = "# Thirteen sets of the UCR and UEA archives"
    parts = [
        title,
        textwrap.fill(head, 100, break_on_hyphens=False),
        as_markdown(rows),
        summary(rows),
        "## Comparison with published figures",
    ]
    return "\n\n".join([*parts, as_markdown(beside), origin]) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", nargs="*", metavar="SET", help=", ".join(BARS))
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--root", default=str(ROOT))
    parser.add_argument("--table", action="store_true", help="write the page, train nothing")
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
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page([rows[name] for name in BARS if name in rows]))


if __name__ == "__main__":
    main()
