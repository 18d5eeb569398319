"""Another goal takes the networks of the last version, and chooses the rule for answers anew."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from seqclass import load_model
from seqclass.store.catalogue import verify_tree
from seqclass.store.datasets import open_dataset, write_dataset
from seqclass.store.models import Model
from seqclass.store.registry import open_model
from seqclass.store.root import Root
from seqclass.store.rows import from_dense
from seqclass.store.seeds import UNFINISHED
from tests.support.commands import Command
from tests.support.places import NOW

CLASSES = ("often", "rare")


@pytest.fixture(scope="module")
def root(prefect: str, tmp_path_factory: pytest.TempPathFactory) -> Root:
    """A dataset whose classes overlap, one with five times the rows of the other."""
    from seqclass.store.root import open_root

    found, rng = open_root(tmp_path_factory.mktemp("goals")), np.random.default_rng(0)
    y = (np.arange(900) % 6 == 0).astype(int)
    x = (rng.normal(0, 1, (900, 10)) + 0.6 * y[:, None]).astype(np.float32)
    table = pa.table({
        "series_id": [f"s{k}" for k in range(900)], "label": [CLASSES[code] for code in y],
        "n_steps": np.full(900, 10, np.int32), "value": from_dense(x),
    })  # fmt: skip
    write_dataset(found, "rare", [table], {"test": "goals"}, NOW)
    return found


@pytest.fixture
def train(root: Root, small: Path, seqclass: Command) -> Callable[..., Model]:
    def call(*options: object) -> Model:
        code, _, err = seqclass("train", "rare", "--seeds", 2, "--spec", small, *options)
        assert code in (0, 1), err  # 1: the gate refuses it
        return open_model(root, "models/rare@" + newest(root))

    return call


def newest(root: Root) -> str:
    names = [name for name in root.names("models", "rare") if name[1:].isdigit()]
    return max(names, key=lambda name: int(name[1:]))


def test_another_goal_costs_no_training(train: Callable[..., Model], root: Root) -> None:
    first = train("--goal", "balanced_accuracy")
    kept = set(root.names(UNFINISHED))
    assert len(kept) == 2
    second = train("--goal", "accuracy", "--max-error", 0.2)
    rules = [model.manifest["decision"] for model in (first, second)]
    assert rules[0]["offsets"][1] > 0
    assert rules[1]["offsets"] is None
    before, after = (model.read_json("stability.json")["seeds"] for model in (first, second))
    for name in ("weights_sha256", "seconds", "members"):
        assert [seed[name] for seed in before] == [seed[name] for seed in after]
    assert set(root.names(UNFINISHED)) == kept
    by_goal = [model.read_json("metrics.json")["by_goal"] for model in (first, second)]
    assert by_goal[0] == by_goal[1]
    assert second.manifest["metrics"]["accuracy"] == by_goal[0]["accuracy"]["accuracy"]
    scores = first.manifest["metrics"]["balanced_accuracy"]
    assert scores == by_goal[0]["balanced_accuracy"]["balanced_accuracy"]
    assert verify_tree(root)["bad"] == []
    train("--first-seed", 5)
    assert not kept & set(root.names(UNFINISHED))


def test_costs_decide_and_are_told(
    train: Callable[..., Model], root: Root, seqclass: Command, tmp_path: Path
) -> None:
    (tmp_path / "costs.csv").write_text("truth,often,rare,unknown\noften,0,1,.3\nrare,9,0,.3\n")
    model = train("--goal", tmp_path / "costs.csv")
    assert model.manifest["decision"]["costs"] == [[0, 1, 0.3], [9, 0, 0.3]]
    found = model.read_json("metrics.json")
    assert found["goal"] == "costs"
    costs = {name: own["cost"] for name, own in found["by_goal"].items()}
    assert costs["costs"] < costs["accuracy"]
    assert found["unknown"]["ambiguous"] > 0
    _, out, _ = seqclass("show", model.ref)
    assert "costs (chosen)" in out
    _, out, _ = seqclass("compare", "rare@v1", model.ref.removeprefix("models/"))
    assert "answers for each goal" in out
    report = Path(root.join("models", "rare", model.version, "report.html")).read_text()
    assert "expected cost" in report
    loaded = load_model(f"rare@{model.version}", root=root.url)
    x = open_dataset(root, "rare").values(np.arange(40))
    expected = loaded.predict_proba(x) @ np.array(model.manifest["decision"]["costs"])
    wanted = np.array([*CLASSES, "unknown"])[expected.argmin(axis=1)]
    strange = loaded.predict_or_unknown(x)
    assert (strange[strange != "unknown"] == wanted[strange != "unknown"]).all()
    assert set(np.flatnonzero(wanted == "unknown")) <= set(np.flatnonzero(strange == "unknown"))
