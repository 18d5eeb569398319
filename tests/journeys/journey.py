"""One journey of a user: commands, Python and HTTP, and what they leave, as text to compare.

Nothing of the project is imported here. ``SEQCLASS_BIN`` names the folder of the ``seqclass`` and
``python`` to try, by default that of this interpreter.
"""

import difflib
import json
import math
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

BIN = Path(os.environ.get("SEQCLASS_BIN", Path(sys.executable).parent))
KEPT = Path(__file__).with_name("kept")
WRITES = os.environ.get("JOURNEYS") == "write"
"""True to write the kept files anew, False to compare with them."""

TOLERANCE = 0.05
"""How far a fraction may lie from the kept one, absolutely or in proportion: CPUs round
differently."""

WIDTH = 110
LONG = 12
"""Items of a list that are kept; of a longer one its length, the first and the last."""

VOLATILE = re.compile(
    r"(^|_)(s|seconds|at|created|since|until|made|sha256|digest|bytes|actor|host|python|platform|"
    r"cpu|checked|loss|ece|value|familiarity|weights|port|pid|software|machine|numerics|files)$"
)
"""Keys whose values are not compared: times, digests, sizes, accounts, very small numbers."""

MASKS = [
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:[\d.]+)?(Z|[+-]\d\d:?\d\d)?"), "TIME"),
    (re.compile(r"\d{8}T\d{6}[.\d]*Z?(-[0-9a-f]+)?"), "TIME"),
    (re.compile(r"(?<![.\w])[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"), "UUID"),
    (re.compile(r"(?<![.\w])[0-9a-f]{16,64}\b"), "DIGEST"),
    (re.compile(r"(127\.0\.0\.1|localhost):\d+"), "ADDRESS"),
]
SENTENCE = re.compile(r"\S+( \S+){3,}")
"""Text of four words or more: prose, which may be improved."""


