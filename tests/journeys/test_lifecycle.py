"""The life of a model: retraining, approval, policy, labels, inbox, rollback, removal."""

import csv
import json
import os
from pathlib import Path

import pytest

from tests.journeys.journey import Copy, Journey
from tests.journeys.made import strokes

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]

NEW_ROWS = {"least_rows": 20, "debounce_s": 0, "cool_down_s": 0, "when": "new rows"}
RETRAINED = ("decision", "champion", "challenger", "new_rows", "doubted", "model", "verdict")


def write(path: Path, value: object) -> None:
    path.write_text(json.dumps(value))


def exchange_labels(path: Path, target: Path) -> None:
    """Copy a CSV of strokes with every label changed."""
    with path.open(newline="") as source, target.open("w", newline="") as copy:
        table = csv.writer(copy)
        for series_id, label, *cells in csv.reader(source):
            table.writerow([series_id, {"good": "worn", "worn": "good"}.get(label, label), *cells])


def answer_questions(queue: Path, path: Path) -> None:
    """Write the labels of a CSV of strokes over the ``?`` of a queue."""
    with path.open(newline="") as source:
        labels = {row["series_id"]: row["label"] for row in csv.DictReader(source)}
    with queue.open(newline="") as questions:
        rows = list(csv.DictReader(questions))
    with queue.open("w", newline="") as answers:
        table = csv.DictWriter(answers, rows[0])
        table.writeheader()
        for row in rows:
            assert row["label"] == "?"
            table.writerow({**row, "label": labels.get(row["series_id"], "?")})


def test_wrong_labels(journey: Journey, press: Copy) -> None:
    """Rows with wrong labels bring no new champion; a person corrects them, then they do."""
    press(journey)
    june = journey.folder / "june.csv"
    strokes(june, range(150, 210), seed=2)
    exchange_labels(june, journey.folder / "wrong.csv")
    write(journey.folder / "retrain.json", NEW_ROWS)
    journey.run("seqclass import wrong.csv --name press --append", only=("n_series", "added"))
    journey.run("seqclass retrain press --spec retrain.json", only=(*RETRAINED, "quality"))
    journey.run("seqclass history press")
    digest = journey.run("seqclass digest", only=("arrived", "answered", "removed"))
    decided = [[model, entry["what"], entry["after"]] for model, entry in digest["decided"]]
    journey.keep(decided, "decided")
    journey.run("seqclass queue press --out queue.csv --limit 200")
    answer_questions(journey.folder / "queue.csv", june)
    journey.refused("seqclass queue press --out queue.csv")
    journey.run("seqclass label press queue.csv --by ann")
    journey.run("seqclass label press queue.csv --by ann")
    (journey.folder / "labels.csv").write_text("series_id,label\ns0001,good\ns0001,worn\n")
    journey.refused("seqclass label press labels.csv --by ann")
    (journey.folder / "labels.csv").write_text("series_id,label\nnobody,good\n")
    journey.refused("seqclass label press labels.csv --by ann")
    journey.run("seqclass datasets")
    journey.run("seqclass retrain press --spec retrain.json", only=RETRAINED)
    journey.run("seqclass verify")


