"""Decide a retraining: the champion moves or stays, and a record says why."""

import logging
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from typing_extensions import TypedDict

from seqclass.monitoring.decide import (
    Ask,
    FinalVerdict,
    Promote,
    Refuse,
    decide_stored,
    final_verdict,
    rules_for,
)
from seqclass.monitoring.policy import rules_under
from seqclass.monitoring.quality import QualityChange
from seqclass.monitoring.retrain_spec import RetrainSpec
from seqclass.pipeline.candidates import candidate_of
from seqclass.pipeline.challenge import judge_challenger
from seqclass.pipeline.compare import verdict_of
from seqclass.pipeline.detection import NewData, RetrainRun, attempt_at
from seqclass.pipeline.evaluate import read_evaluated
from seqclass.pipeline.inspect_rows import rows_of
from seqclass.policies import policy_of
from seqclass.row_split import spec_of
from seqclass.store.approvals import Question, how_to_answer, with_until
from seqclass.store.datasets import became_newest, open_dataset
from seqclass.store.log import OvertakenError, Turn, actor, in_turn, next_turn
from seqclass.store.models import Model
from seqclass.store.registry import (
    MoveReason,
    champion_of,
    move_champion,
    open_model,
    write_remark,
)
from seqclass.store.retrainings import (
    FAILED,
    SUSPECTS,
    commit_retraining,
    end_attempt,
    write_attempt,
    write_suspect_labels,
)
from seqclass.store.root import DamagedError, Root, remove_file
from seqclass.store.staging import remove, staging
from seqclass.store.states import ASK, REFUSE
from seqclass.stored_records import DataReport, DriftCount, Verdict

logger = logging.getLogger(__name__)

AWAITS, NOTHING_NEW = "awaits approval", "nothing new"


class Outcome(TypedDict, total=False):
    """The decision about a model, and its reasons.

    verdict: on the challenger, None without one; the flow adds it. settled: whether its rows count
    as seen; folder: path of the record.
    """

    model: str
    verdict: FinalVerdict | None
    decision: str
    reasons: list[str]
    champion: str
    challenger: str | None
    dataset: str
    new_rows: int
    quality: QualityChange | None
    drift: DriftCount | None
    seen: list[str]
    doubted: bool
    settled: bool
    folder: str


class Challenge(NamedTuple):
    """A registered challenger and the result of its comparison with the champion."""

    challenger: str
    verdict: Verdict


def apply_decision(
    new_data: NewData,
    seen: DataReport,
    challenge: Challenge | None,
    workspace: str,
    run: RetrainRun,
) -> Outcome:
    """Promote or refuse the challenger, or ask a person, and seal the record of the retraining.

    The record is sealed first, and counts once an entry of the log carries it out: a run that is
    killed in between has decided nothing.
    """

    def decide(turn: Turn) -> Outcome:
        return _decide_and_seal(new_data, seen, challenge, workspace, run, turn)

    outcome = in_turn(run.root, run.model, decide)
    end_attempt(run.root, run.model)
    logger.info("%s: %s", outcome["decision"], "; ".join(outcome["reasons"]))
    return {**outcome, "model": open_model(run.root, run.model).ref}


def _decide_and_seal(
    new_data: NewData,
    seen: DataReport,
    challenge: Challenge | None,
    workspace: str,
    run: RetrainRun,
    turn: Turn,
) -> Outcome:
    root, outcome, now = run.root, _look(new_data, seen), turn.moment(run.simulated)
    entry: Consequence | None = None
    if challenge is not None:
        verdict = _present_verdict(root, challenge, new_data, seen, run.spec)
        decided, entry = _decide(root, challenge._replace(verdict=verdict), now, run.spec, turn)
        outcome |= decided
        remove_file(root, f"{workspace}/{SUSPECTS}")
        if outcome["doubted"]:
            _doubt(root, new_data, workspace)
    sealed = {
        **outcome,
        "trusted": run.spec.trust_labels,
        "waited_s": _waited_s(root, new_data),
    }
    number = turn.number if entry else None
    folder = commit_retraining(root, workspace, run.model, sealed, now, number)
    if entry is not None:
        try:
            _carry_out(turn, entry, folder.rpartition("/")[2], run.simulated)
        except (OvertakenError, DamagedError):
            remove(root, *root.parts_of(folder))
            raise
    return {**outcome, "folder": folder}


class Consequence(NamedTuple):
    """The entry of the log that a decision leads to: its kind, version, reason and evidence."""

    what: str
    version: str
    reason: str
    evidence: Mapping[str, Any]


def _carry_out(turn: Turn, entry: Consequence, record: str, simulated: datetime | None) -> None:
    """Write the entry, which names the folder of the retraining's record."""
    grounds = MoveReason(actor(), entry.reason, entry.evidence, simulated, record)
    if entry.what not in (ASK, REFUSE):
        move_champion(turn, entry.version, grounds)
    else:
        write_remark(turn, entry.what, grounds, entry.version)


