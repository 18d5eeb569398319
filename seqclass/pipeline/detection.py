"""Detection of rows that came since the champion was trained, and the tries to use them."""

import logging
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from seqclass.monitoring.retrain_spec import RetrainSpec
from seqclass.pipeline.compare import pairs_of
from seqclass.policies import is_paused
from seqclass.store.datasets import Dataset, became_newest, open_dataset
from seqclass.store.manifests import RetrainingRecord, known_dataset
from seqclass.store.record_types import Attempt
from seqclass.store.references import DatasetRef, ModelRef
from seqclass.store.registry import champion_of, open_model
from seqclass.store.retrainings import (
    FAILED,
    Pair,
    end_attempt,
    last_settled,
    read_attempt,
    retrainings_of,
    suspect_labels,
    write_attempt,
)
from seqclass.store.root import Damages, Root

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class NewData:
    """New data of a champion: the datasets that trained it, that was checked last, and the newest.

    It holds ids of the ``fresh`` rows, which neither of the others has with this label, and of
    those whose label is ``doubted``; and in ``waiting`` the reason to do nothing.
    """

    champion: str
    trained_on: str
    judged: str
    latest: str
    fresh: frozenset[str] = frozenset()
    doubted: frozenset[str] = frozenset()
    waiting: str | None = None

    @property
    def rows(self) -> int:
        """Number of fresh rows."""
        return len(self.fresh)

    @property
    def name(self) -> str:
        """Name of the model."""
        return ModelRef.parse(self.champion).name


@dataclass(frozen=True)
class RetrainRun:
    """One retraining of a model: its spec and start; ``simulated``: the time of its acts, if
    that is not the present."""

    model: str
    spec: RetrainSpec
    now: datetime
    root: Root
    simulated: datetime | None = None


NO_WORD = "its process was ended without a word"


def detect_new_data(name: str, spec: RetrainSpec, now: datetime, root: Root) -> NewData:
    """Return the new data of a model, with the reason if it need not be used now."""
    bad = Damages()
    new_data = find_new_data(root, name, spec, now, bad)
    for item in bad:
        logger.warning("left out, damaged: %s: %s", item["path"], item["problem"])
    outcome = new_data.waiting or f"{new_data.rows} new rows in {new_data.latest}"
    logger.info("%s: %s", new_data.champion, outcome)
    return new_data


def find_new_data(root: Root, name: str, spec: RetrainSpec, now: datetime, bad: Damages) -> NewData:
    """Find the new data of a model; an attempt is ended if its rows need no retraining any more."""
    new_data, latest = _standing(root, name)
    waiting, early = _nothing_new(new_data), None
    if (waiting is None or spec.trust_labels) and is_paused(root, name):
        paused = f"retrainings are paused; 'seqclass policy {name} --resume' ends that"
        return replace(new_data, waiting=paused)
    if waiting is None or spec.trust_labels:
        records = retrainings_of(root, name, bad)
        suspects = suspect_labels(root, records)
        if suspects and spec.trust_labels:
            waiting = None
        waiting = waiting or _given_up(new_data, records, spec)
        early = None if waiting else _too_early(latest, records, spec, now)
        if waiting is None and early is None:
            new_data = _with_ids(root, new_data, latest, suspects, spec)
            waiting = _too_few(new_data, spec)
    if waiting is not None:
        end_attempt(root, name)
    return replace(new_data, waiting=waiting or early)


def undecided(root: Root, name: str) -> Dataset | None:
    """Return the newest rows, if neither the champion nor the last check knows them, else None.

    It reads only a handful of files. None also for a model without a champion.
    """
    if champion_of(root, name) is None:
        return None
    new_data, latest = _standing(root, name)
    if _nothing_new(new_data) is None:
        return latest
    end_attempt(root, name)
    return None


def _standing(root: Root, name: str) -> tuple[NewData, Dataset]:
    """Return the champion with the rows that trained it, were judged last, and are newest."""
    champion = open_model(root, name)
    trained_on = known_dataset(champion.manifest)
    latest = open_dataset(root, DatasetRef.parse(trained_on).name)
    settled = last_settled(root, name)
    judged = settled["dataset"] if settled else trained_on
    return NewData(champion.ref, trained_on, judged, latest.ref), latest


