"""Task: count the tries at a retraining."""

from datetime import datetime
from typing import Any

from prefect import get_run_logger, task

from seqclass.monitoring.retraining import RetrainSpec
from seqclass.store.attempts import Attempt, write_attempt
from seqclass.store.root import open_root
from tasks.retraining.detection import NO_WORD, attempt_at, name_of


@task(name="begin try")
def begin_try(news: dict[str, Any], spec: RetrainSpec, now: datetime, root_url: str) -> int:
    """Note that another try begins, and return its number; ChildProcessError where none is left,
    since the last one was killed."""
    root = open_root(root_url)
    last = None if spec.again else attempt_at(root, news)
    if last is not None and last.tries >= spec.tries:
        raise ChildProcessError(f"{last.error or NO_WORD}; see the system's log, and free memory")
    tries = last.tries + 1 if last else 1
    attempt = Attempt(news["champion"], news["latest"], tries, now.isoformat())
    write_attempt(root, name_of(news), attempt)
    get_run_logger().info("try %d of %d", tries, spec.tries)
    return tries
