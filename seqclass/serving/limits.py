"""Limits of requests, and refusals: a status of HTTP and one line that says why."""

from dataclasses import dataclass


@dataclass(frozen=True)
class RequestLimits:
    """Upper limits of requests.

    body_bytes: of a request's body. series: of a request. steps: of its longest series. values:
    series times steps times channels of a request. seconds: from the first byte of a body to the
    answer. waiting: values of all requests together that are not answered yet.

    A committee needs 9 to 60 microseconds a value on an idle core. The largest request takes at
    most 8 s there, and the longest series 2 s, so a core that is shared by four answers in time.
    """

    body_bytes: int = 2**24
    series: int = 4096
    steps: int = 2**15
    values: int = 2**17
    seconds: int = 30
    waiting: int = 2**18

    def check(self, place: str, **sizes: int) -> None:
        """Refuse sizes, named as their limits, that are above them."""
        for name, size in sizes.items():
            most, unit = getattr(self, name), name.removeprefix("body_")
            if size > most:
                raise Refusal(
                    413, f"{place}: expected at most {most:,} {unit}, got {size:,}; send less at a "
                    f"time, or raise the server's --limit {name}",
                )  # fmt: skip


class Refusal(Exception):  # noqa: N818 - most are no fault of the server
    """A request that is not answered: its status of HTTP, and why in one line."""

    def __init__(self, status: int, problem: str) -> None:
        super().__init__(problem)
        self.status, self.problem = status, problem


def bad(problem: str) -> Refusal:
    """Return the refusal of a request that is malformed."""
    return Refusal(400, problem)
