"""Inboxes in a bucket: what a look at them asks, and that it sees what a folder shows."""

from pathlib import Path

import pytest

from seqclass.store.inbox import arrivals, inbox_of, inbox_states, inboxes, look_at, put_away
from seqclass.store.root import Root, open_root
from tests.support.commands import CountRequests

PAGE, TAKEN = 20, 50
"""How many files one answer of a listing holds, and more of them than two answers hold."""
DIGEST = "0123456789ab" * 5


@pytest.fixture
def inbox(bucket: Root) -> Root:
    """Two files that wait, and others that do not."""
    own = inbox_of(bucket, "toy")
    others = (".hidden.csv", "half.csv.part", "quarantine/bad.csv", "done/0.csv")
    own.fs.pipe({own.join(name): b"x" for name in (*others, "00000.csv", "new.csv")})
    return own


def test_however_many_were_taken_one_request_lists_what_waits(
    inbox: Root, bucket: Root, requests_of: CountRequests, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", str(PAGE))
    inbox.fs.pipe({inbox.join("done", f"{number:05d}.csv"): b"x" for number in range(TAKEN)})
    assert requests_of(lambda: inbox.fs.find(inbox.join("done"))) >= 3
    assert [own.name for own in arrivals(inbox)] == ["00000.csv", "new.csv"]
    assert requests_of(lambda: arrivals(inbox)) == 1
    for name in ("a", "b", "c"):
        bucket.fs.pipe_file(bucket.join("inbox", name, "1.csv"), b"x")
    assert requests_of(lambda: inbox_states(bucket)) == 1 + 4 + 1
    found = inbox_states(bucket)
    assert {name: len(own.files) for name, own in found.items()} == {
        "a": 1, "b": 1, "c": 1, "toy": 2
    }  # fmt: skip
    assert [own.aside for own in found.values()] == [0, 0, 0, 1]


def test_a_listed_file_is_the_one_that_is_put_away(inbox: Root) -> None:
    [first, second] = arrivals(inbox)
    assert look_at(inbox, first.name) is not None
    assert put_away(inbox, first, DIGEST, "done")
    inbox.fs.pipe_file(inbox.join(second.name), b"changed")
    assert not put_away(inbox, second, DIGEST, "done")
    assert [own.name for own in arrivals(inbox)] == [second.name]


def test_a_bucket_shows_what_a_folder_shows(inbox: Root, root: Root, bucket: Root) -> None:
    Path(root.join("inbox", "toy", "done")).mkdir(parents=True)
    for name in ("00000.csv", "new.csv", ".hidden.csv", "half.csv.part", "done/1.csv"):
        Path(root.join("inbox", "toy", name)).write_text("x")
    folder = [own.name for own in arrivals(inbox_of(root, "toy"))]
    assert folder == [own.name for own in arrivals(inbox)]
    assert inboxes(root) == inboxes(bucket) == ["toy"]
    assert arrivals(open_root(f"{bucket.url}/nowhere")) == []
