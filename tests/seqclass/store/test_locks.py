"""Locks of a local root: one process at a time, and none after its end."""

import signal

import pytest

from seqclass.store.locks import is_locked, locked, try_lock
from seqclass.store.root import Root
from tests.support.commands import in_python

FOLDER = ("models", "toy")
HOLDER = """
import os, signal, sys
from seqclass.store.locks import try_lock
from seqclass.store.root import open_root
with try_lock(open_root(sys.argv[1]), "retraining", "models", "toy") as is_free:
    assert is_free
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("purpose", ["retraining", "other"])
def test_a_folder_is_held_once_for_each_purpose(root: Root, purpose: str) -> None:
    with try_lock(root, "retraining", *FOLDER) as is_first:
        assert is_first
        assert is_locked(root, "retraining", *FOLDER)
        with try_lock(root, purpose, *FOLDER) as is_free:
            assert is_free == (purpose == "other")
    assert not is_locked(root, "retraining", *FOLDER)


def test_the_lock_of_a_killed_process_is_free_at_once(root: Root) -> None:
    assert in_python(HOLDER, root.path).returncode == -signal.SIGKILL
    with try_lock(root, "retraining", *FOLDER) as is_free:
        assert is_free


def test_a_bucket_holds_nobody(bucket: Root) -> None:
    with try_lock(bucket, "retraining", *FOLDER), locked(bucket, *FOLDER):
        assert not is_locked(bucket, "retraining", *FOLDER)
        with try_lock(bucket, "retraining", *FOLDER) as is_free, locked(bucket, *FOLDER):
            assert is_free
    assert bucket.fs.find(bucket.path) == []
