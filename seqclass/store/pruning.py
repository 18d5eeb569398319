"""The plan of a pruning: what may be removed, and why the rest stays.

Champions stay, as do earlier ones and everything they depend on.
"""

import contextlib
import errno
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from seqclass.store.approvals import open_question
from seqclass.store.datasets import (
    committed_versions,
    dataset_versions,
    forget_version,
    give_up,
    is_given_up,
    open_dataset,
)
from seqclass.store.dependencies import PRUNINGS, citing, needs_of, removed_refs
from seqclass.store.garbage import LEFTOVER_AGE_S, unchanged_s
from seqclass.store.inbox import DONE, INBOX
from seqclass.store.layout import sealed_folders, within
from seqclass.store.locks import is_locked
from seqclass.store.log import LOG, STAMP, Turn, actor, in_turn, log_problems, read_log, registered
from seqclass.store.manifests import DatasetManifest, Manifest, ModelManifest, SeedManifest
from seqclass.store.models import REMOVED, REPORT, SUMMARY, model_versions, read_model
from seqclass.store.policy_file import read_policy
from seqclass.store.prune_spec import PruneSpec
from seqclass.store.queues import QUEUES
from seqclass.store.references import (
    DatasetRef,
    ModelRef,
    Reference,
    StudyRef,
    reference_of,
)
from seqclass.store.registry import (
    MoveReason,
    champion_of,
    champions_before,
    end_champion,
    is_deleted,
    write_remark,
)
from seqclass.store.retrainings import RETRAINING, RETRAININGS, end_attempt, last_settled
from seqclass.store.root import (
    MANIFEST,
    DamagedError,
    Root,
    create_file,
    did_you_mean,
    is_name,
    read_manifest,
    readable,
    remove_file,
)
from seqclass.store.scores import SCORES
from seqclass.store.seeds import UNFINISHED
from seqclass.store.staging import remove
from seqclass.store.states import DATASETS, DELETE, MODELS, PRUNE
from seqclass.store.studies import RUNS

Result = TypeVar("Result")
Reasons = dict[str, str]
Young = Callable[..., str]
"""Takes the names that lead to a folder; returns why it is too young to go, or an empty text."""


@dataclass(frozen=True)
class Item:
    """A folder or file, its name, and why it stays; without a reason it may be removed.

    at_once: its removal writes nothing, and half of it is no damage.
    """

    ref: str
    path: str
    why: str = ""
    at_once: bool = False


def plan_pruning(root: Root, spec: PruneSpec, now: datetime) -> list[Item]:
    """Return every version, dataset, score, study, done file and kept seed, with its reason to
    stay."""
    since = now - timedelta(days=spec.days)

    def young(*place: str) -> str:
        try:
            created = read_manifest(root, root.join(*place), Manifest)["created"]
            is_young = datetime.fromisoformat(created) > since
        except DamagedError:  # it is left to verify
            is_young = True
        return f"younger than {spec.days:g} days" if is_young else ""

    models = reasons_of_models(root, spec, young)
    datasets = reasons_of_datasets(root, models, young, spec.newest)
    others = [*_sealed_others(root, models, young), *_files(root, since), *_seeds(root)]
    left = [item for name in root.names(MODELS) if is_deleted(root, name)
            for item in _beside_versions(root, name)]  # fmt: skip
    every = [*left, *_items(root, models), *_items(root, datasets), *others]
    return list({item.ref: item for item in every}.values())


def check_deletable(root: Root, item: Item) -> None:
    """Refuse with ValueError to delete what others need; a dataset's versions need it."""
    refs = [str(ModelRef(n, v)) for n in root.names(MODELS) for v in model_versions(root, n)]
    if why := item.why or _needed(root, refs).get(item.ref):
        raise ValueError(f"REF: expected what nothing needs, got {item.ref}: {why}; it stays")


def find_name(root: Root, ref: str) -> Reference:
    """Return the model or dataset of a name; ValueError for a version, and if there are none or
    two."""
    if "@" in ref:
        raise ValueError(
            f"REF: expected a name without a version, of which all are meant, got {ref!r}; write "
            f"{ref.partition('@')[0]!r}"
        )
    versions = ((ModelRef, model_versions), (DatasetRef, committed_versions))
    references = [kind.parse(ref) for kind, of in versions if of(root, kind.parse(ref).name)]
    if not references:
        meant = did_you_mean(ref, [*root.names(MODELS), *root.names(DATASETS)])
        raise ValueError(
            f"REF: expected a model or dataset of {root.url}, got {ref!r}{_end(root, ref)}; {meant}"
            "'seqclass models' and 'seqclass datasets' list them"
        )
    if len(references) > 1:
        raise ValueError(
            f"REF: expected a model or a dataset, got {ref!r}, which is both; write "
            f"models/{ref} or datasets/{ref}"
        )
    return references[0]


