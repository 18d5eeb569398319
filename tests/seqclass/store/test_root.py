"""The storage root: staging, commits, locks and the collect_garbage of leftovers."""

import os
import signal
import time
from pathlib import Path

import pytest

from seqclass.store.garbage import collect_garbage
from seqclass.store.root import (
    DEFAULT_ROOT,
    DamagedError,
    Record,
    Root,
    check_name,
    create_file,
    describe_file,
    open_root,
    read_bytes,
    read_checked,
    read_manifest,
    replace_file,
    write_manifest,
)
from seqclass.store.staging import TARGET, commit, staging
from tests.support.commands import in_python
from tests.support.places import REPOSITORY


def test_the_root_is_the_argument_then_the_environment_then_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEQCLASS_STORAGE", str(tmp_path / "b"))
    assert open_root(tmp_path / "a").path == str(tmp_path / "a")
    assert open_root().path == str(tmp_path / "b")
    monkeypatch.delenv("SEQCLASS_STORAGE")
    assert open_root().path == str(DEFAULT_ROOT)


def test_the_root_of_an_installed_package_is_in_the_current_folder(tmp_path: Path) -> None:
    (tmp_path / "packages").mkdir()
    (tmp_path / "packages" / "seqclass").symlink_to(REPOSITORY / "seqclass")
    plain = {name: text for name, text in os.environ.items() if name != "SEQCLASS_STORAGE"}
    script = "from seqclass.store.root import open_root; print(open_root().path)"
    packages = {**plain, "PYTHONPATH": str(tmp_path / "packages")}
    shown = in_python(script, cwd=tmp_path, check=True, env=packages)
    assert shown.stdout == f"{tmp_path}/seqclass-store\n"


def test_an_unknown_file_system_is_refused() -> None:
    with pytest.raises(ValueError, match="storage root: expected a folder or a URL"):
        open_root("nosuch://bucket/x")


def test_names_that_could_leave_their_folder_are_refused() -> None:
    assert check_name("x" * 64) == "x" * 64
    for name in ("", ".hidden", "a/b", "a b", "x" * 65, "é"):
        with pytest.raises(ValueError, match="--name: expected"):
            check_name(name)


def test_unfinished_work_is_removed_when_its_block_ends(root: Root) -> None:
    def fail(folder: str) -> None:
        Path(folder, "half").touch()
        raise RuntimeError

    with pytest.raises(RuntimeError), staging(root, "x") as folder:
        fail(folder)
    assert not os.path.exists(folder)