def test_approval(journey: Journey, press: Copy) -> None:
    """The policy lets a person decide, who approves one version and declines the next."""
    press(journey)
    write(journey.folder / "policy.json", {"retraining": {**NEW_ROWS, "approval": True}})
    write(journey.folder / "bad.json", {"ownr": "ann"})
    strokes(journey.folder / "june.csv", range(150, 190), seed=2)
    strokes(journey.folder / "july.csv", range(190, 230), seed=3)
    journey.run("seqclass policy press")
    journey.refused("seqclass policy press --set bad.json")
    journey.run("seqclass policy press --set policy.json --reason 'a person decides'")
    journey.run("seqclass import june.csv --name press --append", only=("added",))
    journey.run("seqclass policy press --pause --reason holidays", only=("paused",))
    journey.run("seqclass retrain press")
    journey.run("seqclass policy press --resume --reason back", only=("paused",))
    journey.run("seqclass retrain press", only=RETRAINED)
    journey.run("seqclass models --open")
    journey.run("seqclass approve press@v2 --reason 'looked at it'")
    journey.run("seqclass import july.csv --name press --append", only=("added",))
    journey.run("seqclass retrain press", only=RETRAINED)
    journey.run("seqclass decline press@v3 --reason 'not now'")
    journey.refused("seqclass approve press@v3 --reason 'after all'")
    journey.run("seqclass history press")
    journey.run("seqclass policy press --clear --reason 'no longer'")
    journey.run("seqclass verify")


def test_by_hand(journey: Journey, press: Copy) -> None:
    """A second version is forced and taken back; what nothing needs goes, at last all of it."""
    press(journey)
    train = "seqclass train press --spec small.json --first-seed 5"
    journey.run(train, only=("model", "verdict", "promoted"))
    journey.run("seqclass promote press@v2")
    journey.run("seqclass promote press@v2 --force --reason 'try it'")
    journey.run("seqclass rollback press --reason back")
    journey.refused("seqclass rollback press")
    journey.run("seqclass history press")
    strokes(journey.folder / "june.csv", range(150, 170), seed=2)
    strokes(journey.folder / "july.csv", range(170, 190), seed=3)
    journey.run("seqclass import june.csv --name press --append", only=("n_series",))
    july = journey.run("seqclass import july.csv --name press --append", only=("n_series",))
    journey.run("seqclass prune --days 0")
    journey.run("seqclass prune --days 0 --yes")
    journey.run(f"seqclass delete {july['dataset']} --yes")
    journey.refused("seqclass delete press@v1 --yes")
    journey.refused("seqclass delete press --all --yes")
    journey.refused("seqclass delete datasets/press --all --yes")
    journey.run("seqclass delete models/press --all")
    journey.run("seqclass delete models/press --all --yes --reason 'the press is sold'")
    journey.run("seqclass delete press --all --yes")
    journey.run("seqclass models")
    journey.run("seqclass datasets")
    journey.run("seqclass history press")
    journey.run("seqclass verify")


def test_inbox(journey: Journey, press: Copy) -> None:
    """Files in an inbox are taken once; bad ones are set aside; too few rows train nothing."""
    press(journey)
    inbox = journey.store / "inbox" / "press"
    inbox.mkdir(parents=True)
    strokes(inbox / "june.csv", range(150, 190), seed=2)
    (inbox / "broken.csv").write_text("series_id,label,step,force\nx,good,0,high\n")
    for path in inbox.iterdir():
        os.utime(path, (0, 0))
    for _ in range(2):
        taken = journey.run("seqclass ingest press", only=("added",))
        files = [file for sweep in taken["sweeps"] for file in sweep["files"]]
        journey.keep([[file["file"], file["became"], file["added"]] for file in files], "outcomes")
    journey.run("seqclass datasets")
    places = [f"{path.parent.name}/{path.name.partition('-')[2]}" for path in inbox.glob("*/*")]
    journey.keep(sorted(places), "inbox/press")
    write(journey.folder / "retrain.json", {**NEW_ROWS, "least_rows": 100})
    journey.run("seqclass retrain press --spec retrain.json")


def test_repetition(journey: Journey, press: Copy) -> None:
    """A training is repeated to the bit; seeds and architectures are compared."""
    press(journey)
    journey.run("seqclass reproduce press")
    stability = "seqclass stability press --seeds 2 --architectures conv-lstm,lstm"
    study = journey.run(f"{stability} --recipes small.json", only=("dataset", "trained"))
    for variant in study["variants"]:
        journey.keep({key: variant[key] for key in ("recipe", "architecture", "n_seeds")})
    journey.run("seqclass verify")
