"""Task: count the tries of a retraining."""

from prefect import get_run_logger, task

from seqclass.store.retrainings import Attempt, write_attempt
from seqclass.store.root import open_root
from tasks.retraining.detection import NO_WORD, NewData, RetrainRun, attempt_at


@task(name="begin try")
def begin_try(new_data: NewData, turn: RetrainRun) -> int:
    """Record that another try begins, and return its number.

    ChildProcessError if none is left, since the last one was killed.
    """
    root, spec = open_root(turn.root_url), turn.spec
    last = None if spec.again else attempt_at(root, new_data)
    if last is not None and last.tries >= spec.tries:
        raise ChildProcessError(f"{last.error or NO_WORD}; see the system's log, and free memory")
    tries = last.tries + 1 if last else 1
    attempt = Attempt(new_data.champion, new_data.latest, tries, turn.now.isoformat())
    write_attempt(root, new_data.name, attempt)
    get_run_logger().info("try %d of %d", tries, spec.tries)
    return tries
