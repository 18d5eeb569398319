"""What a fuzzer gives its bytes to: each reader of files, and each stored record.

A target returns nothing where the bytes were read, or refused in one line; anything else it raises.
"""

import io
import json
import os
import signal
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import timedelta
from functools import partial
from pathlib import Path

import numpy as np
import openpyxl
import pyarrow as pa

from seqclass.store import dataset_writer
from seqclass.store.catalogue import list_datasets, list_models, verify_tree
from seqclass.store.formats import ColumnNames, Limits, parquet, read_files, understood
from seqclass.store.formats.overview import Overview
from seqclass.store.policy_file import read_policy
from seqclass.store.prune_spec import PruneSpec
from seqclass.store.pruning import plan_pruning
from seqclass.store.registry import champion_of, champions_before, open_model, tenures_of
from seqclass.store.retrainings import last_settled, read_attempt, retrainings_of, suspect_labels
from seqclass.store.root import Damages, Root, manifest_digest, open_root
from seqclass.store.scores import ScoreSet
from seqclass.store.studies import open_study
from tests.support.places import NOW
from tests.support.small_roots import RECORDS, store_all
from tests.support.whole_files import whole_files

Target = Callable[[Path, bytes], None]
UNFORESEEN = "a sound file"
"""What a refusal expects where a reader met an error that it does not know."""
DAMAGE = (OSError, EOFError, pa.ArrowException, zipfile.BadZipFile, zlib.error, NotImplementedError)
"""Such errors that mean what the refusal says."""


def _take(path: Path, **words: object) -> None:
    """Read a file as an import does, up to the rows that would be stored."""
    names, limits = ColumnNames(**words), Limits(whole_bytes=2**24)  # type: ignore[arg-type]
    try:
        understood(str(path), names, limits)
        seen = Overview()
        root = open_root(path.parent / "tree")
        tables = list(read_files([str(path)], names, limits=limits))
        for table in tables:
            seen.add(table)
        if tables:
            seen.describe()
            dataset_writer.stage_rows(root, root.join("rows"), iter(tables))
    except ValueError as error:
        _check_line(error)
        if UNFORESEEN in str(error) and not isinstance(error.__cause__, DAMAGE):
            raise (error.__cause__ or error) from error


def _check_line(error: ValueError) -> None:
    assert "expected" in str(error), repr(error)
    assert str(error).isprintable(), repr(error)
    assert len(str(error)) < 2000, repr(error)


def _file(name: str, folder: Path, content: bytes, **words: object) -> None:
    (path := folder / name).write_bytes(content)
    _take(path, **words)


def _member(folder: Path, content: bytes) -> None:
    """An archive whose first array is these bytes."""
    labels = io.BytesIO()
    np.save(labels, np.array(["p", "q"] * 2))
    with zipfile.ZipFile(path := folder / "a.npz", "w") as archive:
        archive.writestr("X.npy", content)
        archive.writestr("y.npy", labels.getvalue())
    _take(path)


def _sheet(folder: Path, content: bytes) -> None:
    """A workbook whose first sheet is these bytes."""
    book = io.BytesIO()
    openpyxl.Workbook().save(book)
    with zipfile.ZipFile(book) as whole, zipfile.ZipFile(path := folder / "a.xlsx", "w") as archive:
        for name in whole.namelist():
            is_sheet = name == "xl/worksheets/sheet1.xml"
            archive.writestr(name, content if is_sheet else whole.read(name))
    _take(path)


def _record(place: str, folder: Path, content: bytes) -> None:
    """A root in which a record holds these bytes, sealed where it is sealed."""
    root = open_root(folder / "tree")
    if not os.path.exists(root.path):
        store_all(root)
    path = min(Path(root.path).glob(RECORDS[place]))
    whole = path.read_bytes()
    path.write_bytes(content if place == "entry" else _sealed(content))
    try:
        look(root)
    finally:
        path.write_bytes(whole)


