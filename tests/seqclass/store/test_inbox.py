"""Inboxes of an S3 root: where they are, and what a look at them costs."""

from typing import Any

import pytest
from s3fs import S3FileSystem

from seqclass.store.inbox import arrivals, inbox_url, look_at
from seqclass.store.root import Root, open_root
from tasks.retraining.prometheus import metrics_text
from tests.support.places import NOW


def test_a_look_at_an_arrival_is_one_request(bucket: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    inbox, asked, call = open_root(inbox_url(bucket, "toy")), list[str](), S3FileSystem._call_s3
    bucket.fs.pipe_file(inbox.join("a.csv"), b"rows")

    async def counted(fs: S3FileSystem, method: str, *words: Any, **more: Any) -> Any:
        asked.append(method)
        return await call(fs, method, *words, **more)

    monkeypatch.setattr(S3FileSystem, "_call_s3", counted)
    found = look_at(inbox, "a.csv")
    assert found is not None
    assert (found.name, found.stamp[0]) == ("a.csv", 4)
    assert asked == ["head_object"]


def test_an_inbox_is_found_whatever_the_root_s_address_ends_in(bucket: Root) -> None:
    bucket.fs.pipe_file(bucket.join("inbox", "toy", "a.csv"), b"rows")
    for url in (bucket.url, f"{bucket.url}/"):
        store = open_root(url)
        assert [file.name for file in arrivals(open_root(inbox_url(store, "toy")))] == ["a.csv"]
        assert b'seqclass_inbox_files{dataset="toy"} 1.0' in metrics_text(store, NOW)