def _end(root: Root, ref: str) -> str:
    """Return in words why a model or dataset that is not there was deleted; empty if none was."""
    names = [name for kind in (ModelRef, DatasetRef) if is_name((name := kind.parse(ref)).name)]
    last = [entry for name in names for entry in read_log(root, name.name, kind=name.kind)[-1:]]
    return "".join(f" (deleted: {entry['reason']})" for entry in last if entry["what"] == DELETE)


def plan_deletion(root: Root, target: Reference) -> tuple[list[Item], Reasons]:
    """Return all that goes with a name, and why what goes of it would else stay.

    ValueError if others need it, or, in a local root, a retraining works on it.
    """
    needing = [str(ModelRef(*place[1:])) for place, _ in citing(root, target, MODELS)]
    needing += [
        f"the last retraining of models/{name}"
        for name in root.names(MODELS)
        if (settled := last_settled(root, name)) and settled["dataset"].startswith(f"{target}@")
    ]
    if needing:
        raise ValueError(
            f"REF: expected what nothing needs, got {target}, needed by {', '.join(needing[:5])}"
            f"{f' and {len(needing) - 5} more' if len(needing) > 5 else ''}; delete these first"
        )
    if target.kind == DATASETS:
        versions = dataset_versions(root, target.name)
        return list(_items(root, {str(DatasetRef(target.name, v)): "" for v in versions})), {}
    if is_locked(root, RETRAINING, *target.parts[:2]):
        raise ValueError(
            f"REF: expected a model on which no retraining works, got {target}; wait for its end"
        )
    refs = {version: str(ModelRef(target.name, version))
            for version in model_versions(root, target.name)}  # fmt: skip
    items = [*_beside_versions(root, target.name), *_items(root, dict.fromkeys(refs.values(), ""))]
    reasons = _of_registry(root, target.name, PruneSpec())
    return items, {refs[version]: why for version, why in reasons.items() if version in refs}


def _beside_versions(root: Root, name: str) -> Iterator[Item]:
    """Yield a model's scores, retrainings and questions."""
    for area in ((SCORES, name), (RETRAININGS, name), (QUEUES, name)):
        for parts in within(root, area):
            yield Item("/".join(parts), root.join(*parts))


def delete_all(
    root: Root,
    target: Reference,
    reason: str,
    now: datetime,
    copy: Callable[[], object] = lambda: None,
) -> list[Item]:
    """Remove all versions of a name and what belongs to them; returns what was removed.

    First the log of a model says that it is deleted, or that of a dataset that no version
    is the newest: after a kill, ``prune`` removes what is left. The log stays. copy: called before
    this entry; nothing comes between the two, or it is called again.
    """

    def end(turn: Turn) -> None:
        copy()
        if not turn.state["deleted"]:
            end_attempt(root, target.name)
            why = MoveReason(actor(), reason, {"by": "hand"})
            _with_room(root, items, partial(end_champion, turn, why))

    items, _ = plan_deletion(root, target)
    if target.kind == DATASETS:
        copy()
        _with_room(root, items, partial(give_up, root, target.name, reason, now))
    else:
        in_turn(root, target.name, end)
    removed = remove_items(root, PruneSpec(days=0), [item.ref for item in items], reason, now)
    return [item for item in removed if not item.why]


def _items(root: Root, reasons: Reasons) -> Iterator[Item]:
    for ref, why in reasons.items():
        yield Item(ref, root.join(*reference_of(ref).parts), why)


def reasons_of_models(root: Root, spec: PruneSpec, young: Young) -> Reasons:
    """Return why each version stays, by its reference; empty without a reason."""
    reasons = Reasons()
    for name in root.names(MODELS):
        if is_deleted(root, name):
            reasons |= {str(ModelRef(name, version)): "" for version in model_versions(root, name)}
            continue
        registry_reasons = _of_registry(root, name, spec)
        for version in model_versions(root, name):
            place = ModelRef(name, version)
            reasons[str(place)] = registry_reasons.get(version) or young(*place.parts)
    for ref in [ref for ref, why in reasons.items() if why]:
        while manifest := _manifest(root, ref):
            ref = str(manifest["spec"].get("warm_start"))
            if reasons.get(ref) != "":
                break
            reasons[ref] = "a version that stays began with its weights"
    return _with_doubt(root, reasons, reasons)


