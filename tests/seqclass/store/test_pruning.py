"""What prune and delete remove, what they keep and why, and that the rest stays sound."""

import json
import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from seqclass.monitoring.policy import ModelPolicy
from seqclass.pipeline.detection import undecided
from seqclass.pipeline.promote import roll_back
from seqclass.policies import is_paused, set_policy
from seqclass.store import models, pruning
from seqclass.store.approvals import ask, open_question
from seqclass.store.catalogue import verify_tree
from seqclass.store.datasets import dataset_versions, give_up, open_dataset
from seqclass.store.layout import within
from seqclass.store.locks import try_lock
from seqclass.store.log import next_turn, read_log
from seqclass.store.models import model_versions
from seqclass.store.policy_file import read_policy
from seqclass.store.prune_spec import PruneSpec
from seqclass.store.pruning import delete_all, find_name, plan_pruning
from seqclass.store.queues import write_labels, write_queue
from seqclass.store.registry import MoveReason, champion_of, is_deleted
from seqclass.store.retrainings import RETRAINING, commit_retraining, write_attempt
from seqclass.store.root import DamagedError, Root, open_root
from seqclass.store.scores import ScoreSet
from seqclass.store.seeds import keep_seed
from seqclass.store.staging import staging
from seqclass.tasks.events import models_of
from tests.support.commands import Command
from tests.support.places import NOW
from tests.support.stored import DECIDED, SCORES, make_champion, store_series, store_version

EMPTY = pa.table({"series_id": pa.array([], pa.string())})


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Root:
    """Seven champions, each on rows of its own, and a version after them that was refused."""
    root = open_root(tmp_path_factory.mktemp("made") / "tree")
    for number in range(8):
        described = {
            "dataset": store_series(root, n=20 + number).ref,
            "spec": {"warm_start": "models/toy@v1" if number == 4 else None},
            "metrics": SCORES,
        }
        version = store_version(root, "toy", **described).version
        if number < 7:
            make_champion(root, "toy", version, number)
    store_series(root, n=40)
    return root


@pytest.fixture
def lived(made: Root, root: Root) -> Root:
    shutil.copytree(made.path, root.path)
    return root


def scored(root: Root, version: str) -> str:
    place = ScoreSet(root, "toy", version, "files", "0" * 16)
    with staging(root, "scores") as folder:
        root.fs.makedirs(folder, exist_ok=True)
        root.fs.pipe_file(f"{folder}/scores.parquet", b"rows")
        place.write(folder, {"rows": 1, "path": "x", "unknown": 0}, NOW)
    return place.folder


def kept(root: Root, **spec: float) -> dict[str, str]:
    items = plan_pruning(root, PruneSpec(**spec), datetime.now(UTC))  # type: ignore[arg-type]
    return {item.ref: item.why for item in items}


def test_what_stays_is_what_a_rollback_a_pin_or_another_version_needs(lived: Root) -> None:
    set_policy(lived, "toy", ModelPolicy(pins=("v2",)), "", NOW + timedelta(minutes=1))
    reasons = kept(lived, days=1, rollbacks=2)
    assert {ref: why for ref, why in reasons.items() if ref.startswith("models/")} == {
        "models/toy@v1": "a version that stays began with its weights",
        "models/toy@v2": "pinned by the policy",
        "models/toy@v3": "",
        "models/toy@v4": "",
        "models/toy@v5": "rollback goes back to it, step 2",
        "models/toy@v6": "rollback goes back to it, step 1",
        "models/toy@v7": "champion",
        "models/toy@v8": "the newest, whose number is not given again",
    }
    datasets = [why for ref, why in reasons.items() if ref.startswith("datasets/")]
    assert datasets.count("") == 2
    assert datasets.count("the newest of its name") == 1
    assert reasons[open_dataset(lived, "toy").ref] == "the newest of its name"
    assert all(kept(lived, days=10_000).values())


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
    lines = [line.split() for line in out.splitlines()]
    assert ["stays", "models/toy@v7", "champion"] in lines
    assert ["goes", "models/toy@v3"] in lines
    assert len(model_versions(lived, "toy")) == 8
    removed = seqclass_json("prune", "--rollbacks", "2", "--yes", "--reason", "spring")["removed"]
    assert "inbox/toy/done/taken.parquet" in removed
    assert model_versions(lived, "toy") == ["v1", "v5", "v6", "v7", "v8"]
    assert shown_versions(lived) == ["v1", "v5", "v6", "v7", "v8"]
    assert len(dataset_versions(lived, "toy")) == 6
    assert (Path(old).exists(), Path(new).exists()) == (False, False)
    assert not (done / "taken.parquet").exists()
    assert verify_tree(lived)["bad"] == []
    reasons = [e["reason"] for e in read_log(lived, "toy") if e["what"] == "prune"]
    assert reasons == ["v2, v3, v4 removed: spring"]
    assert len(lived.names("prunings")) == 1
    assert seqclass_json("prune", "--rollbacks", "2")["goes"] == []
    assert not lived.exists("models", "files")
    for step in range(2):
        roll_back(lived, "toy", "back", datetime.now(UTC))
        assert champion_of(lived, "toy") == f"v{6 - step}"
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
    [left] = seqclass_json("datasets")["datasets"]
    assert left["dataset"].startswith("datasets/other@")
    assert "latin" not in Path(root.join("index.html")).read_text()
    assert store_series(root, "latin", 20).ref == first
    assert verify_tree(root)["bad"] == []


