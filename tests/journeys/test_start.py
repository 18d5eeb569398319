"""The first hour: README's main job, the tutorial, a messy file."""

import pandas as pd
import pytest

from tests.journeys.journey import Journey
from tests.journeys.made import machines, small_spec, strokes

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]


def test_main_job(journey: Journey) -> None:
    """README's first command, smaller: generate, train, judge, register, look."""
    journey.run("seqclass run --n-series 300 --seeds 2 --name signals")
    journey.run("seqclass models")
    journey.run("seqclass datasets")
    shown = ("kind", "model", "champion", "classes", "channels", "metrics")
    journey.run("seqclass show signals", only=shown)
    journey.run("seqclass verify")
    journey.keep((journey.store / "index.html").is_file(), "index.html")


def test_tutorial(journey: Journey) -> None:
    """From a CSV to a retrained champion and back."""
    small_spec(journey.folder)
    strokes(journey.folder / "press.csv", range(150))
    strokes(journey.folder / "june.csv", range(150, 210), seed=2)
    journey.run("seqclass inspect press.csv")
    journey.run("seqclass import press.csv --name press")
    journey.run("seqclass train press --spec small.json")
    journey.run("seqclass score press june.csv --out answers.csv")
    answers = pd.read_csv(journey.folder / "answers.csv")
    journey.keep(list(answers.columns), "columns of answers.csv")
    journey.keep(answers["answer"].value_counts().to_dict(), "answers")
    journey.run("seqclass import june.csv --name press --append")
    (journey.folder / "retrain.json").write_text('{"least_rows": 20, "debounce_s": 0}')
    journey.run("seqclass retrain press --spec retrain.json")
    journey.run("seqclass history press")
    journey.run("seqclass compare press@v1 press@v2")
    journey.run("seqclass rollback press --reason 'the new tool needs another look'")
    journey.run("seqclass models")
    journey.run("seqclass verify")


def test_messy_file(journey: Journey) -> None:
    """A machine's own columns, number format, gaps, groups: asked about, imported, answered."""
    small_spec(journey.folder)
    machines(journey.folder / "runs.csv", range(120))
    machines(journey.folder / "later.csv", range(120, 140))
    journey.refused("seqclass inspect runs.csv")
    columns = (
        "--series-id-column Lauf --label-column Zustand --step-column Zeit --group-column Maschine"
        " --encoding cp1252 --dates dd.mm.yyyy"
    )
    journey.run(f"seqclass inspect runs.csv {columns}")
    journey.run(f"seqclass import runs.csv --name runs {columns}")
    journey.run("seqclass train runs --spec small.json")
    journey.run("seqclass score runs later.csv --out answers.parquet")
    answers = pd.read_parquet(journey.folder / "answers.parquet")
    journey.keep(answers["answer"].value_counts().to_dict(), "answers")
    journey.keep(float((answers["prediction"] == answers["label"]).mean()), "share right")
