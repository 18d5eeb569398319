"""Refusals: what is wrong with a request, as a status of HTTP and one plain line."""


class Refusal(Exception):  # noqa: N818 - most are no fault of the server
    """A request that is not answered: its status of HTTP, and why in one line."""

    def __init__(self, status: int, problem: str) -> None:
        super().__init__(problem)
        self.status, self.problem = status, problem


def bad(problem: str) -> Refusal:
    """Return the refusal of a request that is malformed."""
    return Refusal(400, problem)
