"""Comparison of new rows with existing ones: which pass, are quarantined, or are refused."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from seqclass.screening.contract import ACTIONS, Policy, are_stuck
from seqclass.store.dataset_writer import check_number_of_classes
from seqclass.store.duplicates import CONFLICT, REPEAT, DuplicateIndex, find_lookalikes
from seqclass.store.formats.longform import dropped_steps
from seqclass.store.manifests import ChannelStatistics, RowsProfile, SetAside
from seqclass.store.quarantine import Quarantine
from seqclass.store.row_profile import Profile, SeriesValues, describe, values_of
from seqclass.store.rows import (
    FACTS,
    OPTIONAL_COLUMNS,
    channels_of,
    check_form,
    dataset_schema,
)

LENGTH_FACTOR = 2
"""Factor by which a series may be shorter or longer than all before."""
RANGE_MARGIN = 0.5
"""Fraction of the range between the extremes by which a value may lie beyond them."""
HOLES_MARGIN = 0.1
MOST_NAMED = 3
"""Labels that are named where more are no class."""
RATE_MARGIN = 0.05
UNIT_FACTOR = 5.0
"""Ratio of the spreads (between quartiles) from which on two units differ."""
UNIT_REACH = 2.0
"""Ratio that the ranges must have too. If a channel is on for another share of the time, its
quartiles jump between two levels while its extremes stay."""
UNIT_SHIFT = 3.0
"""Shift of the median, in units of the larger spread, from which on two units differ; one of the
medians must be beyond the other's extremes."""
UNIT_SERIES = 5
"""Number of series from which on the median says something about the unit."""
RESOLUTION = 1 / 64
"""Spread up to which quartiles can't distinguish values, in units of the median."""


@dataclass(frozen=True)
class Violation:
    """A violation: its kind, a description, and the series concerned, bool ``(n,)``."""

    kind: str
    what: str
    rows: np.ndarray


def infinite_violations(channels: dict[str, SeriesValues]) -> list[Violation]:
    """Return series with an infinite value, by channel."""
    return [
        Violation("infinite", f"{name} infinite", values.infinite)
        for name, values in channels.items()
        if values.infinite.any()
    ]


