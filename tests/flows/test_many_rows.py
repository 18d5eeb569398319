"""Training on rows that are too many to be held at once."""

from pathlib import Path

import pytest

from seqclass.pipeline.generate import generate_dataset
from seqclass.pipeline.reproduce import reproduce
from seqclass.pipeline.training import train
from seqclass.row_split import split_of
from seqclass.store.registry import open_model
from seqclass.store.root import Root
from seqclass.synthesis.signals import PRESETS, SignalSpec
from seqclass.training.recipe import Recipe
from seqclass.training.spec import TrainingSpec

WINDOW = TrainingSpec().min_window


@pytest.mark.system
@pytest.mark.timeout(900)
def test_rows_beyond_the_window_are_learnt_from_and_reproduced(root: Root) -> None:
    signals = SignalSpec(**{**PRESETS["hard"], "n_series": 9000, "n_steps": 12})
    generate_dataset("signals", signals, "many", root)
    spec = TrainingSpec(
        seeds=1, members=("conv-lstm",), networks={"conv-lstm": 1}, window=WINDOW,
        recipe=Recipe(updates=50, epochs=0, shortest=50),
    )  # fmt: skip
    model = open_model(root, train(root, "many", spec=spec)["model"])
    split = split_of(model)
    assert len(split.train) > WINDOW
    assert "It saw 3,200 of" in Path(f"{model.folder}/report.html").read_text()
    assert model.manifest["spec"]["window"] == WINDOW
    assert reproduce("many@v1", root)["verdict"] == "identical"
