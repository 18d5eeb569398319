"""Workbooks, specs and files of labels that mean harm."""

import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tests.support.workbooks import SHEET, sheet, write_book

CHANNELS = 300_000


@dataclass(frozen=True)
class Harm:
    """A file, and the command that is to refuse it."""

    kind: str
    words: list[str]


def harms(folder: Path) -> Iterator[Harm]:
    """A file of every kind."""
    for number, (kind, parts) in enumerate(WORKBOOKS.items()):
        path = str(write_book(folder / f"{number}.xlsx", parts()))
        if kind == "members":
            _add_members(path)
        yield Harm(kind, ["inspect" if number % 2 else "import", path])
    for number, (kind, (ending, content)) in enumerate({**SPECS, **LABELS}.items()):
        (path := folder / f"{kind}{ending}").write_bytes(content())
        is_scored = number % 2 and kind in LABELS
        yield Harm(kind, _words(kind, ending, str(path)) if not is_scored else (
            ["score", "toy", "toy", "--labels", str(path)]
        ))  # fmt: skip


def _words(kind: str, ending: str, path: str) -> list[str]:
    if kind in LABELS:
        return ["label", "toy", path]
    spec = {".toml": ["generate", "ragas", "--ragas"], ".json": ["train", "toy", "--spec"]}
    return [*spec.get(ending, ["inspect"]), path]


def _entities() -> str:
    """A sheet of ten to the fifteenth laughs."""
    names = [f"a{k}" for k in range(16)]
    entities = '<!ENTITY a0 "ha">' + "".join(
        f'<!ENTITY {new} "{f"&{old};" * 10}">' for old, new in pairwise(names)
    )
    return f"<!DOCTYPE x [{entities}]>{sheet(f'<row><c><v>&{names[-1]};</v></c></row>')}"


def _attributes() -> str:
    many = " ".join(f'a{k}="1"' for k in range(300_000))
    return sheet(f"<row><c {many}/></row>")


def _add_members(path: str) -> None:
    with zipfile.ZipFile(path, "a") as archive:
        for number in range(80_000):
            archive.writestr(zipfile.ZipInfo(f"{number}.xml"), b"")


def _columns() -> bytes:
    names = ",".join(f"c{k}" for k in range(CHANNELS))
    return f"series_id,label,{names}\ns,p{',1' * CHANNELS}\n".encode()


def _labels(n: int, texts: list[str], times: int) -> bytes:
    """A Parquet file of labels and ids that are numbers of some texts."""
    codes = pa.array(np.arange(n, dtype=np.int32) % len(texts))
    column = pa.DictionaryArray.from_arrays(codes, texts)
    table = pa.table({"series_id": column, "label": column})
    with pq.ParquetWriter(sink := pa.BufferOutputStream(), table.schema) as writer:
        for _ in range(times):
            writer.write_table(table)
    return bytes(sink.getvalue())


WORKBOOKS: dict[str, Callable[[], dict[str, str | bytes]]] = {
    "cells": lambda: {SHEET: sheet(f"<row>{'<c><v>1</v></c>' * 2000}</row>" * 1500)},
    "wide rows": lambda: {SHEET: sheet('<row><c r="ERT2"/></row>' + "<row><c/></row>" * 100_000)},
    "elements": lambda: {SHEET: sheet(f"<row><c>{'<x/>' * 6_000_000}</c></row>")},
    "long text": lambda: {
        SHEET: sheet(f'<row><c t="inlineStr"><is><t>{"9" * 2**25}</t></is></c></row>')
    },
    "attributes": lambda: {SHEET: _attributes()},
    "deep": lambda: {SHEET: sheet("<a>" * 1_500_000)},
    "laughs": lambda: {SHEET: _entities()},
    "styles": lambda: {
        "xl/styles.xml": f"<styleSheet><cellXfs>{'<font/>' * 1_000_000}</cellXfs></styleSheet>"
    },
    "zeros": lambda: {"xl/media/image1.png": bytes(2**28)},
    "members": lambda: {SHEET: sheet("")},
}
SPECS: dict[str, tuple[str, Callable[[], bytes]]] = {
    "lists": (".json", lambda: b"[" * 100_000),
    "digits of a spec": (".json", lambda: b'{"seeds": ' + b"9" * 500_000 + b"}"),
    "large spec": (".json", lambda: b'{"seeds": "' + b"x" * 2**25 + b'"}'),
    "dotted key": (".toml", lambda: b".".join([b"ab"] * 200_000) + b" = 1"),
    "columns": (".csv", _columns),
}
LABELS: dict[str, tuple[str, Callable[[], bytes]]] = {
    "cell of labels": (".csv", lambda: b'series_id,label\ns,"' + b"x" * 2**27),
    "objects of labels": (".json", lambda: b'[{"data":' * 100_000),
    "many objects": (".json", lambda: b"[" + b"{}," * 2**24 + b"0]"),
    "many labels": (".parquet", lambda: _labels(2**20, ["a"], 150)),
    "long labels": (".parquet", lambda: _labels(2**19, [f"{k}{'x' * 5000}" for k in range(50)], 4)),
}
