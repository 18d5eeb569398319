"""The command line: a type for its fixture, a file to import, processes."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from tests.support.places import REPOSITORY

Command = Callable[..., tuple[int, str, str]]
CountRequests = Callable[[Callable[[], object]], int]
"""A call's number of requests to a bucket."""

CSV = "series_id,label,step,x\n" + "".join(
    f"s{i},{'ab'[i % 2]},{t},{i % 2 * t}\n" for i in range(6) for t in range(4)
)


def csv(folder: Path, change: Callable[[str], str] = str) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / "in.csv"
    path.write_text(change(CSV))
    return path


def in_python(
    script: str, *words: object, cwd: Path = REPOSITORY, **more: Any
) -> subprocess.CompletedProcess[str]:
    """Run a script in a new interpreter."""
    return subprocess.run(
        [sys.executable, "-c", script, *map(str, words)], cwd=cwd, capture_output=True, text=True,
        **more,
    )  # fmt: skip


def start(
    arguments: list[str], environment: dict[str, str], stderr: IO[str] | int = subprocess.DEVNULL
) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "seqclass.flows", *arguments], env=environment,
        start_new_session=True, stdout=subprocess.DEVNULL, stderr=stderr,
    )  # fmt: skip
