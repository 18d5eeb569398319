"""New rows beside the rows that are there: which pass, which are set aside, what is refused."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from seqclass.screening.contract import Contract, Profile, contract_from, describe
from seqclass.screening.policy import Policy
from seqclass.screening.tally import Tally
from seqclass.screening.violations import (
    Violation,
    column_violations,
    infinite_violations,
    series_violations,
    whole_violations,
)
from seqclass.store.datasets import Dataset
from seqclass.store.lookalikes import find_lookalikes
from seqclass.store.manifests import SetAside
from seqclass.store.parts import check_number_of_classes
from seqclass.store.quarantine import Quarantine
from seqclass.store.repeats import CONFLICT, REPEAT, DuplicateIndex
from seqclass.store.rows import channels_of, check_form, dataset_schema

EXPECTED = {
    "duplicate_id": "a different id for every series",
    "infinite": "finite numbers, or NaN where one is missing",
}


def contract_of(dataset: Dataset) -> Contract:
    """The stored contract, or that of the rows where a version was made without one."""
    stored = dataset.manifest.get("contract")
    if stored is not None:
        return contract_from(stored)
    profile = Profile()
    for table in dataset.tables():
        add_rows(profile, table)
    return profile.contract()


def add_rows(profile: Profile, table: pa.Table) -> None:
    """Let a profile see the rows of a table."""
    lengths = table["n_steps"].to_numpy()
    profile.add(lengths, table["label"].to_pylist(), _values(table))


def _values(table: pa.Table) -> dict[str, np.ndarray]:
    """Each channel's float32 values, series end to end."""
    return {name: pc.list_flatten(table[name]).to_numpy() for name in channels_of(table.schema)}


@dataclass(frozen=True)
class ValidationContext:
    """What new rows are held to: columns and contract of ``ref``, None where there is none yet.

    append: the rows are to stand beside those of ``ref``, so columns can't differ.
    """

    policy: Policy
    ref: str | None = None
    columns: tuple[str, ...] | None = None
    contract: Contract | None = None
    append: bool = False


