"""The first hour: README's main job, the tutorial, a messy file."""

import re
from pathlib import Path

import pandas as pd
import pytest

from tests.journeys.journey import Journey
from tests.journeys.made import machines, small_spec

TUTORIAL = Path(__file__).parents[2] / "docs" / "tutorial.md"
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
    """docs/tutorial.md, block by block: from a CSV to a retrained champion and back."""
    text = TUTORIAL.read_text()
    [maker] = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    lines = "".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL)).splitlines()
    journey.python(f"{maker}\nprint(0)")
    assert len(lines) >= 9
    for line in lines:
        journey.run(f"seqclass {line.partition(' ')[2]}")
    answers = pd.read_csv(journey.folder / "answers.csv")
    journey.keep(list(answers.columns), "columns of answers.csv")
    journey.keep(answers["answer"].value_counts().to_dict(), "answers")
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
