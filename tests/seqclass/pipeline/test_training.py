"""The library trains, retrains and promotes without Prefect, to the bits of the flows."""

import subprocess
import sys
from pathlib import Path

import pytest

from seqclass.pipeline.candidates import split_rows
from seqclass.store.catalogue import verify_tree
from seqclass.store.registry import champion_of, open_model
from seqclass.store.root import Root
from seqclass.stores import open_store
from seqclass.training.spec import TrainingSpec
from tests.support.places import REPOSITORY
from tests.support.stored import QUICK, store_series

WITHOUT_PREFECT = """
import sys
sys.modules["prefect"] = None
from seqclass import open_store
store = open_store(sys.argv[1])
print(store.train("toy", seeds=1)["verdict"])
"""


@pytest.mark.system
def test_the_store_trains_the_version_that_the_flow_trains(prefect: str, root: Root) -> None:
    from seqclass.flows.training import train_classifier

    store_series(root)
    by_flow = train_classifier("toy", "flow", QUICK, root.url)
    by_store = open_store(root.url).train("toy", "store", **_fields(QUICK))
    versions = [open_model(root, trained["model"]) for trained in (by_flow, by_store)]
    records = [version.read_json("stability.json")["seeds"] for version in versions]
    digests = [[seed["weights_sha256"] for seed in seeds] for seeds in records]
    assert digests[0] == digests[1]
    scores = [version.read_json("metrics.json")["metrics"] for version in versions]
    assert scores[0] == scores[1]
    assert versions[0].manifest["spec"] == versions[1].manifest["spec"]
    assert verify_tree(root)["bad"] == []


def test_costs_of_other_classes_are_refused_with_the_split_before_any_training(root: Root) -> None:
    dataset = store_series(root)
    costs = {"up": {"sideways": 1}, "sideways": {"up": 1}}
    with pytest.raises(ValueError, match="goal: expected costs of the classes"):
        split_rows(dataset.ref, TrainingSpec(goal=costs), f"{root.url}/split", root)
    assert not root.fs.exists(f"{root.url}/split")


def _fields(spec: TrainingSpec) -> dict:
    return dict(vars(spec))


@pytest.mark.system
def test_a_script_without_a_main_guard_trains_where_prefect_is_missing(
    root: Root, tmp_path: Path
) -> None:
    store_series(root)
    script = tmp_path / "script.py"
    script.write_text(WITHOUT_PREFECT)
    run = subprocess.run(
        [sys.executable, script, root.url], cwd=REPOSITORY, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == "promoted"
    assert champion_of(root, "toy") == "v1"
