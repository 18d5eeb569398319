"""Every training trains an LSTM, and everything that it says begins with it."""

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from seqclass.evaluation.contribution import LSTM
from seqclass.store.registry import open_model
from seqclass.store.root import Root
from tests.support.commands import Command

ARCHIVE = Path(__file__).parents[3] / "shared" / "data" / "archive"


@pytest.fixture(params=["author", "BME", "Trace", "noise"])
def dataset(request: pytest.FixtureRequest, seqclass: Command, root: Root, tmp_path: Path) -> str:
    """Series that cheap members solve, a few that they don't, and noise."""
    name, path = request.param.lower(), ARCHIVE / f"{request.param}.npz"
    words: tuple[object, ...] = ("generate", "signals", "--n-series", 600)
    if name == "noise":
        rng, path = np.random.default_rng(0), tmp_path / "noise.npz"
        labels = np.array(["a", "b"])[rng.integers(0, 2, 30)]
        np.savez(path, X=rng.normal(0, 1, (30, 60, 1)), y=labels)
    if name != "author":
        if not path.exists():
            pytest.skip(f"no archive data: {name}")
        words = ("import", path)
    code, _, err = seqclass(*words, "--name", name, "--root", root.path)
    assert code == 0, err
    return name


@pytest.mark.system
def test_every_seed_of_a_training_with_defaults_trains_an_lstm(
    dataset: str, seqclass: Command, root: Root
) -> None:
    code, out, err = seqclass("train", dataset, "--seeds", 2, "--root", root.path)
    assert code in (0, 1), err
    assert out.lstrip().startswith("LSTM alone")
    model = open_model(root, f"{dataset}@v1")
    stability = model.read_json("stability.json")
    history = pq.read_table(model.path("history.parquet")).to_pylist()
    for seed in stability["seeds"]:
        [lstm] = [own for own in seed["members"] if own["name"] == LSTM]
        assert lstm["networks"] >= 1
        assert lstm["updates"] >= 100
        assert lstm["weight"] > 0
        own = [p for p in history if (p["seed"], p["member"]) == (seed["seed"], LSTM)]
        assert len(own) == lstm["updates"]
    lowest = min(seed["lstm"]["macro_f1"] for seed in stability["seeds"])
    assert stability["lstm"]["spread"]["macro_f1"]["min"] == lowest
    told = json.loads(seqclass("show", dataset + "@v1", "--root", root.path, "--json")[1])
    assert told["stability"]["lstm"] == stability["lstm"]
    assert model.read_json("metrics.json")["lstm"]["per_class"]
    page = Path(f"{model.folder}/report.html").read_text()
    assert page.index('id="lstm"') < page.index('id="committee"') < page.index('id="scores"')
