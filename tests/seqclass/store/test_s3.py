"""The same store on a real S3 endpoint (moto's server on loopback)."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from itertools import count, pairwise
from threading import Barrier, BrokenBarrierError, Event
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from seqclass.pages.index_pages import refresh, write_all
from seqclass.store import objects
from seqclass.store.catalogue import list_datasets, list_models, verify_tree
from seqclass.store.datasets import open_dataset
from seqclass.store.garbage import collect_garbage
from seqclass.store.leases import LEASE_S, check_lease, locked, run_exclusive, try_lock
from seqclass.store.log import read_log
from seqclass.store.models import commit_model, model_versions
from seqclass.store.registry import champion_of
from seqclass.store.root import DamagedError, Root, read_bytes, replace_file
from seqclass.store.staging import staging
from tests.support.commands import HOLDER
from tests.support.places import NOW, REPOSITORY
from tests.support.stored import (
    DESCRIBED,
    make_champion,
    silent_since,
    store_champion,
    store_series,
)


def run_each(scripts: list[list[str]]) -> list[int]:
    """Run scripts with their arguments at once; how each process ended."""
    paths = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    running = [subprocess.Popen([sys.executable, "-c", *words], env=paths) for words in scripts]
    return [process.wait(timeout=200) for process in running]


def test_datasets_are_written_once_and_read_back(bucket: Root) -> None:
    stored = store_series(bucket)
    assert store_series(bucket).ref == stored.ref
    assert open_dataset(bucket, "toy").values().shape == (60, 12, 1)
    assert [m["version"] for m in list_datasets(bucket)] == [stored.manifest["version"]]
    assert bucket.fs.find(bucket.join(".staging")) == []


def test_the_version_is_the_same_as_on_disk(bucket: Root, root: Root) -> None:
    assert store_series(bucket).manifest["files"] == store_series(root).manifest["files"]


def test_models_are_numbered_and_the_champion_moves(bucket: Root) -> None:
    for number in (1, 2):
        with staging(bucket, "model") as workspace:
            bucket.fs.pipe_file(f"{workspace}/metrics.json", b"{}")
            model = commit_model(bucket, workspace, "toy", DESCRIBED, NOW)
        assert model.version == f"v{number}"
        make_champion(bucket, "toy", model.version, number)
    assert champion_of(bucket, "toy") == "v2"
    assert [m["champion"] for m in list_models(bucket)] == [False, True]


def test_damage_is_found_and_leftovers_of_others_stay(bucket: Root) -> None:
    stored = store_series(bucket)
    bucket.fs.pipe_file(f"{stored.folder}/part-00000.parquet", b"other")
    bucket.fs.pipe_file(bucket.join("datasets", "toy", "0" * 16, "part-00000.parquet"), b"half")
    assert len(verify_tree(bucket)["bad"]) == 2
    assert collect_garbage(bucket) == []


def test_the_catalogue_is_written(bucket: Root) -> None:
    store_series(bucket)
    replace_file(bucket, bucket.join("index.html"), b"old")
    assert b"toy@" in bucket.fs.cat_file(write_all(bucket))
    store_champion(bucket, "m", metrics={"macro_f1": 1, "accuracy": 1, "log_loss": 0})
    assert b"m@v1" in bucket.fs.cat_file(refresh(bucket, ["models/m@v1"]))
    assert b"champion v1" in bucket.fs.cat_file(bucket.join("models", "m", "index.html"))
    assert verify_tree(bucket)["bad"] == []


WANTED = ("retraining", "models", "toy")


def test_a_claim_left_behind_is_overtaken_and_its_late_holder_does_no_harm(
    bucket: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = bucket.join("models", "toy", ".retraining.lock")
    with try_lock(bucket, *WANTED) as late:
        assert late is not None
        check_lease(bucket, late)
        with try_lock(bucket, *WANTED) as other:
            assert other is None
        with monkeypatch.context() as later:
            silent_since(bucket, path, LEASE_S + 1, later)
            holder = try_lock(bucket, *WANTED)
            own = holder.__enter__()
        assert own is not None
        monkeypatch.setattr("seqclass.store.leases._now_s", lambda: time.monotonic() + LEASE_S)
        with pytest.raises(ValueError, match="another may have taken it over"):
            check_lease(bucket, late)
    monkeypatch.undo()
    check_lease(bucket, own)
    with try_lock(bucket, *WANTED) as third:
        assert third is None
    holder.__exit__(None, None, None)
    with try_lock(bucket, *WANTED) as third:
        assert third is not None
        check_lease(bucket, third)


def test_a_claim_is_renewed_while_its_holder_lives(
    bucket: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("seqclass.store.leases.RENEWAL_S", 0.01)
    path, seen = bucket.join("models", "toy", ".retraining.lock"), set[str]()
    with try_lock(bucket, *WANTED):
        while len(seen) < 5:
            found = objects.see(bucket.fs, path)
            assert found is not None
            seen.add(found.tag)
    found = objects.see(bucket.fs, path)
    assert found is not None
    assert found.content == b"free"


def test_a_renewal_that_fails_or_whose_answer_is_lost_ends_no_claim(
    bucket: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    put, calls = objects.put, count()
    failed_three_times = Event()

    def unreliable(*words: Any) -> str | None:
        turn = next(calls)
        tag = put(*words) if turn != 1 else None
        if turn in (1, 2, 3):  # not sent once, then sent and not answered
            raise EndpointConnectionError(endpoint_url="s3")
        if turn > 4:
            failed_three_times.set()
        return tag

    monkeypatch.setattr("seqclass.store.leases.RENEWAL_S", 0.01)
    monkeypatch.setattr(objects, "put", unreliable)
    with try_lock(bucket, *WANTED) as own:
        assert own is not None
        assert failed_three_times.wait(30), "nobody renews the claim any more"
        check_lease(bucket, own)
        with try_lock(bucket, *WANTED) as other:
            assert other is None


def test_a_claim_that_can_not_be_given_back_hides_no_outcome(
    bucket: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: object) -> None:
        raise EndpointConnectionError(endpoint_url="s3")

    def work() -> None:
        with locked(bucket, "models", "toy"):
            monkeypatch.setattr(objects, "put", gone)
            raise KeyError("of the work")

    with pytest.raises(KeyError, match="of the work"):
        work()


def test_the_claim_of_a_killed_process_is_free_after_a_minute(
    bucket: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run_each([[HOLDER, bucket.url]]) == [-signal.SIGKILL]
    path = bucket.join("models", "toy", ".retraining.lock")
    for age_s, is_free in ((LEASE_S, False), (LEASE_S + 1, True)):
        silent_since(bucket, path, age_s, monkeypatch)
        with try_lock(bucket, *WANTED) as own:
            assert (own is not None) is is_free


def test_of_those_who_overtake_a_claim_one_wins(
    bucket: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = bucket.join("models", "toy", ".retraining.lock")
    with try_lock(bucket, *WANTED), ExitStack() as all_of_them:
        silent_since(bucket, path, LEASE_S + 1, monkeypatch)
        barrier, see = Barrier(4), objects.see

        def seen_at_once(fs: object, asked: str) -> objects.Seen | None:
            found = see(bucket.fs, asked)
            with suppress(BrokenBarrierError):
                barrier.wait(30)
            barrier.abort()
            return found

        monkeypatch.setattr(objects, "see", seen_at_once)
        with ThreadPoolExecutor(4) as pool:
            claims = [try_lock(bucket, *WANTED) for _ in range(4)]
            won = list(pool.map(all_of_them.enter_context, claims))
        monkeypatch.undo()
    assert sum(own is not None for own in won) == 1


def test_a_write_whose_answer_was_lost_counts_as_done(bucket: Root) -> None:
    path = bucket.join("pointer.json")
    tag = objects.put(bucket.fs, path, b"mine", None)
    assert tag is not None
    assert objects.put(bucket.fs, path, b"mine", None) == tag
    assert objects.put(bucket.fs, path, b"other", None) is None
    assert objects.put(bucket.fs, path, b"newer", tag) is not None
    assert objects.put(bucket.fs, path, b"late", tag) is None
    assert objects.put(bucket.fs, bucket.join("nothing"), b"x", tag) is None


def test_who_has_lost_a_folder_commits_nothing(
    bucket: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    with locked(bucket, "datasets", "m"), monkeypatch.context() as later:
        later.setattr("seqclass.store.leases._now_s", lambda: time.monotonic() + 1e6)
        with pytest.raises(ValueError, match="nothing more is written"):
            store_series(bucket, "m")
    assert verify_tree(bucket)["bad"] == []
    assert bucket.names("datasets", "m") == []


MOVER = """
import sys
from datetime import UTC, datetime
from seqclass.store.root import open_root
from seqclass.pipeline.promote import promote_version, roll_back
root, first = open_root(sys.argv[1]), int(sys.argv[2])
for turn in range(2):
    promote_version(root, f"m@v{(first + turn) % 3 + 1}", "at once", True, datetime.now(UTC))
    roll_back(root, "m", "at once", datetime.now(UTC))