@dataclass
class Screening:
    """Passes rows on, sets others aside, and counts."""

    terms: ValidationContext
    quarantine: Quarantine
    duplicates: DuplicateIndex = field(default_factory=DuplicateIndex)
    seen: int = 0
    kept: int = 0
    repeats: int = 0
    refused: Tally = field(default_factory=Tally)
    quarantined: Tally = field(default_factory=Tally)
    classes: set[str] = field(default_factory=set)

    def passing(self, tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
        """The rows that stay; ValueError, once all were seen, where the policy refuses them."""
        found: Profile | None = None
        for table in tables:
            schema = dataset_schema(table.schema)
            if found is None:
                _check_columns(self.terms, schema.names)
                found = Profile()
            table = table.select(schema.names).cast(schema)
            check_form(table, channels_of(schema))
            kept = self._screened(table, found)
            self.seen, self.kept = self.seen + len(table), self.kept + len(kept)
            self.classes.update(filter(None, pc.unique(kept["label"]).to_pylist()))
            if len(kept):
                yield kept
        self.quarantine.close()
        self._refuse(found)
        _check_names(self.terms, self.classes)

    @property
    def rejected(self) -> int:
        """Series that were set aside or refused; repeats of known ones are none of them."""
        return self.seen - self.kept - self.repeats

    def _screened(self, table: pa.Table, found: Profile) -> pa.Table:
        verdict = self.duplicates.judge(table)
        again = verdict == REPEAT
        self.repeats += int(again.sum())
        table = _rows(table, ~again)
        if not len(table):
            return table
        conflict = verdict[~again] == CONFLICT
        words = "the id of another series with other content"
        violations = [Violation("duplicate_id", words, conflict), *self._violations(table, found)]
        aside, reasons = self._sorted_out(table["series_id"], violations)
        if aside.any():
            self.quarantine.add(
                _rows(table, aside), [reasons[i] for i in np.flatnonzero(aside).tolist()]
            )
        return _rows(table, ~aside)

    def _violations(self, table: pa.Table, found: Profile) -> list[Violation]:
        lengths, labels = table["n_steps"].to_numpy(), table["label"].to_pylist()
        values, contract = _values(table), self.terms.contract
        if contract is None:
            return infinite_violations(
                {name: describe(flat, lengths) for name, flat in values.items()}
            )
        described = found.add(lengths, labels, values)
        violations = infinite_violations(described)
        return violations + series_violations(contract, lengths, labels, described)

    def _sorted_out(
        self, ids: pa.ChunkedArray, violations: list[Violation]
    ) -> tuple[np.ndarray, dict[int, str]]:
        """Which rows do not stay ``(n,)``, and why."""
        aside, reasons = np.zeros(len(ids), dtype=bool), dict[int, list[str]]()
        for kind in dict.fromkeys(violation.kind for violation in violations):
            own = [violation for violation in violations if violation.kind == kind]
            rows = np.logical_or.reduce([violation.rows for violation in own])
            action = self.terms.policy.action(kind)
            if action == "accept" or not rows.any():
                continue
            tally = self.refused if action == "refuse" else self.quarantined
            tally.add(kind, ids.filter(pa.array(rows)).to_pylist(), own[0].what)
            aside |= rows
            for violation in own:
                for row in np.flatnonzero(violation.rows).tolist():
                    reasons.setdefault(row, []).append(f"{kind}: {violation.what}")
        return aside, {row: "; ".join(why) for row, why in reasons.items()}

    def _refuse(self, found: Profile | None) -> None:
        if found is not None and found.n_series:
            _check_whole(self.terms, found.contract())
        if self.refused.counts:
            kind = next(iter(self.refused.counts))
            keep = f"series that keep the contract of {self.terms.ref}"
            raise ValueError(
                f"PATH: expected {EXPECTED.get(kind, keep)}, got {self.refused}; correct them, or "
                f"set them aside with --policy {kind}=quarantine"
            )
        new = self.seen - self.repeats
        if self.rejected > self.terms.policy.most_quarantined * new:
            afresh = " or begin anew with --new-contract," if self.terms.contract else ""
            raise ValueError(
                f"PATH: expected at most {self.terms.policy.most_quarantined:.0%} of the series to "
                f"be set aside, got {self.rejected} of {new}: {self.quarantined}; correct the "
                f"files,{afresh} or choose another --policy"
            )


def _check_columns(terms: ValidationContext, columns: list[str]) -> None:
    """Refuse rows that can't stand beside the others, or have other columns than those."""
    known = terms.columns
    if known is None:
        return
    wrong = [(kind, name) for kind, name in column_violations(known, columns)
             if terms.append or terms.policy.action(kind) == "refuse"]  # fmt: skip
    if wrong:
        kind = wrong[0][0]
        accept = "" if terms.append else f", or say --policy {kind}=accept"
        raise ValueError(
            f"PATH: expected the columns {', '.join(known)} of {terms.ref}, got "
            f"{', '.join(f'{kind} {name!r}' for kind, name in wrong)}; correct the files, "
            f"import under another --name{accept}"
        )


def _check_whole(terms: ValidationContext, found: Contract) -> None:
    if terms.contract is None:
        return
    wrong = [(kind, what) for kind, what in whole_violations(terms.contract, found)
             if terms.policy.action(kind) == "refuse"]  # fmt: skip
    if wrong:
        raise ValueError(
            f"PATH: expected values like those of {terms.ref}, got "
            f"{', '.join(f'{kind}: {what}' for kind, what in wrong)}; correct the files, or say "
            f"--policy {wrong[0][0]}=accept"
        )


def _check_names(terms: ValidationContext, classes: set[str]) -> None:
    """Refuse classes too many for a dataset, and new ones that look like others."""
    known = set(terms.contract.classes) if terms.contract else set()
    check_number_of_classes(known | classes)
    if alike := find_lookalikes(sorted(classes - known), known):
        raise ValueError(
            "PATH: expected classes that can be told apart, got "
            f"{' and '.join(map(ascii, alike))}; write them alike"
        )


def _rows(table: pa.Table, rows: np.ndarray) -> pa.Table:
    """The marked rows ``(n,)``; the table itself where all are."""
    return table if rows.all() else table.filter(pa.array(rows))


def counts_of(*screenings: Screening) -> SetAside:
    """What is told of the rows that did not stay; ``quarantine``: where the first of them lie."""
    quarantined = sum((one.quarantined.counts for one in screenings), Counter[str]())
    places = (one.quarantine.place for one in screenings)
    return {
        "rejected": sum(one.rejected for one in screenings),
        "repeats": sum(one.repeats for one in screenings),
        "quarantined": dict(quarantined),
        "quarantine": next((place for place in places if place), None),
    }
