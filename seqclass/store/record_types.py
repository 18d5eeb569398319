"""Types of the records that are kept beside sealed folders."""

from collections.abc import Mapping
from typing import Any, NotRequired

from typing_extensions import TypedDict

from seqclass.store.manifests import ListedModel
from seqclass.store.validation import Time

_From = TypedDict("_From", {"from": str | None})


class LogDecision(_From):
    """A decision about a model or a dataset.

    what: of a dataset ``register``, ``prune`` or ``delete``; of a model also ``promote``,
    ``refuse``, ``ask``, ``rollback``, ``policy``, ``pause``, ``resume`` or ``label``. from, to: the
    champion, or the newest version of the dataset, before and after the decision. candidate: the
    version that it is about, if that is another one; of ``delete`` the newest. actor: who decided.
    reason: why. evidence: the facts that the decision rests on. retraining: the folder of the
    retraining that decided, if one did.
    """

    what: str
    to: str | None
    candidate: NotRequired[str]
    actor: str
    reason: str
    evidence: Mapping[str, Any]
    retraining: NotRequired[str]


class ModelState(TypedDict):
    """The state of a model.

    champion: its version, null without one. since: from when on it is champion. policy, question:
    number of the entry that set the policy, and of the one whose question awaits an answer, null
    without one. paused: whether its retrainings are paused. deleted: whether all its versions were
    deleted, and none came since.
    """

    champion: str | None
    since: Time | None
    policy: int | None
    question: int | None
    paused: bool
    deleted: bool


class DatasetState(TypedDict):
    """The state of a dataset.

    newest: the version that its name means, null if all were deleted. since: from when on it is the
    newest. deleted: whether all its versions are to be removed.
    """

    newest: str | None
    since: Time | None
    deleted: bool


class LogEntry(LogDecision):
    """An entry of the log of a model or a dataset.

    number: its number, from 1 on. previous: SHA-256 of the file of the entry before it. time: of
    the decision. state: of the model or the dataset after it. sha256: digest of all other
    keys.
    """

    number: int
    previous: str
    time: Time
    state: Any
    sha256: str


class ModelLogEntry(LogEntry):
    """An entry of a model's log. state: of the model after it."""

    state: ModelState


class DatasetLogEntry(LogEntry):
    """An entry of a dataset's log. state: of the dataset after it."""

    state: DatasetState


class Attempt(TypedDict):
    """The tries of a challenger of this champion on this dataset.

    champion: its version. dataset: its version. tries: number of tries. error: the error of the
    last one, null if it was killed.
    """

    champion: str
    dataset: str
    tries: int
    error: str | None


class Overdue(TypedDict):
    """A decision that is overdue, of which somebody was told. dataset: the version it is about."""

    dataset: str


class Pruning(TypedDict):
    """A removal. time: when it was. actor: who removed. reason: why. removed: references and paths
    of what was removed."""

    time: Time
    actor: str
    reason: str
    removed: list[str]


class ListedVersions(TypedDict):
    """The versions of a model. tag: of its log of that time. versions: all of them."""

    tag: str
    versions: list[ListedModel]


class KeptFacts(TypedDict):
    """Facts of models. facts: by model."""

    facts: dict[str, Any]
