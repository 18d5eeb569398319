"""The stored facts of models that metrics are made of."""

import contextlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime

from pydantic import TypeAdapter, ValidationError

from seqclass.store.log import LOG, state_of
from seqclass.store.metadata_cache import Tags, listing_tags, read_facts
from seqclass.store.models import model_versions
from seqclass.store.retrainings import RETRAININGS, retrainings_of
from seqclass.store.root import DamagedError, Damages, Record, Root, note, read_record
from seqclass.store.scores import SCORES

FACTS = "metrics.json"
"""The file of an object store that keeps them."""
ODD = (DamagedError, KeyError, TypeError, ValueError, OSError)
"""Errors of a record that is damaged or can't be read, which verify names."""
Answers = tuple[str, str, int, float, float | None]
"""Version, answer (empty for all together), its rows, their accuracy, and the estimate of it."""


@dataclass(frozen=True)
class ModelFacts:
    """Facts of a model that metrics tell.

    since: when the champion moved last (ISO 8601). trained_s: seconds of the newest version's
    training. decisions: their numbers. waited: number and sum of the seconds from rows to their
    decision. answers: those whose labels came later, in a version of ``dataset``; delays: of these
    labels, as version, quantile and seconds. tags: of the listings that all of this follows from,
    in an object store; none where a record is damaged.
    """

    since: str | None = None
    trained_s: float | None = None
    decisions: dict[str, int] = field(default_factory=dict)
    waited: tuple[int, float] = (0, 0.0)
    answers: tuple[Answers, ...] = ()
    delays: tuple[tuple[str, str, float], ...] = ()
    dataset: str = ""
    tags: Tags = field(default_factory=dict)


def facts_of_models(root: Root) -> dict[str, ModelFacts]:
    """Return the facts of all models; those kept in an object store are used if nothing changed."""
    scored, every = set(root.names(SCORES)), {}
    tags = {} if root.is_local else _listings(root, bool(scored))
    kept = {} if root.is_local else dict(_kept(root))
    for name in sorted({*root.names("models"), *root.names(RETRAININGS)}):
        facts = kept.get(name)
        if facts is None or not facts.tags or facts.tags != _tags_of(tags, name, facts.dataset):
            bad = Damages()
            facts = _read(root, name, name in scored, bad)
            facts = replace(facts, tags={} if bad else _tags_of(tags, name, facts.dataset))
        every[name] = facts
    return every


def _kept(root: Root) -> Iterator[tuple[str, ModelFacts]]:
    adapter = TypeAdapter(ModelFacts)
    for name, record in read_facts(root, FACTS).items():
        with contextlib.suppress(ValidationError):
            yield name, adapter.validate_python(record)


def _listings(root: Root, is_scored: bool) -> Tags:
    """Return the tags of all logs, and of the retrainings and scores of each model."""
    tags = listing_tags(root, LOG, depth=2)
    for kind in (RETRAININGS, SCORES) if is_scored else (RETRAININGS,):
        tags |= {f"{kind}/{name}": tag for name, tag in listing_tags(root, kind).items()}
    return tags


def _tags_of(tags: Tags, name: str, dataset: str) -> Tags:
    """Return the tags of all listings that the facts of a model follow from."""
    keys = [*(f"{kind}/{name}" for kind in ("models", RETRAININGS, SCORES)), f"datasets/{dataset}"]
    return {key: tags[key] for key in keys if key in tags}


def _read(root: Root, name: str, is_scored: bool, bad: Damages) -> ModelFacts:
    """Read the facts of a model; what is damaged is left out and added to ``bad``."""
    facts = ModelFacts()
    try:
        records = retrainings_of(root, name, bad)
        times = [record["waited_s"] for record in records]
        decisions = Counter(record["decision"] for record in records)
        facts = ModelFacts(decisions=dict(decisions), waited=(len(times), sum(times)))
        since, seconds = state_of(root, name)["since"], _trained_s(root, name)
        if since is not None:
            datetime.fromisoformat(since)
        facts = replace(facts, since=since, trained_s=seconds)
    except ODD as error:
        note(bad, root.join("models", name), error)
    return _with_truth(root, name, facts, bad) if is_scored else facts


def _trained_s(root: Root, name: str) -> float | None:
    """Return the seconds of the newest version's training; 0 if unknown, None without a version."""
    versions = model_versions(root, name)
    if not versions:
        return None
    path = root.join("models", name, versions[-1], "stability.json")
    if not root.fs.exists(path):
        return 0.0
    return float(sum(seed["seconds"] for seed in read_record(root, path, Record)["seeds"]))


def _with_truth(root: Root, name: str, facts: ModelFacts, bad: Damages) -> ModelFacts:
    """Add what labels showed of answers to series like the test series, by version and answer."""
    from seqclass.labelling.truth import labelled_dataset  # with what reads answers and draws pages
    from seqclass.pages.model_summary import truth_told

    truth, answers, delays = truth_told(root, name, bad), list[Answers](), []
    for version, like in ((v.version, v.like) for v in (truth.versions if truth else ()) if v.like):
        by_answer = {"": like.every, **like.by_answer}
        answers += [(version, answer, realised.rows, realised.realised, realised.estimated)
                    for answer, realised in by_answer.items()]  # fmt: skip
        delays += [(version, "0.5", like.delay_median_s), (version, "0.9", like.delay_90_s)]
    return replace(
        facts, answers=tuple(answers), delays=tuple(delays), dataset=labelled_dataset(root, name)
    )
