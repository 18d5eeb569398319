"""Workbooks, specs and files of labels that mean harm, drawn anew from a seed."""

import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tests.support.workbooks import SHEET, sheet, write_book

Rng = np.random.Generator


@dataclass(frozen=True)
class Harm:
    """A file, and the command that is to refuse it."""

    kind: str
    path: Path
    words: list[str]


def harms(folder: Path, seed: int) -> Iterator[Harm]:
    """A file of every kind."""
    rng = np.random.default_rng(seed)
    for number, kind in enumerate([*WORKBOOKS, *SPECS, *LABELS]):
        if kind in WORKBOOKS:
            path = write_book(folder / f"{number}.xlsx", WORKBOOKS[kind](rng))
            if kind == "members":
                _add_members(path, rng)
            yield Harm(kind, path, ["inspect" if number % 2 else "import", str(path)])
        else:
            ending, draw = {**SPECS, **LABELS}[kind]
            (path := folder / f"{number}{ending}").write_bytes(draw(rng))
            yield Harm(kind, path, _asks(path, ending) if kind in SPECS else _labels(path, number))


def _labels(path: Path, number: int) -> list[str]:
    return ["score", "toy", "toy", "--labels", str(path)] if number % 2 else (
        ["label", "toy", str(path)]
    )  # fmt: skip


def _asks(path: Path, ending: str) -> list[str]:
    if ending == ".toml":
        return ["generate", "ragas", "--ragas", str(path)]
    return ["train", "toy", "--spec", str(path)] if ending == ".json" else ["inspect", str(path)]


def _some(rng: Rng, low: int, high: int) -> int:
    return int(rng.integers(low, high))


def _of(content: str) -> dict[str, str | bytes]:
    return {SHEET: content}