def _with_doubt(root: Root, reasons: Reasons, models: Reasons) -> Reasons:
    """Add reasons: if the needs of a version that stays are unreadable, all the others stay too."""
    there = {str(ModelRef(*parts[1:])) for parts in sealed_folders(root, MODELS)}
    named = {
        str(ModelRef(name, version))
        for name in root.names(LOG, MODELS)
        for version in registered(root, name, MODELS)
    }
    lost = sorted(there | named - removed_refs(root))
    lost = [ref for ref in lost if models.get(ref, "lost") and not _manifest(root, ref)]
    doubt = f"{lost[0]} can't be read, and may need it" if lost else ""
    return {ref: why or doubt for ref, why in reasons.items()}


def _of_registry(root: Root, name: str, spec: PruneSpec) -> Reasons:
    versions, champion = model_versions(root, name), champion_of(root, name)
    pinned = (read_policy(root, name) or {}).get("pins")
    reasons = dict.fromkeys(map(str, pinned or ()), "pinned by the policy")
    if versions:
        reasons[versions[-1]] = "the newest, whose number is not given again"
    steps = range(1, spec.rollbacks + 1)
    for step, version in zip(steps, champions_before(root, name), strict=False):
        reasons[version] = f"rollback goes back to it, step {step}"
    with contextlib.suppress(DamagedError):  # verify names it
        if question := open_question(root, name):
            reasons[question.version] = "awaits approval"
    problems = log_problems(root, name)
    logged = registered(root, name, MODELS)
    unregistered = [version for version in versions if version not in logged]
    if problems or unregistered:
        state = "is damaged" if problems else f"lacks {unregistered[0]}"
        doubt = f"its log {state}, and may have lost what leads back to it"
        reasons = {**dict.fromkeys(versions, doubt), **reasons}
    if not (problems or spec.unregistered):
        reasons = {version: why for version, why in reasons.items() if version not in unregistered}
    return {**reasons, **({champion: "champion"} if champion else {})}


def reasons_of_datasets(
    root: Root, models: Reasons, young: Young, keeps_newest: bool = True
) -> Reasons:
    """Return why each dataset version stays if these model versions do."""
    needed = _needed(root, [ref for ref, why in models.items() if why])
    reasons = Reasons()
    for name in root.names(DATASETS):
        versions = dataset_versions(root, name)
        going = is_given_up(root, name)
        newest = open_dataset(root, name).ref if versions and keeps_newest and not going else ""
        for version in versions:
            place = DatasetRef(name, version)
            latest = "the newest of its name" if str(place) == newest else ""
            kept = latest or needed.get(str(place), "")
            reasons[str(place)] = kept or ("" if going else young(*place.parts))
    return _with_doubt(root, reasons, models)


def _needed(root: Root, kept: list[str]) -> Reasons:
    reasons = Reasons()
    for name in root.names(MODELS):
        if settled := last_settled(root, name):
            reasons[settled["dataset"]] = f"the last retraining of {name} looked at it"
    for ref in kept:
        manifest = _manifest(root, ref)
        for need in needs_of(manifest) if manifest else ():
            if need.kind == DATASETS:
                reasons[str(need)] = f"{ref} learned from it"
    return reasons


def _manifest(root: Root, ref: str) -> ModelManifest | None:
    reference = ModelRef.parse(ref)
    try:
        return read_model(root, reference.name, reference.version).manifest
    except DamagedError:
        return None


def _sealed_others(root: Root, models: Reasons, young: Young) -> Iterator[Item]:
    """Yield scores, which stay with their version while they are young, and studies."""
    for kind in (SCORES, StudyRef.kind):
        for place in sealed_folders(root, kind):
            is_gone = kind == SCORES and not models.get(str(ModelRef(*place[1:3])))
            is_gone = is_gone and root.exists(*place, MANIFEST)
            ref = "/".join(place) if kind == SCORES else str(StudyRef(*place[1:]))
            yield Item(ref, root.join(*place), "" if is_gone else young(*place))


def _files(root: Root, since: datetime) -> Iterator[Item]:
    """Yield files that were taken from inboxes, and single runs of studies."""
    folders = [(INBOX, name, DONE) for name in root.names(INBOX)]
    folders += [(StudyRef.kind, name, RUNS) for name in root.names(StudyRef.kind)]
    for folder in folders:
        for name in root.names(*folder):
            path = root.join(*folder, name)
            why = "younger" if root.fs.modified(path) > since else ""
            yield Item("/".join([*folder, name]), path, why, at_once=True)


