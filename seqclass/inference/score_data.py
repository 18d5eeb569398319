"""Scoring of a dataset or of files: the rows that a version has not scored yet."""

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from typing_extensions import TypedDict

from seqclass.inference.answer_files import check_out, write_out
from seqclass.inference.partitions import (
    Partition,
    check_channels,
    check_first_values,
    check_ids,
    is_wide,
    partitions_of,
)
from seqclass.inference.prediction import (
    RowGroups,
    Scorer,
    check_part,
    join_parts,
    opened,
    score_part,
    scorer_of,
)
from seqclass.store.dataset_writer import spool
from seqclass.store.formats import ColumnNames, Limits, names_of
from seqclass.store.formats.file_format import format_of
from seqclass.store.formats.isolated import IsolatedReader
from seqclass.store.models import Model
from seqclass.store.registry import open_model
from seqclass.store.root import Root
from seqclass.store.scores import TABLE, ScoreSet
from seqclass.store.staging import staging

MOST_SHARES = 200
"""Task runs of a scoring at most; Prefect's server follows some hundreds of a run with ease."""


@dataclass(frozen=True)
class ScoringSpec:
    """Settings for scoring.

    out: file for the answers, by its ending Parquet, CSV or JSON lines.
    labels: a Parquet or CSV file with ``series_id`` and ``label``, which overrides labels in the
        rows.
    columns: options for reading a file, which override those of the import of the model's dataset.
    limits: bounds on what a file may hold.
    """

    out: str | None = None
    labels: str | None = None
    columns: ColumnNames = field(default_factory=ColumnNames)
    limits: Limits = field(default_factory=Limits)


class Answered(TypedDict):
    """Number of rows a version has answered, with ``unknown`` ones and those ``scored`` in this
    run; their tables, and the path of all answers."""

    model: str
    rows: int
    unknown: int
    scored: int
    tables: list[str]
    out: str


@dataclass(frozen=True)
class Share:
    """Partitions that one task run scores; it holds only names and digests."""

    root: Root
    model: str
    partitions: tuple[Partition, ...]
    columns: ColumnNames
    limits: Limits


Job = tuple[Callable[..., Any], tuple[Any, ...]]
"""A function and its arguments."""
RunJobs = Callable[[Sequence[Job]], list[Any]]
"""Runs jobs, here or in other processes, and returns their results in order."""


def in_this_process(jobs: Sequence[Job]) -> list[Any]:
    """Run jobs one after the other."""
    return [function(*arguments) for function, arguments in jobs]


def score_in_turn(shares: list[Share], run: RunJobs = in_this_process) -> None:
    """Score shares one after the other."""
    for share in shares:
        score_share(share, run)


def score_data(
    root: Root,
    model_ref: str,
    data: str,
    spec: ScoringSpec | None = None,
    score: Callable[[list[Share]], None] = score_in_turn,
) -> Answered:
    """Score what the version has not scored yet; returns the path of all answers, and counts.

    score: scores the shares into which the partitions are cut. If one of several files is refused
    with ValueError, the answers of none are stored.
    """
    model, spec = open_model(root, model_ref), spec or ScoringSpec()
    out, limits = spec.out, spec.limits
    if out:
        check_out(root, out)
    names = spec.columns.merge(names_of(model.manifest))
    partitions = [as_meant(partition, names) for partition in partitions_of(root, data, limits)]
    _spare_inputs(out, [partition.path for partition in partitions], spec.labels)
    sets = [scores_of(model, partition) for partition in partitions]
    new = [not scores.is_written for scores in sets]
    missing = [partition for partition, is_new in zip(partitions, new, strict=True) if is_new]
    shares = [Share(root, model.ref, share, names, limits) for share in _shares(missing)]
    if len(missing) > 1:
        _check_files(shares, scorer_of(model))
    score(shares)
    tables = [scores.table() for scores in sets]
    place = write_out(root, tables, out) if out else _place(tables)
    manifests = [scores.manifest() for scores in sets]
    return {
        "model": model.ref,
        "rows": sum(manifest["rows"] for manifest in manifests),
        "unknown": sum(manifest["unknown"] for manifest in manifests),
        "scored": sum(m["rows"] for m, is_new in zip(manifests, new, strict=True) if is_new),
        "tables": tables,
        "out": place,
    }


def scores_of(model: Model, partition: Partition) -> ScoreSet:
    """Return the place of the scores of a partition by a version."""
    return ScoreSet(model.root, model.name, model.version, partition.source, partition.digest)