def leave_all_kinds(root: Root) -> None:
    """A policy, scores, a retraining, queues, labels, pages and an open question."""
    scored(root, "v2")
    set_policy(root, "toy", ModelPolicy(pins=("v2",)), "", NOW + timedelta(minutes=1))
    with staging(root, "retraining") as work:
        commit_retraining(root, work, "toy", {**DECIDED, "champion": "models/toy@v7"}, NOW)
    about = {"model": "models/toy@v7", "dataset": "x"}
    write_queue(root, "toy", EMPTY, {**about, "reasons": {}}, NOW)
    counted = {"parent": "x", "changed": 0, "confirmed": 0, "sha256": "0" * 64}
    write_labels(root, ("toy", "0" * 16), EMPTY, {**about, **counted}, NOW)
    write_attempt(root, "toy", {"champion": "v7", "dataset": "x", "tries": 1, "error": None})
    ask(next_turn(root, "toy"), "v8", MoveReason("me", "why", {}), NOW + timedelta(days=10_000))


def places_beside(root: Root) -> list[tuple[str, ...]]:
    kinds = ("scores", "retrainings", "queues")
    return [parts for kind in kinds for parts in within(root, (kind, "toy"))]


def test_a_model_is_deleted_whole_and_its_log_stays(
    lived: Root, seqclass: Command, seqclass_json: Callable[..., dict]
) -> None:
    leave_all_kinds(lived)
    assert seqclass("pages")[0] == 0
    before = len(read_log(lived, "toy"))
    code, out, _ = seqclass("delete", "models/toy", "--all")
    assert code == 0
    assert {
        "goes models/toy@v7 champion", "goes models/toy@v8 awaits approval",
        "goes models/toy@v2 pinned by the policy",
    } <= {" ".join(line.split()) for line in out.splitlines()}  # fmt: skip
    assert (len(model_versions(lived, "toy")), len(read_log(lived, "toy"))) == (8, before)
    report = seqclass_json("delete", "models/toy", "--all", "--yes", "--reason", "a mistake")
    assert report["removed"] == report["goes"]
    assert [model_versions(lived, "toy"), champion_of(lived, "toy")] == [[], None]
    assert places_beside(lived) == []
    assert lived.names("labels", "toy") == ["0" * 16]
    assert lived.names("models", "toy") == []
    assert (read_policy(lived, "toy"), open_question(lived, "toy")) == (None, None)
    last = read_log(lived, "toy")[-1]
    assert (last["what"], last["from"], last["to"], last["reason"]) == (
        "delete", "v7", None, "a mistake",
    )  # fmt: skip
    assert verify_tree(lived)["bad"] == []
    assert seqclass_json("models")["models"] == []
    assert "models/toy/" not in Path(lived.join("index.html")).read_text()
    history = seqclass_json("history", "toy")
    assert [term["version"] for term in history["answered"]] == [f"v{n}" for n in range(1, 8)]
    assert history["answered"][-1]["until"]
    assert history["refused"][-1]["what"] == "delete"
    assert seqclass("history", "toy")[1].splitlines()[1].split()[::3] == ["v8", "delete", "mistake"]
    assert 'champion_age_seconds{model="toy"}' not in seqclass("metrics")[1]
    assert seqclass("pages")[0] == seqclass("prune")[0] == 0


