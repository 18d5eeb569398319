"""Comparison of a model's answers, and their estimated accuracy, with labels that came later."""

import contextlib
import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from seqclass.inference.assessment import SURENESS, sureness_of
from seqclass.monitoring.estimate import (
    AnswerTally,
    Confidence,
    Outcomes,
    Realised,
    drift_of,
    realised_of,
)
from seqclass.store.datasets import (
    Dataset,
    committed_versions,
    dataset_versions,
    latest_version,
    open_dataset,
)
from seqclass.store.manifests import known_dataset
from seqclass.store.models import ANSWERS, model_versions, read_model
from seqclass.store.references import DatasetRef
from seqclass.store.root import DamagedError, Damages, Root, note
from seqclass.store.scores import ScoreSet, score_folders
from seqclass.store.tables import read_table

COLUMNS = ["series_id", "label", "prediction", *SURENESS]


@dataclass(frozen=True)
class VersionTruth:
    """Accuracy of a version's answers by labels that came later; None with too few labels.

    like: of series like its test series; unlike: of others, for which nothing was estimated.
    """

    version: str
    like: Realised | None = None
    unlike: Realised | None = None


@dataclass(frozen=True)
class LaterTruth:
    """Accuracy of a model's answers by labels that came later.

    of: a digest of the names of the answers and dataset versions that it was computed from.
    versions: by version.
    """

    of: str = ""
    versions: tuple[VersionTruth, ...] = ()


@dataclass(frozen=True)
class _Scored:
    """The answers of a partition to rows that had no label, and when they were given."""

    version: str
    at: datetime
    table: pa.Table


@dataclass
class _Came:
    """Labels by id: the newest one, and when the first one came."""

    labels: dict[str, str] = field(default_factory=dict)
    since: dict[str, datetime] = field(default_factory=dict)


def truth_of(root: Root, name: str, earlier: LaterTruth | None, bad: Damages) -> LaterTruth | None:
    """Compare a model's answers with labels that came later; None if it has answered nothing.

    ``earlier`` is returned if there are neither new answers nor new versions of its dataset.
    """
    folders = score_folders(root, name)
    if not folders:
        return None
    dataset = labelled_dataset(root, name)
    there = sorted(root.names("datasets", dataset)) if dataset else []
    made_of = json.dumps([folders, there, _newest(root, dataset)])
    digest = hashlib.sha256(made_of.encode()).hexdigest()[:16]
    if earlier is not None and earlier.of == digest:
        return earlier
    scored = list(_scored(root, folders, bad))
    came = _came(root, dataset, scored)
    versions = dict.fromkeys(partition.version for partition in scored)
    truths = [_of_version(root, name, v, [o for o in scored if o.version == v], came)
             for v in sorted(versions, key=lambda v: int(v[1:]))]  # fmt: skip
    return LaterTruth(digest, tuple(truth for truth in truths if truth.like or truth.unlike))


def _newest(root: Root, dataset: str) -> str:
    versions = committed_versions(root, dataset)
    return latest_version(root, dataset, versions) if versions else ""


def labelled_dataset(root: Root, name: str) -> str:
    """Return the name of the dataset to which a model's labels come; empty if none is known."""
    for version in reversed(model_versions(root, name)):
        with contextlib.suppress(DamagedError):  # verify names it
            return DatasetRef.parse(known_dataset(read_model(root, name, version).manifest)).name
    return ""


def _scored(root: Root, folders: Iterable[str], bad: Damages) -> Iterator[_Scored]:
    for folder in folders:
        _, name, version, source, digest = root.parts_of(folder)
        scores = ScoreSet(root, name, version, source, digest)
        try:
            at = datetime.fromisoformat(scores.manifest()["created"])
            table = read_table(root, scores.table(), COLUMNS)
        except (KeyError, ValueError, OSError) as error:
            note(bad, folder, DamagedError(str(error)))
            continue
        yield _Scored(version, at, table.filter(pc.is_null(table["label"])).drop(["label"]))


def _came(root: Root, dataset: str, scored: list[_Scored]) -> _Came:
    """Read from the dataset's versions when each scored row got its first label, and the newest."""
    came = _Came()
    if not dataset or not scored:
        return came
    ids = pa.chunked_array(
        [c for partition in scored for c in partition.table["series_id"].chunks], pa.string()
    )
    newest = _newest(root, dataset)  # a change taken back makes an older version the newest
    for version in sorted(dataset_versions(root, dataset), key=lambda v: v == newest):
        try:
            opened = open_dataset(root, str(DatasetRef(dataset, version)))
            pairs = _labels(opened, ids.unique())
        except (ValueError, OSError):  # verify names it
            continue
        moment = datetime.fromisoformat(opened.manifest["created"])
        came.labels |= pairs
        came.since |= {row: min(moment, came.since.get(row, moment)) for row in pairs}
    return came


def _labels(dataset: Dataset, ids: pa.Array) -> dict[str, str]:
    labels: dict[str, str] = {}
    for table in dataset.tables(["series_id", "label"]):
        is_labelled = pc.and_(pc.is_in(table["series_id"], ids), pc.is_valid(table["label"]))
        rows = table.filter(is_labelled)
        labels |= zip(rows["series_id"].to_pylist(), rows["label"].to_pylist(), strict=True)
    return labels


def _of_version(
    root: Root, name: str, version: str, scored: list[_Scored], came: _Came
) -> VersionTruth:
    """Add up the partitions that are like the version's test rows, and those that are not."""
    tested = _tested(root, name, version)
    like, unlike = Outcomes(), Outcomes()
    for partition in scored:
        doubted = tested is None or drift_of(tested[1], sureness_of(partition.table)) is not None
        outcomes = _outcomes(partition, came)
        like, unlike = (like, unlike + outcomes) if doubted else (like + outcomes, unlike)
    shift = tested[0] if tested else None
    return VersionTruth(version, realised_of(like, shift), realised_of(unlike, None))


def _tested(root: Root, name: str, version: str) -> tuple[float, Confidence] | None:
    """Return by how much a version's accuracy on test rows exceeds its confidence, and the latter.

    None without stored answers to test rows.
    """
    try:
        table = read_table(root, read_model(root, name, version).path(ANSWERS), COLUMNS)
    except (ValueError, OSError):
        return None
    if not len(table):
        return None
    right = pc.equal(table["label"], table["prediction"]).to_numpy()
    sure = sureness_of(table)
    return float(right.mean() - sure.confidence.mean()), sure


def _outcomes(partition: _Scored, came: _Came) -> Outcomes:
    """Tally a partition's answers whose first label came after them."""
    ids = pa.array([*came.since], pa.string())
    labelled = partition.table.filter(pc.is_in(partition.table["series_id"], ids))
    tallies, delays = dict[str, AnswerTally](), Counter[int]()
    columns = (labelled[name].to_pylist() for name in ("series_id", "prediction", "confidence"))
    for name, answer, confidence in zip(*columns, strict=True):
        delay_s = (came.since[name] - partition.at).total_seconds()
        if delay_s >= 0:
            tally = AnswerTally(1, int(came.labels[name] == answer), confidence)
            tallies[answer] = tallies.get(answer, AnswerTally()) + tally
            delays[round(delay_s)] += 1
    return Outcomes(tallies, delays, len(partition.table) - len(labelled))
