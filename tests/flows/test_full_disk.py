"""Commands on a root whose disk is full: prune frees space; others say so in one line."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from seqclass.store.root import Root
from seqclass.store.seeds import UNFINISHED, keep_seed
from tests.support.service import surroundings
from tests.support.stored import make_champion, store_series, store_version

APART = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]
"""Words of a command that sees mounts of its own."""
SEQCLASS = [sys.executable, "-P", "-m", "seqclass.flows"]
ON_SMALL_DISK = """
cp -a "$1" "$1.copy" && mount -t tmpfs -o size="$2" none "$1" && cp -a "$1.copy/." "$1" || exit 99
shift 2
"$@"; code=$?
find "$SEQCLASS_STORAGE" -name '*.log' -o -path '*/.staging/*'
exit $code
"""
ON_FULL_DISK = """
cp -a "$1" "$1.copy" && mount -t tmpfs -o size=4m none "$1" && cp -a "$1.copy/." "$1" || exit 99
shift 1
dd if=/dev/zero of="$SEQCLASS_STORAGE/fill" bs=4096 2>/dev/null
"$@" prune --days 0 --yes --json || exit $?
rm "$SEQCLASS_STORAGE/fill"
"$@" verify --json
find "$SEQCLASS_STORAGE" -type f
"""
"""Shell script that prunes on a full disk, verifies the root and lists its files."""

pytestmark = pytest.mark.skipif(
    subprocess.run([*APART, "true"], capture_output=True).returncode != 0,
    reason="this account may mount nothing",
)


def old_version(root: Root) -> str:
    """A version that nothing needs, with its report."""
    dataset = store_series(root).ref
    old, champion = (store_version(root, "toy", dataset=dataset) for _ in range(2))
    Path(f"{old.folder}/report.html").write_bytes(bytes(60_000))
    make_champion(root, "toy", champion.version)
    return old.ref


def old_rows(root: Root) -> str:
    """Rows that nothing needs, with their page."""
    dataset = store_series(root, n=30)
    Path(f"{dataset.folder}.html").write_bytes(bytes(60_000))
    store_series(root, n=40)
    return dataset.ref


def trained_seed(root: Root) -> str:
    weights = Path(f"{root.path}.npy")
    weights.write_bytes(bytes(60_000))
    keep_seed(root, "0" * 16, [str(weights)], {}, answered=True)
    return f"{UNFINISHED}/{'0' * 16}"


def taken_file(root: Root) -> str:
    taken = Path(root.join("inbox", "toy", "done", "may.parquet"))
    taken.parent.mkdir(parents=True)
    taken.write_bytes(bytes(60_000))
    return "inbox/toy/done/may.parquet"


def on_disk(script: str, root: Root, prefect_home: Path, *words: str) -> tuple[int, str, str]:
    """Run a script on the root's small disk; exit code, standard output and standard error."""
    environment = surroundings(SEQCLASS_STORAGE=root.path, PREFECT_HOME=str(prefect_home))
    completed = subprocess.run(
        [*APART, "sh", "-c", script, "sh", root.path, *words], env=environment,
        capture_output=True, text=True,
    )  # fmt: skip
    return completed.returncode, completed.stdout, completed.stderr


@pytest.mark.parametrize("make", [old_version, old_rows, trained_seed, taken_file])
def test_prune_frees_space_on_a_full_disk(
    make: Callable[[Root], str], root: Root, prefect_home: Path
) -> None:
    going = make(root)
    code, out, err = on_disk(ON_FULL_DISK, root, prefect_home, *SEQCLASS)
    assert code == 0, err
    pruned, verified, *files = out.splitlines()
    assert json.loads(pruned)["removed"] == [going]
    assert json.loads(verified)["bad"] == []
    assert [file for file in files if going.replace("@", "/") in file] == []
    assert any("/prunings/" in file for file in files)


@pytest.mark.parametrize(
    ("size", "words"),
    [
        ("4m", ["up", "--port", "0"]),
        ("52m", ["generate", "signals", "--n-series", "400000"]),
    ],
    ids=["up", "while it is written"],
)
def test_a_full_disk_is_one_line_that_names_the_root(
    size: str, words: list[str], root: Root, prefect_home: Path
) -> None:
    store_series(root)
    code, out, err = on_disk(ON_SMALL_DISK, root, prefect_home, size, *SEQCLASS, *words)
    problem = err.splitlines()[-1]
    assert (code, out) == (2, ""), err
    assert problem.startswith("seqclass: storage root")
    assert root.path in problem
    assert "missing" in problem if size == "4m" else "No space left" in problem
