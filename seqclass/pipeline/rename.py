"""Rename a dataset or model that nothing else refers to.

Its versions are copied under the new name, with manifests of their own; then the old name is
deleted. A kill between leaves both names, and the same call goes on.
"""

import json
from datetime import UTC, datetime
from functools import partial

from typing_extensions import TypedDict

from seqclass.export.model_card import CARD, version_files
from seqclass.pages.index_pages import refresh
from seqclass.policies import is_paused, set_paused
from seqclass.store.approvals import open_question
from seqclass.store.dataset_writer import share_file
from seqclass.store.datasets import dataset_versions, log_newest
from seqclass.store.dependencies import citing
from seqclass.store.inbox import INBOX
from seqclass.store.layout import Parts, is_sealed, within
from seqclass.store.log import actor, entry_files, in_turn, read_log, registered, state_of
from seqclass.store.manifests import SEALED_TYPES
from seqclass.store.models import claim_number, model_versions, read_model, write_registration
from seqclass.store.policy_file import read_policy, write_policy
from seqclass.store.pruning import delete_all, find_name, plan_deletion
from seqclass.store.quarantine import QUARANTINE
from seqclass.store.queues import QUEUES
from seqclass.store.references import ModelRef, Reference
from seqclass.store.registry import MoveReason, champion_of, champions_before, move_champion
from seqclass.store.retrainings import RETRAININGS
from seqclass.store.root import (
    MANIFEST,
    Root,
    check_file,
    check_name,
    describe_file,
    read_manifest,
    readable,
    replace_file,
    sha256_of,
    write_manifest,
)
from seqclass.store.scores import SCORES
from seqclass.store.staging import commit, name_target, staging
from seqclass.store.states import DATASETS, MODELS, REGISTER
from seqclass.store.studies import STUDIES

Renamed = TypedDict("Renamed", {"from": str, "to": str, "versions": list[str]})
"""The old and the new name, ``models/NAME`` or ``datasets/NAME``, and the versions."""


def rename(root: Root, ref: str, new: str, reason: str) -> Renamed:
    """Give a dataset or model, with all its versions, another name; ValueError as
    ``plan_rename``."""
    planned = plan_rename(root, ref, new)
    old = find_name(root, planned["from"])
    target = type(old).parse(planned["to"])
    words = f"renamed to {target}: {reason}"
    _copy(root, old, target)
    delete_all(root, old, words, datetime.now(UTC), lambda: _copy(root, old, target))
    refresh(root, [planned["from"], planned["to"]])
    return planned


def plan_rename(root: Root, ref: str, new: str) -> Renamed:
    """Return what a rename would do.

    ValueError if there is no such name, the new one can't be taken, or anything else refers to the
    old one; DamagedError if a version is damaged.
    """
    old = find_name(root, ref)
    target = type(old)(check_name(new.removeprefix(f"{old.kind}/"), "NEW"))
    _check_free(root, old, target)
    if others := _references(root, old, target):
        raise ValueError(
            f"REF: expected what nothing else refers to, got {old}, in use by "
            f"{', '.join(others[:5])}{f' and {len(others) - 5} more' if len(others) > 5 else ''}; "
            f"take these away first, or make it again as {target.name} and delete this one"
        )
    plan_deletion(root, old)
    versions = _versions(root, old)
    for version in versions:
        folder = root.join(old.kind, old.name, version)
        for entry in read_manifest(root, folder, SEALED_TYPES[old.kind])["files"]:
            check_file(root, folder, entry)
    return {"from": str(old), "to": str(target), "versions": versions}


def _versions(root: Root, old: Reference) -> list[str]:
    """Return the versions of a name, oldest first."""
    return (model_versions if old.kind == MODELS else dataset_versions)(root, old.name)


def _check_free(root: Root, old: Reference, target: Reference) -> None:
    """Refuse a name that is or was taken, except by copies that a killed rename has left."""
    names = root.sealed_names(target.kind, target.name)
    copies = [_origin(root, type(target)(target.name, version)) for version in names]
    are_copies = copies == [str(type(old)(old.name, version)) for version in names]
    is_ending = state_of(root, old.name, old.kind)["deleted"]
    is_begun = names and are_copies and (is_ending or {*names} <= {*_versions(root, old)})
    if not is_begun and (names or entry_files(root, target.name, target.kind)):
        raise ValueError(
            f"NEW: expected a name that nothing has or had, got {target}; choose another"
        )


def _origin(root: Root, version: Reference) -> str:
    """Return the version that a manifest says it copies; other text if it says none."""
    manifest = readable(root, root.join(*version.parts), SEALED_TYPES[version.kind])
    return str(manifest and manifest.get("renamed_from"))