def test_sweep_removes_what_a_killed_copy_left_and_nothing_beside_it(
    bucket: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = ("scores", "m", "v1", "files")
    whole, half, lost = ((*place, digit * 16) for digit in "012")
    with staging(bucket, "x") as folder:
        bucket.fs.pipe_file(f"{folder}/part", b"whole")
        write_manifest(bucket, folder, {})
        assert commit(bucket, folder, *whole)
    bucket.fs.pipe_file(bucket.join(*lost, "part"), b"sealed once")

    bucket.fs.pipe_file(bucket.join(".staging", f"{int(time.time())}-x-0", TARGET),
                        "/".join(half).encode())  # fmt: skip
    bucket.fs.pipe_file(bucket.join(*half, "part"), b"half")
    assert collect_garbage(bucket) == [], "it may still be copied"
    monkeypatch.setattr("seqclass.store.garbage.LEFTOVER_AGE_S", -1)
    assert bucket.join(*half) in collect_garbage(bucket)
    assert bucket.names(*place) == ["0" * 16, "2" * 16]
    assert bucket.names(".staging") == []


def test_work_goes_a_day_after_its_last_change(root: Root) -> None:
    long_ago = int(time.time()) - 2 * 24 * 3600
    began_late, goes_on, ended = (
        Path(root.join(".staging", f"{began}-x-c33adc22"))
        for began in (int(time.time()), long_ago, long_ago - 1)
    )
    for folder in (began_late, goes_on, ended):
        folder.mkdir(parents=True)
        (folder / "half").touch()
    for folder in (began_late, ended):
        os.utime(folder / "half", (long_ago, long_ago))
    assert collect_garbage(root) == [str(ended)]
    assert {*Path(root.join(".staging")).iterdir()} == {began_late, goes_on}


def test_a_taken_place_is_not_written_over(root: Root) -> None:
    for content in ("first", "second"):
        with staging(root, "x") as folder:
            write_manifest(root, folder, {"content": content})
            with pytest.raises(FileExistsError):
                write_manifest(root, folder, {})
            assert commit(root, folder, "place", "v1") is (content == "first")
    assert "first" in Path(root.join("place", "v1", "manifest.json")).read_text()


def test_a_manifest_names_files_of_its_folder_alone(root: Root) -> None:
    for number, name in enumerate(("..", "../v2/model.keras", "a/b", "")):
        folder = root.join("models", "m", f"v{number}")
        write_manifest(root, folder, {"files": [{"path": name, "sha256": "0"}]})
        with pytest.raises(DamagedError, match="expected files of this folder"):
            read_manifest(root, folder, Record)


def test_a_file_that_is_read_has_its_digest_compared(bucket: Root, root: Root) -> None:
    for place in (bucket, root):
        folder = place.join("place", "v1")
        path = f"{folder}/metrics.json"
        replace_file(place, path, b"{}")
        entry = describe_file(place, folder, "metrics.json")
        assert read_checked(place, folder, entry) == b"{}"
        replace_file(place, path, b"[]")
        with pytest.raises(DamagedError, match="the content differs"):
            read_checked(place, folder, entry)
        place.fs.rm(path)
        with pytest.raises(DamagedError, match="expected a file that can be read"):
            read_checked(place, folder, entry)
        with pytest.raises(DamagedError, match="expected a file that can be read"):
            read_bytes(place, path)


def test_a_file_is_replaced_whole_or_not_at_all(root: Root) -> None:
    os.makedirs(root.path)
    path = root.join("pointer.json")
    replace_file(root, path, b"old")
    with pytest.raises(TypeError):
        replace_file(root, path, None)  # type: ignore[arg-type]
    assert Path(path).read_bytes() == b"old"
    assert root.names() == ["pointer.json"]


PLACES = [
    "index.html", "metrics.prom", "log/models/m/000001.json",
    "inbox/toy/quarantine/0-a.csv.reason.txt", "studies/toy/runs/0.json",
    "prunings/20260102T030405.000000Z.json",
]  # fmt: skip


@pytest.mark.parametrize("how", ["replace", "create"])
def test_a_killed_write_leaves_a_file_that_is_swept(root: Root, how: str) -> None:
    for place in PLACES:
        if not (child := os.fork()):
            os.replace = os.link = lambda *_: os.kill(os.getpid(), signal.SIGKILL)  # type: ignore[assignment]
            {"replace": replace_file, "create": create_file}[how](root, root.join(place), b"half")
            os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    left = [path for path in Path(root.path).rglob("*") if path.is_file()]
    assert len(left) == len(PLACES)
    assert collect_garbage(root) == [], "they may still be written"
    for path in left:
        os.utime(path, (0, 0))
    assert len(collect_garbage(root)) == len(PLACES)
    assert [path for path in Path(root.path).rglob("*") if path.is_file()] == []


def test_hidden_files_of_others_stay(root: Root) -> None:
    for name in (".gitignore", ".retraining.lock", ".keep.12345678x"):
        path = Path(root.join("models", "m", name))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        os.utime(path, (0, 0))
    assert collect_garbage(root) == []


def test_a_path_of_a_bucket_is_told_with_its_address(bucket: Root, root: Root) -> None:
    assert bucket.address(bucket.join("models", "m")) == f"{bucket.url}/models/m"
    assert bucket.address("/home/me/answers.csv") == "/home/me/answers.csv"
    assert root.address(root.join("models", "m")) == root.join("models", "m")
