"""A root and a service's database as an earlier commit made them, kept in ``tests/former``.

``python -m tests.support.former COMMIT`` makes them anew: it checks the commit out beside this
repository's environment and lets its own commands import, train, retrain, and run ``seqclass up``.
"""

import gzip
import json
import os
import signal
import socket
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
TREE, SQLITE = "tree.tar.gz", "prefect.sql.gz"
LEFT_OUT = (".service", ".staging", "pages")
"""What a root holds beside its records: the service's own files, work in hand, what is redrawn."""
SECRETS = "csrf_token"
"""The table whose rows are not kept."""


def restore(folder: Path) -> Path:
    """Unpack the kept root into a folder, with its database in place; returns the root."""
    with tarfile.open(KEPT / TREE) as packed:
        packed.extractall(folder, filter="data")
    home = folder / "tree" / ".service"
    home.mkdir(mode=0o700)
    with closing(sqlite3.connect(home / "prefect.db")) as database, database:
        database.executescript(gzip.decompress((KEPT / SQLITE).read_bytes()).decode())
    return folder / "tree"


def make(commit: str) -> None:
    """Let a commit's own commands make a root and its database, and keep them."""
    KEPT.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name, checked_out(commit, Path(name, "code")) as code:
        work = Path(name, "work")
        root = use_commands(code, work)
        with closing(sqlite3.connect(root / ".service" / "prefect.db")) as database:
            rows = f'INSERT INTO "{SECRETS}"'
            keep(work, "\n".join(s for s in database.iterdump() if not s.startswith(rows)))
        with tarfile.open(KEPT / TREE, "w:gz") as packed:
            for entry in sorted(root.iterdir()):
                if entry.name not in LEFT_OUT:
                    packed.add(entry, f"tree/{entry.name}")


def keep(work: Path, sql: str) -> None:
    """Keep a database, with other words for this machine and for the folder of the work."""
    host, folder = socket.gethostname(), str(work)
    for found, instead in (
        (folder, "/former"),
        (folder.replace("/", "-"), "-former"),  # in the name of a worker
        (f"seqclass {host} ", "seqclass former "),
        (f"seqclass-{host}-", "seqclass-former-"),
    ):
        sql = sql.replace(found, instead)
    (KEPT / SQLITE).write_bytes(gzip.compress(sql.encode(), mtime=0))


@contextmanager
def checked_out(commit: str, code: Path) -> Iterator[Path]:
    git = ["git", "-C", str(REPOSITORY), "worktree"]
    subprocess.run([*git, "add", "--detach", str(code), commit], check=True, capture_output=True)
    try:
        yield code
    finally:
        subprocess.run([*git, "remove", "--force", str(code)], check=True)


def use_commands(code: Path, work: Path) -> Path:
    """Import, train, append, retrain and set a policy, all while the service runs; then stop it.

    Returns the root.
    """
    work.mkdir()
    root = work / "tree"
    surroundings = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT")}
    surroundings |= {"PYTHONPATH": str(code), "SEQCLASS_STORAGE": str(root), "HOME": str(work)}
    surroundings["TMPDIR"] = str(work)
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
        up.wait(timeout=120)
    return root


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
