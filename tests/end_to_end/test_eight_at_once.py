"""Eight processes promote, roll back, register, append and look at one root for some time.

``SEQCLASS_AT_ONCE_S=600`` makes it ten minutes.
"""

import json
import os
import subprocess
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from seqclass.store.catalogue import verify_tree
from seqclass.store.datasets import committed_versions, open_dataset
from seqclass.store.log import next_turn, read_log
from seqclass.store.models import model_versions
from seqclass.store.registry import MoveReason, champion_of, move_champion
from seqclass.store.root import Root, open_root
from tests.support.deeds import DATASET, DEEDS, FIRST_VERSIONS, MODEL
from tests.support.places import NOW, REPOSITORY
from tests.support.stored import read_decisions, store_series, store_version

SECONDS = float(os.environ.get("SEQCLASS_AT_ONCE_S", "15"))
PROCESSES = 8
Lines = list[dict]


def work_at_once(root: Root, folder: Path) -> Lines:
    """What each process said that it has done, in the order in which the deeds ended."""
    paths = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    logs = [folder / f"{who}.jsonl" for who in range(PROCESSES)]
    running = [
        subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tests.support.deeds",
                root.url,
                str(who),
                str(SECONDS),
                str(log),
            ],
            env=paths,
        )
        for who, log in enumerate(logs)
    ]
    assert [process.wait() for process in running] == [0] * PROCESSES
    lines = [json.loads(line) for log in logs for line in log.read_text().splitlines()]
    return sorted(lines, key=lambda line: line["ended"])


def check_moves(root: Root, lines: Lines) -> int:
    """Every acknowledged move is in the audit once, no other is, and their order is the same."""
    moved = {line["reason"]: line for line in lines if line.get("moved")}
    audit = read_log(root, MODEL)
    assert [entry["number"] for entry in audit] == list(range(1, len(audit) + 1))
    decisions = read_decisions(root, MODEL)[FIRST_VERSIONS:]
    assert sorted(entry["reason"] for entry in decisions) == sorted(moved)
    for entry in decisions:
        line = moved[entry["reason"]]
        assert (entry["what"], entry["from"]) == (line["what"], line["from"])
        assert line["model"] == f"models/{MODEL}@{entry['to']}"
        line["number"] = entry["number"]
    for before, entry in pairwise(audit):
        assert entry["from"] == before["to"]
    assert champion_of(root, MODEL) == audit[-1]["to"]
    assert {line["what"] for line in moved.values()} == {"promote", "rollback"}
    latest_begin = float("-inf")
    for line in sorted(moved.values(), key=lambda line: line["number"]):
        assert line["ended"] > latest_begin, (
            "a move that had ended stands after one that began later"
        )
        latest_begin = max(latest_begin, line["began"])
    return len(decisions)


def check_rows(root: Root, lines: Lines) -> None:
    """Every acknowledged row is in the newest version, and each version went out from the last."""
    added = {line["dataset"]: line for line in lines if line["what"] == "append"}
    ids = open_dataset(root, DATASET).labels()["series_id"].to_pylist()
    assert len(ids) == len(set(ids)) == 60 + sum(len(line["ids"]) for line in added.values())
    assert set(ids) >= {name for line in added.values() for name in line["ids"]}
    assert len(committed_versions(root, DATASET)) == len(added) + 1
    assert len({line["parent"] for line in added.values()}) == len(added)


@pytest.mark.system
@pytest.mark.timeout(SECONDS * 2 + 300)
@pytest.mark.parametrize("place", ["folder", "bucket"])
def test_eight_processes_at_once_lose_and_tear_nothing(
    place: str, tmp_path: Path, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture
) -> None:
    (tmp_path / "logs").mkdir()
    root = request.getfixturevalue("bucket") if place == "bucket" else open_root(tmp_path / "tree")
    store_series(root, DATASET)
    for number in range(FIRST_VERSIONS):
        version = store_version(root, MODEL).version
        move_champion(
            next_turn(root, MODEL), version, MoveReason("me", "", {}, NOW.replace(second=number))
        )
    lines = work_at_once(root, tmp_path / "logs")
    n_moves = check_moves(root, lines)
    check_rows(root, lines)
    made = [line["model"] for line in lines if line["what"] == "register"]
    assert len(set(made)) == len(made) == len(model_versions(root, MODEL)) - FIRST_VERSIONS
    verified = verify_tree(root)
    assert verified["bad"] == []
    done = Counter(line["what"] for line in lines)
    assert done.keys() == DEEDS.keys()
    with capsys.disabled():
        counts = ", ".join(f"{what} {done[what]}" for what in DEEDS)
        print(f"\n{PROCESSES} processes, {SECONDS:g} s, {place}: {counts}; {n_moves} moves in the "
              f"audit, {verified['checked']} files sound, 0 lost, 0 torn")  # fmt: skip
