"""The command line: a type for its fixture, a file to import, processes."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO

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


def start(
    arguments: list[str], environment: dict[str, str], stderr: IO[str] | int = subprocess.DEVNULL
) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "seqclass.flows", *arguments], env=environment,
        start_new_session=True, stdout=subprocess.DEVNULL, stderr=stderr,
    )  # fmt: skip