def _seeds(root: Root) -> Iterator[Item]:
    """Yield kept seeds, which stay only while a training may be at work on others beside them."""
    for key in root.names(UNFINISHED):
        path = root.join(UNFINISHED, key)
        seed = readable(root, path, SeedManifest)
        is_at_work = seed and not seed.get("answered") and unchanged_s(root, path) <= LEFTOVER_AGE_S
        why = "a training may be at work on it" if is_at_work else ""
        yield Item(f"{UNFINISHED}/{key}", path, why, at_once=True)


def remove_items(
    root: Root, spec: PruneSpec, refs: list[str], reason: str, now: datetime
) -> list[Item]:
    """Remove those of these items that may still go; returns the items as they were.

    The removal is recorded first, in ``prunings/`` and, for a version, in its model's log; only on
    a full disk what goes at once goes before. A version that became champion before this entry
    stays; a version that the entry names can't become champion any more.
    """
    items = [item for item in plan_pruning(root, spec, now) if item.why or item.ref in refs]
    items = _with_room(root, items, lambda: _recorded(root, items, spec, reason, now))
    going = [item for item in items if not item.why]
    _make_room(root, going)
    for item in going:
        _remove(root, item, now)
    return items


def _with_room(root: Root, items: list[Item], write: Callable[[], Result]) -> Result:
    """Write what comes before a removal; if the disk is full, make room and write it then."""
    try:
        return write()
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        _make_room(root, [item for item in items if not item.why])
        return write()


def _make_room(root: Root, going: list[Item]) -> None:
    """Remove what goes at once, and the pages of versions, which can be drawn again."""
    for item in going:
        if item.at_once:
            remove_file(root, item.path)
        elif _is_version(item.ref, MODELS):
            remove_file(root, f"{item.path}/{REPORT}")
        elif _is_version(item.ref, DATASETS):
            remove_file(root, f"{item.path}.html")


def _recorded(
    root: Root, items: list[Item], spec: PruneSpec, reason: str, now: datetime
) -> list[Item]:
    """Record which of these items go; returns them with the reasons of those that stay."""
    items = _logged(root, items, spec, reason)
    going = [item for item in items if not item.why]
    if going:
        record = {"time": now.isoformat(), "actor": actor(), "reason": reason,
                  "removed": [item.ref for item in going]}  # fmt: skip
        path = root.join(PRUNINGS, f"{now.strftime(STAMP)}.json")
        create_file(root, path, json.dumps(record, indent=2).encode())
    return items


def _logged(root: Root, items: list[Item], spec: PruneSpec, reason: str) -> list[Item]:
    """Leave an entry in the log of each model whose versions go; versions that it keeps stay."""
    going = [ModelRef.parse(item.ref) for item in items
             if not item.why and _is_version(item.ref, MODELS)]  # fmt: skip
    why = Reasons()
    for name in sorted({ref.name for ref in going}):
        if not is_deleted(root, name):
            versions = [ref.version for ref in going if ref.name == name]
            kept = in_turn(root, name, partial(_log_removal, versions, spec, reason))
            why |= {str(ModelRef(name, version)): kept[version] for version in kept}
    return [replace(item, why=item.why or why.get(item.ref, "")) for item in items]


def _log_removal(versions: list[str], spec: PruneSpec, reason: str, turn: Turn) -> Reasons:
    """Write which of these versions go; returns the others with the reason to stay."""
    kept = _of_registry(turn.root, turn.name, spec)
    going = [version for version in versions if version not in kept]
    if going:
        words = f"{', '.join(going)} removed: {reason}"
        write_remark(turn, PRUNE, MoveReason(actor(), words, {REMOVED: going}))
    return {version: kept[version] for version in versions if version in kept}


def _is_version(ref: str, *kinds: str) -> bool:
    return "@" in ref and ref.partition("/")[0] in kinds


def _remove(root: Root, item: Item, now: datetime) -> None:
    if not root.fs.exists(f"{item.path}/{MANIFEST}"):
        remove_file(root, item.path)
        return
    parents = list[str]()
    if is_dataset := _is_version(item.ref, DATASETS):
        with contextlib.suppress(DamagedError):
            parents = read_manifest(root, item.path, DatasetManifest)["parents"]
    remove(root, *root.parts_of(item.path))
    if is_dataset:
        forget_version(root, DatasetRef.parse(item.ref), parents, now)
    elif _is_version(item.ref, MODELS) and not model_versions(
        root, name := ModelRef.parse(item.ref).name
    ):
        for page in ("index.html", SUMMARY):
            remove_file(root, root.join(MODELS, name, page))
