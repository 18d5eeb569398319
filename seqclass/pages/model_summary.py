"""A model's summary for its page; an update reads only files that are new."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, cast

from seqclass.labelling.suspects import held_answers
from seqclass.labelling.truth import LaterTruth, truth_of
from seqclass.monitoring.policy import ModelPolicy, changed_fields
from seqclass.pages.records import (
    Awaited,
    LabelDoubts,
    ModelSummary,
    Move,
    Retraining,
    Shift,
    Version,
)
from seqclass.pages.rendering import read_page_record
from seqclass.pages.trust import (
    UNKNOWN,
    best_baseline,
    trust_of,
    weakest_class,
)
from seqclass.store.approvals import question_of_entry
from seqclass.store.log import LOG, entry_files, read_entry, state_of
from seqclass.store.manifests import ModelManifest, RetrainingRecord
from seqclass.store.models import COMPARISON, SUMMARY, Model, model_versions, read_model
from seqclass.store.policy_file import policy_of_entry
from seqclass.store.record_types import ModelState
from seqclass.store.registry import refusal_of_newest
from seqclass.store.retrainings import DRIFT_TABLE, RETRAININGS, SUSPECTS, read_retraining
from seqclass.store.root import (
    MANIFEST,
    DamagedError,
    Damages,
    Root,
    note,
    readable,
)
from seqclass.store.states import NO_MODEL
from seqclass.store.tables import read_table


def policy_shown(root: Root, name: str, number: int | None, bad: Damages) -> dict[str, str] | None:
    """Return the fields of a model's policy that differ from the defaults, as JSON by dotted name.

    None if it has no policy, or one that can't be read. number: of the entry that has set it.
    """
    try:
        stored = policy_of_entry(root, name, number)
    except DamagedError as error:
        note(bad, root.join(LOG, "models", name), error)
        return None
    if stored is None:
        return None
    default = json.loads(json.dumps(asdict(ModelPolicy())))
    differing = changed_fields(default, stored)
    return {name: json.dumps(value, ensure_ascii=False) for name, _, value in differing}


if TYPE_CHECKING:
    from seqclass.stored_records import Metrics, Stability, Verdict

MAX_SHIFTS, MAX_SUSPECTS, MAX_SUSPECTED = 20, 200, 20
ODD = (KeyError, TypeError, ValueError, AttributeError, IndexError)
"""Errors raised by a record of an unexpected form; the version is shown without it."""


def summarize(root: Root, name: str, earlier: ModelSummary | None = None) -> ModelSummary:
    """Summarise a model; files that the earlier summary covers are not read again."""
    earlier = earlier or ModelSummary(name, None, None)
    bad = Damages()
    state = _state(root, name, bad)
    champion, policy = state["champion"], policy_shown(root, name, state["policy"], bad)
    numbers = model_versions(root, name)
    versions = [earlier.version(n) or read_version(root, name, n, bad) for n in numbers]
    return replace(
        earlier,
        champion=champion,
        since=state["since"],
        versions=tuple(filter(None, versions)),
        moves=_moves(root, earlier, bad),
        retrainings=tuple(_retrainings(root, earlier, bad)),
        policy=policy,
        awaits=_awaits(root, name, state["question"], policy or {}),
        truth=truth_of(root, name, earlier.truth, bad),
        label_doubts=_label_doubts(root, name, champion, earlier.label_doubts),
        damaged=bad,
        barred=None if champion else refusal_of_newest(root, name),
    )


def truth_told(root: Root, name: str, bad: Damages | None = None) -> LaterTruth | None:
    """Compare a model's answers with labels that came later; damaged answers go to ``bad``.

    The record of the model's page is used if neither answers nor dataset versions have come since.
    """
    record = read_page_record(root, root.join("models", name, SUMMARY), ModelSummary)
    earlier = record.truth if record else None
    return truth_of(root, name, earlier, Damages() if bad is None else bad)


def _label_doubts(
    root: Root, name: str, champion: str | None, earlier: LabelDoubts | None
) -> LabelDoubts | None:
    """Return the labels that a champion doubts; None if its answers can't be read."""
    if champion is None or (earlier is not None and earlier.version == champion):
        return earlier if champion else None
    try:
        held = held_answers(read_model(root, name, champion))
    except (OSError, *ODD):  # verify tells of it
        return None
    suspected = tuple(held.ids[row] for row in held.suspected[:MAX_SUSPECTED].tolist())
    return LabelDoubts(champion, held.taken_for, suspected)


def _state(root: Root, name: str, bad: Damages) -> ModelState:
    """Return what a model is; nothing, with a note in ``bad``, if that can't be read."""
    try:
        return cast(ModelState, state_of(root, name))
    except DamagedError as error:
        note(bad, root.join(LOG, "models", name), error)
        return NO_MODEL