def series_violations(
    contract: RowsProfile,
    lengths: np.ndarray,
    labels: Sequence[str | None],
    channels: dict[str, SeriesValues],
) -> list[Violation]:
    """Return violations of single series: class, length, range, holes and frozen channels."""
    classes = contract["classes"]
    allowed = {None, *classes} if classes else set(labels)
    new = dict.fromkeys(label for label in labels if label not in allowed)
    named = " or ".join(map(repr, list(new)[:MOST_NAMED]))
    shortest, longest = contract["n_steps"]
    low, high = -(-shortest // LENGTH_FACTOR), longest * LENGTH_FACTOR
    violations = [
        Violation(
            "new_class",
            f"label {named} instead of {', '.join(classes)}",
            np.array([label in new for label in labels]),
        ),
        Violation("length", f"not {low} to {high} steps", (lengths < low) | (lengths > high)),
    ]
    for name, values in channels.items():
        if name in contract["profile"]:
            violations += _channel_violations(name, contract["profile"][name], values)
    return [violation for violation in violations if violation.rows.any()]


def _channel_violations(
    name: str, channel: ChannelStatistics, values: SeriesValues
) -> list[Violation]:
    most = channel["most_missing"] + HOLES_MARGIN
    violations = [
        Violation("holes", f"{name} missing in more than {most:.0%}", values.missing > most),
        Violation("frozen", f"{name} constant", are_stuck(channel, values)),
    ]
    lowest, highest = channel["low"], channel["high"]
    if lowest is not None and highest is not None:
        largest = max(abs(lowest), abs(highest))
        margin = RANGE_MARGIN * max(highest - lowest, RESOLUTION * largest)
        low, high = lowest - margin, highest + margin
        outside = ((values.low < low) | (values.high > high)) & ~values.infinite
        violations.append(
            Violation("out_of_range", f"{name} outside {low:.6g} to {high:.6g}", outside)
        )
    return violations


def whole_violations(contract: RowsProfile, incoming: RowsProfile) -> list[tuple[str, str]]:
    """Return kind and description of the violations that only all new rows together show."""
    violations = []
    for name in (name for name in contract["profile"] if name in incoming["profile"]):
        old, new = contract["profile"][name], incoming["profile"][name]
        if incoming["n_series"] >= UNIT_SERIES and (what := _other_unit(old, new)):
            violations.append(("other_unit", f"{name} {what}"))
        before, now = old["missing"], new["missing"]
        if now > max(2 * before, before + RATE_MARGIN):
            what = f"{name} missing in {now:.1%} instead of {before:.1%} of the values"
            violations.append(("missing_rate", what))
    return violations


def _other_unit(old: ChannelStatistics, new: ChannelStatistics) -> str | None:
    if old["quartiles"] is None or new["quartiles"] is None:
        return None
    (low, middle, high), (below, moved, above) = old["quartiles"], new["quartiles"]
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
    """Check whether spread and range both grew, or both shrank, as by a change of unit."""
    if spread < 1:
        spread, reach = 1 / spread, 1 / reach
    return spread >= UNIT_FACTOR and reach >= UNIT_REACH


def _range(channel: ChannelStatistics) -> float:
    return (channel["high"] or 0.0) - (channel["low"] or 0.0)


def _is_beyond(value: float, channel: ChannelStatistics) -> bool:
    return not (channel["low"] or 0.0) <= value <= (channel["high"] or 0.0)


EXAMPLES = 5


class ViolationTally:
    """Counts of series by kind of violation, with the first ids and descriptions of each."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.examples: dict[str, list[str]] = {}
        self.words: dict[str, str] = {}

    def add(self, kind: str, ids: Iterable[str], what: str) -> None:
        """Count series by their ids; the description ``what`` is kept for the first of a kind."""
        ids = list(ids)
        self.counts[kind] += len(ids)
        self.words.setdefault(kind, what)
        examples = self.examples.setdefault(kind, [])
        examples += ids[: EXAMPLES - len(examples)]

    def __str__(self) -> str:
        return ", ".join(self._line(kind, count) for kind, count in self.counts.items())

    def _line(self, kind: str, count: int) -> str:
        ids = self.examples[kind]
        more = ", …" if count > len(ids) else ""
        return f"{kind} in {count} series ({', '.join(ids)}{more}: {self.words[kind]})"


EXPECTED = {
    "duplicate_id": "a different id for every series",
    "infinite": "finite numbers, or NaN where one is missing",
}


@dataclass(frozen=True)
class ValidationContext:
    """The rules for new rows: columns and contract of ``ref``, None if there is none yet.

    append: the rows are added to those of ``ref``, so the columns must be equal. set_aside: rows
    that earlier files brought and that were quarantined.
    """

    policy: Policy
    ref: str | None = None
    columns: tuple[str, ...] | None = None
    contract: RowsProfile | None = None
    append: bool = False
    set_aside: DuplicateIndex = field(default_factory=DuplicateIndex)


@dataclass
class Screening:
    """A filter that passes rows on, quarantines others, and counts both."""

    terms: ValidationContext
    quarantine: Quarantine
    duplicates: DuplicateIndex = field(default_factory=DuplicateIndex)
    seen: int = 0
    kept: int = 0
    repeats: int = 0
    repeated_steps: int = 0
    set_aside_again: int = 0
    refused: ViolationTally = field(default_factory=ViolationTally)
    quarantined: ViolationTally = field(default_factory=ViolationTally)
    classes: set[str] = field(default_factory=set)

    def passing(self, tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
        """Yield the rows that pass; ValueError, after the last row, if the policy refuses them."""
        profile: Profile | None = None
        for table in tables:
            self.repeated_steps += dropped_steps(table)
            if self.terms.append:
                table = _with_facts(table, self.terms.columns or ())
            schema = dataset_schema(table.schema)
            if profile is None:
                _check_columns(self.terms, schema.names)
                profile = Profile()
            table = table.select(schema.names).cast(schema)
            check_form(table, channels_of(schema))
            kept = self._screened(table, profile)
            self.seen, self.kept = self.seen + len(table), self.kept + len(kept)
            self.classes.update(filter(None, pc.unique(kept["label"]).to_pylist()))
            if len(kept):
                yield kept
        self.quarantine.close()
        self._refuse(profile)
        _check_names(self.terms, self.classes)

    @property
    def rejected(self) -> int:
        """Number of series that were quarantined or refused, without repeats of existing ones."""
        return self.seen - self.kept - self.repeats

    def _screened(self, table: pa.Table, profile: Profile) -> pa.Table:
        verdict = self.duplicates.judge(table)
        again = verdict == REPEAT
        self.repeats += int(again.sum())
        table = _rows(table, ~again)
        if not len(table):
            return table
        conflict = verdict[~again] == CONFLICT
        words = "the id of another series with other content"
        violations = [Violation("duplicate_id", words, conflict), *self._violations(table, profile)]
        aside, reasons = self._sorted_out(table["series_id"], violations)
        if aside.any():
            rows = _rows(table, aside)
            self.quarantine.add(rows, [reasons[i] for i in np.flatnonzero(aside).tolist()])
            self.set_aside_again += int(self.terms.set_aside.holds(rows).sum())
        return _rows(table, ~aside)

    def _violations(self, table: pa.Table, profile: Profile) -> list[Violation]:
        lengths, labels = table["n_steps"].to_numpy(), table["label"].to_pylist()
        values, contract = values_of(table), self.terms.contract
        if contract is None:
            described = {name: describe(flat, lengths) for name, flat in values.items()}
            return infinite_violations(described)
        described = profile.add(lengths, labels, values)
        violations = infinite_violations(described)
        return violations + series_violations(contract, lengths, labels, described)

    def _sorted_out(
        self, ids: pa.ChunkedArray, violations: list[Violation]
    ) -> tuple[np.ndarray, dict[int, str]]:
        """Mark the rows that do not pass ``(n,)``, and give the reasons."""
        aside, reasons = np.zeros(len(ids), dtype=bool), dict[int, list[str]]()
        for kind in dict.fromkeys(violation.kind for violation in violations):
            of_kind = [violation for violation in violations if violation.kind == kind]
            rows = np.logical_or.reduce([violation.rows for violation in of_kind])
            action = self.terms.policy.action(kind)
            if action == "accept" or not rows.any():
                continue
            tally = self.refused if action == "refuse" else self.quarantined
            tally.add(kind, ids.filter(pa.array(rows)).to_pylist(), of_kind[0].what)
            aside |= rows
            for violation in of_kind:
                for row in np.flatnonzero(violation.rows).tolist():
                    reasons.setdefault(row, []).append(f"{kind}: {violation.what}")
        return aside, {row: "; ".join(why) for row, why in reasons.items()}

    def _refuse(self, profile: Profile | None) -> None:
        if profile is not None and profile.n_series:
            _check_whole(self.terms, profile.describe())
        if self.refused.counts:
            kind = next(iter(self.refused.counts))
            keep = f"series that keep the contract of {self.terms.ref}"
            open_to = [kind for kind in self.refused.counts if "accept" in ACTIONS[kind]]
            accept = f", or take them in with {_policies(open_to, 'accept')}" if open_to else ""
            raise ValueError(
                f"PATH: expected {EXPECTED.get(kind, keep)}, got {self.refused}; correct them, or "
                f"set them aside with {_policies(self.refused.counts, 'quarantine')}{accept}"
            )
        new = self.seen - self.repeats - self.set_aside_again
        rejected = self.rejected - self.set_aside_again
        if rejected > self.terms.policy.most_quarantined * new:
            afresh = " or begin anew with --new-contract," if self.terms.contract else ""
            raise ValueError(
                f"PATH: expected at most {self.terms.policy.most_quarantined:.0%} of the series to "
                f"be set aside, got {rejected} of {new}: {self.quarantined}; correct the "
                f"files,{afresh} or choose another --policy"
            )


def _with_facts(table: pa.Table, columns: Iterable[str]) -> pa.Table:
    """Return the table with the facts among these columns that it lacks, as null."""
    for name in [n for n in FACTS if n in columns and n not in table.column_names]:
        table = table.append_column(name, pa.nulls(len(table), OPTIONAL_COLUMNS[name]))
    return table


def _check_columns(terms: ValidationContext, columns: list[str]) -> None:
    """Refuse rows that can't be added to the others, or whose columns differ."""
    existing = terms.columns
    if existing is None:
        return
    changed = [("new_column", name) for name in columns if name not in existing]
    changed += [("missing_column", name) for name in existing if name not in (*columns, *FACTS)]
    wrong = [(kind, name) for kind, name in changed
             if terms.append or terms.policy.action(kind) == "refuse"]  # fmt: skip
    if wrong:
        say = f", or say {_policies(dict(wrong), 'accept')}"
        others = " without --append" if terms.append else say
        read = [name for name in existing if name != "n_steps"]
        raise ValueError(
            f"PATH: expected the columns {', '.join(read)} of {terms.ref}, got "
            f"{', '.join(f'{kind} {name!r}' for kind, name in wrong)}; correct the files, or "
            f"import under another --name{others}"
        )


def _check_whole(terms: ValidationContext, incoming: RowsProfile) -> None:
    if terms.contract is None:
        return
    wrong = [(kind, what) for kind, what in whole_violations(terms.contract, incoming)
             if terms.policy.action(kind) == "refuse"]  # fmt: skip
    if wrong:
        raise ValueError(
            f"PATH: expected values like those of {terms.ref}, got "
            f"{', '.join(f'{kind}: {what}' for kind, what in wrong)}; correct the files, or say "
            f"{_policies(dict(wrong), 'accept')}"
        )


def _policies(kinds: Iterable[str], action: str) -> str:
    """Return the options that answer all these kinds of violations."""
    return " ".join(f"--policy {kind}={action}" for kind in kinds)


def _check_names(terms: ValidationContext, classes: set[str]) -> None:
    """Refuse too many classes for a dataset, and new classes that look like existing ones."""
    existing = set(terms.contract["classes"]) if terms.contract else set()
    check_number_of_classes(existing | classes)
    if alike := find_lookalikes(sorted(classes - existing), existing):
        raise ValueError(
            "PATH: expected classes that can be told apart, got "
            f"{' and '.join(map(ascii, alike))}; write them alike"
        )


def _rows(table: pa.Table, rows: np.ndarray) -> pa.Table:
    """Return the marked rows ``(n,)``; the table itself if all are marked."""
    return table if rows.all() else table.filter(pa.array(rows))


def counts_of(*screenings: Screening) -> SetAside:
    """Return the counts of rows that did not pass; ``quarantine``: where the first of them lie."""
    quarantined = sum((screening.quarantined.counts for screening in screenings), Counter[str]())
    places = (screening.quarantine.place for screening in screenings)
    return {
        "rejected": sum(screening.rejected for screening in screenings),
        "repeats": sum(screening.repeats for screening in screenings),
        "repeated_steps": sum(screening.repeated_steps for screening in screenings),
        "quarantined": dict(quarantined),
        "quarantine": next((place for place in places if place), None),
    }
