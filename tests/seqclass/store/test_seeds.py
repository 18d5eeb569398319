"""Trained seeds are kept for the next training, and no longer than it needs them."""

import os
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from seqclass.store.garbage import SEED_AGE_S, collect_garbage
from seqclass.store.root import Root
from seqclass.store.seeds import keep_seed, restore_seed
from seqclass.store.split import Split

NAMES = ("seed-3.keras", "seed-3.npy")


@pytest.fixture
def kept(root: Root, tmp_path: Path) -> Root:
    for name in NAMES:
        (tmp_path / name).write_bytes(name.encode())
    keep_seed(root, "k", [str(tmp_path / name) for name in NAMES], {"seed": 3})
    return root


def test_a_kept_seed_is_restored_with_its_files(kept: Root, tmp_path: Path) -> None:
    bench = tmp_path / "bench"
    assert restore_seed(kept, "k", str(bench), NAMES[1:]) == {"seed": 3}
    assert [path.name for path in sorted(bench.iterdir())] == sorted(NAMES)
    assert (bench / "seed-3.npy").read_bytes() == b"seed-3.npy"
    assert restore_seed(kept, "other", str(bench), NAMES) is None


def test_a_seed_is_restored_to_where_it_comes_from(kept: Root, tmp_path: Path) -> None:
    """As by another try of a task that was killed after it had kept its seed."""
    assert restore_seed(kept, "k", str(tmp_path), NAMES) == {"seed": 3}
    (tmp_path / "seed-3.npy").write_bytes(b"else")
    assert Path(kept.join("unfinished", "k", "seed-3.npy")).read_bytes() == b"seed-3.npy"


@pytest.mark.parametrize("name", ["seed-3.npy", "manifest.json", "seed-3.history.parquet"])
def test_a_seed_that_is_damaged_or_lacks_a_file_is_trained_again(
    kept: Root, tmp_path: Path, name: str
) -> None:
    needed = NAMES if name == "manifest.json" else {*NAMES, name}
    if name != "seed-3.history.parquet":
        Path(kept.join("unfinished", "k", name)).write_bytes(b"else")
    assert restore_seed(kept, "k", str(tmp_path / "bench"), needed) is None
    assert kept.names("unfinished") == []


def test_seeds_that_nobody_takes_up_are_swept_by_age(kept: Root) -> None:
    assert collect_garbage(kept) == []
    old = time.time() - SEED_AGE_S - 60
    for path in Path(kept.join("unfinished", "k")).iterdir():
        os.utime(path, (old, old))
    assert collect_garbage(kept) == [kept.join("unfinished", "k")]
    assert kept.names("unfinished") == []


def test_a_file_that_another_run_removes_meanwhile_ends_no_sweep(
    kept: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = kept.fs.find
    monkeypatch.setattr(kept.fs, "find", lambda path: [*find(path), f"{path}/gone"])
    assert collect_garbage(kept) == []


def test_another_split_is_another_training() -> None:
    rows = np.arange(10)
    split = Split(["a", "b"], (rows % 2).astype(np.int32), None, rows[:8], rows[8:])
    others = [
        replace(split, train=rows[:7]),
        replace(split, test=rows[9:]),
        replace(split, train=rows[:0], test=rows),
        replace(split, groups=rows),
        replace(split, classes=["a", "c"]),
        replace(split, codes=np.zeros(10, np.int32)),
    ]
    assert len({split.digest, *(other.digest for other in others)}) == 7
