"""Scoring in a worker process: read the series of a partition, predict, write the answers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from seqclass.evaluation.decisions import UNKNOWN, Decision
from seqclass.inference.answers import (
    Answers,
    Infer,
    answers_of,
    possible_classes,
    predict_block,
    spans,
)
from seqclass.runtime import tensorflow
from seqclass.store.datasets import Dataset
from seqclass.store.models import Model, load_keras
from seqclass.store.root import Root
from seqclass.store.rows import check_rows, to_dense
from seqclass.store.tables import read_table

REFERENCES = "references.parquet"
"""File of the training series that a model compares new series with."""
BLOCK_VALUES, BLOCK_ROWS = 1_048_576, 4_096
"""Values per channel, padding included, and series that are held in memory at once."""


@dataclass(frozen=True)
class RowGroups:
    """Row groups of a Parquet file of series.

    is_stored: whether the file belongs to the root and was checked when it was written. in_root:
    whether it lies in the root, which is also true of a staged copy of a text file.
    """

    path: str
    is_stored: bool
    groups: tuple[int, ...]
    in_root: bool = False


@dataclass(frozen=True)
class Scorer:
    """The parts of a model version that scoring needs; the decision is as it is stored."""

    ref: str
    path: str
    classes: tuple[str, ...]
    channels: tuple[str, ...]
    decision: Decision
    references: tuple[str, ...]


def scorer_of(model: Model) -> Scorer:
    """Return the scorer of a model version."""
    manifest, path = model.manifest, model.path("model.keras")
    references = read_table(model.root, model.path(REFERENCES), ["series_id"])
    return Scorer(
        model.ref,
        path,
        tuple(manifest["classes"]),
        tuple(manifest["channels"]),
        Decision(**manifest["decision"]),
        tuple(references["series_id"].to_pylist()),
    )


def check_part(root: Root, part: RowGroups, scorer: Scorer) -> None:
    """Read the series of a part; ValueError if they are none that the model takes."""
    for _ in _tables(root, part, scorer):
        pass


def score_part(root: Root, part: RowGroups, scorer: Scorer, target: str) -> int:
    """Write the answers for a part's series to ``target``; returns the number of series."""
    n_rows = 0
    schema = schema_of(scorer)
    with root.fs.open(target, "wb") as sink, pq.ParquetWriter(sink, schema) as writer:
        for table in _tables(root, part, scorer):
            writer.write_table(_answer(_classifier(root, scorer.path), table, scorer))
            n_rows += len(table)
    return n_rows


def join_parts(root: Root, paths: list[str], target: str) -> int:
    """Write the answers of several parts to ``target``; returns how many are unknown."""
    with root.fs.open(target, "wb") as sink:
        return join_tables(root, paths, sink)


def join_tables(root: Root, paths: list[str], sink: BinaryIO) -> int:
    """Write tables of scores into one, in order; returns how many are unknown."""
    unknown, writer = 0, None
    for path in paths:
        with root.fs.open(path, "rb") as file, pq.ParquetFile(file) as parquet:
            writer = writer or pq.ParquetWriter(sink, parquet.schema_arrow, compression="zstd")
            for batch in parquet.iter_batches(16_384, use_threads=False):
                unknown += pc.sum(pc.equal(batch["answer"], UNKNOWN)).as_py() or 0
                writer.write_table(pa.Table.from_batches([batch]))
    if writer is not None:
        writer.close()
    return unknown


def answer_rows(
    dataset: Dataset, rows: np.ndarray, path: str, channels: list[str]
) -> dict[str, np.ndarray]:
    """Predict the given rows (ascending) with a stored classifier.

    Returns ``probabilities (rows, classes)`` and ``p_value (rows,)`` of being like the training
    rows.

    channels: those that it was trained on, in its order; the dataset's order may differ.
    """
    if not set(channels) <= set(dataset.channels):
        raise ValueError(
            f"DATASET: expected the channels {', '.join(channels)} that the model takes, "
            f"{dataset.ref} has {', '.join(dataset.channels)}; import the columns under these names"
        )
    lengths = dataset.labels()["n_steps"].to_numpy()[rows]
    x = replace(dataset, is_checked=True).values(rows, channels)
    return predict_block(_classifier(dataset.root, path), x, lengths)


def schema_of(scorer: Scorer) -> pa.Schema:
    """Return the columns of scores.

    They are the row id, model version, answer and its reason, how familiar the series is, which
    classes are possible, which training series are nearest, and a probability per class.
    """
    text, number = pa.string(), pa.float32()
    fixed = {"series_id": text, "model": text, "label": text, "prediction": text, "answer": text}
    more = {"reason": text, "confidence": number, "familiarity": number}
    lists = {"possible": pa.list_(text), "nearest": pa.list_(text)}
    names = [f"probability_{name}" for name in scorer.classes]
    return pa.schema({**fixed, **more, **lists, **dict.fromkeys(names, number)})


def possible_names(
    probabilities: np.ndarray, possible: Sequence[float] | None, classes: Sequence[str]
) -> pa.Array:
    """Return the names of the possible classes of each row; see ``possible_classes``."""
    if possible is None:
        return pa.nulls(len(probabilities), pa.list_(pa.string()))
    inside = possible_classes(probabilities, possible)
    names = [[classes[code] for code in np.flatnonzero(row).tolist()] for row in inside]
    return pa.array(names, pa.list_(pa.string()))


