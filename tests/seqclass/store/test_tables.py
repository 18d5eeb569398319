"""Whole Parquet files of a root are read, or some of their columns."""

import os
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq

from seqclass.store.root import Root
from seqclass.store.tables import read_table
from tests.support.stored import store_series

READERS = """
import io, os, sys
import pyarrow as pa
from seqclass.inference.answer_files import write_answers
from seqclass.inference.partitions import check_ids
from seqclass.store.datasets import open_dataset
from seqclass.store.root import open_root

root = open_root(sys.argv[1])
dataset = open_dataset(root, "toy")
rows = dataset.folder + "/" + dataset.manifest["files"][0]["path"]
pa.set_io_thread_count(1)
dataset.labels()  # begins that thread, which no reader can do without
before = len(os.listdir("/proc/self/task"))
dataset.values()
write_answers(root, [root.join("answers.parquet")], io.BytesIO(), ".jsonl")
write_answers(root, [root.join("answers.parquet")], io.BytesIO(), ".parquet")
with open(rows, "rb") as file:
    check_ids(rows, file)
print(len(os.listdir("/proc/self/task")) - before)
"""


def test_a_table_is_read_with_the_columns_that_are_asked_for(root: Root) -> None:
    table = pa.table({"a": [1, 2], "b": ["x", None]})
    root.fs.makedirs(root.path)
    pq.write_table(table, root.join("t.parquet"))
    assert read_table(root, root.join("t.parquet")) == table
    assert read_table(root, root.join("t.parquet"), ["b"]) == table.select(["b"])


def test_no_reader_begins_threads_that_could_abort_the_ending_process(root: Root) -> None:
    store_series(root)
    answers = pa.table({"series_id": ["a", "b"], "answer": ["x", "unknown"]})
    pq.write_table(answers, root.join("answers.parquet"))
    result = subprocess.run(
        [sys.executable, "-c", READERS, root.path], capture_output=True, text=True,
        env={**os.environ, "ARROW_DEFAULT_MEMORY_POOL": "system"},
    )  # fmt: skip
    assert (result.stdout, result.stderr) == ("0\n", "")
