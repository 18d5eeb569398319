"""Limits of a server: what one request may bring, and how long it may take."""

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
