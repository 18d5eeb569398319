"""Progress of trainings as artifacts of their task runs."""

import contextlib
import math
import time
from typing import cast
from uuid import UUID

import httpx
from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.exceptions import PrefectException

from seqclass.pipeline.progress import DONE, reported_to

REPORT_EVERY_S = 2.0


class ProgressArtifact:
    """The progress artifact of a task run; a server that can't be reached is ignored."""

    def __init__(self) -> None:
        self._artifact: UUID | None = None
        self._reported_at = -math.inf

    def __call__(self, percent: float, note: str) -> None:
        """Create the artifact, or update it at most every two seconds, and at the end."""
        if time.monotonic() - self._reported_at < REPORT_EVERY_S and percent < DONE:
            return
        self._reported_at = time.monotonic()
        with contextlib.suppress(httpx.HTTPError, PrefectException, RuntimeError, OSError):
            if self._artifact is None:
                self._artifact = cast(UUID, create_progress_artifact(percent, description=note))
            else:
                update_progress_artifact(self._artifact, percent, note)


def shown_in_prefect() -> contextlib.AbstractContextManager[None]:
    """Show the trainings of a block in its task run."""
    return reported_to(ProgressArtifact())
