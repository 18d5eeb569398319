"""The watcher: a file that has come to rest is told of, and not again and again."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from seqclass.flows.cli.supervision import Reach
from seqclass.flows.service.server import Service
from seqclass.flows.service.watcher import (
    AGAIN_S,
    LISTED_S,
    MAX_ASKS,
    SWEEP,
    Watcher,
    start_run,
)
from seqclass.store.root import Root, open_root
from tests.support.rights import ordinary_rights
from tests.support.servers import free_port


@pytest.fixture
def watcher(root: Root) -> Watcher:
    os.makedirs(root.join("inbox", "toy"))
    return Watcher(root)


def write(watcher: Watcher, name: str, content: str) -> Path:
    path = Path(watcher.store.join("inbox", "toy", name))
    path.write_text(content)
    return path


def test_a_file_is_told_of_once_it_lies_still(watcher: Watcher) -> None:
    assert not watcher.has_news(0)
    path = write(watcher, "a.csv", "1")
    assert not watcher.has_news(1)
    path.write_text("12")
    assert not watcher.has_news(2)
    assert watcher.has_news(3)
    assert not watcher.has_news(4)


def test_a_file_that_stays_is_told_of_a_few_times(watcher: Watcher) -> None:
    write(watcher, "a.csv", "1")
    news = [watcher.has_news(second * AGAIN_S) for second in range(10)]
    assert sum(news) == MAX_ASKS


def test_a_file_that_is_taken_and_comes_again_is_news(watcher: Watcher) -> None:
    inbox = open_root(watcher.store.join("inbox", "toy"))
    for moment in (0, 10):
        write(watcher, "a.csv", "1")
        assert not watcher.has_news(moment)
        assert watcher.has_news(moment + 1)
        os.remove(inbox.join("a.csv"))
        assert not watcher.has_news(moment + 2)


def test_an_inbox_that_may_not_be_read_hides_no_file_of_another(watcher: Watcher) -> None:
    for name in ("closed", "zeta"):
        os.makedirs(watcher.store.join("inbox", name))
    Path(watcher.store.join("inbox", "closed")).chmod(0)
    with ordinary_rights():
        write(watcher, "a.csv", "1")
        assert [watcher.has_news(moment) for moment in (0, 1)] == [False, True]
        Path(watcher.store.join("inbox")).chmod(0)
        assert not watcher.has_news(AGAIN_S + 2)
    Path(watcher.store.join("inbox")).chmod(0o755)


def settled(watcher: Watcher, now_s: float) -> bool:
    """The news of a bucket, once its listing has ended."""
    assert not watcher.has_news(now_s)
    if watcher.listing:
        watcher.listing.join(60)
    return watcher.has_news(now_s)


def test_a_bucket_is_listed_once_a_minute(bucket: Root) -> None:
    watcher = Watcher(bucket)
    assert not settled(watcher, 0)
    bucket.fs.pipe_file(bucket.join("inbox", "toy", "a.csv"), b"x")
    assert not settled(watcher, LISTED_S - 1)
    assert settled(watcher, LISTED_S)
    assert not settled(watcher, LISTED_S + 1)
    bucket.fs.rm(bucket.join("inbox", "toy", "a.csv"))
    assert not settled(watcher, 2 * LISTED_S)
    bucket.fs.pipe_file(bucket.join("inbox", "toy", "a.csv"), b"x")
    assert settled(watcher, 3 * LISTED_S)


def test_a_bucket_that_is_away_stops_nobody(bucket: Root) -> None:
    away = open_root("s3://no-such-bucket/tree")
    assert not settled(Watcher(away), 0)


def test_a_store_is_away_until_a_look_reaches_it(
    watcher: Watcher, bucket: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = Watcher(bucket)
    settled(there, 0)
    assert there.problem is None
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://127.0.0.1:{free_port()}")
    away = Watcher(replace(bucket, fs=type(bucket.fs)(skip_instance_cache=True)))
    settled(away, 0)
    assert away.problem
    away.store = bucket
    settled(away, LISTED_S)
    assert away.problem is None
    os.rename(watcher.store.path, f"{watcher.store.path}-away")
    assert not watcher.has_news(0)
    assert "No such file" in str(watcher.problem)
    os.rename(f"{watcher.store.path}-away", watcher.store.path)
    assert not watcher.has_news(1)
    assert watcher.problem is None


def test_a_loss_and_a_return_are_each_told_once(capsys: pytest.CaptureFixture) -> None:
    reach = Reach("server")
    for problem in (None, "refused", "refused", "timed out", None, None):
        reach.note(problem)
    lost, back = capsys.readouterr().err.splitlines()
    assert "refused" in lost
    assert "again" in back


def test_what_lies_in_done_or_is_hidden_is_no_news(watcher: Watcher) -> None:
    os.makedirs(watcher.store.join("inbox", "toy", "done"))
    write(watcher, "done/a.csv", "1")
    write(watcher, ".b.csv", "1")
    write(watcher, "c.csv.part", "1")
    assert not any(watcher.has_news(moment) for moment in range(3))


def test_a_root_without_inboxes_or_a_server_that_is_away_do_no_harm(root: Root) -> None:
    assert not Watcher(root).has_news(0)
    assert not Watcher(open_root("memory://nowhere")).has_news(0)
    assert not start_run(Service("http://127.0.0.1:9/api", ""), SWEEP)
