"""Another goal takes the networks of the last version, and chooses the rule for answers anew."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from seqclass import load_model
from seqclass.flows.cli.training_commands import TrainingOptions
from seqclass.pipeline.training import train
from seqclass.store.catalogue import verify_tree
from seqclass.store.datasets import open_dataset, write_dataset
from seqclass.store.models import Model
from seqclass.store.registry import open_model
from seqclass.store.root import Root, open_root
from seqclass.store.rows import from_dense
from seqclass.store.seeds import UNFINISHED
from tests.support.commands import Command
from tests.support.places import NOW
from tests.support.stored import QUICK

CLASSES = ("often", "rare")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Root:
    """A dataset whose classes overlap, one with five times the rows of the other."""
    root, rng = open_root(tmp_path_factory.mktemp("goals")), np.random.default_rng(0)
    y = (np.arange(900) % 6 == 0).astype(int)
    x = (rng.normal(0, 1, (900, 10)) + 0.6 * y[:, None]).astype(np.float32)
    table = pa.table({
        "series_id": [f"s{k}" for k in range(900)], "label": [CLASSES[code] for code in y],
        "n_steps": np.full(900, 10, np.int32), "value": from_dense(x),
    })  # fmt: skip
    write_dataset(root, "rare", [table], {"test": "goals"}, NOW)
    return root


@pytest.fixture
def trained(root: Root) -> Callable[..., Model]:
    """Train two seeds with these options of the command."""

    def call(**options: Any) -> Model:
        asked = TrainingOptions(**{"seeds": 2, **options}).selected()
        spec = replace(asked, members=QUICK.members)
        return open_model(root, train(root, "rare", spec=spec)["model"])

    return call


def test_another_goal_costs_no_training(trained: Callable[..., Model], root: Root) -> None:
    first = trained(goal="balanced_accuracy")
    kept = set(root.names(UNFINISHED))
    assert len(kept) == 2
    left = [path for path in Path(root.join(UNFINISHED)).rglob("*") if path.is_file()]
    [network] = [path for path in left if path.suffix == ".keras"]
    assert network.samefile(first.path("model.keras")), "it takes no space of its own"
    others = sum(path.stat().st_size for path in left) - network.stat().st_size
    assert others < network.stat().st_size / 4
    second = trained(goal="accuracy", max_error=0.2)
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
    trained(first_seed=5)
    assert not kept & set(root.names(UNFINISHED))


def test_another_goal_costs_an_ensemble_no_training(trained: Callable[..., Model]) -> None:
    first, second = (trained(goal=goal, ensemble=True) for goal in ("macro_f1", "accuracy"))
    before, after = (model.read_json("stability.json")["seeds"] for model in (first, second))
    assert [seed["seconds"] for seed in before] == [seed["seconds"] for seed in after]
    digests = {model.read_json("metrics.json")["ensemble"]["weights_sha256"]
               for model in (first, second)}  # fmt: skip
    assert len(digests) == 1


def test_what_prune_has_removed_is_trained_again(
    trained: Callable[..., Model], root: Root, seqclass_json: Callable[..., dict]
) -> None:
    first = trained()
    going = [f"{UNFINISHED}/{key}" for key in root.names(UNFINISHED)]
    assert set(going) <= set(seqclass_json("prune", "--root", root.path)["goes"])
    seqclass_json("prune", "--yes", "--root", root.path)
    assert root.names(UNFINISHED) == []
    before, after = (
        [seed["weights_sha256"] for seed in model.read_json("stability.json")["seeds"]]
        for model in (first, trained(goal="accuracy"))
    )
    assert before == after


def test_costs_decide_and_are_told(
    trained: Callable[..., Model], root: Root, seqclass: Command, tmp_path: Path
) -> None:
    (tmp_path / "costs.csv").write_text("truth,often,rare,unknown\noften,0,1,.3\nrare,9,0,.3\n")
    model = trained(goal=str(tmp_path / "costs.csv"))
    assert model.manifest["decision"]["costs"] == [[0, 1, 0.3], [9, 0, 0.3]]
    metrics = model.read_json("metrics.json")
    assert metrics["goal"] == "costs"
    costs = {name: scores["cost"] for name, scores in metrics["by_goal"].items()}
    assert costs["costs"] < costs["accuracy"]
    assert metrics["unknown"]["ambiguous"] > 0
    report = Path(root.join("models", "rare", model.version, "report.html")).read_text()
    assert "costs (chosen)" in report
    assert "expected cost" in report
    seqclass("compare", "rare@v1", model.ref, "--root", root.path)
    [page] = Path(root.join("comparisons")).glob("*.html")
    assert "costs (chosen)" in page.read_text()
    loaded = load_model(f"rare@{model.version}", root=root.url)
    x = open_dataset(root, "rare").values(np.arange(40))
    expected = loaded.predict_proba(x) @ np.array(model.manifest["decision"]["costs"])
    cheapest = np.array([*CLASSES, "unknown"])[expected.argmin(axis=1)]
    strange = loaded.predict_or_unknown(x)
    assert (strange[strange != "unknown"] == cheapest[strange != "unknown"]).all()
    assert set(np.flatnonzero(cheapest == "unknown")) <= set(np.flatnonzero(strange == "unknown"))