def _shares(partitions: list[Partition]) -> list[tuple[Partition, ...]]:
    """Cut partitions into shares: one each, or as many shares as a server follows with ease."""
    n_shares = min(len(partitions), MOST_SHARES)
    return [tuple(partitions[start::n_shares]) for start in range(n_shares)]


def score_share(share: Share, run: RunJobs = in_this_process) -> None:
    """Score the partitions of a share that are not scored yet; ``run`` does the work on parts."""
    model = open_model(share.root, share.model)
    scorer = scorer_of(model)
    for partition in share.partitions:
        if not (scores := scores_of(model, partition)).is_written:
            _score_partition(partition, scorer, scores, share, run)


def _check_files(shares: list[Share], scorer: Scorer) -> None:
    """Refuse the first file whose rows can't be read, or are none that the model takes."""
    for share in shares:
        for partition in share.partitions:
            if not partition.is_stored:
                with staging(share.root, "check-files") as workspace:
                    for part in _parts(partition, workspace, scorer, share):
                        check_part(share.root, part, scorer)


def _spare_inputs(out: str | None, paths: list[str], labels: str | None) -> None:
    """Refuse to write the answers over their inputs."""
    if out is None or not os.path.exists(out):
        return
    inputs = [path for path in (*paths, labels) if path and os.path.exists(path)]
    if any(os.path.samefile(path, out) for path in inputs):
        raise ValueError(f"--out: expected another file than the input, got {out!r}; rename it")


def _place(tables: list[str]) -> str:
    """Return the file of scores, or the folder above the files of several partitions."""
    return tables[0] if len(tables) == 1 else tables[0].rsplit("/", 2)[0]


def _score_partition(
    partition: Partition, scorer: Scorer, scores: ScoreSet, share: Share, run: RunJobs
) -> None:
    """Score a partition and seal the answers."""
    root = scores.root
    with staging(root, f"scores-{scores.model}") as workspace:
        parts = _parts(partition, workspace, scorer, share)
        targets = [f"{workspace}/answers-{number:05d}.parquet" for number in range(len(parts))]
        pairs = zip(parts, targets, strict=True)
        counted = run([(score_part, (root, part, scorer, to)) for part, to in pairs])
        [unknown] = run([(join_parts, (root, targets, f"{workspace}/{TABLE}"))])
        description = {"rows": sum(counted), "path": partition.path, "unknown": unknown,
                       "reading": share.columns.to_record()}  # fmt: skip
        for extra in {*targets, parts[0].path} - {partition.path}:
            root.fs.rm(extra)
        scores.write(workspace, description, datetime.now(UTC))


def _parts(partition: Partition, workspace: str, scorer: Scorer, share: Share) -> list[RowGroups]:
    """Return a part for each row group of a partition, or of its converted copy."""
    path, root = partition.path, share.root
    if not partition.is_stored:
        path = _as_wide_parquet(path, workspace, scorer, share)
    whole = RowGroups(path, partition.is_stored, (), path != partition.path)
    with opened(root, whole) as file:
        if not partition.is_stored:
            check_ids(partition.path, file)
        n_groups = pq.ParquetFile(file).num_row_groups
    if not n_groups:
        raise ValueError(f"{path}: expected at least one series, got none; check the input")
    return [replace(whole, groups=(group,)) for group in range(n_groups)]


def as_meant(partition: Partition, names: ColumnNames) -> Partition:
    """Add the reading options to the partition's digest, if there are any."""
    if partition.is_stored or not names.to_record():
        return partition
    reading = f"{partition.digest} {json.dumps(names.to_record(), sort_keys=True)}"
    digest = hashlib.sha256(reading.encode()).hexdigest()[: len(partition.digest)]
    return replace(partition, digest=digest)


def _as_wide_parquet(path: str, workspace: str, scorer: Scorer, share: Share) -> str:
    """Return the path itself if its rows are series; else that of a converted copy."""
    if is_wide(path, share.columns):
        return path
    target = f"{workspace}/series.parquet"
    names = replace(share.columns, unlabelled=True)
    with IsolatedReader() as reader:
        tables = reader.read_files([path], names, limits=share.limits)
        if not spool(share.root, target, _checked(path, tables, scorer, share)):
            raise ValueError(f"{path}: expected at least one series, got none; check the input")
    return target


def _checked(
    path: str, tables: Iterable[pa.Table], scorer: Scorer, share: Share
) -> Iterator[pa.Table]:
    """Pass tables on; refuse the first that lacks a channel of the model, or a label where a row
    begins with one."""
    form, model = format_of(path), open_model(share.root, share.model)
    for table in tables:
        check_channels(path, table.column_names, scorer.channels, scorer.ref)
        if form is not None and form.label_first:
            check_first_values(path, table, model)
        yield table
