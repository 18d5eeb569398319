"""A dataset or model gets another name whole, or it keeps its name whole."""

import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from seqclass.export.model_card import version_files
from seqclass.monitoring.policy import ModelPolicy
from seqclass.pipeline.promote import roll_back
from seqclass.pipeline.rename import rename
from seqclass.policies import is_paused, policy_of, set_paused, set_policy
from seqclass.store.approvals import ask
from seqclass.store.catalogue import verify_tree
from seqclass.store.datasets import Provenance, dataset_versions, open_dataset, write_rows
from seqclass.store.log import next_turn, read_log, state_of
from seqclass.store.models import model_versions, read_model
from seqclass.store.pruning import delete_all
from seqclass.store.registry import MoveReason, champion_of
from seqclass.store.root import Root, open_root, replace_file
from tests.support.arrivals import rows
from tests.support.commands import Command
from tests.support.places import NOW
from tests.support.small_roots import store_all
from tests.support.stored import DESCRIBED, make_champion, store_series, store_version

PAGE = ("recordings", f"{'0' * 16}.html")


def store_grown(root: Root) -> list[str]:
    """A dataset to which rows were added, and the page of a recording; returns its versions."""
    first = store_series(root, n=4)
    write_rows(root, "toy", [*first.tables(), rows(0)], Provenance({"test": "x"}, parent=first))
    replace_file(root, root.join("datasets", "toy", *PAGE), b"song")
    return dataset_versions(root, "toy")


def store_followed(root: Root) -> list[str]:
    """Three versions, of which the second followed the first as champion, with its weights."""
    described: Any = {**DESCRIBED, "dataset": "datasets/x@0"}
    cards = version_files("wrong", described, NOW, 3)
    for number in (1, 2, 3):
        spec = {"warm_start": "models/wrong@v1" if number == 2 else None}
        version = store_version(root, "wrong", spec=spec, dataset="datasets/x@0", records={
            **cards, "metrics.json": {"references": 3}}).version  # fmt: skip
        if number < 3:
            make_champion(root, "wrong", version, number)
    set_policy(root, "wrong", ModelPolicy(pins=("v2",)), "strict", NOW + timedelta(seconds=9))
    set_paused(root, "wrong", True, "holidays")
    return model_versions(root, "wrong")


def check_dataset(root: Root, versions: list[str]) -> None:
    assert (dataset_versions(root, "toy"), dataset_versions(root, "right")) == ([], versions)
    newest = open_dataset(root, "right")
    assert newest.ref == f"datasets/right@{versions[-1]}"
    assert newest.manifest["parents"] == [f"datasets/right@{versions[0]}"]
    assert newest.manifest["renamed_from"] == f"datasets/toy@{versions[-1]}"
    assert newest.values().shape == (8, 12, 1)
    assert root.fs.cat_file(root.join("datasets", "right", *PAGE)) == b"song"
    assert read_log(root, "right", kind="datasets")[0]["reason"] == "renamed from datasets/toy"
    last = read_log(root, "toy", kind="datasets")[-1]
    assert (last["what"], last["reason"]) == ("delete", "renamed to datasets/right: why")
    assert verify_tree(root)["bad"] == []


def check_model(root: Root, versions: list[str]) -> None:
    assert (model_versions(root, "wrong"), champion_of(root, "wrong")) == ([], None)
    assert model_versions(root, "right") == versions
    assert champion_of(root, "right") == "v2"
    policy = policy_of(root, "right")
    assert policy is not None
    assert policy.pins == ("v2",)
    assert is_paused(root, "right")
    second = read_model(root, "right", "v2")
    second.check()
    assert second.manifest["spec"]["warm_start"] == "models/right@v1"
    for card in ("README.md", "MLmodel"):
        text = second.read(card).decode()
        assert "right" in text
        assert "wrong" not in text
    assert read_log(root, "wrong")[-1]["reason"] == "renamed to models/right: why"
    assert verify_tree(root)["bad"] == []


def test_a_dataset_takes_rows_parents_and_recordings_along(root: Root) -> None:
    versions = store_grown(root)
    assert rename(root, "toy", "right", "why") == {
        "from": "datasets/toy", "to": "datasets/right", "versions": versions,
    }  # fmt: skip
    check_dataset(root, versions)


def test_a_model_takes_champions_and_policy_along(root: Root) -> None:
    versions = store_followed(root)
    rename(root, "models/wrong", "models/right", "why")
    check_model(root, versions)
    roll_back(root, "right", "worse", datetime.now(UTC))
    assert champion_of(root, "right") == "v1"
    assert verify_tree(root)["bad"] == []


def test_a_bucket_is_renamed_in_like_a_folder(bucket: Root) -> None:
    versions, numbers = store_grown(bucket), store_followed(bucket)
    rename(bucket, "toy", "right", "why")
    check_dataset(bucket, versions)
    rename(bucket, "wrong", "right", "why")
    check_model(bucket, numbers)


