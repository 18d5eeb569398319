"""The same store on a real S3 endpoint (moto's server on loopback)."""

import os

import pytest

from seqclass.pages.index_pages import refresh, write_all
from seqclass.store import objects
from seqclass.store.catalogue import verify_tree
from seqclass.store.garbage import collect_garbage
from seqclass.store.root import DamagedError, Root, read_bytes, replace_file
from tests.support.stored import (
    store_champion,
    store_series,
)


def test_the_version_is_the_same_as_on_disk(bucket: Root, root: Root) -> None:
    assert store_series(bucket).manifest["files"] == store_series(root).manifest["files"]


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


def test_a_record_of_many_packets_or_none_is_read_whole(bucket: Root) -> None:
    for content in (os.urandom(5_000_000), b""):
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
