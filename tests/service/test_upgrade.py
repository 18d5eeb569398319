"""A root and a service's database that an earlier commit made are taken up by this one."""

from pathlib import Path
from typing import Any

import pytest

from flows.service.deployed import deployments_of_file
from seqclass.store.audit import read_audit
from seqclass.store.catalogue import verify_tree
from seqclass.store.datasets import open_dataset
from seqclass.store.registry import champion_of
from seqclass.store.retrainings import retrainings_of
from seqclass.store.root import Root, open_root
from tests.support.commands import Command
from tests.support.former import restore, series
from tests.support.service import Up
from tests.support.waiting import until


@pytest.fixture
def former(tmp_path: Path) -> Root:
    return open_root(restore(tmp_path))


@pytest.mark.parametrize(
    "words",
    [["datasets"], ["models"], ["show", "toy"], ["history", "toy"], ["policy", "toy"], ["verify"],
     ["digest"], ["metrics"], ["compare", "toy@v1", "toy@v2"], ["pages"]],
    ids=lambda words: words[0],
)  # fmt: skip
def test_every_command_reads_what_an_earlier_commit_stored(
    former: Root, seqclass: Command, words: list[str]
) -> None:
    code, _, err = seqclass(*words, "--root", former.path)
    assert (code, err) == (0, ""), err


def state_of(root: Root) -> tuple[Any, ...]:
    return champion_of(root, "toy"), read_audit(root, "toy"), retrainings_of(root, "toy")


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_service_goes_on_where_that_of_an_earlier_commit_stopped(former: Root) -> None:
    before = state_of(former)
    for _ in range(2):
        up = Up(former, port=0)
        try:
            with up.client() as client:
                found = {(d.entrypoint, d.name) for d in client.read_deployments()}
            assert set(deployments_of_file()) <= found
            assert up.runs("train-classifier")  # of the earlier service
        finally:
            assert up.stop() == 0
        assert state_of(former) == before
    up = Up(former, port=0)
    try:
        inbox = Path(former.join("inbox", "toy"))
        inbox.mkdir(parents=True)
        (inbox / "more.csv").write_text(series(180, 60))
        until(lambda: len(retrainings_of(former, "toy")) > len(before[2]), 300)
    finally:
        up.stop()
    assert open_dataset(former, "toy").manifest["n_series"] == 240
    assert verify_tree(former)["bad"] == []
