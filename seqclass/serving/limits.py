"""Limits of requests, and refusals: a status of HTTP and one line that says why."""

from dataclasses import dataclass


@dataclass(frozen=True)
class RequestLimits:
    """Upper limits of requests.

    body_bytes: of a request's body. series: of a request. steps: of its longest series. seconds:
    from the first byte of a body to the answer. waiting: series that wait for their turn, of all
    requests together.
    """

    body_bytes: int = 2**24
    series: int = 4096
    steps: int = 100_000
    seconds: int = 30
    waiting: int = 65_536


class Refusal(Exception):  # noqa: N818 - most are no fault of the server
    """A request that is not answered: its status of HTTP, and why in one line."""

    def __init__(self, status: int, problem: str) -> None:
        super().__init__(problem)
        self.status, self.problem = status, problem


def bad(problem: str) -> Refusal:
    """Return the refusal of a request that is malformed."""
    return Refusal(400, problem)
