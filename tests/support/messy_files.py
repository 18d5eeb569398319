"""Files as people have them, drawn by a seed; what is in them is known, and what their owner knows.

An owner takes a refusal by its words: of the options that it names those that are true of the file,
of what it says to correct what is wrong there, and to convert or rename each.
"""

import csv
import gzip
import io
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

import numpy as np
import pyarrow as pa

from flows.cli.option_groups import ReadingOptions
from seqclass.store.formats import expand, read_files
from tests.support.hints import options_in
from tests.support.messy_writing import Cell, write_text, write_typed

Series = tuple[str, str, dict[str, list[float]]]
BEGIN = datetime(2026, 1, 28, 22, 50)
STAMPS: dict[str, tuple[str | None, str]] = {
    "ISO": (None, "%Y-%m-%d %H:%M:%S"),
    "ISO with T": (None, "%Y-%m-%dT%H:%M:%S"),
    "days": (None, "%Y-%m-%d"),
    "German": ("dd.mm.yyyy", "%d.%m.%Y %H:%M:%S"),
    "German, short": ("dd.mm.yy", "%d.%m.%y"),
    "British": ("dd/mm/yyyy", "%d/%m/%Y %H:%M"),
    "American": ("mm/dd/yyyy", "%m/%d/%Y"),
    "Dutch": ("dd-mm-yyyy", "%d-%m-%Y %H:%M:%S"),
    "months by name": (None, "%d-%b-%Y %H:%M"),
    "clock": (None, "%H:%M:%S"),
}
"""How stamps are written: the word of ``--dates``, and the format."""
FLAWS = {
    "preamble": "remove the lines above the header",
    "units": "remove this line where it holds units",
    "separators at the ends": "remove the separators at the ends",
    "row names": "index=False",
    "repeated name": "rename one of the two",
    "no names": "write the names of the columns above",
    "odd cell": "leave the cell empty",
    "no label": "leave the label empty",
    "columns in no order": "put the columns in order",
    "unreadable stamps": "write times as 2026-01-31 12:00:00",
    "clock alone": "add the date",
    "spaces around": "remove the spaces",
    "repeated row": "remove them",
    "no results": "open it in a spreadsheet program",
}
"""What may be wrong with a file, and the words by which its owner corrects it."""


UNLIKELY = ("columns in no order", "unreadable stamps", "clock alone", "no names", "no results")
"""Flaws of long files that come by other ways."""


@dataclass
class Messy:
    """A file: what is in it, how it is written, and what its owner knows of it."""

    folder: Path
    number: int
    random: Random
    series: list[Series] = field(default_factory=list)
    knows: dict[str, str] = field(default_factory=dict)
    idle: set[str] = field(default_factory=set)
    flaws: set[str] = field(default_factory=set)
    options: dict[str, str] = field(default_factory=dict)
    write: Callable[["Messy"], Path] = lambda messy: messy.folder
    path: Path = Path()
    kind: str = ""
    has_ids: bool = True
    row_names: str = ""
    sound: bool = False

    def make(self) -> None:
        """Write the file as it is by now."""
        self.path = self.write(self)

    def words(self) -> list[str]:
        """What its owner says of it, as a shell would pass it on."""
        return [word for option in self.options.items() for word in option]

    def read(self) -> list[dict]:
        """Its rows, as the words on it say."""
        said = {name.removeprefix("--").replace("-", "_"): v for name, v in self.options.items()}
        names = ReadingOptions(**said).names()  # type: ignore[arg-type]
        return pa.concat_tables(read_files(expand([str(self.path)], "PATH"), names)).to_pylist()

    def is_right(self, rows: list[dict]) -> bool:
        """Whether rows hold what was written, value by value."""
        by_id = {row["series_id"]: row for row in rows}
        if len(rows) != len(self.series) or len(by_id) != len(rows):
            return False
        pairs = zip(self.series, rows, strict=True)
        if self.has_ids:
            pairs = ((own, by_id.get(own[0], {})) for own in self.series)  # type: ignore[assignment]
        return all(_equal(own, row) for own, row in pairs)

    def wrong(self, rows: list[dict]) -> str:
        """The first series that is not as it was written, beside what was read."""
        by_id = {row["series_id"]: row for row in rows}
        for own in self.series:
            if not _equal(own, by_id.get(own[0], {})):
                return f"{own} read as {by_id.get(own[0])}, of {len(rows)} rows"
        return f"{len(rows)} rows, not {len(self.series)}"

    def follow(self, hint: str) -> bool:
        """Do what a refusal says, where it is true of the file; False where that is nothing."""
        before = dict(self.options), set(self.flaws), self.path
        for option, value in options_in(hint):
            self._take(option, value)
        corrected = {flaw for flaw in self.flaws if FLAWS[flaw] in hint}
        if corrected:
            self.flaws -= corrected
            self.make()
        self._convert(hint)
        return before != (self.options, self.flaws, self.path)

    def _take(self, option: str, value: str) -> None:
        if option == "--ignore" and self.idle:
            before, more = (next(csv.reader([text]), []) for text in
                            (self.options.get(option, ""), value))  # fmt: skip
            named = {*before, *more}
            self.options[option] = joined(sorted(named if named <= self.idle else self.idle))
        elif option in self.knows and (value == self.knows[option] or "NAME" in value):
            self.options[option] = self.knows[option]
        elif option == "--encoding" and self.knows.get(option) == "cp1252" and value == "latin-1":
            self.options[option] = "cp1252"

    def _convert(self, hint: str) -> None:
        if "unpack it" in hint:
            packed, self.path = self.path, self.path.with_stem(f"{self.path.stem}-plain")
            self.path.write_bytes(gzip.decompress(packed.read_bytes()))
        elif (ending := re.search(r"rename it to end in (\.\w+)", hint)) is not None:
            self.path = self.path.rename(self.path.with_suffix(ending[1]))