def test_nothing_retrains_a_deleted_model_and_its_numbers_are_not_given_again(
    lived: Root, seqclass: Command
) -> None:
    assert undecided(lived, "toy") is not None
    assert seqclass("policy", "toy", "--pause")[0] == 0
    assert seqclass("delete", "models/toy", "--all", "--yes")[0] == 0
    assert undecided(lived, "toy") is None
    assert models_of(lived, "datasets/toy") == []
    assert seqclass("retrain", "toy")[0] == 2
    assert seqclass("policy", "--all", "--pause")[0] == 0
    dataset = open_dataset(lived, "toy").ref
    assert store_version(lived, "toy", dataset=dataset).version == "v9"
    assert (is_deleted(lived, "toy"), is_paused(lived, "toy")) == (False, False)
    make_champion(lived, "toy", "v9", 10**8)
    assert verify_tree(lived)["bad"] == []
    assert seqclass("rollback", "toy")[0] == 2
    assert seqclass("delete", "models/toy", "--all", "--yes")[0] == 0
    assert [e["what"] for e in read_log(lived, "toy")].count("delete") == 2
    assert verify_tree(lived)["bad"] == []


def test_a_dataset_is_deleted_whole_once_no_model_needs_it(
    lived: Root, seqclass: Command, seqclass_json: Callable[..., dict]
) -> None:
    store_version(lived, "other", spec={"warm_start": "models/toy@v1"}, dataset="datasets/x@0")
    for ref, says in (
        ("datasets/toy", "models/toy@v1, models/toy@v2, models/toy@v3"),
        ("models/toy", "models/toy, needed by models/other@v1;"),
        ("toy", "write models/toy or datasets/toy"),
        ("toy@v1", "a name without a version"),
        ("../toy", "expected a model or dataset"),
        ("tox", "did you mean 'toy'?"),
    ):
        for yes in ((), ("--yes",)):
            code, _, err = seqclass("delete", ref, "--all", *yes)
            assert (code, err.count("\n")) == (2, 1), err
            assert says in err
    assert len(model_versions(lived, "toy")) == 8
    assert seqclass("delete", "other", "--all", "--yes")[0] == 0
    with try_lock(lived, RETRAINING, "models", "toy"):
        code, _, err = seqclass("delete", "models/toy", "--all", "--yes")
        assert (code, "no retraining works" in err) == (2, True)
    assert seqclass("delete", "models/toy", "--all", "--yes", "--reason", "a mistake")[0] == 0
    assert "(deleted: a mistake)" in seqclass("delete", "models/toy", "--all")[2]
    versions = dataset_versions(lived, "toy")
    removed = seqclass_json("delete", "toy", "--all", "--yes")["removed"]
    assert removed == [f"datasets/toy@{version}" for version in versions]
    assert lived.names("datasets", "toy") == []
    assert seqclass_json("datasets")["datasets"] == []
    assert verify_tree(lived)["bad"] == []


class Killed(BaseException):
    pass


@pytest.mark.parametrize(("name", "killed"), [("toy", "v9"), ("alone", "v1")])
def test_a_version_that_a_killed_training_left_is_deleted_by_its_number(
    lived: Root, seqclass: Command, monkeypatch: pytest.MonkeyPatch, name: str, killed: str
) -> None:
    """It lies in its place, and the log doesn't name it; until it goes, all others stay."""

    def die(*_: object) -> None:
        raise Killed

    description = {"dataset": open_dataset(lived, "toy").ref}
    with monkeypatch.context() as patch:
        patch.setattr(models, "write_registration", die)
        with pytest.raises(Killed):
            store_version(lived, name, **description)
    assert seqclass("prune", "--days", "0", "--yes")[0] == 0
    why = kept(lived).get("models/toy@v3", "")
    assert why.startswith("its log lacks v9, and may") == (name == "toy")
    before = model_versions(lived, name)
    assert before[-1] == killed
    assert seqclass("delete", f"{name}@{killed}", "--yes")[0] == 0
    assert model_versions(lived, name) == before[:-1]
    assert verify_tree(lived)["bad"] == []
    assert not kept(lived, rollbacks=1, days=0).get("models/toy@v3")
    new = store_version(lived, name, **description).version
    assert new == f"v{int(killed[1:]) + 1}"
    make_champion(lived, name, new, 10**8)
    assert verify_tree(lived)["bad"] == []