"""


@pytest.mark.system
def test_the_order_of_a_bucket_s_audit_is_the_order_of_its_moves(bucket: Root) -> None:
    """Two processes promote and roll back at once."""
    for number in range(3):
        store_champion(bucket, "m", number)
    assert run_each([[MOVER, bucket.url, str(k)] for k in range(2)]) == [0, 0]
    assert verify_tree(bucket)["bad"] == []
    moves = read_log(bucket, "m")
    assert [entry["number"] for entry in moves] == list(range(1, len(moves) + 1))
    assert sum(entry["what"] == "rollback" for entry in moves) == 4
    assert all(entry["from"] == before["to"] for before, entry in pairwise(moves))
    assert moves[-1]["to"] == champion_of(bucket, "m")


REGISTRAR = """
import sys
from tests.support.stored import store_version
from seqclass.store.root import open_root
for _ in range(2):
    store_version(open_root(sys.argv[1]), "m")
"""


@pytest.mark.system
def test_versions_that_are_registered_at_once_have_numbers_of_their_own(bucket: Root) -> None:
    assert run_each([[REGISTRAR, bucket.url]] * 3) == [0, 0, 0]
    assert model_versions(bucket, "m") == [f"v{number}" for number in range(1, 7)]
    assert verify_tree(bucket)["bad"] == []


def test_who_meets_another_is_heard(bucket: Root) -> None:
    folder, seen = ("models", "toy"), list[str]()

    def work(own: str) -> None:
        seen.append(own)
        if len(seen) == 1:
            assert run_exclusive(bucket, "retraining", folder, work) == []

    run_exclusive(bucket, "retraining", folder, work)
    assert len(seen) == 2


def test_a_record_of_many_packets_is_read_whole(bucket: Root) -> None:
    content = os.urandom(5_000_000)
    replace_file(bucket, bucket.join("large.json"), content)
    assert read_bytes(bucket, bucket.join("large.json")) == content


def test_what_is_larger_than_a_record_is_refused_unread(
    bucket: Root, root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objects, "MAX_RECORD_BYTES", 100)
    for place in (bucket, root):
        for size in (100, 101):
            replace_file(place, place.join(f"{size}.json"), b"x" * size)
        assert len(read_bytes(place, place.join("100.json"))) == 100
        with pytest.raises(DamagedError, match="of at most 100 bytes"):
            read_bytes(place, place.join("101.json"))
