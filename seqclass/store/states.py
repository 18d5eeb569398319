"""The state of a model or a dataset after an entry of its log, from the state before it."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from seqclass.store.record_types import DatasetState, LogDecision, ModelState

MODELS, DATASETS = "models", "datasets"
DELETE = "delete"
MOVES = ("promote", "rollback", DELETE)
"""Decisions that move the champion; ``delete`` leaves the model without one."""
REGISTER, ASK, REFUSE, PRUNE = "register", "ask", "refuse", "prune"
POLICY, PAUSE, RESUME = "policy", "pause", "resume"
State = Mapping[str, Any]
Asked = Callable[[int], str | None]
"""Takes the number of an entry that asks, and returns the version that it asks about."""


def _model_after(
    state: ModelState, number: int, record: LogDecision, moment: str, asked: Asked
) -> ModelState:
    what, question = record["what"], state["question"]
    if what in MOVES:
        ended = what == DELETE
        return {
            "champion": record["to"],
            "since": None if ended else moment,
            "policy": None if ended else state["policy"],
            "question": None,
            "paused": False if ended else state["paused"],
            "deleted": ended,
        }
    if what == REFUSE and question is not None and asked(question) == record.get("candidate"):
        question = None
    after: ModelState = {**state, "question": number if what == ASK else question}
    if what == POLICY:
        after["policy"] = None if record["evidence"].get("policy") is None else number
    if what in (PAUSE, RESUME):
        after["paused"] = what == PAUSE
    if what == REGISTER:
        after["deleted"] = False
    return after


def _dataset_after(
    state: DatasetState, number: int, record: LogDecision, moment: str, asked: Asked
) -> DatasetState:
    newest = record["to"]
    since = state["since"] if newest == state["newest"] else moment
    return {"newest": newest, "since": since, "deleted": record["what"] == DELETE}


class Kind(NamedTuple):
    """A kind of thing that has a log: its state without an entry, and the rule that gives the
    state after one."""

    nothing: State
    after: Callable[[Any, int, LogDecision, str, Asked], State]


NO_MODEL = ModelState(
    champion=None, since=None, policy=None, question=None, paused=False, deleted=False
)
NO_DATASET = DatasetState(newest=None, since=None, deleted=False)
KINDS = {
    MODELS: Kind(NO_MODEL, _model_after),
    DATASETS: Kind(NO_DATASET, _dataset_after),
}