def _awaits(root: Root, name: str, number: int | None, policy: Mapping[str, str]) -> Awaited | None:
    try:
        question = question_of_entry(root, name, number)
    except DamagedError:  # the moves tell of it
        return None
    if question is None:
        return None
    until, asked = question.until.isoformat(), question.asked.isoformat()
    owner = str(json.loads(policy.get("owner", '""')))
    return Awaited(question.version, question.reason, until, asked, owner)


def read_version(root: Root, name: str, number: str, bad: Damages) -> Version | None:
    """Read a version from its files; None if its manifest can't be shown."""
    manifest = readable(root, root.join("models", name, number), ModelManifest, bad)
    if manifest is None:
        return None
    model, scores = Model(root, name, number, manifest), manifest["metrics"]
    plain = Version(
        version=number,
        made=manifest["created"],
        dataset=manifest["dataset"],
        macro_f1=scores["macro_f1"],
        accuracy=scores["accuracy"],
        log_loss=scores["log_loss"],
        refused=manifest["refused"],
    )
    try:
        return _with_tests(plain, model)
    except DamagedError as error:
        note(bad, model.folder, error)
    except ODD:
        pass
    return replace(plain, trust=UNKNOWN)


def _with_tests(version: Version, model: Model) -> Version:
    metrics = cast("Metrics", model.read_json("metrics.json"))
    stability = cast("Stability", model.read_json("stability.json"))
    retrained = cast("Verdict", model.read_json(COMPARISON))
    best = best_baseline(metrics)
    (low, high), (least, most) = (
        metrics["metrics"]["intervals"][score] for score in ("macro_f1", "accuracy")
    )
    return replace(
        version,
        interval=(low, high),
        accuracy_interval=(least, most),
        sd=stability["spread"]["macro_f1"]["sd"],
        seeds=len(stability["seeds"]),
        test_rows=metrics["test_rows"],
        baseline=best and best[0],
        baseline_f1=best and best[1]["macro_f1"],
        trust=trust_of(metrics, stability, version.refused, retrained),
        weakest=weakest_class(metrics),
        lstm=metrics["committee"]["lstm"],
    )


def _moves(root: Root, earlier: ModelSummary, bad: Damages) -> tuple[Move, ...]:
    there = {move.entry: move for move in earlier.moves}
    moves = []
    for entry in entry_files(root, earlier.name):
        try:
            moves.append(there.get(entry) or _move(root, earlier.name, entry))
        except DamagedError as error:
            note(bad, root.join(LOG, "models", earlier.name, entry), error)
    return tuple(sorted(moves, key=lambda move: move.number))


def _move(root: Root, name: str, entry: str) -> Move:
    logged = read_entry(root, name, entry)
    record = logged.record
    return Move(
        entry=entry,
        number=logged.number,
        time=record["time"],
        what=record["what"],
        before=record["from"],
        after=record["to"],
        candidate=record.get("candidate"),
        actor=record["actor"],
        reason=record["reason"],
        by_hand=record["evidence"].get("by") == "hand",
        forced=bool(record["evidence"].get("forced")),
    )


def _retrainings(root: Root, earlier: ModelSummary, bad: Damages) -> Iterator[Retraining]:
    there = {look.entry: look for look in earlier.retrainings}
    for entry in root.names(RETRAININGS, earlier.name):
        if entry in there:
            yield there[entry]
        elif root.exists(RETRAININGS, earlier.name, entry, MANIFEST):
            folder = root.join(RETRAININGS, earlier.name, entry)
            record = read_retraining(root, folder, bad)
            try:
                if record is not None:
                    yield _retraining(root, entry, record)
            except (OSError, *ODD) as error:
                note(bad, folder, error)


def _retraining(root: Root, entry: str, record: RetrainingRecord) -> Retraining:
    files = [file["path"] for file in record["files"]]
    doubted = _table(root, record, SUSPECTS) if SUSPECTS in files else []
    drift = _table(root, record, DRIFT_TABLE) if DRIFT_TABLE in files else []
    keys = ("what", "shift", "adjusted_p", "drifted")
    return Retraining(
        entry=entry,
        time=record["created"],
        decision=record["decision"],
        reasons=tuple(record["reasons"]),
        seen=tuple(record["seen"]),
        dataset=record["dataset"],
        new_rows=record["new_rows"],
        challenger=record["challenger"],
        doubted=len(doubted),
        trusted=record["trusted"],
        suspects=tuple((row["series_id"], row["label"]) for row in doubted[:MAX_SUSPECTS]),
        shifts=tuple(Shift(**{key: row[key] for key in keys}) for row in drift[:MAX_SHIFTS]),
    )


def _table(root: Root, record: RetrainingRecord, file: str) -> list[dict[str, Any]]:
    return read_table(root, f"{record['folder']}/{file}").to_pylist()
