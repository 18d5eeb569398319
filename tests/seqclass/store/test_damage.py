"""A damaged record is named and left out; the others stay, and no command ends in a traceback."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from seqclass.pages.index_pages import write_all
from seqclass.store.catalogue import list_models
from seqclass.store.log import next_turn
from seqclass.store.registry import MoveReason, champion_of, move_champion
from seqclass.store.retrainings import commit_retraining
from seqclass.store.root import DamagedError, Damages, Root, open_root
from seqclass.store.staging import staging
from tests.support.commands import Command
from tests.support.places import NOW
from tests.support.rights import ordinary_rights
from tests.support.stored import DECIDED, newest_entry_of, store_series, store_version

SCORES = {"macro_f1": 1.0, "accuracy": 1.0, "log_loss": 0.1}


def sealed(**content: object) -> bytes:
    """A manifest that carries the right digest of itself, whatever it says."""
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    return json.dumps({**content, "manifest_sha256": digest}).encode()


def damage(root: Root, content: bytes | None, *place: str) -> str:
    path = Path(root.join(*place))
    path.unlink()
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    return str(path)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Root:
    """Datasets ``toy`` and ``other``, models ``toy`` of three versions and ``other`` of one."""
    root = open_root(tmp_path_factory.mktemp("sound") / "tree")
    for name, n in (("toy", 20), ("toy", 24), ("other", 20)):
        store_series(root, name, n)
    for number, name in enumerate(("toy", "toy", "toy", "other")):
        version = store_version(root, name, metrics=SCORES, spec={}).version
        move_champion(
            next_turn(root, name), version, MoveReason("me", "why", {}, NOW.replace(second=number))
        )
    with staging(root, "retraining") as folder:
        commit_retraining(root, folder, "toy", DECIDED, NOW)
    return root


@pytest.fixture
def tree(sound: Root, root: Root) -> Root:
    """A copy to be damaged."""
    shutil.copytree(sound.path, root.path)
    return root


def places(root: Root) -> dict[str, tuple[str, ...]]:
    [retraining] = root.names("retrainings", "toy")
    return {
        "dataset": ("datasets", "toy", root.names("datasets", "toy")[0], "manifest.json"),
        "model": ("models", "toy", "v1", "manifest.json"),
        "log entry": ("log", "models", "toy", root.names("log", "models", "toy")[1]),
        "retraining": ("retrainings", "toy", retraining, "manifest.json"),
    }


@pytest.mark.parametrize(
    ("record", "content"),
    [
        ("dataset", sealed()),
        ("model", sealed(files=[{"path": "../../../secret", "sha256": "0"}])),
        ("log entry", b"[1, 2]"),
        ("retraining", None),
    ],
    ids=["a dataset, sealed nothing", "a model, files elsewhere", "an entry, a list",
         "a retraining, a folder"],
)  # fmt: skip
def test_one_damaged_record_is_named_and_hides_no_other(
    tree: Root, seqclass: Command, record: str, content: bytes | None
) -> None:
    path = damage(tree, content, *places(tree)[record])
    for words in (["models"], ["datasets"], ["models", "--json"], ["datasets", "--json"]):
        code, out, err = seqclass(*words)
        assert (code, "Traceback" in err) == (0, False)
        assert "other" in out
    page = Path(write_all(tree)).read_text()
    assert "other@v1" in page
    assert "toy@v3" in page
    assert path in page
    code, out, err = seqclass("verify")
    assert (code, "Traceback" in err) == (1, False)
    assert path in out
    for words, version in ((("promote", "toy@v2", "--force"), "v2"), (("rollback", "toy"), "v3")):
        code, _, err = seqclass(*words)
        assert (code, "Traceback" in err) == (0, False), err
        assert champion_of(tree, "toy") == version


@pytest.mark.parametrize("folder", [("log", "models", "toy"), ("models", "toy", "v3")])
def test_a_folder_that_may_not_be_read_is_damaged_and_not_absent(
    tree: Root, seqclass: Command, folder: tuple[str, ...]
) -> None:
    closed = Path(tree.join(*folder))
    closed.chmod(0)
    with ordinary_rights():
        code, out, err = seqclass("models")
    closed.chmod(0o755)
    assert (code, "other" in out) == (0, True)
    assert "left out, damaged" in err
    assert str(closed) in err


def test_a_log_that_may_not_be_read_gets_no_entry(tree: Root) -> None:
    closed = Path(tree.join("log", "models", "toy"))
    closed.chmod(0)
    with ordinary_rights(), pytest.raises(DamagedError, match="Permission denied"):
        move_champion(next_turn(tree, "toy"), "v1", MoveReason("me", "why", {}, NOW))
    closed.chmod(0o755)
    assert champion_of(tree, "toy") == "v3"


def test_a_damaged_newest_entry_hides_no_model(tree: Root, seqclass: Command) -> None:
    path = damage(tree, b"", *tree.parts_of(newest_entry_of(tree, "toy")))
    bad = Damages()
    assert len(list_models(tree, bad)) == 4
    assert [path in item["problem"] for item in bad] == [True]
    write_all(tree)
    for words in (["show", "toy"], ["rollback", "toy"], ["promote", "toy@v2", "--force"]):
        code, out, err = seqclass(*words)
        assert (code, out, err.count("\n")) == (2, "", 1), words
    assert seqclass("models")[0] == 0