class Journey:
    """A folder in which commands are typed, and a text of what they left."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name, self.folder = name, folder
        self.store = folder / "store"
        inherited = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("SEQCLASS_", "PREFECT_", "PYTHONPATH", "COVERAGE"))
        }
        self.environment = {
            **inherited,
            "SEQCLASS_STORAGE": str(self.store),
            "COLUMNS": "200",
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        }
        self._lines: list[str] = []

    def run(self, line: str, only: tuple[str, ...] = ()) -> Any:
        """Type a command; keep its exit code and its JSON, which is returned.

        only: the keys of the JSON to keep; all if empty.
        """
        process, shown = self._type(line)
        assert process.returncode in (0, 1, 3), shown
        answer = json.loads(process.stdout)
        self.keep({key: answer[key] for key in only} if only else answer)
        return answer

    def refused(self, line: str) -> str:
        """Type a command that is refused; keep the argument that its one line names."""
        process, shown = self._type(line)
        assert process.returncode == 2, shown
        assert "Traceback" not in process.stderr, shown
        refusal = process.stderr.strip().splitlines()[-1]
        self._lines.append(f"refused {refused_argument(refusal)}")
        return refusal

    def asked(self, line: str) -> Any:
        """Type a command of which nothing is kept; its JSON."""
        process, shown = self._type(line)
        del self._lines[-3:]
        assert process.returncode in (0, 1), shown
        return json.loads(process.stdout)

    def _type(self, line: str) -> tuple[subprocess.CompletedProcess[str], str]:
        """Run a command with ``--json``; returns it, and what it showed."""
        typed = shlex.split(line)
        if typed[0] == "seqclass" and "--json" not in typed:
            typed.append("--json")
        process = subprocess.run(
            [str(BIN / typed[0]), *typed[1:]], cwd=self.folder, env=self.environment,
            capture_output=True, text=True, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        self._lines += ["", f"$ {self._masked(line)}", f"exit {process.returncode}"]
        return process, f"$ {line}\n{process.stdout}\n{process.stderr}"

    def python(self, source: str, folder: str = ".", interpreter: Path = BIN / "python") -> Any:
        """Run Python code that prints one JSON value at its end, and keep this value."""
        process = subprocess.run(
            [str(interpreter), "-c", source], cwd=self.folder / folder, env=self.environment,
            capture_output=True, text=True, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert process.returncode == 0, f"{source}\n{process.stdout}\n{process.stderr}"
        answer = json.loads(process.stdout.strip().splitlines()[-1])
        self._lines += ["", *(f"> {line}" for line in source.strip().splitlines())]
        self.keep(answer)
        return answer

    @contextmanager
    def started(self, line: str, ready: str, **environment: str) -> Iterator[str]:
        """Run a command until the block ends; yields what its output holds when it is ready.

        ready: a pattern with one group.
        """
        typed = shlex.split(line)
        log = self.folder / f"{len([*self.folder.glob('*.log')])}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [str(BIN / typed[0]), *typed[1:]], cwd=self.folder, stdin=subprocess.DEVNULL,
                env={**self.environment, **environment}, stdout=output, stderr=output,
            )  # fmt: skip
        try:
            yield await_output(process, log, ready)
        finally:
            process.terminate()
            try:
                code = process.wait(timeout=120)
            finally:
                process.kill()
        if typed[0] == "seqclass":
            self._lines += ["", f"$ {self._masked(line)}", f"exit {code} when it is stopped"]

    def keep(self, value: Any, name: str = "") -> None:
        """Keep a JSON value, a line for each leaf."""
        self._lines += [self._masked(line) for line in leaves(value, name)]

    def arrive(self) -> None:
        """Compare with the kept text, or write it."""
        path = KEPT / f"{self.name}.txt"
        lines = [line.rstrip() for line in "\n".join(self._lines).strip("\n").split("\n")]
        kept = path.read_text().splitlines() if path.exists() else []
        merged = agreed(kept, lines)
        if WRITES:
            path.write_text("\n".join(merged) + "\n")
            return
        difference = "\n".join(difflib.unified_diff(kept, merged, "kept", "now", lineterm="", n=4))
        assert not difference, f"{self.name}: what the journey leaves differs:\n{difference}"

    def _masked(self, text: str) -> str:
        text = text.replace(str(self.store), "STORE").replace(str(self.folder), "FOLDER")
        for pattern, word in MASKS:
            text = pattern.sub(word, text)
        return text


Copy = Callable[[Journey], None]
"""Puts what is made already into the folder of a journey."""


def await_output(process: subprocess.Popen[bytes], log: Path, pattern: str) -> str:
    """Wait until the output of a process has a pattern with one group; return this group."""
    while not (match := re.search(pattern, log.read_text())):
        assert process.poll() is None, f"{process.args} ended:\n{log.read_text()}"
        time.sleep(0.1)
    return match[1]


def leaves(value: Any, name: str) -> list[str]:
    """Return a line for each leaf of a JSON value; a small record is one line."""
    value = comparable(value, name.rpartition(".")[2])
    nested = isinstance(value, dict | list) and bool(value)
    if nested and len(text := json.dumps(value, ensure_ascii=False)) + len(name) > WIDTH:
        items = value.items() if isinstance(value, dict) else enumerate(value)
        names = (f"{name}.{key}" if name else str(key) for key in [key for key, _ in items])
        values = value.values() if isinstance(value, dict) else value
        return [line for key, item in zip(names, values, strict=True) for line in leaves(item, key)]
    text = text if nested else json.dumps(value, ensure_ascii=False)
    return [f"  {name}: {text}" if name else f"  {text}"]


def comparable(value: Any, key: str) -> Any:
    """Return a JSON value without what differs from run to run."""
    if value is not None and VOLATILE.search(key):
        return "*"
    if isinstance(value, dict):
        return {name: comparable(item, name) for name, item in value.items()}
    if isinstance(value, list):
        if len(value) > LONG:
            value = [f"{len(value)} items", value[0], value[-1]]
        return [comparable(item, key) for item in value]
    if isinstance(value, float):
        return round(value, 3)
    return "TEXT" if isinstance(value, str) and SENTENCE.search(value) else value


def refused_argument(line: str) -> str:
    """Return what a refusal names before its first colon."""
    text = re.sub(r"^(seqclass|[a-z-]+): (?=[\w@ /.-]+: expected)", "", line)
    return text.partition(":")[0][:80]


def agreed(kept: list[str], lines: list[str]) -> list[str]:
    """Return the new lines, with the kept ones where they differ by rounding alone."""
    merged = []
    matcher = difflib.SequenceMatcher(None, [_shape(x) for x in kept], [_shape(x) for x in lines])
    for tag, i, j, k, m in matcher.get_opcodes():
        if tag == "equal":
            pairs = zip(kept[i:j], lines[k:m], strict=True)
            merged += [old if _close(old, new) else new for old, new in pairs]
        else:
            merged += lines[k:m]
    return merged


FRACTION = re.compile(r"-?\d+\.\d+(?:e-?\d+)?|-?\d+e-?\d+")


def _shape(line: str) -> str:
    return FRACTION.sub("FRACTION", line)


def _close(old: str, new: str) -> bool:
    pairs = zip(FRACTION.findall(old), FRACTION.findall(new), strict=True)
    return all(
        math.isclose(float(a), float(b), rel_tol=TOLERANCE, abs_tol=TOLERANCE) for a, b in pairs
    )
