"""Types of the records that are kept beside sealed folders."""

from collections.abc import Mapping
from typing import Any, NotRequired

from typing_extensions import TypedDict

from seqclass.store.conformity import Time
from seqclass.store.manifests import ListedModel


class Latest(TypedDict):
    """The version that a dataset's name means.

    version: the one made last, which may be an old one made again; empty if all are to be removed.
    since: when it became this.
    """

    version: str
    since: Time


class Pointer(TypedDict):
    """The champion of a model. version: null without one. since: from when on it is champion."""

    version: str | None
    since: NotRequired[str | None]


_From = TypedDict("_From", {"from": str | None})


class AuditDecision(_From):
    """A decision about a champion.

    what: what was decided, such as ``promote``, ``refuse``, ``rollback`` or ``delete``. alias:
    ``champion``. from: the champion before the decision. from_since: from when on it was champion.
    to: the champion after it. candidate: the version that the decision is about, if it is not the
    champion; of ``delete`` the newest. actor: who decided. reason: why. evidence: the facts that
    the decision rests on. retraining: the folder of the retraining that decided, if one did.
    """

    what: str
    alias: str
    from_since: NotRequired[str | None]
    to: str | None
    candidate: NotRequired[str]
    actor: str
    reason: str
    evidence: Mapping[str, Any]
    retraining: NotRequired[str]


class AuditEntry(AuditDecision):
    """An entry of the audit, a decision about a champion.

    number: its number, from 1 on. previous: SHA-256 of the entry before it. time: of the decision.
    """

    number: int
    previous: str
    time: Time


class AuditHead(TypedDict):
    """The last entry of an audit. number: its number. sha256: its digest."""

    number: int
    sha256: str


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


class Inventory(TypedDict):
    """The content of a folder of the store.

    items: by path, the digest of each sealed folder's manifest or of each record; two digests while
    it changes. sha256: digest of ``items``.
    """

    items: dict[str, list[str]]
    sha256: str


class ListedVersions(TypedDict):
    """The versions of a model. tag: of the inventory of that time. versions: all of them."""

    tag: str
    versions: list[ListedModel]


class KeptFacts(TypedDict):
    """Facts of models. facts: by model. sha256: digest of ``facts``."""

    facts: dict[str, Any]
    sha256: str


class IntentRecord(TypedDict):
    """A folder that is being made or removed. target: the names that lead to it."""

    target: list[str]