def _sealed(content: bytes) -> bytes:
    try:
        record = json.loads(content)
        record.pop("manifest_sha256", None)
        return json.dumps({**record, "manifest_sha256": manifest_digest(record)}).encode()
    except (AttributeError, RecursionError, ValueError):
        return content


def look(root: Root) -> None:
    """Everything that reads records."""
    for read in _reads(root):
        try:
            read()
        except ValueError as error:
            _check_line(error)


def _reads(root: Root) -> Iterator[Callable[[], object]]:
    bad = Damages()
    yield lambda: verify_tree(root)
    yield lambda: list_datasets(root, bad)
    yield lambda: list_models(root, bad)
    yield lambda: champion_of(root, "m")
    yield lambda: open_model(root, "m").check()
    yield lambda: list(champions_before(root, "m"))
    yield lambda: tenures_of(root, "m", bad)
    yield lambda: open_study(root, "toy")
    yield lambda: ScoreSet(root, "m", "v2", "toy", "0" * 16).table()
    yield lambda: suspect_labels(root, retrainings_of(root, "m", bad))
    yield lambda: (last_settled(root, "m"), read_attempt(root, "m"), read_policy(root, "m"))
    yield lambda: plan_pruning(root, PruneSpec(0, 1), NOW + timedelta(days=1))


READERS: dict[str, tuple[str, Target]] = {
    "csv": ("a.csv", partial(_file, "a.csv")),
    "csv-wide": ("", partial(_file, "a.csv", layout="wide")),
    "tsv": ("a.tsv", partial(_file, "a.tsv")),
    "ts": ("a.ts", partial(_file, "a.ts")),
    "npz": ("a.npz", partial(_file, "a.npz")),
    "npy": ("", _member),
    "parquet": ("long.parquet", partial(_file, "a.parquet")),
    "parquet-lists": ("wide.parquet", partial(_file, "a.parquet")),
    "sheet": ("", _sheet),
}
"""The whole file to begin with, and the target."""
TARGETS: dict[str, Target] = {name: target for name, (_, target) in READERS.items()} | {
    place: partial(_record, place) for place in RECORDS
}


def first_seed(name: str, folder: Path) -> bytes:
    """Bytes that a target reads without a word."""
    if name in RECORDS:
        store_all(root := open_root(folder / "seed"))
        path = min(Path(root.path).glob(RECORDS[name]))
        return path.read_bytes()
    if name == "csv-wide":
        return b"series_id,label,x1,x2\ns,p,1,2\nt,q,3,4\n"
    if name == "npy":
        np.save(buffer := io.BytesIO(), np.ones((4, 3)))
        return buffer.getvalue()
    if name == "sheet":
        book = openpyxl.Workbook()
        for row in (["series_id", "label", "step", "x"], *(["s", "p", t, 1.5] for t in range(3))):
            book.active.append(row)
        book.save(buffer := io.BytesIO())
        return zipfile.ZipFile(buffer).read("xl/worksheets/sheet1.xml")
    (whole := folder / "whole").mkdir()
    [path] = [path for path in whole_files(whole) if path.name == READERS[name][0]]
    return path.read_bytes()


def look_at_footers_in_a_copy() -> None:
    """Read footers in a fork, since pyarrow ends the process at some of them."""
    here = parquet.read_footer

    def forked(path: str) -> parquet.Footer:
        reading, writing = os.pipe()
        if not (child := os.fork()):
            signal.signal(signal.SIGABRT, signal.SIG_DFL)
            try:
                os.write(writing, json.dumps(asdict(here(path))).encode())
            finally:
                os._exit(0)
        os.close(writing)
        with os.fdopen(reading) as pipe:
            content = pipe.read()
        os.waitpid(child, 0)
        if not content:
            raise ValueError("a footer that can't be read")
        return parquet.Footer(**json.loads(content))

    parquet.read_footer = forked
