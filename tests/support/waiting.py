"""Wait for what other processes do."""

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")


def until(find: Callable[[], Found], seconds: float = 300, every_s: float = 0.1) -> Found:
    """Wait until something is found, and return it; AssertionError if that takes too long.

    seconds: generous, since a busy machine is slow: only a failure waits for its end.
    """
    deadline = time.monotonic() + seconds
    while not (found := find()):
        assert time.monotonic() < deadline, f"waited for {seconds:g} s: {find}"
        time.sleep(every_s)
    return found
