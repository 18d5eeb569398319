"""Tries at a retraining that has not come to its decision: ``retrainings/<model>/attempt.json``.

It is written before the work begins and removed after the decision, so what is there when nobody
works on the model has failed, or was killed.
"""

import contextlib
import json
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from seqclass.store.leases import is_claimed
from seqclass.store.retrainings import RETRAININGS
from seqclass.store.root import DamagedError, Root, read_record, replace_file

ATTEMPT, TOLD, RETRAINING = "attempt.json", "overdue.json", "retraining"
FIRST_WAIT_S = 15.0
"""Seconds from the begin of the first try to the second; each further wait is twice as long."""


@dataclass(frozen=True)
class Attempt:
    """How often a challenger of this champion was tried on this dataset, when the last try began
    (ISO 8601), and what it failed with (None: it has left no word)."""

    champion: str
    dataset: str
    tries: int
    began: str
    error: str | None = None

    @property
    def next_try(self) -> datetime:
        """When it may be tried again: the waits double from try to try."""
        wait = timedelta(seconds=FIRST_WAIT_S * 2 ** (self.tries - 1))
        return datetime.fromisoformat(self.began) + wait


def read_attempt(root: Root, model: str) -> Attempt | None:
    """The attempt that waits for a decision; None where there is none that can be read."""
    path = _path(root, model)
    with contextlib.suppress(DamagedError, TypeError, ValueError):
        attempt = Attempt(**read_record(root, path)) if root.fs.exists(path) else None
        return attempt if attempt and attempt.next_try.tzinfo else None
    return None


def write_attempt(root: Root, model: str, attempt: Attempt) -> None:
    """Keep the attempt until it is decided."""
    replace_file(root, _path(root, model), json.dumps(asdict(attempt), indent=2).encode())


def end_attempt(root: Root, model: str) -> None:
    """Forget the attempt: it was decided, or nothing waits for it any more."""
    with contextlib.suppress(FileNotFoundError):
        root.fs.rm(_path(root, model))


def attempted(root: Root) -> list[str]:
    """Names of the models with an attempt, whose decision is to come or was not carried out."""
    return [name for name in root.names(RETRAININGS) if root.fs.exists(_path(root, name))]


def is_overdue(root: Root, now: datetime) -> bool:
    """Whether a retraining has failed or died, is to be tried again, and nobody is at it."""
    attempts = ((name, read_attempt(root, name)) for name in root.names(RETRAININGS))
    return any(
        attempt is not None
        and now >= attempt.next_try
        and not is_claimed(root, RETRAINING, "models", name)
        for name, attempt in attempts
    )


def is_told(root: Root, model: str, dataset: str) -> bool:
    """Whether somebody was told that the decision on this dataset is overdue."""
    with contextlib.suppress(DamagedError):
        return read_record(root, _path(root, model, TOLD)).get("dataset") == dataset
    return False


def note_told(root: Root, model: str, dataset: str) -> None:
    """Remember that somebody was told, so that nobody is told twice."""
    replace_file(root, _path(root, model, TOLD), json.dumps({"dataset": dataset}).encode())


def _path(root: Root, model: str, file: str = ATTEMPT) -> str:
    return root.join(RETRAININGS, model, file)
