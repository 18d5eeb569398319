"""Every training trains an LSTM, and everything that it says begins with it."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seqclass.evaluation.contribution import LSTM
from seqclass.flows.cli.views import show_training
from seqclass.pipeline.training import train
from seqclass.store.datasets import write_dataset
from seqclass.store.registry import open_model
from seqclass.store.root import Root
from seqclass.store.rows import from_dense
from seqclass.training.spec import TrainingSpec


def store_noise(root: Root) -> None:
    rng = np.random.default_rng(0)
    table = pa.table({
        "series_id": [f"s{i}" for i in range(30)], "label": rng.choice(["a", "b"], 30),
        "n_steps": np.full(30, 60, np.int32),
        "value": from_dense(rng.normal(0, 1, (30, 60)).astype(np.float32)),
    })  # fmt: skip
    write_dataset(root, "series", [table], {})


@pytest.mark.system
def test_every_seed_of_a_training_with_defaults_trains_an_lstm(
    root: Root, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also where nothing can be learned."""
    store_noise(root)
    outcome = train(root, "series", spec=TrainingSpec(seeds=2))
    show_training(root, outcome, False)
    assert capsys.readouterr().out.lstrip().startswith("LSTM alone")
    model = open_model(root, outcome["model"])
    stability = model.read_json("stability.json")
    history = pq.read_table(model.path("history.parquet")).to_pylist()
    for seed in stability["seeds"]:
        [lstm] = [member for member in seed["members"] if member["name"] == LSTM]
        assert lstm["networks"] >= 1
        assert lstm["updates"] >= 100
        assert lstm["weight"] > 0
        points = [p for p in history if (p["seed"], p["member"]) == (seed["seed"], LSTM)]
        assert len(points) == lstm["updates"]
    lowest = min(seed["lstm"]["macro_f1"] for seed in stability["seeds"])
    assert stability["lstm"]["spread"]["macro_f1"]["min"] == lowest
    assert model.read_json("metrics.json")["lstm"]["per_class"]
    page = Path(f"{model.folder}/report.html").read_text()
    assert page.index('id="lstm"') < page.index('id="committee"') < page.index('id="scores"')