def _cells(rng: Rng) -> dict:
    width = _some(rng, 3, 4000)
    cell = ("<c/>", "<c><v>1</v></c>", '<c t="b"><v>1</v></c>')[_some(rng, 0, 3)]
    return _of(sheet(f"<row>{cell * width}</row>" * (_some(rng, 2**20, 2**22) // width)))


def _wide_rows(rng: Rng) -> dict:
    wide = '<row><c r="ERT2"/></row>'  # in column 3868
    return _of(sheet(wide + "<row><c/></row>" * _some(rng, 1000, 200_000)))


def _elements(rng: Rng) -> dict:
    name = ("v", "is", "x", "t")[_some(rng, 0, 4)]
    return _of(sheet(f"<row><c>{f'<{name}/>' * _some(rng, 2**22 + 9, 2**23)}</c></row>"))


def _long_text(rng: Rng) -> dict:
    text = "9" * _some(rng, 2**21, 2**26)
    return _of(sheet(f'<row><c t="inlineStr"><is><t>{text}</t></is></c></row>'))


def _attributes(rng: Rng) -> dict:
    many = " ".join(f'a{k}="1"' for k in range(_some(rng, 200_000, 500_000)))
    return _of(sheet(f"<row><c {many}/></row>"))


def _deep(rng: Rng) -> dict:
    return _of(sheet("<a>" * _some(rng, 100_000, 3_000_000)))


def _laughs(rng: Rng) -> dict:
    names = [f"a{k}" for k in range(_some(rng, 8, 30))]
    entities = '<!ENTITY a0 "ha">' + "".join(
        f'<!ENTITY {new} "{f"&{old};" * 10}">' for old, new in pairwise(names)
    )
    rows = f"<row><c><v>&{names[-1]};</v></c></row>"
    return _of(f"<!DOCTYPE x [{entities}]>{sheet(rows)}")


def _styles(rng: Rng) -> dict:
    name = ("xf", "font", "numFmt", "dxf")[_some(rng, 0, 4)]
    many = f"<{name}/>" * _some(rng, 70_000, 2_000_000)
    return {"xl/styles.xml": f"<styleSheet><cellXfs>{many}</cellXfs></styleSheet>"}


def _zeros(rng: Rng) -> dict:
    return {"xl/media/image1.png": bytes(_some(rng, 2**28, 2**29))}


def _empty(_: Rng) -> dict:
    return _of(sheet(""))


def _add_members(path: Path, rng: Rng) -> None:
    with zipfile.ZipFile(path, "a") as archive:
        for number in range(_some(rng, 70_000, 100_000)):
            archive.writestr(zipfile.ZipInfo(f"{number}.xml"), b"")


def _nested(opening: str) -> Callable[[Rng], bytes]:
    return lambda rng: (opening * _some(rng, 1000, 150_000)).encode()


def _number(rng: Rng) -> bytes:
    return b'{"seeds": ' + b"9" * _some(rng, 200, 900_000) + b"}"


def _dotted(rng: Rng) -> bytes:
    return b".".join([b"ab"] * _some(rng, 100, 300_000)) + b" = 1"


def _large(rng: Rng) -> bytes:
    return b'{"seeds": "' + b"x" * _some(rng, 2**20, 2**26) + b'"}'


def _columns(rng: Rng) -> bytes:
    n = _some(rng, 10_000, 1_000_000)
    names = ",".join(f"c{k}" for k in range(n))
    return f"series_id,label,{names}\ns,p{',1' * n}\n".encode()


def _cell(rng: Rng) -> bytes:
    quote = b'"' * _some(rng, 0, 2)
    return b"series_id,label\ns," + quote + b"x" * _some(rng, 2**22, 2**28)


def _many_objects(rng: Rng) -> bytes:
    piece = (b"{},", b"[],", b"0,", b'{"a":[]},')[_some(rng, 0, 4)]
    return b"[" + piece * _some(rng, 2**24, 2**25) + b"0]"


def _coded(rng: Rng, n: int, texts: list[str]) -> pa.DictionaryArray:
    codes = rng.integers(len(texts), size=n, dtype=np.int32)
    return pa.DictionaryArray.from_arrays(pa.array(codes), texts)


def _parquet(table: pa.Table, n: int) -> bytes:
    with pq.ParquetWriter(sink := pa.BufferOutputStream(), table.schema) as writer:
        for _ in range(n):
            writer.write_table(table)
    return bytes(sink.getvalue())


def _many_labels(rng: Rng) -> bytes:
    n = 2**20
    table = pa.table({"series_id": _coded(rng, n, ["a"]), "label": _coded(rng, n, ["b"])})
    return _parquet(table, _some(rng, 64, 256))


def _long_labels(rng: Rng) -> bytes:
    texts = [f"{k}{'x' * _some(rng, 2000, 9000)}" for k in range(_some(rng, 1, 100))]
    n = _some(rng, 2**16, 2**20)
    table = pa.table({"series_id": _coded(rng, n, texts), "label": _coded(rng, n, texts)})
    return _parquet(table, 4)


WORKBOOKS: dict[str, Callable[[Rng], dict[str, str | bytes]]] = {
    "cells": _cells, "wide rows": _wide_rows, "elements": _elements, "long text": _long_text,
    "attributes": _attributes, "deep": _deep, "laughs": _laughs, "styles": _styles,
    "zeros": _zeros, "members": _empty,
}  # fmt: skip
SPECS: dict[str, tuple[str, Callable[[Rng], bytes]]] = {
    "lists": (".json", _nested("[")), "digits of a spec": (".json", _number),
    "large spec": (".json", _large), "dotted key": (".toml", _dotted),
    "columns": (".csv", _columns),
}  # fmt: skip
LABELS: dict[str, tuple[str, Callable[[Rng], bytes]]] = {
    "cell of labels": (".csv", _cell), "objects of labels": (".json", _nested('[{"data":')),
    "many objects": (".json", _many_objects), "many labels": (".parquet", _many_labels),
    "long labels": (".parquet", _long_labels),
}  # fmt: skip
