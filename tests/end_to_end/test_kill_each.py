"""Every command that writes is killed before each operation on its root, in folders and S3.

A copy of this process carries the command out and ends itself by SIGKILL before its k-th writing
operation, for every k. After each death the tree is sound, the next sweep leaves nothing of it,
and the same command ends well. Training and scoring begin with their finished candidate and
answers: what comes before lies in staging folders, as ``test_kill.py`` shows.
"""

import os
import re
import shutil
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from fsspec.asyn import sync_wrapper
from prefect.logging import disable_run_logger
from s3fs import S3FileSystem

import seqclass.store.garbage
from seqclass.pages.index_pages import refresh
from seqclass.pipeline.import_files import import_files
from seqclass.pipeline.promote import promote, promote_version
from seqclass.pipeline.rename import rename
from seqclass.screening.incoming import ImportSpec
from seqclass.store.catalogue import verify_tree
from seqclass.store.datasets import committed_versions, open_dataset
from seqclass.store.garbage import collect_garbage
from seqclass.store.log import next_turn
from seqclass.store.models import model_versions
from seqclass.store.prune_spec import PruneSpec
from seqclass.store.pruning import delete_all, find_name, plan_pruning, remove_items
from seqclass.store.registry import MoveReason, champion_of, move_champion
from seqclass.store.root import Root, open_root
from seqclass.store.scores import TABLE, ScoreSet, score_folders
from seqclass.store.staging import TARGET, staging
from tests.support.arrivals import rows
from tests.support.candidates import make_candidate, register_candidate
from tests.support.places import NOW
from tests.support.stored import QUICK, store_series, store_version

EVERY, EVERY_IN_BUCKET = (1, 1) if os.environ.get("SEQCLASS_CHAOS") else (3, 5)
LONG = ("append", "train", "delete model", "delete dataset", "rename model",
        "rename dataset")  # fmt: skip
"""Of the operations of these every third is tried, and a fifth of those in a bucket; with
``SEQCLASS_CHAOS`` set, each."""
FOLDER_ALONE = (
    "rename model",
    "rename dataset",
    *(() if os.environ.get("SEQCLASS_CHAOS") else ("train",)),
)
"""A training writes to a bucket what the others do: a folder, an entry of the log, pages."""
WRITES = ("put_object", "copy_object", "delete_object", "delete_objects", "upload_part",
          "create_multipart_upload", "complete_multipart_upload")  # fmt: skip
DRAFT = re.compile(r"\..+\.[0-9a-f]{8}")
DEPTHS = {"datasets": 3, "models": 3, "retrainings": 3, "scores": 5}
"""How many folders lead to a version of each kind."""
BESIDE = ("quarantine",)
"""Folders that lie beside versions."""
CHANGES = ("os.rename", "os.link", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "os.truncate")


@dataclass
class Counter:
    """Counts the writing operations of a process on a root, and ends it before one of them."""

    root: Root
    last: int
    seen: int = 0

    def count(self) -> None:
        self.seen += 1
        if self.seen > self.last:
            os.kill(os.getpid(), signal.SIGKILL)

    def watch(self) -> None:
        if self.root.is_local:
            sys.addaudithook(self._hear)
            return
        call = S3FileSystem._call_s3

        async def counted(fs: S3FileSystem, method: str, *words: object, **more: object) -> object:
            if method in WRITES:
                self.count()
            return await call(fs, method, *words, **more)

        S3FileSystem._call_s3, S3FileSystem.call_s3 = counted, sync_wrapper(counted)

    def _hear(self, event: str, words: tuple) -> None:
        is_new = event == "open" and isinstance(words[2], int) and words[2] & os.O_CREAT
        if (event in CHANGES or is_new) and self._is_ours(words[0]):
            self.count()

    def _is_ours(self, path: object) -> bool:
        """Names without a folder are those that ``shutil.rmtree`` removes one by one."""
        name = os.fspath(path) if isinstance(path, str | os.PathLike) else ""
        return name.startswith(self.root.path) or bool(name and "/" not in name)


