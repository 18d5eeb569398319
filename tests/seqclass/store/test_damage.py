"""A damaged record is named and left out; the others stay, and no command ends in a traceback."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from seqclass.pages.index_pages import write_all
from seqclass.store.catalogue import list_models
from seqclass.store.datasets import open_dataset
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


BROKEN: dict[str, bytes | None] = {
    "empty": b"",
    "no text": b"\xff\xfe\x00",
    "another object": b"{}",
    "a list": b"[1, 2]",
    "a number": b"7",
    "deeply nested": b"[" * 200_000 + b"]" * 200_000,
    "deeply nested objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "sealed nothing": sealed(),
    "files elsewhere": sealed(files=[{"path": "../../../secret", "sha256": "0"}]),
    "files of another kind": sealed(files={"a": 1}, name=7, created=[], metrics=None),
    "a folder": None,
}


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


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize("record", ["dataset", "model", "log entry", "retraining"])
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


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
def test_a_damaged_newest_entry_hides_no_model(
    tree: Root, seqclass: Command, content: bytes | None
) -> None:
    path = damage(tree, content, *tree.parts_of(newest_entry_of(tree, "toy")))
    bad = Damages()
    assert len(list_models(tree, bad)) == 4
    assert [path in item["problem"] for item in bad] == [True]
    write_all(tree)
    for words in (
        ["show", "toy"],
        ["rollback", "toy"],
        ["promote", "toy@v2", "--force"],
        ["models"],
    ):
        code, _, err = seqclass(*words)
        assert code in (0, 1, 2)
        assert "Traceback" not in err
    assert Path(tree.join("models", "toy", "v1", "model.keras")).exists()


@pytest.mark.parametrize("record", ["dataset", "model", "log entry"])
def test_an_import_beside_a_damaged_record_ends_well(
    tree: Root, seqclass: Command, prefect: str, tmp_path: Path, record: str
) -> None:
    damage(tree, BROKEN["deeply nested"], *places(tree)[record])
    steps = [
        f"{'kl'[n % 2]}{n},{'kl'[n % 2]},{step},{n + step}" for n in range(8) for step in (0, 1)
    ]
    (tmp_path / "a.csv").write_text("\n".join(["series_id,label,step,x", *steps, ""]))
    code, _, err = seqclass("import", tmp_path / "a.csv", "--name", "new")
    assert (code, "Traceback" in err) == (0, False), err
    assert open_dataset(tree, "new").manifest["n_series"] == 8


def test_a_version_that_is_half_gone_is_named(tree: Root, seqclass: Command) -> None:
    Path(tree.join("models", "toy", "v1", "model.keras")).unlink()
    code, out, err = seqclass("verify")
    assert (code, "Traceback" in err) == (1, False)
    assert "v1/model.keras: expected a file named by the manifest" in out
    assert seqclass("models")[0] == 0


def test_a_version_that_is_gone_with_its_folder_is_named_by_the_log(
    tree: Root, seqclass: Command
) -> None:
    shutil.rmtree(tree.join("models", "toy", "v1"))
    code, out, _ = seqclass("verify")
    assert code == 1
    assert "log/models/toy: refers to models/toy@v1, which is missing" in out
    assert seqclass("models")[0] == 0