def _references(root: Root, old: Reference, target: Reference) -> list[str]:
    """Return what refers to a name, or may, other than its versions and their copies."""
    beside = (SCORES, RETRAININGS, QUEUES) if old.kind == MODELS else (STUDIES,)
    citers = [_short(place) for kind in beside for place in within(root, (kind, old.name))]
    citers += [
        f"{_short(place)}{' (damaged)' if is_damaged else ''}"
        for place, is_damaged in citing(root, old, *SEALED_TYPES)
        if place[:2] != target.parts[:2]
    ]
    if old.kind == DATASETS and root.exists(INBOX, old.name):
        citers.append(f"{INBOX}/{old.name}")
    if old.kind == MODELS and (question := open_question(root, old.name)):
        citers.append(f"the question whether to approve {question.version}")
    return list(dict.fromkeys(citers))


def _short(place: Parts) -> str:
    return f"{place[0]}/{place[1]}@{place[2]}"


def _copy(root: Root, old: Reference, target: Reference) -> None:
    """Bring the new name to where the old one is; what is there already stays."""
    words, logged = f"renamed from {old}", registered(root, target.name, old.kind)
    for version in _versions(root, old):
        after = type(old)(target.name, version)
        path = root.join(*after.parts, MANIFEST)
        if not root.fs.exists(path):
            _copy_version(root, type(old)(old.name, version), after)
        if version in logged:
            continue
        if isinstance(after, ModelRef):
            write_registration(root, after, sha256_of(root, path), datetime.now(UTC), words)
        else:
            log_newest(root, target.name, version, REGISTER, words, datetime.now(UTC))
    for place in within(root, (old.kind, old.name)):
        beside = root.join(old.kind, target.name, *place[2:])
        if not is_sealed(place) and not root.fs.exists(beside):
            replace_file(root, beside, root.fs.cat_file(root.join(*place)))
    if old.kind == MODELS:
        _carry_over(root, old.name, target.name, MoveReason(actor(), words, {"by": "hand"}))
    elif newest := state_of(root, old.name, DATASETS)["newest"]:
        log_newest(root, target.name, newest, REGISTER, words, datetime.now(UTC))


def _copy_version(root: Root, old: Reference, new: Reference) -> None:
    """Seal a version's files under another name.

    Its manifest and its cards have the new name, also for versions that it came from.
    """
    folder, now = root.join(*old.parts), datetime.now(UTC)
    manifest = read_manifest(root, folder, SEALED_TYPES[old.kind])
    text = json.dumps(manifest)
    for version in _versions(root, old):
        before, after = (type(each)(each.name, version) for each in (old, new))
        text = text.replace(f'"{before}"', f'"{after}"')
    sealed = json.loads(text)
    sealed |= {"name": new.name, "created": now.isoformat(), "renamed_from": str(old)}
    if place := sealed.get("quarantine"):
        sealed["quarantine"] = root.join(*new.parts[:2], QUARANTINE, place.rpartition("/")[2])
    cards = {}
    if isinstance(new, ModelRef) and (model := read_model(root, old.name, old.version)).has(CARD):
        references = model.read_json("metrics.json")["references"]
        cards = version_files(new.name, sealed, now, references)
    with staging(root, f"rename-{new.name}") as staged:
        for entry in sealed["files"]:
            if (name := entry["path"]) in cards:
                root.fs.pipe_file(f"{staged}/{name}", cards[name].encode())
                entry |= describe_file(root, staged, name)
            else:
                share_file(root, f"{folder}/{name}", f"{staged}/{name}")
        write_manifest(root, staged, sealed)
        name_target(root, staged, *new.parts)
        is_ours = not isinstance(new, ModelRef) or claim_number(root, new, str(old).encode())
        if not (is_ours and commit(root, staged, *new.parts)):
            raise ValueError(
                f"NEW: expected a name that nothing has, {new} was made just now; choose another"
            )


def _carry_over(root: Root, old: str, new: str, grounds: MoveReason) -> None:
    """Give a model the champion of another one, those before it, its policy and its pause."""
    been = {entry["to"] for entry in read_log(root, new)}
    champions = [champion_of(root, old), *champions_before(root, old)]
    for version in filter(None, reversed(champions)):
        is_last = version == champions[0] != champion_of(root, new)
        if is_last or version not in been:
            in_turn(root, new, partial(move_champion, version=version, grounds=grounds))
    if (policy := read_policy(root, old)) and read_policy(root, new) is None:
        in_turn(root, new, partial(write_policy, policy=policy, grounds=grounds))
    if is_paused(root, old):
        set_paused(root, new, True, grounds.reason)