def in_a_child(url: str, work: Callable[[Root], object], last: int = 10**9) -> tuple[int, int]:
    """How a copy of this process ended that did some work, and how many operations that took."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        root = open_root(url)
        counter = Counter(root, last)
        counter.watch()
        code = 1
        try:
            with disable_run_logger():
                work(root)
            os.write(writing, str(counter.seen).encode())
            code = 0
        finally:
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        seen = int(pipe.read() or 0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), seen


@dataclass(frozen=True)
class Deed:
    """A command's writing part, what has to be there before, and what is there after it."""

    do: Callable[[Root, Path], object]
    before: Callable[[Root, Path], object]
    is_done: Callable[[Root], bool]


def take_in(root: Root, files: Path, append: bool) -> None:
    name = "more.parquet" if append else "first.parquet"
    import_files(root, "mine", ImportSpec((str(files / name),), append=append))
    refresh(root, [])


def n_rows(root: Root) -> int:
    return len(open_dataset(root, "mine").labels())


def two_versions(root: Root, _: Path) -> None:
    for number in (1, 2):
        version = store_version(root, "m").version
        move_champion(
            next_turn(root, "m"), version, MoveReason("me", "why", {}, NOW.replace(second=number))
        )


def three_versions(root: Root, files: Path) -> None:
    two_versions(root, files)
    version = store_version(root, "m").version
    move_champion(next_turn(root, "m"), version, MoveReason("me", "", {}, NOW.replace(second=3)))


def prune(root: Root) -> None:
    spec, now = PruneSpec(0, 1), datetime.now(UTC)
    going = [item.ref for item in plan_pruning(root, spec, now) if not item.why]
    remove_items(root, spec, going, "why", now)


def register_trained(root: Root, files: Path) -> None:
    ref = register_candidate(root, files / "candidate", QUICK, "toy", "toy")
    promote(ref, QUICK, root)
    refresh(root, [])


def write_scores(root: Root, files: Path) -> None:
    scores = ScoreSet(root, "m", "v2", "toy", "0" * 16)
    with staging(root, "scores-m") as workspace:
        root.fs.makedirs(workspace, exist_ok=True)
        root.fs.pipe_file(f"{workspace}/{TABLE}", (files / "first.parquet").read_bytes())
        scores.write(workspace, {"rows": 4, "path": "x", "unknown": 0}, NOW)


def leave_behind(root: Root, _: Path) -> None:
    store_series(root)
    for number in range(2):
        folder = root.join(".staging", f"{number}-dataset-toy-0")
        root.fs.makedirs(folder, exist_ok=True)
        root.fs.pipe_file(f"{folder}/part-00000.parquet", b"half")
        if root.is_local:
            continue
        half = ("datasets", "toy", f"{number}" * 16)
        root.fs.pipe_file(f"{folder}/{TARGET}", "/".join(half).encode())
        root.fs.pipe_file(root.join(*half, "part"), b"half")


DEEDS = {
    "append": Deed(
        lambda r, f: take_in(r, f, True), lambda r, f: take_in(r, f, False),
        lambda r: n_rows(r) == 8,
    ),
    "promote": Deed(
        lambda r, f: promote_version(r, "m@v1", "why", True, datetime.now(UTC)), two_versions,
        lambda r: champion_of(r, "m") == "v1",
    ),
    "prune": Deed(
        lambda r, f: prune(r), three_versions, lambda r: model_versions(r, "m") == ["v2", "v3"],
    ),
    "delete model": Deed(
        lambda r, f: delete_all(r, find_name(r, "m"), "why", datetime.now(UTC)),
        lambda r, f: (two_versions(r, f), write_scores(r, f)),
        lambda r: not model_versions(r, "m") and champion_of(r, "m") is None,
    ),
    "delete dataset": Deed(
        lambda r, f: delete_all(r, find_name(r, "toy"), "why", datetime.now(UTC)),
        lambda r, f: [store_series(r, n=n) for n in (20, 24)],
        lambda r: committed_versions(r, "toy") == [],
    ),
    "rename model": Deed(
        lambda r, f: rename(r, "m", "n", "why"), two_versions,
        lambda r: model_versions(r, "m") == [] and champion_of(r, "n") == "v2",
    ),
    "rename dataset": Deed(
        lambda r, f: rename(r, "toy", "other", "why"),
        lambda r, f: [store_series(r, n=n) for n in (20, 24)],
        lambda r: committed_versions(r, "toy") == [] and len(committed_versions(r, "other")) == 2,
    ),
    "train": Deed(
        register_trained,
        lambda r, f: store_series(r, n=150),
        lambda r: champion_of(r, "toy") is not None,
    ),
    "score": Deed(write_scores, two_versions, lambda r: len(score_folders(r, "m")) == 1),
    "sweep": Deed(
        lambda r, f: sweep_all(r), leave_behind, lambda r: r.fs.find(r.join(".staging")) == []
    ),
}  # fmt: skip


