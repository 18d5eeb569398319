"""A retraining that is killed after its first seed goes on with the others."""

import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from seqclass.store.catalogue import verify_tree
from seqclass.store.retrainings import retrainings_of
from seqclass.store.root import Root
from tests.support.stored import store_series

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]
MEMBERS = {"members": ["convolutions"]}


def begin(url: str, root: Root, *words: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "flows", *words, "--root", root.path], text=True,
        env={**os.environ, "PREFECT_API_URL": url}, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def seeds_in(lines: list[str]) -> list[str]:
    return [found[1] for line in lines if (found := re.match(r"(seed \d+): ", line))]


def test_no_seed_is_trained_twice_after_a_kill(
    prefect_url: str, root: Root, tmp_path: Path
) -> None:
    spec = tmp_path / "spec.json"
    spec.write_text(json.dumps(MEMBERS))
    store_series(root, n=120)
    first = begin(prefect_url, root, "train", "toy", "--seeds", "1", "--spec", str(spec))
    first.communicate()
    assert first.returncode == 0
    assert root.names("unfinished") == []
    store_series(root, n=200)
    spec.write_text(json.dumps({"training": {"seeds": 3, **MEMBERS}}))
    killed = begin(prefect_url, root, "retrain", "toy", "--spec", str(spec))
    assert killed.stderr is not None
    before = []
    while not seeds_in(before):
        before.append(killed.stderr.readline())
        assert before[-1], before
    killed.kill()
    before += killed.stderr.readlines()
    killed.wait()
    kept = root.names("unfinished")
    assert 1 <= len(kept) < 3
    words = ("retrain", "toy", "--spec", str(spec), "--again", "--json")
    again = begin(prefect_url, root, *words)
    out, err = again.communicate()
    trained = Counter(seeds_in(before) + seeds_in(err.splitlines()))
    assert max(trained.values()) == 1, (before, err)
    assert len(seeds_in(err.splitlines())) == 3 - len(kept)
    outcome = json.loads(out)
    assert outcome["decision"] in ("promoted", "refused")
    assert len(retrainings_of(root, "toy")) == 1
    assert root.names("unfinished") == []
    assert verify_tree(root)["bad"] == []
