"""Finished seeds are kept until their training has ended, and no longer."""

import os
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from seqclass.store.garbage import SEED_AGE_S, collect_garbage
from seqclass.store.root import Root
from seqclass.store.seeds import keep_seed, take_up_seed
from seqclass.store.split import Split


@pytest.fixture
def kept(root: Root, tmp_path: Path) -> Root:
    for name in ("seed-3.keras", "seed-3.npy"):
        (tmp_path / name).write_bytes(name.encode())
    keep_seed(root, "k", [str(tmp_path / n) for n in ("seed-3.keras", "seed-3.npy")], {"seed": 3})
    return root


def test_a_kept_seed_is_taken_up_with_its_files(kept: Root, tmp_path: Path) -> None:
    (tmp_path / "bench").mkdir()
    assert take_up_seed(kept, "k", str(tmp_path / "bench")) == {"seed": 3}
    assert (tmp_path / "bench" / "seed-3.npy").read_bytes() == b"seed-3.npy"
    assert take_up_seed(kept, "other", str(tmp_path / "bench")) is None


@pytest.mark.parametrize("name", ["seed-3.npy", "manifest.json"])
def test_a_damaged_seed_is_trained_again(kept: Root, tmp_path: Path, name: str) -> None:
    (tmp_path / "bench").mkdir()
    Path(kept.join("unfinished", "k", name)).write_bytes(b"else")
    assert take_up_seed(kept, "k", str(tmp_path / "bench")) is None
    assert kept.names("unfinished") == []


def test_seeds_that_nobody_takes_up_are_swept_by_age(kept: Root) -> None:
    assert collect_garbage(kept) == []
    old = time.time() - SEED_AGE_S - 60
    for path in Path(kept.join("unfinished", "k")).iterdir():
        os.utime(path, (old, old))
    assert collect_garbage(kept) == [kept.join("unfinished", "k")]
    assert kept.names("unfinished") == []


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
    assert replace(split, is_stored=True).digest == split.digest
