"""Inboxes: where they are, what a look at them costs, and those that may not be read."""

import re
from pathlib import Path
from typing import Any

import pytest
from s3fs import S3FileSystem

from seqclass.pipeline.prometheus import metrics_text
from seqclass.store.inbox import arrivals, inbox_url, look_at
from seqclass.store.root import Root, open_root
from tests.support.places import NOW
from tests.support.rights import ordinary_rights


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


def test_an_inbox_that_may_not_be_read_is_left_out_of_the_metrics(root: Root) -> None:
    for name in ("closed", "aside", "toy"):
        Path(root.join("inbox", name, "quarantine")).mkdir(parents=True)
        Path(root.join("inbox", name, "a.csv")).write_text("rows")
    Path(root.join("inbox", "closed")).chmod(0)
    Path(root.join("inbox", "aside", "quarantine")).chmod(0)
    with ordinary_rights():
        assert inbox_counts(root) == {"toy"}
        Path(root.join("inbox")).chmod(0)
        assert inbox_counts(root) == set()
    Path(root.join("inbox")).chmod(0o755)


def inbox_counts(root: Root) -> set[str]:
    """Names of the inboxes whose files the metrics count."""
    found = re.findall(r'seqclass_inbox_files{dataset="(.*)"} 1', metrics_text(root, NOW).decode())
    return set(found)
