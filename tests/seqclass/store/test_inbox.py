"""Inboxes: where they are, what a look at them costs, and those that may not be read."""

import os
import re
from pathlib import Path

import pytest

from seqclass.pipeline.ingest import ingest
from seqclass.pipeline.prometheus import metrics_text
from seqclass.store.inbox import (
    arrivals,
    inbox_of,
    inbox_states,
    inboxes,
    look_at,
    misplaced,
    put_away,
)
from seqclass.store.root import Root, open_root
from tests.support.commands import Command, CountRequests
from tests.support.places import NOW
from tests.support.rights import ordinary_rights
from tests.support.stored import store_series

PAGE, TAKEN = 20, 50
"""How many files one answer of a listing holds, and more of them than two answers hold."""


@pytest.fixture
def inbox(bucket: Root) -> Root:
    """Two files that wait, and others that do not."""
    inbox = inbox_of(bucket, "toy")
    others = (".hidden.csv", "half.csv.part", "quarantine/bad.csv", "done/0.csv")
    inbox.fs.pipe({inbox.join(name): b"rows" for name in (*others, "00000.csv", "new.csv")})
    return inbox


def names_in(inbox: Root) -> list[str]:
    return [arrival.name for arrival in arrivals(inbox)]


def test_however_many_were_taken_one_request_lists_what_waits(
    inbox: Root, bucket: Root, requests_of: CountRequests, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", str(PAGE))
    inbox.fs.pipe({inbox.join("done", f"{number:05d}.csv"): b"x" for number in range(TAKEN)})
    assert requests_of(lambda: inbox.fs.find(inbox.join("done"))) >= 3
    assert names_in(inbox) == ["00000.csv", "new.csv"]
    assert requests_of(lambda: arrivals(inbox)) == 1
    assert requests_of(lambda: look_at(inbox, "new.csv")) == 1
    for name in ("a", "b", "c"):
        bucket.fs.pipe_file(bucket.join("inbox", name, "1.csv"), b"x")
    assert requests_of(lambda: inbox_states(bucket)) == 1 + 4 + 1
    states = inbox_states(bucket)
    assert {name: len(state.files) for name, state in states.items()} == {
        "a": 1, "b": 1, "c": 1, "toy": 2
    }  # fmt: skip
    assert [state.aside for state in states.values()] == [0, 0, 0, 1]


def test_a_listed_file_is_the_one_that_is_put_away(inbox: Root) -> None:
    [first, second] = arrivals(inbox)
    assert put_away(inbox, first, "0" * 64, "done")
    inbox.fs.pipe_file(inbox.join(second.name), b"changed")
    assert not put_away(inbox, second, "0" * 64, "done")
    assert names_in(inbox) == [second.name]


def test_a_bucket_shows_what_a_folder_shows(inbox: Root, root: Root, bucket: Root) -> None:
    Path(root.join("inbox", "toy", "done")).mkdir(parents=True)
    for name in ("00000.csv", "new.csv", ".hidden.csv", "half.csv.part", "done/1.csv"):
        Path(root.join("inbox", "toy", name)).write_text("x")
    assert names_in(inbox_of(root, "toy")) == names_in(inbox)
    assert inboxes(root) == inboxes(bucket) == ["toy"]
    assert arrivals(open_root(f"{bucket.url}/nowhere")) == []
    slashed = open_root(f"{bucket.url}/")
    assert names_in(inbox_of(slashed, "toy")) == names_in(inbox)
    assert b'seqclass_inbox_files{dataset="toy"} 2.0' in metrics_text(slashed, NOW)


def test_a_folder_whose_name_no_dataset_can_have_is_no_inbox(root: Root) -> None:
    for name in ("toy", "Bad name!", os.fsdecode(b"b\xffd")):
        Path(root.join("inbox", name)).mkdir(parents=True)
        Path(root.join("inbox", name, "a.csv")).write_text("rows")
    assert inboxes(root) == ["toy"]
    assert b'seqclass_inbox_files{dataset="toy"} 1.0' in metrics_text(root, NOW)
    assert len(ingest(root)["sweeps"]) == 1


def test_what_lies_beside_the_inboxes_is_named(
    inbox: Root, root: Root, bucket: Root, seqclass: Command
) -> None:
    store_series(root)
    assert ingest(root)["amiss"] == []
    for store in (root, bucket):
        for name in ("june.csv", ".hidden", "half.csv.part", "Bad name!/a.csv", "toy/b.csv"):
            place = store.join("inbox", name)
            store.fs.makedirs(place.rpartition("/")[0], exist_ok=True)
            store.fs.pipe_file(place, b"rows")
        assert misplaced(store) == "Bad name!, june.csv"
        [line] = ingest(store)["amiss"]
        assert "got Bad name!, june.csv; move" in line
    assert ingest(root, "toy")["amiss"] == []
    code, out, _ = seqclass("ingest")
    assert (code, line in out.splitlines()) == (0, True)


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
    text = metrics_text(root, NOW).decode()
    return set(re.findall(r'seqclass_inbox_files{dataset="(.*)"} 1', text))
