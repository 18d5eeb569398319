"""docs/operation.md from top to bottom, as an operator follows it."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from seqclass.store.root import open_root
from tests.support.buckets import ACCESS
from tests.support.commands import in_python
from tests.support.places import REPOSITORY
from tests.support.servers import free_port, hear_interrupts, wait_until_healthy
from tests.support.small_roots import store_all
from tests.support.waiting import until

PAGE = (REPOSITORY / "docs" / "operation.md").read_text()
SECTIONS = [
    (heading, "".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL)).splitlines())
    for heading, text in re.findall(r"^#+ (.*?)$(.*?)(?=^#|\Z)", PAGE, re.DOTALL | re.MULTILINE)
]
WITHIN_SENTENCES = re.findall(
    r"`seqclass ([^`\s]+ [^`\n]+)`", re.sub(r"```.*?```", "", PAGE, flags=re.DOTALL)
)
BACKUP = next(lines for heading, lines in SECTIONS if heading.startswith("Backup"))
MAKER = """
import csv, random
for path, first, n in (("mine.csv", 0, 200), ("new.csv", 200, 60)):
    with open(path, "w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("series_id", "label", "step", "x"))
        for i in range(first, first + n):
            for step in range(12):
                rows.writerow((f"s{i}", "ab"[i % 2], step, i % 2 * step + random.gauss(0, 1)))
"""


class Terminals:
    """Terminals in one folder: in one of them a line may go on while the next ones are typed."""

    def __init__(self, folder: Path, port: int, **more: str) -> None:
        self.folder, self.port = folder, port
        gone = ("PREFECT_API_URL", "SEQCLASS_STORAGE", "PREFECT_FLOWS_HEARTBEAT_FREQUENCY")
        kept = {name: value for name, value in os.environ.items() if name not in gone}
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        self.environment = {
            **kept, "PATH": path, "HOME": str(folder), "PREFECT_SERVER_API_PORT": str(port),
            "PYTHONUNBUFFERED": "1", **more,
        }  # fmt: skip
        self.going: list[subprocess.Popen] = []

    def type(self, line: str) -> str:
        """Type a line of the page; its output."""
        line = line.partition("  #")[0].replace("4200", str(self.port))
        if line == "seqclass up":
            line += f" --port {self.port}"
        if line.startswith(("seqclass up", "prefect server start", "prefect worker start")):
            return self._begin(line)
        shown = "; env -0" if line.startswith("export ") else ""
        completed = subprocess.run(
            ["bash", "-c", line + shown], cwd=self.folder, env=self.environment,
            capture_output=True, text=True,
        )  # fmt: skip
        assert completed.returncode == 0, f"{line}\n{completed.stdout}\n{completed.stderr}"
        if shown:
            self.environment = dict(
                entry.split("=", 1) for entry in completed.stdout.split("\0") if "=" in entry
            )
        return completed.stdout

    def _begin(self, line: str) -> str:
        words = shlex.split(line)
        log = self.folder / f"{len(self.going)}.log"
        with open(log, "wb") as output:
            process = subprocess.Popen(
                words, cwd=self.folder, env=self.environment, stdout=output, stderr=output,
                preexec_fn=hear_interrupts,
            )  # fmt: skip
        self.going.append(process)
        if "server" in words:
            wait_until_healthy(f"http://127.0.0.1:{self.port}/api/health", process)
            return ""
        ready = "Ctrl-C stops everything" if "up" in words else "started!"

        until(lambda: ready in log.read_text() or process.poll() is not None, 300)
        assert process.poll() is None, log.read_text()
        return log.read_text()

    def stop(self) -> None:
        """Press Ctrl-C wherever a line goes on, the last one first."""
        while self.going:
            process = self.going.pop()
            process.send_signal(signal.SIGINT)
            process.wait(timeout=120)


@contextmanager
def terminals(folder: Path, **more: str) -> Iterator[Terminals]:
    made = Terminals(folder, free_port(), **more)
    try:
        yield made
    finally:
        made.stop()


@pytest.fixture
def place(tmp_path: Path, endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with an empty root where the page has it, and an empty bucket ``my-bucket``."""
    import s3fs

    for name, value in {**ACCESS, "AWS_ENDPOINT_URL_S3": endpoint}.items():
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    s3fs.S3FileSystem().mkdir("my-bucket")
    (tmp_path / "storage" / "artifacts").mkdir(parents=True)
    yield tmp_path
    s3fs.S3FileSystem().rm("my-bucket", recursive=True)


def test_a_copied_and_a_moved_root_are_sound(place: Path) -> None:
    root = open_root(place / "storage" / "artifacts")
    store_all(root)
    for folder in (".service", ".staging"):
        (Path(root.path) / folder).mkdir(exist_ok=True)
        (Path(root.path) / folder / "left").write_text("out")
    with terminals(place) as typed:
        for line in BACKUP:
            typed.type(line)
        shown = typed.type("seqclass history m --root storage/artifacts")
        for copy in ("restored", "moved", "s3://my-bucket/artifacts"):
            assert typed.type(f"seqclass history m --root {copy}") == shown
    files = {path.relative_to(root.path) for path in Path(root.path).rglob("*") if path.is_file()}
    copied = place / "moved"
    moved = {path.relative_to(copied) for path in copied.rglob("*") if path.is_file()}
    assert moved == {path for path in files if path.parts[0] not in (".service", ".staging")}


@pytest.mark.system
@pytest.mark.timeout(1800)
def test_the_page_can_be_followed_from_top_to_bottom(place: Path) -> None:
    """Before: a model of the README's commands, and a block made in the UI."""
    for name in ("prefect.yaml", "work-pool.json"):
        shutil.copy(REPOSITORY / name, place)
    in_python(MAKER, cwd=place, check=True)
    root = str(place / "storage" / "artifacts")
    with terminals(place, SEQCLASS_STORAGE=root) as typed:
        (place / "quick.json").write_text(json.dumps({"members": ["convolutions"]}))
        for line in ("import mine.csv --name mine", "train mine --seeds 1 --spec quick.json"):
            typed.type(f"seqclass {line}")
        for heading, lines in SECTIONS:
            if heading.startswith(("Backup", "Use your own")):
                typed.stop()
            if heading == "Events and alerts":
                _make_block(typed)
            for line in lines:
                typed.type(line)
        answers = typed.type("seqclass score mine new.csv --root moved --out -")
        assert len(answers.splitlines()) == 61


def _make_block(typed: Terminals) -> None:
    typed.type(
        "python -c 'from prefect.blocks.notifications import SlackWebhook; "
        'SlackWebhook(url="http://127.0.0.1:9/none").save("ops")\''
    )
