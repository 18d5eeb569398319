"""Whatever lies where a record should: it is named in one line, within ten seconds and a GiB."""

import json
import os
import resource
import shutil
import signal
import sys
import zipfile
from pathlib import Path

import pytest

from seqclass.flows.__main__ import run_command
from seqclass.store.datasets import open_dataset
from seqclass.store.models import load_keras
from seqclass.store.root import DamagedError, Root, manifest_digest, open_root, write_manifest
from seqclass.store.studies import open_study
from tests.support.small_roots import RECORDS, store_all
from tests.support.stored import store_version

LONGEST_S, MAX_BYTES = 10, 2**30


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
    store_all(root)
    return Path(root.path)


@pytest.fixture
def tree(whole: Path, tmp_path: Path) -> Root:
    shutil.copytree(whole, tmp_path / "tree", symlinks=True)
    return open_root(tmp_path / "tree")


def call(root: Root, words: list[str], folder: Path) -> tuple[int, str, str]:
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
                flags = os.O_CREAT | os.O_TRUNC | os.O_WRONLY
                os.dup2(os.open(folder / name, flags), stream.fileno())
            sys.argv = ["seqclass", *words, "--root", root.path]
            code = run_command()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return code, (folder / "out").read_text(), (folder / "err").read_text()


def check_all(root: Root, folder: Path, capfd: pytest.CaptureFixture) -> str:
    """Every command ends well, or says in one line why not; nothing is left in staging. What
    ``verify`` says, empty where nothing is wrong."""
    answers = {}
    with capfd.disabled():
        for words in COMMANDS:
            code, out, err = call(root, words, folder)
            assert code in (0, 1, 2), (words, code, err[-500:])
            assert "Traceback" not in err, words
            assert "\x1b" not in out + err, words
            assert err.count("\n") == 1 or code != 2, (words, err)
            answers[words[0]] = out + err if code else ""
    assert not Path(root.join(".staging")).exists() or not os.listdir(root.join(".staging"))
    return answers["verify"]


def put(path: Path, content: bytes | str) -> None:
    """Content, or what lies there instead of a file."""
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content == "eight GiB":  # that take no place on the disk
        path.write_bytes(b"{")
        os.truncate(path, 2**33)
    elif content == "device":
        path.symlink_to("/dev/zero")
    else:
        {"pipe": os.mkfifo, "folder": os.mkdir}[content](path)


@pytest.mark.system
@pytest.mark.parametrize(
    ("place", "content"),
    [("model", b"[" * 200_000), ("model", "eight GiB"), ("dataset", "pipe"),
     ("study", b'{"number": 1e999, "version": 1e999, "what": NaN}'), ("scores", "folder"),
     ("retraining", b'{"number": ' + b"9" * 10_000 + b"}"), ("entry", "device"),
     ("network", "eight GiB"), ("rows", "pipe"), ("rows", b"\xff\xfe\x00")],
    ids=lambda value: f"{value!r:.20}",
)  # fmt: skip
def test_whatever_lies_in_the_place_of_a_record_is_named(
    tree: Root, tmp_path: Path, capfd: pytest.CaptureFixture, place: str, content: bytes | str
) -> None:
    path = min(Path(tree.path).glob(PLACES[place]))
    path.unlink()
    put(path, content)
    assert str(path) in check_all(tree, tmp_path, capfd)


FIELDS: list[tuple[str, dict]] = [
    ("model", {"metrics": {"accuracy": "high"}, "classes": 7}), ("model", {"name": "../../etc"}),
    ("model", {"name": "\x1b[31mred"}), ("model", {"spec": {"members": [["steps"], 7]}}),
    ("model", {"files": [{"path": "x\x1b[0m", "sha256": "0"}]}), ("model", {"files": {}}),
    ("dataset", {"n_series": 10**400}), ("dataset", {"channels": [1, None]}),
    ("dataset", {"classes": {"up\x1b]0;x\x07": 1}}), ("study", {"dataset": 4}),
    ("scores", {"rows": "many"}), ("retraining", {"created": "never", "entry": 9}),
]  # fmt: skip


@pytest.mark.system
def test_a_sealed_record_with_odd_fields_breaks_no_command(
    tree: Root, tmp_path: Path, capfd: pytest.CaptureFixture
) -> None:
    for place, fields in FIELDS:
        path = min(Path(tree.path).glob(PLACES[place]))
        whole = path.read_text()
        manifest = {**json.loads(whole), **fields}
        del manifest["manifest_sha256"]
        path.write_text(json.dumps({**manifest, "manifest_sha256": manifest_digest(manifest)}))
        check_all(tree, tmp_path, capfd)
        path.write_text(whole)


@pytest.mark.system
def test_folders_under_odd_names_break_no_command(
    tree: Root, tmp_path: Path, capfd: pytest.CaptureFixture
) -> None:
    for name in ("a b", "\x1b[31mred", "..hidden", "x" * 200, "new\nline", "é", "-rf", "@v1"):
        for kind, stored in (("models", "m"), ("datasets", "toy"), ("studies", "toy")):
            shutil.copytree(Path(tree.join(kind, stored)), Path(tree.join(kind, name)))
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


@pytest.mark.parametrize("member", ["config.json", "model.weights.h5", "other.bin"])
def test_an_archive_that_would_become_a_large_one_is_refused(tmp_path: Path, member: str) -> None:
    """64 MiB of zeros in 64 KiB, or a member that no network has; before a byte is unpacked."""
    with zipfile.ZipFile(tmp_path / "m.keras", "w", zipfile.ZIP_DEFLATED) as archive:
        for name in {"assets/words.txt", "config.json", "metadata.json"} - {member}:
            archive.writestr(name, b"{}")
        archive.writestr(member, bytes(2**26))
    says = r"no member 'other\.bin'" if member == "other.bin" else "bytes when unpacked"
    with pytest.raises(DamagedError, match=f"a network of stock Keras layers, .*{says}"):
        load_keras(open_root(tmp_path), str(tmp_path / "m.keras"))
