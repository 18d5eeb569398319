"""Mistakes at each command: one line that names the argument, exit code 2, nothing written."""

from tests.journeys.journey import Journey
from tests.journeys.made import strokes


def test_refusals(journey: Journey) -> None:
    strokes(journey.folder / "press.csv", range(6))
    (journey.folder / "empty.csv").touch()
    (journey.folder / "bad.json").write_text('{"sedes": 2}')
    for line in (
        "import missing.csv --name press",
        "import empty.csv --name press",
        "import press.csv --name ../press",
        "import press.csv --name press --label-column nothing",
        "import press.csv --name press --append",
        "train press",
        "score press press.csv",
        "show press",
        "history press",
        "promote press@v1",
        "rollback press",
        "compare press@v1 press@v2",
        "retrain press",
        "policy press --set bad.json",
        "label press press.csv",
        "queue press --out queue.csv",
        "delete press@v1",
        "export press --to onnx --out out",
        "serve press",
        "generate signals --n-series 0 --name signals",
        "approve press@v1 --reason because",
        "reproduce press",
    ):
        journey.refused(f"seqclass {line}")
    assert not journey.store.exists() or not any(journey.store.glob("*/*/*"))
    journey.run("seqclass import press.csv --name press")
    for line in (
        "train press --spec bad.json",
        "train press --seeds 0",
        "delete press@0123456789abcdef",
    ):
        journey.refused(f"seqclass {line}")
