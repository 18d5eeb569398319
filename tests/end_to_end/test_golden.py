"""A store that commit 4c0a98e wrote, before the split lay beside versions: it still serves."""

import json
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from seqclass.loading import load_model
from seqclass.store.registry import champion_of, open_model
from seqclass.store.root import Root
from seqclass.store.split import SPLIT
from tasks.data.split_rows import split_of
from tests.support.commands import Command
from tests.support.places import REPOSITORY

ARCHIVE = REPOSITORY / "tests" / "golden" / "store.tar.xz"


@pytest.fixture
def old(root: Root, tmp_path: Path) -> Root:
    """Two datasets, three versions with moves between them, a retraining, a study and scores."""
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(tmp_path / "golden", filter="data")
    shutil.move(tmp_path / "golden" / "tree", root.path)
    return root


def new_lines(folder: Path, n: int) -> Path:
    """Series such as the store's, long, with another name for the id."""
    rows = [
        f"n{i},{('down', 'up')[i % 2]},{t},{(t / 5.5 - 1) * (1, -1)[i % 2] + 0.01 * i}"
        for i in range(n)
        for t in range(12)
    ]
    path = folder / "new.csv"
    path.write_text("\n".join(["id,label,step,value", *rows, ""]))
    return path


def test_it_is_listed_sound_and_shown(
    old: Root, seqclass: Command, seqclass_json: Callable[..., dict]
) -> None:
    assert seqclass_json("verify")["bad"] == []
    found = seqclass_json("models")
    assert [(m["name"], m["version"], m["champion"]) for m in found["models"]] == [
        ("lines", "v1", False), ("lines", "v2", False), ("lines", "v3", True),
    ]  # fmt: skip
    assert found["damaged"] == []
    assert len(seqclass_json("datasets")["datasets"]) == 2
    [study] = [name for name in old.names("studies", "lines") if name != "runs"]
    for ref in ("lines", "lines@v1", "datasets/lines", f"studies/lines@{study}"):
        assert seqclass("show", ref)[0] == 0
    assert "made again by the rule of its time" in seqclass("show", "lines@v1")[1]


def test_its_versions_answer_and_their_split_is_that_of_their_rule(old: Root) -> None:
    model = open_model(old, "lines@v1")
    assert all(entry["path"] != SPLIT for entry in model.manifest["files"])
    split = split_of(model)
    assert not split.is_stored
    assert len(split.test) == model.read_json("metrics.json")["test_rows"]
    loaded = load_model("lines@v1", old.path)
    x, y = loaded_rows(old)
    assert (loaded.predict(x) == y).mean() > 0.9


def loaded_rows(root: Root) -> tuple:
    from seqclass.store.datasets import open_dataset

    dataset = open_dataset(root, "lines")
    return dataset.values(), dataset.labels()["label"].to_numpy(zero_copy_only=False)


def test_it_is_rolled_back_and_forth_with_its_audit_whole(
    old: Root, seqclass: Command, seqclass_json: Callable[..., dict]
) -> None:
    assert seqclass("rollback", "lines", "--reason", "look")[0] == 0
    assert champion_of(old, "lines") == "v1"
    code, _, err = seqclass("promote", "lines@v3", "--reason", "and back")
    assert code == 1, "what it was judged by is not stored with it"
    assert err.count("\n") == 1
    assert champion_of(old, "lines") == "v1"
    assert seqclass("promote", "lines@v3", "--reason", "and back", "--force")[0] == 0
    assert champion_of(old, "lines") == "v3"
    assert seqclass_json("verify")["bad"] == []


@pytest.mark.slow
def test_it_scores_and_retrains(
    old: Root, seqclass_json: Callable[..., dict], prefect: str, tmp_path: Path
) -> None:
    rows = new_lines(tmp_path, 60)
    scored = seqclass_json("score", "lines", rows)
    assert (scored["rows"], scored["model"]) == (60, "models/lines@v3")
    seqclass_json("import", rows, "--name", "lines", "--append", "--policy", "out_of_range=accept")
    (tmp_path / "spec.json").write_text(json.dumps({"training": None, "least_rows": 20}))
    outcome = seqclass_json("retrain", "lines", "--spec", tmp_path / "spec.json")
    assert outcome["decision"] in ("promoted", "refused")
    assert open_model(old, "lines@v4").path(SPLIT)
    assert seqclass_json("verify")["bad"] == []