def note_failure(new_data: NewData, error: str, run: RetrainRun) -> Outcome | None:
    """Keep the error of a try; after the last try, seal it as the decision and return it."""
    root, name = run.root, run.model
    attempt = attempt_at(root, new_data)
    if attempt is None or attempt["tries"] < run.spec.tries:
        if attempt is not None:
            write_attempt(root, name, {**attempt, "error": error})
        return None
    outcome: Outcome = {
        **_look(new_data, {"resting": None, "words": [], "quality": None, "drift": None}),
        "decision": FAILED,
        "reasons": [f"{attempt['tries']} tries failed, the last one: {error}"],
        "settled": False,
    }
    with staging(root, f"retraining-{name}") as folder:
        sealed = {**outcome, "trusted": False, "waited_s": _waited_s(root, new_data)}
        now = next_turn(root, name).moment(run.simulated)
        place = commit_retraining(root, folder, name, sealed, now)
    end_attempt(root, name)
    logger.error("%s: %s", FAILED, outcome["reasons"][0])
    return {**outcome, "folder": place, "model": new_data.champion}


def _waited_s(root: Root, new_data: NewData) -> float:
    """Return seconds from the commit of the newest rows to now."""
    came = became_newest(open_dataset(root, new_data.latest))
    return round((datetime.now(UTC) - came).total_seconds(), 1)


def _look(new_data: NewData, seen: DataReport) -> Outcome:
    """Return the outcome without a challenger."""
    return {
        "decision": NOTHING_NEW,
        "reasons": [*([seen["resting"]] if seen["resting"] else []), *seen["words"]],
        "champion": new_data.champion,
        "challenger": None,
        "dataset": new_data.latest,
        "new_rows": new_data.rows,
        "quality": seen["quality"],
        "drift": seen["drift"],
        "seen": seen["words"],
        "doubted": False,
        "settled": True,
    }


def _present_verdict(
    root: Root, challenge: Challenge, new_data: NewData, seen: DataReport, spec: RetrainSpec
) -> Verdict:
    """Return the verdict beside the present champion: anew if it moved since the comparison."""
    if challenge.verdict["champion"] == champion_of(root, new_data.name):
        return challenge.verdict
    model = open_model(root, challenge.challenger)
    candidate = candidate_of(model, spec_of(model))
    return judge_challenger(new_data, seen, candidate, read_evaluated(root, model.folder), spec)


def _decide(
    root: Root, challenge: Challenge, now: datetime, spec: RetrainSpec, turn: Turn
) -> tuple[Outcome, Consequence]:
    """Return the decision, by ``decide`` with the present champion and policy, and its entry.

    A challenger whose files have changed since it was registered is refused.
    """
    model = open_model(root, challenge.challenger)
    current = champion_of(root, model.name)
    policy = policy_of(root, model.name)
    rules = rules_for(challenge.verdict, rules_under(policy))
    verdict = verdict_of(challenge.verdict, rules)
    decision = _refused_if_damaged(model) or decide_stored(verdict, current, rules)
    reasons = list(decision.reasons) if isinstance(decision, Refuse) else [decision.reason]
    what, evidence = REFUSE, dict[str, Any](verdict)
    if isinstance(decision, Promote):
        what = "promote"
    elif isinstance(decision, Ask):
        asks = policy.retraining if policy and policy.retraining.approval else spec
        what, until = ASK, now + timedelta(seconds=asks.approval_s)
        question = Question(turn.number, model.version, reasons[0], until, now)
        evidence = with_until(verdict, until)
        reasons = [*reasons, how_to_answer(model.name, question)]
    reason = reasons[0] if what == ASK else "; ".join(reasons)
    outcome: Outcome = {
        "decision": final_verdict(decision).replace("_", " "),
        "reasons": reasons,
        "champion": open_model(root, model.name).ref,
        "challenger": model.ref,
        "doubted": verdict["doubted"],
        "settled": True,
    }
    return outcome, Consequence(what, model.version, reason, evidence)


def _refused_if_damaged(model: Model) -> Refuse | None:
    try:
        model.check()
    except DamagedError as error:
        return Refuse((str(error),))
    return None


def _doubt(root: Root, new_data: NewData, workspace: str) -> None:
    """Store the new labelled rows; later retrainings leave them out while their labels stay."""
    latest = open_dataset(root, new_data.latest)
    rows, table = rows_of(latest, new_data.fresh), latest.labels()
    ids, labels = table["series_id"].to_pylist(), table["label"].to_pylist()
    pairs = [(ids[row], labels[row]) for row in rows if labels[row] is not None]
    write_suspect_labels(root, workspace, pairs)
