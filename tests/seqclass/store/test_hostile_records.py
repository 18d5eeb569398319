"""Whatever lies where a record should: it is named in one line, within ten seconds and a GiB."""

import json
import os
import resource
import shutil
import signal
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from seqclass.flows.__main__ import run_command
from seqclass.store.datasets import open_dataset
from seqclass.store.models import load_keras
from seqclass.store.root import DamagedError, Root, manifest_digest, open_root, write_manifest
from seqclass.store.studies import open_study
from tests.support.records import RECORDS, store_every_record
from tests.support.stored import store_version

LONGEST_S, MAX_BYTES = 10, 2**30


def grow(path: Path) -> None:
    """Eight GiB that take no place on the disk."""
    path.write_bytes(b"{")
    os.truncate(path, 2**33)


def lead_to(target: str) -> Callable[[Path], None]:
    return lambda path: path.symlink_to(target)


CONTENTS: dict[str, bytes | Callable[[Path], None]] = {
    "empty": b"",
    "cut": b'{"kind": "mod',
    "no text": b"\xff\xfe\x00",
    "deep": b"[" * 200_000,
    "deep objects": b'{"a":' * 100_000,
    "long number": b'{"number": ' + b"9" * 10_000 + b"}",
    "list": b"[]",
    "null": b"null",
    "infinite": b'{"number": 1e999, "version": 1e999, "what": NaN}',
    "huge": grow,
    "link to itself": lambda path: path.symlink_to(path),
    "link to a device": lead_to("/dev/zero"),
    "pipe": lambda path: os.mkfifo(path),
    "folder": lambda path: path.mkdir(),
}
PLACES = {
    **RECORDS,
    "network": "models/m/v1/model.keras",
    "rows": "datasets/toy/*/part-00000.parquet",
}
COMMANDS = (["verify"], ["models"], ["datasets"], ["show", "m"], ["promote", "m@v1"],
            ["rollback", "m"], ["show", "toy"], ["prune"])  # fmt: skip


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root with one of every record."""
    root = open_root(tmp_path_factory.mktemp("whole") / "tree")
    store_every_record(root)
    return Path(root.path)


@pytest.fixture
def tree(whole: Path, tmp_path: Path) -> Root:
    shutil.copytree(whole, tmp_path / "tree", symlinks=True)
    return open_root(tmp_path / "tree")


def call(root: Root, words: list[str], told: Path) -> tuple[int, str, str]:
    """Run a command in a copy of this process that may take so long and so much memory."""
    child = os.fork()
    if not child:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(LONGEST_S)
        with open("/proc/self/status") as status:
            used = next(int(line.split()[1]) << 10 for line in status if line.startswith("VmData"))
        resource.setrlimit(resource.RLIMIT_DATA, (used + MAX_BYTES, used + MAX_BYTES))
        code = 99
        try:
            for stream, name in ((sys.stdout, "out"), (sys.stderr, "err")):
                os.dup2(
                    os.open(told / name, os.O_CREAT | os.O_TRUNC | os.O_WRONLY), stream.fileno()
                )
            sys.argv = ["seqclass", *words, "--root", root.path]
            code = run_command()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return code, (told / "out").read_text(), (told / "err").read_text()


def check_all(root: Root, told: Path, capfd: pytest.CaptureFixture) -> str:
    """Every command ends well, or says in one line why not; nothing is left in staging. What
    ``verify`` found, empty where that is nothing."""
    said = {}
    with capfd.disabled():
        for words in COMMANDS:
            code, out, err = call(root, words, told)
            name = " ".join(words)
            assert code in (0, 1, 2), (name, code, err[-500:])
            assert "Traceback" not in err, name
            assert "\x1b" not in out + err, name
            assert err.count("\n") == 1 or code != 2, (name, err)
            said[name] = out + err if code else ""
    assert not Path(root.join(".staging")).exists() or not os.listdir(root.join(".staging"))
    return said["verify"]


PAIRS = [(place, content) for i, place in enumerate(PLACES) for j, content in enumerate(CONTENTS)
         if (i + j) % 3 == 0 or os.environ.get("SEQCLASS_CHAOS")]  # fmt: skip
"""A third of all pairs, which holds every place and every content; all with this variable."""


@pytest.mark.system
@pytest.mark.parametrize(("place", "content"), PAIRS)
def test_whatever_lies_in_the_place_of_a_record_is_named(
    tree: Root, tmp_path: Path, capfd: pytest.CaptureFixture, place: str, content: str
) -> None:
    [path] = Path(tree.path).glob(PLACES[place])
    path.unlink()
    wanted = CONTENTS[content]
    path.write_bytes(wanted) if isinstance(wanted, bytes) else wanted(path)
    said = check_all(tree, tmp_path, capfd)
    gone = content == "link to itself"  # such a folder has no manifest, and is swept
    if not gone or place in ("entry", "head", "pointer", "network", "rows"):
        assert str(path) in said


FIELDS = [
    ("model", {"metrics": []}), ("model", {"metrics": {"accuracy": "high"}}),
    ("model", {"created": 5}), ("model", {"classes": 7}), ("model", {"refused": {}}),
    ("model", {"name": "../../etc"}), ("model", {"name": "\x1b[31mred"}), ("model", {"spec": 1}),
    ("model", {"spec": {"members": 5}}), ("model", {"spec": {"members": [["steps"], 7]}}),
    ("model", {"dataset": None}), ("model", {"files": [{"path": "../x", "sha256": "0"}]}),
    ("model", {"files": [{"path": "x\x1b[0m", "sha256": "0"}]}), ("model", {"files": {}}),
    ("dataset", {"n_series": 10**400}), ("dataset", {"n_steps": "1..2"}),
    ("dataset", {"classes": []}),
    ("dataset", {"channels": None}), ("dataset", {"channels": [1, None]}),
    ("dataset", {"version": "f" * 16}), ("dataset", {"source": []}), ("dataset", {"created": None}),
    ("dataset", {"parents": "all"}), ("dataset", {"classes": {"up\x1b]0;x\x07": 1}}),
    ("study", {"dataset": 4}), ("study", {"created": []}), ("scores", {"rows": "many"}),
    ("retraining", {"entry": "one"}), ("retraining", {"entry": 1}),
    ("retraining", {"created": "never", "entry": 9}),
    ("retraining", {"dataset": None}), ("retraining", {"trusted": [], "reasons": 1}),
]  # fmt: skip


@pytest.mark.system
@pytest.mark.parametrize(("place", "fields"), FIELDS, ids=[f"{p} {f!r:.40}" for p, f in FIELDS])
def test_a_sealed_record_with_odd_fields_breaks_no_command(
    tree: Root, tmp_path: Path, capfd: pytest.CaptureFixture, place: str, fields: dict
) -> None:
    [path] = Path(tree.path).glob(PLACES[place])
    manifest = {**json.loads(path.read_text()), **fields}
    del manifest["manifest_sha256"]
    path.write_text(json.dumps({**manifest, "manifest_sha256": manifest_digest(manifest)}))
    check_all(tree, tmp_path, capfd)


NAMES = ["a b", "\x1b[31mred", "..hidden", "x" * 200, "new\nline", "é", "-rf", "@v1"]


@pytest.mark.system
@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_folders_under_odd_names_break_no_command(
    tree: Root, tmp_path: Path, capfd: pytest.CaptureFixture, name: str
) -> None:
    for kind, own in (("models", "m"), ("datasets", "toy"), ("studies", "toy")):
        shutil.copytree(Path(tree.join(kind, own)), Path(tree.join(kind, name)))
    check_all(tree, tmp_path, capfd)


def test_no_reference_leads_out_of_its_folder(root: Root) -> None:
    store_version(root, "m")
    for folder in ("studies", "datasets", "x"):
        Path(root.join(folder)).mkdir()
    write_manifest(root, root.join("x"), {"files": []})
    with pytest.raises(ValueError, match="STUDY: expected one of the studies in this root"):
        open_study(root, "studies/../models/m@v1")
    with pytest.raises(ValueError, match="DATASET: expected one of the datasets in "):
        open_dataset(root, "datasets/..@x")


def test_the_member_that_no_network_has_is_named(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "m.keras", "w") as archive:
        for name in ("assets/words.txt", "config.json", "strange.bin"):
            archive.writestr(name, "{}")
    with pytest.raises(DamagedError, match=r"no member 'strange\.bin'"):
        load_keras(open_root(tmp_path), str(tmp_path / "m.keras"))


def bomb(path: Path, member: str) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name in {"config.json", "metadata.json", "model.weights.h5"} - {member}:
            archive.writestr(name, "{}")
        with archive.open(member, "w", force_zip64=True) as file:
            for _ in range(2**9):
                file.write(bytes(2**20))


@pytest.mark.system
@pytest.mark.parametrize("member", ["config.json", "model.weights.h5", "other.bin"])
def test_an_archive_that_would_become_a_large_one_is_refused(tmp_path: Path, member: str) -> None:
    """Half a GiB of zeros in two MiB; refused before a byte of it is unpacked."""
    bomb(tmp_path / "m.keras", member)
    with pytest.raises(DamagedError, match="expected a network of stock Keras layers") as refused:
        load_keras(open_root(tmp_path), str(tmp_path / "m.keras"))
    assert "bytes when unpacked" in str(refused.value) or "no member" in str(refused.value)
    assert "\n" not in str(refused.value)