def sweep_all(root: Root) -> None:
    """Sweep as if all that nobody holds were old enough."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(seqclass.store.garbage, "LEFTOVER_AGE_S", -1)
        collect_garbage(root)


def copied(root: Root, url: str) -> Root:
    """Copy a root to another address."""
    copy = open_root(url)
    if root.is_local:
        shutil.copytree(root.path, copy.path)
    elif root.fs.exists(root.path):
        root.fs.copy(root.path, copy.path, recursive=True)
    return copy


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two files to import and a candidate that was trained on the toy dataset."""
    folder = tmp_path_factory.mktemp("files")
    pq.write_table(rows(0), folder / "first.parquet")
    pq.write_table(rows(100), folder / "more.parquet")
    shutil.move(make_candidate(folder, QUICK), folder / "candidate")
    return folder


def check(root: Root) -> None:
    assert verify_tree(root)["bad"] == []


def is_done(deed: Deed, root: Root) -> bool:
    try:
        return deed.is_done(root)
    except ValueError:  # there is no such dataset yet
        return False


def left_over(root: Root) -> set[str]:
    """Staged files, drafts, and versions without a manifest, after a sweep."""
    paths = [root.parts_of(path) for path in root.fs.find(root.path, withdirs=True)]
    half_written = {"/".join(path) for path in paths
                    if path[0] == ".staging" != path[-1] or DRAFT.fullmatch(path[-1])}  # fmt: skip
    versions = {
        "/".join(path[: DEPTHS[path[0]]])
        for path in paths
        if len(path) > DEPTHS.get(path[0], len(path)) and path[2] not in BESIDE
    }
    whole = {"/".join(path[:-1]) for path in paths if path[-1] == "manifest.json"}
    return half_written | (versions - whole)


@pytest.mark.system
@pytest.mark.timeout(1500)
@pytest.mark.parametrize(
    ("command", "place"),
    [(command, "folder") for command in DEEDS]
    + [(command, "bucket") for command in DEEDS if command not in FOLDER_ALONE],
)
def test_a_command_that_is_killed_at_any_operation_does_no_harm(
    command: str, place: str, files: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    base = str(tmp_path) if place == "folder" else request.getfixturevalue("bucket").url
    deed, before = DEEDS[command], open_root(f"{base}/before")
    if place == "folder":
        Path(before.path).mkdir()
    assert in_a_child(before.url, lambda r: deed.before(r, files))[0] == 0
    root = copied(before, f"{base}/whole")
    ended, operations = in_a_child(root.url, lambda r: deed.do(r, files))
    assert (ended, operations > 0) == (0, True)
    check(root)
    assert deed.is_done(root)
    stride = (EVERY if command in LONG else 1) * (EVERY_IN_BUCKET if place == "bucket" else 1)
    for number in range(0, operations, stride):
        root = copied(before, f"{base}/{number}")
        ended, _ = in_a_child(root.url, lambda r: deed.do(r, files), number)
        assert ended == -signal.SIGKILL
        check(root)
        sweep_all(root)
        assert left_over(root) == set()
        check(root)
        if not is_done(deed, root):
            assert in_a_child(root.url, lambda r: deed.do(r, files))[0] == 0
            check(root)
            assert deed.is_done(root)
