"""Where rows break a contract: of their columns, series by series, and on the whole."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from seqclass.screening.contract import Channel, Contract, SeriesValues

LENGTH_FACTOR = 2
"""How many times shorter or longer than any before a series may be."""
RANGE_MARGIN = 0.5
"""How far beyond the extremes a value may lie, in units of the range between them."""
HOLES_MARGIN = 0.1
RATE_MARGIN = 0.05
UNIT_FACTOR = 5.0
"""Ratio of the spreads (between quartiles) from which on two units differ."""
UNIT_REACH = 2.0
"""Ratio that the ranges must have too: where a channel is on for another share of the time, its
quartiles jump between two levels, and its extremes stay."""
UNIT_SHIFT = 3.0
"""Shift of the median, in units of the larger spread, from which on two units differ; one of the
medians must be beyond the other's extremes."""
UNIT_SERIES = 5
"""Series from which on the middle of the values says something about their unit."""
RESOLUTION = 1 / 64
"""Spread up to which quartiles can't tell values apart, in units of the median."""


@dataclass(frozen=True)
class Violation:
    """A kind of the policy, what is wrong in words, and the series concerned ``(n,)`` of bool."""

    kind: str
    what: str
    rows: np.ndarray


def column_violations(known: Iterable[str], columns: Iterable[str]) -> list[tuple[str, str]]:
    """Kinds and names of columns that came or went."""
    known, found = list(known), list(columns)
    new = [("new_column", name) for name in found if name not in known]
    gone = [("missing_column", name) for name in known if name not in found]
    return new + gone


def infinite_violations(channels: dict[str, SeriesValues]) -> list[Violation]:
    """Series with an infinite value, by channel."""
    found = [Violation("infinite", f"{name} infinite", v.infinite) for name, v in channels.items()]
    return [violation for violation in found if violation.rows.any()]


def series_violations(
    contract: Contract,
    lengths: np.ndarray,
    labels: Iterable[str | None],
    channels: dict[str, SeriesValues],
) -> list[Violation]:
    """Violations of single series: their class, length, range, holes and frozen channels."""
    found = [_new_classes(contract, labels), _lengths(contract, lengths)]
    for name, values in channels.items():
        if name in contract.channels:
            found += _channel_violations(name, contract.channels[name], values)
    return [violation for violation in found if violation.rows.any()]


def _new_classes(contract: Contract, labels: Iterable[str | None]) -> Violation:
    known = {None, *contract.classes}
    new = np.array([bool(contract.classes) and label not in known for label in labels])
    return Violation("new_class", f"a label other than {', '.join(contract.classes)}", new)


def _lengths(contract: Contract, lengths: np.ndarray) -> Violation:
    shortest, longest = contract.n_steps
    low, high = -(-shortest // LENGTH_FACTOR), longest * LENGTH_FACTOR
    return Violation("length", f"not {low} to {high} steps", (lengths < low) | (lengths > high))


def _channel_violations(name: str, channel: Channel, values: SeriesValues) -> list[Violation]:
    most = channel.most_missing + HOLES_MARGIN
    found = [Violation("holes", f"{name} missing in more than {most:.0%}", values.missing > most)]
    found.append(Violation("frozen", f"{name} constant", channel.is_stuck(values)))
    if channel.low is not None and channel.high is not None:
        low, high = _allowed(channel.low, channel.high)
        outside = ((values.low < low) | (values.high > high)) & ~values.infinite
        found.append(Violation("out_of_range", f"{name} outside {low:.6g} to {high:.6g}", outside))
    return found


def _allowed(low: float, high: float) -> tuple[float, float]:
    margin = RANGE_MARGIN * max(high - low, RESOLUTION * max(abs(low), abs(high)))
    return low - margin, high + margin


def whole_violations(contract: Contract, found: Contract) -> list[tuple[str, str]]:
    """Kinds and words of what only all new rows together show."""
    shared = [name for name in contract.channels if name in found.channels]
    violations = []
    for name in shared:
        old, new = contract.channels[name], found.channels[name]
        if found.n_series >= UNIT_SERIES and (what := _other_unit(old, new)):
            violations.append(("other_unit", f"{name} {what}"))
        if new.missing > max(2 * old.missing, old.missing + RATE_MARGIN):
            what = f"{name} missing in {new.missing:.1%} instead of {old.missing:.1%} of the values"
            violations.append(("missing_rate", what))
    return violations


def _other_unit(old: Channel, new: Channel) -> str | None:
    if old.quartiles is None or new.quartiles is None:
        return None
    (low, middle, high), (below, moved, above) = old.quartiles, new.quartiles
    before, after = high - low, above - below
    told_apart = before > RESOLUTION * abs(middle) and after > RESOLUTION * abs(moved)
    if told_apart and _is_scaled(after / before, _range(new) / _range(old)):
        return f"spread {after:.4g} instead of {before:.4g}"
    widest = max(before, after, RESOLUTION * abs(middle), RESOLUTION * abs(moved))
    beyond = _is_beyond(moved, old) or _is_beyond(middle, new)
    if before and beyond and abs(moved - middle) > UNIT_SHIFT * widest:
        return f"median {moved:.4g} instead of {middle:.4g}"
    return None


def _is_scaled(spread: float, reach: float) -> bool:
    """Whether spread and range have both grown, or both shrunk, by these factors as a unit does."""
    if spread < 1:
        spread, reach = 1 / spread, 1 / reach
    return spread >= UNIT_FACTOR and reach >= UNIT_REACH


def _range(channel: Channel) -> float:
    return (channel.high or 0.0) - (channel.low or 0.0)


def _is_beyond(value: float, channel: Channel) -> bool:
    return not (channel.low or 0.0) <= value <= (channel.high or 0.0)