def attempt_at(root: Root, new_data: NewData) -> Attempt | None:
    """Return the attempt at these rows to beat this champion."""
    attempt = read_attempt(root, new_data.name)
    if attempt is None or attempt["champion"] != new_data.champion:
        return None
    return attempt if attempt["dataset"] == new_data.latest else None


def _given_up(new_data: NewData, records: list[RetrainingRecord], spec: RetrainSpec) -> str | None:
    last = records[-1] if records and not spec.again else None
    if last is None or last.get("decision") != FAILED or last["champion"] != new_data.champion:
        return None
    if last["dataset"] != new_data.latest:
        return None
    return (
        f"given up: {'; '.join(last['reasons'])}; put it right, and 'seqclass retrain "
        f"{new_data.name} --again' tries once more"
    )


def _with_ids(
    root: Root, new_data: NewData, latest: Dataset, suspects: set[Pair], spec: RetrainSpec
) -> NewData:
    """Add the ids. Rows with doubted labels are not fresh.

    If labels are trusted now, all of them are fresh, and none is doubted.
    """
    pairs, old = pairs_of(latest), {new_data.trained_on, new_data.judged}
    new = pairs.difference(*(pairs_of(open_dataset(root, ref)) for ref in old))
    doubted = pairs & suspects
    if spec.trust_labels:
        new, doubted = new | doubted, set()
    return replace(
        new_data,
        fresh=frozenset(i for i, _ in new - doubted),
        doubted=frozenset(i for i, _ in doubted),
    )


def _too_few(new_data: NewData, spec: RetrainSpec) -> str | None:
    if new_data.rows >= spec.least_rows:
        return None
    words = f"{new_data.rows} new rows in {new_data.latest}, fewer than the "
    words += f"{spec.least_rows} worth a look"
    if not new_data.doubted:
        return words
    left_out = len(new_data.doubted)
    return f"{words}; {left_out} with doubted labels don't count: correct or --trust-labels"


def _nothing_new(new_data: NewData) -> str | None:
    latest = new_data.latest
    if latest == new_data.trained_on:
        return f"the champion learnt from the newest rows, {latest}"
    if latest == new_data.judged:
        return f"the last retraining looked at the newest rows, {latest}"
    return None


def _too_early(
    latest: Dataset, records: list[RetrainingRecord], spec: RetrainSpec, now: datetime
) -> str | None:
    if spec.is_quiet(now.astimezone(UTC).hour) and spec.quiet_hours:
        return "quiet hours from {} to {} (UTC)".format(*spec.quiet_hours)
    quiet_s = (now - became_newest(latest)).total_seconds()
    if quiet_s < spec.debounce_s:
        return f"rows came {quiet_s:.0f} s ago, more may follow: debounce of {spec.debounce_s:g} s"
    trained = [record["created"] for record in records if record["challenger"]]
    if trained:
        rest_s = (now - datetime.fromisoformat(trained[-1])).total_seconds()
        if rest_s < spec.cool_down_s:
            return f"the last training was {rest_s:.0f} s ago: cool-down of {spec.cool_down_s:g} s"
    return None


def begin_try(new_data: NewData, turn: RetrainRun) -> int:
    """Record that another try begins, and return its number.

    ChildProcessError if none is left, since the last one was killed.
    """
    root, spec = turn.root, turn.spec
    last = None if spec.again else attempt_at(root, new_data)
    if last is not None and last["tries"] >= spec.tries:
        raise ChildProcessError(
            f"{last['error'] or NO_WORD}; see the system's log, and free memory"
        )
    tries = last["tries"] + 1 if last else 1
    attempt = Attempt(champion=new_data.champion, dataset=new_data.latest, tries=tries, error=None)
    write_attempt(root, new_data.name, attempt)
    logger.info("try %d of %d", tries, spec.tries)
    return tries
