"""A root and a service's database as an earlier commit made them, kept in ``tests/former``.

``python -m tests.support.former COMMIT`` makes them anew: it checks the commit out beside this
repository's environment and lets its own commands import, train, retrain, and run ``seqclass up``.
"""

import gzip
import json
import os
import signal
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from tests.support.places import REPOSITORY

KEPT = REPOSITORY / "tests" / "former"
TREE, DATABASE = "tree.tar.gz", "prefect.sql.gz"
LEFT_OUT = (".service", ".staging", "pages")
"""What a root holds beside its records: the service's own files, work in hand, what is redrawn."""


def restore(folder: Path) -> Path:
    """Unpack the kept root into a folder, with the database in its place; returns the root."""
    with tarfile.open(KEPT / TREE) as packed:
        packed.extractall(folder, filter="data")
    home = folder / "tree" / ".service"
    home.mkdir(mode=0o700)
    with closing(sqlite3.connect(home / "prefect.db")) as database, database:
        database.executescript(gzip.decompress((KEPT / DATABASE).read_bytes()).decode())
    return folder / "tree"


def make(commit: str) -> None:
    """Let a commit's own commands make a root and a database, and keep both."""
    with tempfile.TemporaryDirectory() as name, checked_out(commit, Path(name, "code")) as code:
        root = Path(name, "tree")
        use_commands(code, root, Path(name))
        KEPT.mkdir(exist_ok=True)
        with closing(sqlite3.connect(root / ".service" / "prefect.db")) as database:
            dump = "\n".join(database.iterdump()).encode()
        (KEPT / DATABASE).write_bytes(gzip.compress(dump, mtime=0))
        with tarfile.open(KEPT / TREE, "w:gz") as packed:
            for entry in sorted(root.iterdir()):
                if entry.name not in LEFT_OUT:
                    packed.add(entry, f"tree/{entry.name}")


@contextmanager
def checked_out(commit: str, code: Path) -> Iterator[Path]:
    git = ["git", "-C", str(REPOSITORY), "worktree"]
    subprocess.run([*git, "add", "--detach", str(code), commit], check=True, capture_output=True)
    try:
        yield code
    finally:
        subprocess.run([*git, "remove", "--force", str(code)], check=True)


def use_commands(code: Path, root: Path, work: Path) -> None:
    """Import, train, append, retrain and set a policy, all while the service runs; then stop it."""
    surroundings = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT")}
    surroundings |= {"PYTHONPATH": str(code), "SEQCLASS_STORAGE": str(root), "HOME": str(work)}
    seqclass = [sys.executable, "-P", "-m", "flows"]

    def run(*words: str) -> None:
        subprocess.run([*seqclass, *words], env=surroundings, check=True, cwd=code)

    write_files(work)
    root.mkdir()
    up = subprocess.Popen([*seqclass, "up", "--port", "0", "--json"], env=surroundings, cwd=code,
                          stdout=subprocess.PIPE)  # fmt: skip
    try:
        assert up.stdout is not None
        assert up.stdout.readline()
        run("import", str(work / "first.csv"), "--name", "toy")
        run("train", "toy", "--seeds", "1", "--spec", str(work / "spec.json"))
        run("policy", "toy", "--set", str(work / "policy.json"), "--reason", "kept for a test")
        run("import", str(work / "more.csv"), "--name", "toy", "--append")
        run("retrain", "toy")
    finally:
        up.send_signal(signal.SIGINT)
        up.wait(timeout=60)


def write_files(work: Path) -> None:
    (work / "first.csv").write_text(series(0, 120))
    (work / "more.csv").write_text(series(120, 60))
    (work / "spec.json").write_text(json.dumps({"members": ["convolutions"]}))
    (work / "policy.json").write_text(json.dumps({"owner": "a test"}))


def series(first: int, n: int) -> str:
    """Rising and falling series of twelve steps, as CSV."""
    lines = [
        f"s{i:03d},{('down', 'up')[i % 2]},{step},{(1, -1)[i % 2] * step + (7 * i * step) % 5 / 10}"
        for i in range(first, first + n)
        for step in range(12)
    ]
    return "\n".join(["series_id,label,step,x", *lines, ""])


if __name__ == "__main__":
    make(sys.argv[1])
