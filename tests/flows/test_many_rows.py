"""Training on rows that are too many to be held at once, by the commands."""

import json
from pathlib import Path

import pytest

from seqclass.row_split import split_of
from seqclass.store.registry import open_model
from seqclass.store.root import Root
from seqclass.training.spec import TrainingSpec
from tests.support.commands import Command

WINDOW = TrainingSpec().min_window


@pytest.mark.system
@pytest.mark.timeout(900)
def test_rows_beyond_the_window_are_learnt_from_and_reproduced(
    seqclass: Command, root: Root, tmp_path: Path
) -> None:
    spec = tmp_path / "windows.json"
    spec.write_text(json.dumps({
        "members": ["convolutions", "conv-lstm"], "window": WINDOW,
        "recipe": {"updates": 50, "epochs": 0, "shortest": 50},
    }))  # fmt: skip
    drawn = "generate", "signals", "--n-series", 9000, "--n-steps", 12, "--preset", "hard"
    code, _, err = seqclass(*drawn, "--name", "many", "--root", root.path)
    assert code == 0, err
    words = "train", "many", "--seeds", 1, "--spec", spec, "--root", root.path
    code, out, err = seqclass(*words)
    assert code in (0, 1), err
    assert "rows in windows of 6,400" in " ".join(err.split())
    model = open_model(root, "many@v1")
    split = split_of(model)
    assert f"the LSTM saw 3,200 of {len(split.train):,} training rows" in out
    assert "It saw 3,200 of" in Path(f"{model.folder}/report.html").read_text()
    assert model.manifest["spec"]["window"] == WINDOW
    held = model.read_json("stability.json")["seeds"][0]["members"][0]["rows"]
    assert 0 < held < len(split.train) // 2
    assert len(split.train) > WINDOW
    code, out, err = seqclass("reproduce", "many@v1", "--root", root.path)
    assert code == 0, err + out