def test_all_versions_stay_while_the_log_is_damaged(lived: Root) -> None:
    Path(lived.join("log", "models", "toy", "000003.json")).write_text("{")
    assert kept(lived, days=1)["models/toy@v3"].startswith("its log is damaged")


@pytest.mark.parametrize(
    ("ref", "n_removed"),
    [("models/toy", -1), ("models/toy", 1), ("datasets/alone", 0), ("datasets/alone", 3)],
)
def test_prune_ends_a_deletion_that_was_killed(
    lived: Root, seqclass: Command, monkeypatch: pytest.MonkeyPatch, ref: str, n_removed: int
) -> None:
    leave_all_kinds(lived)
    for n in range(20, 25):
        store_series(lived, "alone", n)
    remove, done = pruning._remove, []

    def die(*words: object) -> None:
        if len(done) == n_removed:
            raise Killed
        done.append(words)
        remove(*words)

    with monkeypatch.context() as patch:
        patch.setattr(pruning, "_remove", die)
        if n_removed < 0:
            patch.setattr(pruning, "remove_items", die)
            n_removed = 0
        with pytest.raises(Killed):
            delete_all(lived, find_name(lived, ref), "why", datetime.now(UTC))
    assert lived.sealed_names(*ref.split("/")) != []
    assert verify_tree(lived)["bad"] == []
    assert seqclass("prune", "--yes")[0] == 0
    assert lived.sealed_names(*ref.split("/")) == []
    assert len(places_beside(lived)) == (0 if ref == "models/toy" else 2)
    assert verify_tree(lived)["bad"] == []


def test_rows_that_come_after_a_killed_deletion_take_it_back(lived: Root) -> None:
    give_up(lived, "toy", "why", NOW)
    newest = store_series(lived, "toy", 50).ref
    assert open_dataset(lived, "toy").ref == newest
    assert kept(lived, days=10_000)[newest]


def test_a_seed_goes_unless_a_training_may_be_at_work_beside_it(root: Root) -> None:
    weights = f"{root.path}-weights.npy"
    Path(weights).write_bytes(b"weights")
    keep_seed(root, "trained", [weights], {})
    keep_seed(root, "abandoned", [weights], {})
    keep_seed(root, "answered", [weights], {}, answered=True)
    keep_seed(root, "damaged", [weights], {})
    Path(root.join("unfinished", "damaged", "manifest.json")).write_text("{")
    for path in Path(root.join("unfinished", "abandoned")).iterdir():
        os.utime(path, (0, 0))
    assert kept(root) == {
        "unfinished/abandoned": "",
        "unfinished/answered": "",
        "unfinished/damaged": "",
        "unfinished/trained": "a training may be at work on it",
    }


def test_bad_bounds_are_one_line(seqclass: Command) -> None:
    for option, value in (("--rollbacks", "0"), ("--days", "inf"), ("--days", "1000000")):
        code, _, err = seqclass("prune", option, value)
        assert (code, err.count("\n"), option in err) == (2, 1, True)


def test_a_version_that_becomes_champion_meanwhile_stays(
    lived: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is promoted between the plan of a pruning and the pruning's entry in the log."""
    plan = pruning.plan_pruning

    def overtaken(*words: Any) -> list[pruning.Item]:
        items = plan(*words)
        make_champion(lived, "toy", "v1", 10**8)
        return items

    monkeypatch.setattr(pruning, "plan_pruning", overtaken)
    spec, now = PruneSpec(0, 1), datetime.now(UTC)
    items = pruning.remove_items(lived, spec, ["models/toy@v1"], "why", now)
    assert [item.why for item in items if item.ref == "models/toy@v1"] == ["champion"]
    assert champion_of(lived, "toy") == "v1"
    assert verify_tree(lived)["bad"] == []


def test_a_version_that_is_being_removed_becomes_champion_no_more(
    lived: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pruning is killed after its entry, before it removes a file."""

    def killed(*_: Any) -> None:
        raise Killed

    monkeypatch.setattr(pruning, "create_file", killed)
    with pytest.raises(Killed):
        pruning.remove_items(lived, PruneSpec(0, 1), ["models/toy@v1"], "why", datetime.now(UTC))
    assert "v1" in model_versions(lived, "toy")
    with pytest.raises(DamagedError, match="it is being removed"):
        make_champion(lived, "toy", "v1", 10**8)
    assert champion_of(lived, "toy") == "v7"