def nearest_names(nearest: np.ndarray, references: pa.ChunkedArray | pa.Array) -> pa.Array:
    """Return the ids of the training series whose numbers are ``nearest (rows, k)``."""
    names = references.take(pa.array(nearest.ravel())).to_pylist()
    width = nearest.shape[1]
    rows = [names[start : start + width] for start in range(0, len(names), width)]
    return pa.array(rows, pa.list_(pa.string()))


def _answer(infer: Infer, table: pa.Table, scorer: Scorer) -> pa.Table:
    """Return the scores of a table of series in the stored form, in its order."""
    lengths = table["n_steps"].to_numpy()
    channels = [to_dense(table[name], int(lengths.max())) for name in scorer.channels]
    outputs = predict_block(infer, np.stack(channels, axis=-1), lengths)
    return as_scores(answers_of(outputs, scorer.decision), table, scorer)


def as_scores(answers: Answers, table: pa.Table, scorer: Scorer) -> pa.Table:
    """Return answers as a table of scores; ids and labels are those of ``table``."""
    n = len(table)
    guessed = pa.array(scorer.classes, pa.string()).take(pa.array(answers.codes))
    reasons = pa.array(answers.reasons, pa.string())
    columns = [
        table["series_id"],
        pa.repeat(scorer.ref, n),
        table["label"],
        guessed,
        pc.if_else(pc.is_null(reasons), guessed, UNKNOWN),
        reasons,
        pa.array(answers.confidence, pa.float32()),
        pa.array(answers.p_value, pa.float32()),
        possible_names(answers.probabilities, scorer.decision.possible, scorer.classes),
        nearest_names(answers.nearest, pa.array(scorer.references)),
        *(pa.array(column) for column in answers.probabilities.T),
    ]
    return pa.Table.from_arrays(columns, schema=schema_of(scorer))


def load_classifier(root: Root, path: str) -> Infer:
    """Load a stored classifier on the LSTM kernel; returns the function that answers."""
    tensorflow()
    from seqclass.networks.recurrence import accelerate

    return outputs_of(accelerate(load_keras(root, path)))


_classifier = lru_cache(maxsize=4)(load_classifier)
"""The same, loaded once per process: the file of a version never changes."""


def outputs_of(model: Any) -> Infer:
    """Compile a Keras classifier for series of any length; the function gives outputs by name."""
    import tensorflow as tf

    shape = tf.TensorSpec((None, None, model.input_shape[-1]), tf.float32)
    infer = tf.function(
        lambda rows: model(rows, training=False), input_signature=[shape], autograph=False
    )

    def outputs(rows: np.ndarray) -> dict[str, np.ndarray]:
        named = infer(tf.constant(rows))
        named = named if isinstance(named, dict) else {"probabilities": named}
        return {name: part.numpy() for name, part in named.items()}

    return outputs


def _tables(root: Root, part: RowGroups, scorer: Scorer) -> Iterator[pa.Table]:
    """Yield neighbouring series of a part that fit into memory when padded to the longest."""
    with opened(root, part) as file, pq.ParquetFile(file) as parquet:
        for group in part.groups:
            n_rows = _block_rows(parquet, group)
            for batch in parquet.iter_batches(n_rows, [group], use_threads=False):
                table = pa.Table.from_batches([batch])
                if not part.is_stored:
                    table = _checked_rows(part.path, table, scorer)
                for start, stop in spans(table["n_steps"].to_numpy(), BLOCK_ROWS, BLOCK_VALUES):
                    yield table.slice(start, stop - start)


def opened(root: Root, part: RowGroups) -> Any:
    """Open the file of a part for reading bytes."""
    in_root = part.is_stored or part.in_root
    return root.fs.open(part.path, "rb") if in_root else open(part.path, "rb")


def _block_rows(parquet: pq.ParquetFile, group: int) -> int:
    """Return the number of series to read at a time from a row group, sized for equal lengths."""
    metadata = parquet.metadata.row_group(group)
    values = max(metadata.column(k).num_values for k in range(metadata.num_columns))
    typical = max(1, values // max(metadata.num_rows, 1))
    return max(1, min(BLOCK_ROWS, BLOCK_VALUES // typical))


def _checked_rows(path: str, table: pa.Table, scorer: Scorer) -> pa.Table:
    """Check the user's rows and bring them into the stored form; a label column may be absent."""
    from seqclass.inference.partitions import check_channels  # with pandas, which stored rows lack
    from seqclass.store.formats.parquet import wide_rows
    from seqclass.store.formats.table import ColumnNames

    if "label" not in table.column_names:
        table = table.append_column("label", pa.nulls(len(table), pa.string()))
    check_channels(path, table.column_names, scorer.channels, scorer.ref)
    leading = [name for name in ("series_id", "label", "n_steps") if name in table.column_names]
    rows = wide_rows(path, table.select([*leading, *scorer.channels]), ColumnNames())
    check_rows(rows, list(scorer.channels))
    return rows