def test_nothing_happens_without_yes(
    root: Root, seqclass: Command, seqclass_json: Callable[..., dict]
) -> None:
    versions = store_grown(root)
    before = sorted(root.fs.find(root.path))
    code, out, _ = seqclass("rename", "toy", "right")
    assert code == 0
    assert all(text in out for text in ("datasets/toy", "datasets/right", versions[0], "--yes"))
    assert sorted(root.fs.find(root.path)) == before
    outcome = seqclass_json("rename", "toy", "right", "--yes", "--reason", "why")
    assert (outcome["renamed"], outcome["versions"]) == (True, versions)
    check_dataset(root, versions)
    assert "right" in Path(root.join("index.html")).read_text()
    assert "datasets/toy" not in Path(root.join("index.html")).read_text()
    code, _, err = seqclass("rename", "toy", "right", "--yes")
    assert (code, "renamed to datasets/right: why" in err) == (2, True)


REFUSED = {
    "none other": "REF: expected a model or dataset",
    "m@v1 other": "REF: expected a name without a version",
    "both other": "REF: expected a model or a dataset",
    "alone ../other": "NEW: expected 1 to 64 letters",
    "alone other@v1": "NEW: expected 1 to 64 letters",
    "alone models/other": "NEW: expected 1 to 64 letters",
    "alone alone": "NEW: expected a name that nothing has or had",
    "alone toy": "NEW: expected a name that nothing has or had",
    "alone gone": "NEW: expected a name that nothing has or had",
    "m other": "in use by scores/m@v2, retrainings/m@",
    "toy other": "studies/toy@",
    "datasets/both other": "in use by models/both@v1",
    "awaited other": "the question whether to approve v1",
    "fed other": "in use by inbox/fed",
    "begun other": "in use by models/follower@v1",
}


def test_what_can_not_be_renamed_is_refused_and_stays(root: Root, seqclass: Command) -> None:
    store_all(root)
    for name in ("alone", "both", "gone", "fed"):
        dataset = store_series(root, name, n=4)
    both = store_version(root, "both", dataset=open_dataset(root, "both").ref)
    assert dataset.ref != both.ref
    os.makedirs(root.join("inbox", "fed"))
    assert seqclass("delete", "gone", "--all", "--yes")[0] == 0
    store_version(root, "awaited")
    ask(next_turn(root, "awaited"), "v1", MoveReason("me", "", {}), NOW + timedelta(days=10_000))
    store_version(root, "begun")
    store_version(root, "follower", spec={"warm_start": "models/begun@v1"})
    before = sorted(root.fs.find(root.path))
    for words, says in REFUSED.items():
        for yes in ((), ("--yes",)):
            code, _, err = seqclass("rename", *words.split(), *yes)
            assert (code, err.count("\n"), says in err) == (2, 1, True), err
            assert sorted(root.fs.find(root.path)) == before, words


def test_a_name_that_was_given_away_and_is_used_again_does_not_follow(root: Root) -> None:
    store_version(root, "wrong")
    rename(root, "wrong", "right", "why")
    assert store_version(root, "wrong").version == "v2"
    with pytest.raises(ValueError, match="NEW: expected a name that nothing has or had"):
        rename(root, "wrong", "right", "why")
    assert (model_versions(root, "wrong"), model_versions(root, "right")) == (["v2"], ["v1"])


def test_a_damaged_version_is_not_copied(root: Root) -> None:
    newest = store_series(root, n=4)
    root.fs.pipe_file(f"{newest.folder}/part-00000.parquet", b"other")
    with pytest.raises(ValueError, match="the content differs"):
        rename(root, "toy", "right", "why")
    assert dataset_versions(root, "right") == []


def test_rows_that_come_before_the_end_are_taken_along(
    root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    store_series(root, n=4)

    def late(*words: Any) -> None:
        store_series(root, n=6)
        delete_all(*words)

    monkeypatch.setattr("seqclass.pipeline.rename.delete_all", late)
    rename(root, "toy", "right", "why")
    assert len(dataset_versions(root, "right")) == 2
    assert len(open_dataset(root, "right").labels()) == 6


class Killed(BaseException):
    pass


@pytest.mark.parametrize(("old", "store", "check"), [
    ("datasets/toy", store_grown, check_dataset), ("models/wrong", store_followed, check_model),
])  # fmt: skip
def test_a_rename_that_is_killed_before_any_write_is_ended_by_the_next(
    old: str,
    store: Callable[[Root], list[str]],
    check: Callable[[Root, list[str]], None],
    root: Root,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    versions, (kind, name) = store(root), old.split("/")
    for number in count():
        tree = open_root(shutil.copytree(root.path, tmp_path / str(number)))
        try:
            with monkeypatch.context() as patch:
                die_before(number, patch)
                rename(tree, old, "right", "why")
        except Killed:
            assert verify_tree(tree)["bad"] == []
        else:
            break
        if not state_of(tree, name, kind)["deleted"]:
            assert tree.sealed_names(kind, name) == sorted(versions)
        if tree.sealed_names(kind, name):
            rename(tree, old, "right", "why")
        check(tree, versions)
    assert number > 10


def die_before(number: int, patch: pytest.MonkeyPatch) -> None:
    """Let this process die before its write of this number, from 0 on."""
    left = iter(range(number))

    def dying(call: Callable[..., Any]) -> Callable[..., Any]:
        def write(*words: Any, **more: Any) -> Any:
            if next(left, None) is None:
                raise Killed
            return call(*words, **more)

        return write

    for name in ("link", "rename", "replace"):
        patch.setattr(os, name, dying(getattr(os, name)))