def joined(names: list[str]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(names)
    return line.getvalue()


def _equal(own: Series, row: dict) -> bool:
    _, label, channels = own
    fixed = {"series_id", "label", "n_steps", "time", "group", "split"}
    return (
        row.get("label") == label
        and {name for name in row if name not in fixed} == channels.keys()
        and all(
            np.array_equal(np.float32(row[name]), np.float32(values), equal_nan=True)
            for name, values in channels.items()
        )
    )


def draw(seed: int, number: int, folder: Path) -> Messy:
    """The file of a number, among those of a seed."""
    random = Random(f"{seed}/{number}")
    own = Messy(folder, number, random, kind=KINDS[number % len(KINDS)])
    folder.mkdir(parents=True, exist_ok=True)
    {"long": _long, "wide": _wide, "lines": _lines}[own.kind](own)
    own.make()
    return own


KINDS = ("long", "long", "wide", "long", "wide", "long", "long", "wide", "long", "lines")


def _values(random: Random, n: int, holes: bool) -> list[float]:
    values = [round(random.gauss(0, 20), 3) + 0.0 for _ in range(n)]
    for k in range(1, n - 1):
        if holes and random.random() < 0.1:
            values[k] = float("nan")
    return values


def _draw_series(own: Messy, channels: list[str], equal: bool) -> None:
    random = own.random
    labels = random.choice([("up", "down"), ("fällt", "steigt"), ("0", "1"), ("OK", "not ok")])
    ids = random.choice(["u{:02}", "{}", "run {}", "a/{}"])
    for k in range(random.randint(5, 8)):
        n = 6 if equal else random.randint(5, 9)
        values = {name: _values(random, n, not equal) for name in channels}
        own.series.append((ids.format(k + 1), labels[k % 2], values))


def _name(own: Messy, option: str, plain: str, others: list[str]) -> str:
    """A column's name, which its owner has to say unless it is our own."""
    name = own.random.choice([plain, *others])
    if name != plain:
        own.knows[option] = name
    return name


def _dialect(own: Messy, decimals: bool = True) -> dict[str, str]:
    """Signs, encoding, name and ending of a text; what can't be found in it its owner knows."""
    random = own.random
    sign, sound = random.choice([",", ",", ";", ";", "\t", "|"]), bool(own.flaws)
    decimal = "," if decimals and sign != "," and random.random() < 0.6 else "."
    encoding = random.choice(["utf-8", "utf-8", "utf-8-sig", "utf-16", "cp1252", "utf-16-le"])
    ending = random.choice([".csv", ".csv", ".csv", ".txt", ".tsv" if sign == "\t" else ".csv",
                            ".xlsx", ".parquet"]) if not sound else ".csv"  # fmt: skip
    own.knows |= {
        "--decimal": decimal, "--encoding": encoding,
        "--delimiter": "tab" if sign == "\t" else sign,
    }  # fmt: skip
    return {
        "sign": sign, "decimal": decimal, "encoding": encoding, "ending": ending,
        "end": random.choice(["\n", "\r\n"]), "name": random.choice(["data", "my data", "it's"]),
        "packed": random.choice(["", "", "", "yes"]) if ending == ".csv" and not sound else "",
        "sep": random.choice(["", "", "", "yes"]) if encoding == "utf-8" else "",
    }  # fmt: skip


def _long(own: Messy) -> None:
    """A row per step: names, stamps, order, notes, signs, flaws."""
    random = own.random
    channels = random.choice([["x"], ["x", "y"], ["Force (N)", "Temp °C"], ["a, b"]])
    _draw_series(own, channels, equal=False)
    head = [
        _name(
            own, "--series-id-column", "series_id", ["unit", "Serien-Nr.", "it's id", "who, what"]
        ),
        _name(own, "--label-column", "label", ["kind", "Urteil #", "class"]),
    ]
    form = random.choice(["step", "counter", "none", "seconds", *STAMPS])
    order = random.choice(["oldest first", "newest first", "mixed", "by step"])
    if form == "none":
        order = "oldest first"
    step = {"step": "step", "none": None}.get(form, random.choice(["Time stamp", "t", "zeit"]))
    if step not in (None, "step"):
        own.knows["--step-column"] = str(step)
    if form in STAMPS and (dates := STAMPS[form][0]):
        own.knows["--dates"] = dates
    notes = random.choice([[], [], ["note"], ["note", "by, whom"]])
    own.idle |= {*notes}
    if form == "months by name":
        own.flaws.add("unreadable stamps")
    if form == "clock":
        own.flaws.add("clock alone")
    likely = [flaw for flaw in FLAWS if flaw not in UNLIKELY]
    if random.random() < 0.4 and not own.flaws:
        own.flaws.add(random.choice(likely))
    if "repeated row" in own.flaws and form in ("none", "clock"):
        own.flaws.discard("repeated row")
    names = [*head, *([step] if step else []), *notes, *channels]
    dialect = _dialect(own)
    shuffle = random.random()

    def rows(own: Messy) -> list[list[Cell]]:
        found = [
            (k, t, [i, label, *([_stamp(own, form, t)] if step else []), *(["fine"] * len(notes)),
                    *(values[name][t] for name in channels)])
            for k, (i, label, values) in enumerate(own.series)
            for t in range(len(values[channels[0]]))
        ]  # fmt: skip
        keys = {
            "oldest first": lambda row: (row[0], row[1]),
            "newest first": lambda row: (row[0], -row[1]),
            "mixed": lambda row: (row[0], Random(shuffle * (row[1] + 1)).random()),
            "by step": lambda row: (row[1], row[0]),
        }
        return [[*names], *(row for _, _, row in sorted(found, key=keys[order]))]

    own.sound = bool(own.flaws)
    kind = random.choice(["text"] * 6 + ["sheet", "parquet"])
    if kind == "text":
        own.write = lambda own: write_text(own, rows(own), dialect)
    else:
        own.flaws -= {"units", "separators at the ends", "preamble", "repeated name", "row names",
                      "odd cell"}  # fmt: skip
        own.write = lambda own: write_typed(own, rows(own), kind)


def _stamp(own: Messy, form: str, t: int) -> Cell:
    if form in ("step", "counter", "seconds"):
        return {"step": t, "counter": 7 + 3 * t, "seconds": round(0.1 * t, 1)}[form]
    if "unreadable stamps" not in own.flaws and form == "months by name":
        form = "ISO"
    if "clock alone" not in own.flaws and form == "clock":
        form = "ISO"
    step = timedelta(minutes=20) if form in ("ISO", "ISO with T", "clock") else timedelta(days=1)
    return (BEGIN + t * step).strftime(STAMPS[form][1])


WIDE_NAMES: dict[str, Callable[[str, int], Cell]] = {
    "x_0": lambda channel, t: f"{channel}_{t}",
    "t0_x": lambda channel, t: f"t{t}_{channel}",
    "V1": lambda channel, t: f"V{t + 1}",
    "0": lambda channel, t: str(t),
    "0.5": lambda channel, t: str(0.5 * t),
    "08:50": lambda channel, t: f"{BEGIN + timedelta(minutes=20 * t):%d %H:%M}"[3:],
    "days": lambda channel, t: f"{BEGIN + timedelta(days=t):%Y-%m-%d}",
    "words": lambda channel, t: ("mo", "tu", "we", "th", "fr", "sa")[t],
}


TYPED_NAMES: dict[str, Callable[[str, int], Cell]] = {
    "0": lambda _, t: t,
    "0.5": lambda _, t: 0.5 * t,
    "08:50": lambda _, t: (BEGIN + timedelta(minutes=20 * t)).time(),
    "days": lambda _, t: datetime(BEGIN.year, BEGIN.month, BEGIN.day) + timedelta(days=t),
}
"""Names of steps that are numbers, times or days in a sheet's cells, rather than text."""
WIDE_FLAWS = {
    "text": ["preamble", "separators at the ends", "repeated name", "odd cell", "no names"],
    "sheet": ["preamble", "repeated name", "odd cell", "no names", "row names", "no results"],
    "parquet": ["odd cell", "row names"],
}


def _wide(own: Messy) -> None:
    """A row per series: names of steps, ids, notes, signs, types, lengths, flaws."""
    random = own.random
    kind, form = random.choice(["text", "text", "sheet", "parquet"]), random.choice([*WIDE_NAMES])
    channels = random.choice([["x"], ["x", "y"]]) if form in ("x_0", "t0_x") else ["value"]
    n_steps = 3 if form == "08:50" else 6
    _draw_series(own, channels, equal=True)
    _cut(own, n_steps, random.random() < 0.3)
    own.knows["--layout"] = "wide"
    own.has_ids = random.random() < 0.7
    head = _roles(own)
    if random.random() < 0.25 and form != "words":
        own.flaws.add("columns in no order")
    elif random.random() < 0.3:
        own.flaws.add(random.choice(WIDE_FLAWS[kind]))
    if kind == "parquet" and "row names" in own.flaws:
        own.row_names = "__index_level_0__"
        own.idle |= {own.row_names}
    own.sound = bool(own.flaws)
    is_typed, corner = kind != "text" and random.random() < 0.5, random.choice([0, 0, 2])
    named = WIDE_NAMES[form]
    if is_typed and kind == "sheet":
        named = TYPED_NAMES.get(form, named)
    steps = [(name, t) for name in channels for t in range(n_steps)]
    if len(channels) == 1:
        own.series = [(i, label, {"value": v[channels[0]]}) for i, label, v in own.series]
        places = [("value", t) for _, t in steps]
    else:
        places = steps

    def rows(own: Messy) -> list[list[Cell]]:
        turn = slice(None, None, -1 if "columns in no order" in own.flaws else 1)
        columns = [*head, *(named(name, t) for name, t in steps[turn])]
        return [columns, *(_wide_row(own, one, places[turn], is_typed) for one in own.series)]

    if kind == "text":
        dialect = _dialect(own)
        own.write = lambda own: write_text(own, rows(own), dialect)
        return
    if kind == "sheet" and not own.flaws and random.random() < 0.4:
        own.knows["--sheet"], own.sound = "Data", True
    own.write = lambda own: write_typed(own, rows(own), kind, corner)


def _cut(own: Messy, n_steps: int, is_ragged: bool) -> None:
    """Shorten series to so many steps, or to different lengths and with a hole."""
    for number, (_, _, channels) in enumerate(own.series):
        n = n_steps - number % 2 * is_ragged
        for name, values in channels.items():
            hole = [float("nan")] if is_ragged and n > 4 else values[1:2]
            channels[name] = [values[0], *hole, *values[2:n]]


def _roles(own: Messy) -> list[str]:
    """The names of what stands before the steps: ids, labels, notes."""
    head = list[str]()
    if own.has_ids:
        head.append(_name(own, "--series-id-column", "series_id", ["subject", "Nr #"]))
    head.append(_name(own, "--label-column", "label", ["kind", "class"]))
    notes = own.random.choice([[], [], ["note"]])
    own.idle |= {*notes}
    return [*head, *notes]


def _wide_row(own: Messy, one: Series, places: list[tuple[str, int]], is_typed: bool) -> list[Cell]:
    name, label, values = one
    roles = [_as_typed(text, is_typed) for text in [name, label][not own.has_ids :]]
    notes: list[Cell] = ["fine"] * ("note" in own.idle)
    steps = (values[channel][t : t + 1] for channel, t in places)
    return [*roles, *notes, *(cell[0] if cell else None for cell in steps)]


def _as_typed(text: str, is_typed: bool) -> Cell:
    return int(text) if is_typed and text.isdigit() else text


def _lines(own: Messy) -> None:
    """UCR's and sktime's texts, and arrays: they leave nothing open."""
    random = own.random
    _draw_series(own, ["value"], equal=True)
    own.series = [(i, "01"[k % 2], v) for k, (i, _, v) in enumerate(own.series)]
    own.has_ids = False
    ending = random.choice([".tsv", ".ts", ".npz"])

    def write(own: Messy) -> Path:
        path, lines = own.folder / f"lines{ending}", [(k, v["value"]) for _, k, v in own.series]
        if ending == ".tsv":
            path.write_text("".join("\t".join([k, *map(repr, v)]) + "\n" for k, v in lines))
        elif ending == ".ts":
            text = "".join(",".join(map(repr, v)) + f":{k}\n" for k, v in lines)
            path.write_text("@problemName p\n@classLabel true 0 1\n@data\n" + text)
        else:
            np.savez(path, X=np.array([v for _, v in lines]), y=np.array([k for k, _ in lines]))
        return path

    own.write = write
