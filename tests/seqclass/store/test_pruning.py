"""What prune and delete remove, what they keep and why, and that the rest stays sound."""

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from seqclass.monitoring.policy import ModelPolicy
from seqclass.policies import set_policy
from seqclass.store.audit import read_audit
from seqclass.store.catalogue import verify_tree
from seqclass.store.datasets import dataset_versions, open_dataset
from seqclass.store.models import model_versions, read_model
from seqclass.store.prune_spec import PruneSpec
from seqclass.store.pruning import plan_pruning
from seqclass.store.registry import champion_of
from seqclass.store.root import Root
from seqclass.store.scores import ScoreSet
from seqclass.store.staging import staging
from tasks.registry.promote import roll_back
from tests.support.commands import Command
from tests.support.places import NOW
from tests.support.stored import SCORES, make_champion, store_series, store_version


@pytest.fixture
def lived(root: Root) -> Root:
    """Seven champions, each on rows of its own, and a version after them that was refused."""
    for number in range(8):
        known = {
            "dataset": store_series(root, n=20 + number).ref,
            "spec": {"warm_start": "models/toy@v1" if number == 4 else None},
            "metrics": SCORES,
        }
        version = store_version(root, "toy", **known).version
        if number < 7:
            make_champion(root, "toy", version, number)
    store_series(root, n=40)
    return root


def scored(root: Root, version: str) -> str:
    place = ScoreSet(root, "toy", version, "files", "0" * 16)
    with staging(root, "scores") as folder:
        root.fs.makedirs(folder, exist_ok=True)
        root.fs.pipe_file(f"{folder}/scores.parquet", b"rows")
        place.write(folder, {}, NOW)
    return place.folder


def kept(root: Root, **spec: float) -> dict[str, str]:
    items = plan_pruning(root, PruneSpec(**spec), datetime.now(UTC))  # type: ignore[arg-type]
    return {item.ref: item.why for item in items}


def test_what_stays_is_what_a_rollback_a_pin_or_another_version_needs(lived: Root) -> None:
    set_policy(lived, "toy", ModelPolicy(pins=("v2",)), "", NOW + timedelta(minutes=1))
    found = kept(lived, days=1, rollbacks=2)
    assert {ref: why for ref, why in found.items() if ref.startswith("models/")} == {
        "models/toy@v1": "a version that stays began with its weights",
        "models/toy@v2": "pinned by the policy",
        "models/toy@v3": "",
        "models/toy@v4": "",
        "models/toy@v5": "rollback goes back to it, step 2",
        "models/toy@v6": "rollback goes back to it, step 1",
        "models/toy@v7": "champion",
        "models/toy@v8": "the newest, whose number is not given again",
    }
    datasets = [why for ref, why in found.items() if ref.startswith("datasets/")]
    assert datasets.count("") == 2
    assert datasets.count("the newest of its name") == 1
    assert found[open_dataset(lived, "toy").ref] == "the newest of its name"
    young = kept(lived, days=10_000).values()
    assert all(young)


def shown_versions(root: Root) -> list[str]:
    """Those that the model's page has."""
    summary = json.loads(Path(root.join("models/toy/index.json")).read_text())
    return [version["version"] for version in summary["versions"]]


