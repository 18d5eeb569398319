"""Trainings of other shapes: official splits, averages of seeds, auxiliary series, ragas."""

from pathlib import Path

import pytest

from tests.journeys.journey import Copy, Journey
from tests.journeys.made import small_spec, strokes

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]

TRAINED = ("dataset", "model", "verdict", "metrics", "baselines")


def test_official_split(journey: Journey, archive_folder: Path) -> None:
    """A set of the archive in the form of aeon, its test rows kept apart."""
    small_spec(journey.folder)
    for part in ("TRAIN", "TEST"):
        source = archive_folder / "native" / f"BasicMotions_{part}.ts"
        (journey.folder / source.name).write_bytes(source.read_bytes())
    journey.run("seqclass inspect BasicMotions_TRAIN.ts")
    journey.run("seqclass import BasicMotions_TRAIN.ts --test BasicMotions_TEST.ts --name motions")
    journey.run("seqclass train motions --spec small.json", only=TRAINED)
    journey.run("seqclass show motions@v1", only=("classes", "channels", "leaks"))


def test_average_of_seeds(journey: Journey, press: Copy) -> None:
    """The average of all seeds, helped by series of another dataset, is one version."""
    press(journey)
    strokes(journey.folder / "other.csv", range(500, 560), worn_force=5, seed=4)
    journey.run("seqclass import other.csv --name other", only=("n_series", "classes"))
    train = "seqclass train press --spec small.json --name average --ensemble --auxiliary other"
    trained = journey.run(train, only=TRAINED)
    journey.keep(trained["ensemble"]["gain"]["accuracy"], "accuracy")
    journey.run("seqclass score average other", only=("model", "rows", "scored", "metrics"))


def test_generated(journey: Journey) -> None:
    """Sensors with many classes, gaps and unequal lengths: too few rows for a champion."""
    small_spec(journey.folder)
    journey.run("seqclass generate iot --n-series 240 --n-steps 40..60 --name iot")
    journey.run("seqclass train iot --spec small.json", only=("dataset", "model", "verdict"))
    journey.run("seqclass show iot@v1", only=("classes", "channels"))


def test_melodies(journey: Journey) -> None:
    """Ragas: generated, heard, learnt, voted on."""
    small_spec(journey.folder)
    journey.run("seqclass generate ragas --ragas author --n-series 210 --n-notes 32 --name seven")
    journey.run("seqclass listen seven --each-class --out heard")
    journey.run("seqclass train seven --spec small.json", only=("dataset", "model", "verdict"))
    voted = journey.run(
        "seqclass vote seven@v1 seven", only=("kind", "voting", "windows", "pieces")
    )
    journey.keep(voted["who"]["this model"]["pieces"]["accuracy"], "accuracy")
