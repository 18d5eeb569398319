"""Work for the processes of ``seqclass.workers`` that needs no TensorFlow."""

import time

from seqclass.workers import Progress, report_progress


def tell_and_answer(answer: str, times: int = 1) -> str:
    """Report progress so often, then answer."""
    for update in range(1, times + 1):
        report_progress(Progress("job", "member", 1, update, times, 0.5))
    return answer


def tell_and_wait() -> None:
    """Report progress once, then never end."""
    tell_and_answer("")
    time.sleep(600)


def is_compiled(digest: str) -> bool:
    """Whether the process of the Python names has compiled a network."""
    from seqclass.network_process import _loaded

    return digest in _loaded and "_infer" in vars(_loaded[digest])


def forget_networks() -> None:
    """Let the process of the Python names know no network, as a new one."""
    from seqclass.network_process import _loaded

    _loaded.clear()


def refuse(words: str) -> None:
    raise ValueError(words)