def test_a_dry_run_removes_nothing_and_yes_leaves_a_sound_tree(
    lived: Root, seqclass: Command, seqclass_json: Callable[..., dict]
) -> None:
    old, new = scored(lived, "v2"), scored(lived, "v7")
    done = Path(lived.join("inbox", "toy", "done"))
    done.mkdir(parents=True)
    (done / "taken.parquet").write_bytes(b"x")
    os.utime(done / "taken.parquet", (0, 0))
    code, out, _ = seqclass("prune", "--rollbacks", "2")
    assert code == 0
    assert "stays: models/toy@v7: champion" in out
    assert "goes: models/toy@v3" in out
    assert len(model_versions(lived, "toy")) == 8
    found = seqclass_json("prune", "--rollbacks", "2", "--yes", "--reason", "spring")
    assert "inbox/toy/done/taken.parquet" in found["removed"]
    assert model_versions(lived, "toy") == ["v1", "v5", "v6", "v7", "v8"]
    assert shown_versions(lived) == ["v1", "v5", "v6", "v7", "v8"]
    assert len(dataset_versions(lived, "toy")) == 6
    assert (Path(old).exists(), Path(new).exists()) == (False, False)
    assert not (done / "taken.parquet").exists()
    assert verify_tree(lived)["bad"] == []
    said = [e["reason"] for e in read_audit(lived, "toy") if e["what"] == "prune"]
    assert said == [f"v{number} removed: spring" for number in (2, 3, 4)]
    assert len(lived.names("prunings")) == 1
    assert seqclass_json("prune", "--rollbacks", "2")["goes"] == []
    assert not lived.exists("models", "files")
    for step in range(2):
        roll_back(lived, "toy", "back", datetime.now(UTC))
        assert champion_of(lived, "toy") == f"v{6 - step}"
    assert verify_tree(lived)["bad"] == []


def test_one_version_is_deleted_and_what_is_needed_is_not(
    lived: Root, seqclass: Command, seqclass_json: Callable[..., dict]
) -> None:
    assert seqclass_json("delete", "models/toy@v3")["removed"] == []
    assert "v3" in model_versions(lived, "toy")
    assert seqclass_json("delete", "models/toy@v3", "--yes")["removed"] == ["models/toy@v3"]
    assert "v3" not in model_versions(lived, "toy")
    assert "v3" not in shown_versions(lived)
    assert len(model_versions(lived, "toy")) == 7
    used = read_model(lived, "toy", "v2")
    for ref, says in (
        (used.manifest["dataset"], "models/toy@v2 learned from it; it stays"),
        ("models/toy@v7", "champion; it stays"),
        ("models/toy@v6", "rollback goes back to it, step 1"),
        ("toy@v7", "champion; it stays"),
        ("toy", "REF: expected a version as NAME@vN or NAME@DIGEST"),
        ("toy@", "REF: expected a version as NAME@vN or NAME@DIGEST"),
        ("models/toy@v99", "expected one of toy@v1"),
    ):
        code, _, err = seqclass("delete", ref, "--yes")
        assert (code, err.count("\n")) == (2, 1)
        assert says in err
    assert verify_tree(lived)["bad"] == []


def test_a_mistaken_dataset_is_deleted_version_by_version(
    root: Root, seqclass: Command, seqclass_json: Callable[..., dict]
) -> None:
    first, second = (store_series(root, "latin", n).ref for n in (20, 24))
    store_series(root, "other")
    assert seqclass("pages")[0] == 0
    short = second.removeprefix("datasets/")[:-6]
    assert seqclass_json("delete", short, "--yes")["removed"] == [second]
    assert open_dataset(root, "latin").ref == first
    assert verify_tree(root)["bad"] == []
    assert seqclass_json("delete", first, "--yes")["removed"] == [first]
    assert root.names("datasets", "latin") == []
    assert verify_tree(root)["bad"] == []
    found = seqclass_json("datasets")
    assert [own["dataset"].partition("@")[0] for own in found["datasets"]] == ["datasets/other"]
    assert "latin" not in Path(root.join("index.html")).read_text()
    assert store_series(root, "latin", 20).ref == first
    assert verify_tree(root)["bad"] == []


def test_a_version_is_deleted_by_the_name_that_other_commands_take(
    lived: Root, seqclass_json: Callable[..., dict]
) -> None:
    assert seqclass_json("delete", "toy@v3", "--yes")["removed"] == ["models/toy@v3"]


@pytest.mark.parametrize("words", [("--rollbacks", "0"), ("--days", "inf"), ("--days", "1000000")])
def test_bad_bounds_are_one_line(root: Root, seqclass: Command, words: tuple[str, str]) -> None:
    code, _, err = seqclass("prune", *words)
    assert (code, err.count("\n")) == (2, 1)
    assert words[0] in err
