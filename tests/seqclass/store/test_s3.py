"""The same store on a real S3 endpoint (moto's server on loopback)."""

import os
import subprocess
import sys
from itertools import pairwise

import pytest

from seqclass.pages.index_pages import refresh, write_all
from seqclass.store import objects
from seqclass.store.catalogue import list_datasets, list_models, verify_tree
from seqclass.store.datasets import open_dataset
from seqclass.store.garbage import collect_garbage
from seqclass.store.log import read_log
from seqclass.store.models import commit_model, model_versions
from seqclass.store.registry import champion_of
from seqclass.store.root import DamagedError, Root, read_bytes, replace_file
from seqclass.store.staging import staging
from tests.support.places import NOW, REPOSITORY
from tests.support.stored import (
    DESCRIBED,
    make_champion,
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


def test_a_write_whose_answer_was_lost_counts_as_done(bucket: Root) -> None:
    path = bucket.join("record.json")
    assert objects.create(bucket.fs, path, b"mine")
    assert objects.create(bucket.fs, path, b"mine")
    assert not objects.create(bucket.fs, path, b"other")


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
