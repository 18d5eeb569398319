"""Files as people have them, drawn by a seed; what is in them is known, and what their owner knows.

An owner takes a refusal by its words: of the options that it names those that are true of the file,
and of what it says to correct what is wrong there.
"""

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

import numpy as np
import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq

from seqclass.flows.cli.option_groups import ReadingOptions
from seqclass.store.formats import expand, read_files
from seqclass.store.formats.table import joined, split_names
from tests.support.hints import options_in

Cell = str | float | int | datetime | None
Rows = list[list[Cell]]
Series = tuple[str, str, dict[str, list[float]]]
BEGIN = datetime(2026, 1, 28, 22, 50)
DAY, MINUTES = timedelta(days=1), timedelta(minutes=20)
STAMPS: dict[str, tuple[str | None, str, timedelta]] = {
    "ISO": (None, "%Y-%m-%d %H:%M:%S", MINUTES),
    "days": (None, "%Y-%m-%d", DAY),
    "German": ("dd.mm.yyyy", "%d.%m.%Y %H:%M:%S", DAY),
    "British": ("dd/mm/yyyy", "%d/%m/%Y %H:%M", DAY),
    "American": ("mm/dd/yyyy", "%m/%d/%Y", DAY),
    "months by name": (None, "%d-%b-%Y %H:%M", DAY),
    "clock": (None, "%H:%M:%S", MINUTES),
}
"""How stamps are written: the word of ``--dates``, the format, and the time between two steps."""
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
LONG_FLAWS = {
    "text": ["preamble", "units", "separators at the ends", "row names", "repeated name",
             "odd cell", "no label", "spaces around", "repeated row"],
    "sheet": ["no label", "spaces around", "repeated row"],
    "parquet": ["no label", "spaces around", "repeated row"],
}  # fmt: skip
WIDE_FLAWS = {
    "text": ["preamble", "separators at the ends", "repeated name", "odd cell", "no names"],
    "sheet": ["preamble", "repeated name", "odd cell", "no names", "row names", "no results"],
    "parquet": ["odd cell", "row names"],
}


@dataclass
class Messy:
    """A file: what is in it, how it is written, and what its owner knows of it.

    kind: text, sheet or parquet. knows: the options that are true. idle: columns that say nothing.
    """

    folder: Path
    random: Random
    kind: str
    series: list[Series] = field(default_factory=list)
    knows: dict[str, str] = field(default_factory=dict)
    idle: set[str] = field(default_factory=set)
    flaws: set[str] = field(default_factory=set)
    options: dict[str, str] = field(default_factory=dict)
    rows: Callable[[], Rows] = list
    path: Path = Path()
    has_ids: bool = True
    row_names: str = ""
    line_end: str = ""

    def choose(self, *values: str) -> str:
        return self.random.choice(values)

    def name(self, option: str, plain: str, *others: str) -> str:
        """A column's name, which its owner has to say unless it is the plain one."""
        name = self.choose(plain, *others)
        if name != plain:
            self.knows[option] = name
        return name

    def make(self) -> None:
        """Write the file as it is by now."""
        write = {"text": _write_text, "sheet": _write_sheet, "parquet": _write_parquet}[self.kind]
        self.path = write(self, _flawed(self))

    def read(self) -> list[dict]:
        """Its rows, by the options that its owner has given."""
        given = {name.removeprefix("--").replace("-", "_"): v for name, v in self.options.items()}
        names = ReadingOptions(**given).names()
        return pa.concat_tables(read_files(expand([str(self.path)], "PATH"), names)).to_pylist()

    def is_right(self, rows: list[dict]) -> bool:
        """Whether rows hold what was written, value by value."""
        by_id = {row["series_id"]: row for row in rows}
        if len(rows) != len(self.series) or len(by_id) != len(rows):
            return False
        if self.has_ids:
            rows = [by_id.get(name, {}) for name, _, _ in self.series]
        return all(map(_equal, self.series, rows))

    def follow(self, hint: str) -> bool:
        """Do what a refusal says, where it is true of the file; False where that is nothing."""
        before = dict(self.options), set(self.flaws)
        for option, value in options_in(hint):
            if option == "--ignore" and self.idle:
                names = {*split_names(self.options.get(option, "")), *split_names(value)}
                self.options[option] = joined(sorted(names if names <= self.idle else self.idle))
            elif option in self.knows and (value == self.knows[option] or "NAME" in value):
                self.options[option] = self.knows[option]
        corrected = {flaw for flaw in self.flaws if FLAWS[flaw] in hint}
        if corrected:
            self.flaws -= corrected
            self.make()
        return before != (self.options, self.flaws)


def _equal(series: Series, row: dict) -> bool:
    _, label, channels = series
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
    messy = Messy(folder, random, random.choice(["text", "text", "text", "sheet", "parquet"]))
    folder.mkdir(parents=True, exist_ok=True)
    _wide(messy) if number % 3 == 2 else _long(messy)
    messy.make()
    return messy


def _draw_series(messy: Messy, channels: list[str], shortest: int, longest: int) -> None:
    """Series of so many steps; with holes where their lengths differ."""
    random, has_holes = messy.random, shortest < longest
    labels = random.choice([("up", "down"), ("fällt", "steigt"), ("0", "1"), ("OK", "not ok")])
    ids = messy.choose("u{:02}", "{}", "run {}", "a/{}")
    for k in range(random.randint(5, 8)):
        n = random.randint(shortest, longest)
        values = {name: [round(random.gauss(0, 20), 3) + 0.0 for _ in range(n)]
                  for name in channels}  # fmt: skip
        for name in channels:
            for t in range(1, n - 1):
                if has_holes and random.random() < 0.1:
                    values[name][t] = float("nan")
        messy.series.append((ids.format(k + 1), labels[k % 2], values))


def _long(messy: Messy) -> None:
    """A row per step: names, stamps, order, notes, flaws."""
    random = messy.random
    channels = random.choice([["x"], ["x", "y"], ["Force (N)", "Temp °C"], ["a, b"]])
    _draw_series(messy, channels, 5, 9)
    head = [messy.name("--series-id-column", "series_id", "unit", "Nr.", "it's id", "who, what"),
            messy.name("--label-column", "label", "kind", "Urteil #", "class")]  # fmt: skip
    form = messy.choose("step", "counter", "none", "seconds", *STAMPS)
    order = messy.choose("oldest first", "newest first", "mixed", "by step")
    if form == "none":
        order = "oldest first"
    elif form != "step":
        messy.knows["--step-column"] = messy.choose("Time stamp", "t", "zeit")
    if form in STAMPS and (dates := STAMPS[form][0]):
        messy.knows["--dates"] = dates
    notes = random.choice([[], [], ["note"], ["note", "by, whom"]])
    messy.idle |= {*notes}
    if form in ("months by name", "clock"):
        messy.flaws.add("clock alone" if form == "clock" else "unreadable stamps")
    elif random.random() < 0.4:
        messy.flaws.add(messy.choose(*LONG_FLAWS[messy.kind]))
    if form == "none":
        messy.flaws.discard("repeated row")
    steps = [] if form == "none" else [messy.knows.get("--step-column", "step")]
    shuffle = random.random()
    keys = {
        "oldest first": lambda k, t: (k, t),
        "newest first": lambda k, t: (k, -t),
        "mixed": lambda k, t: (k, Random(shuffle * (t + 1)).random()),
        "by step": lambda k, t: (t, k),
    }

    def rows() -> Rows:
        places = [(k, t) for k, (_, _, values) in enumerate(messy.series)
                  for t in range(len(values[channels[0]]))]  # fmt: skip
        table: Rows = [[*head, *steps, *notes, *channels]]
        for k, t in sorted(places, key=lambda place: keys[order](*place)):
            name, label, values = messy.series[k]
            stamps = [_stamp(messy, form, t) for _ in steps]
            row = [name, label, *stamps, *["fine"] * len(notes)]
            table.append([*row, *(values[channel][t] for channel in channels)])
        return table

    messy.rows = rows
    _choose_dialect(messy)


def _stamp(messy: Messy, form: str, t: int) -> Cell:
    if form in ("step", "counter", "seconds"):
        return {"step": t, "counter": 7 + 3 * t, "seconds": round(0.1 * t, 1)}[form]
    is_corrected = not {"unreadable stamps", "clock alone"} & messy.flaws
    form = "ISO" if is_corrected and form in ("months by name", "clock") else form
    _, text, between = STAMPS[form]
    return (BEGIN + t * between).strftime(text)


WIDE_NAMES: dict[str, Callable[[str, int], Cell]] = {
    "x_0": lambda channel, t: f"{channel}_{t}",
    "t0_x": lambda channel, t: f"t{t}_{channel}",
    "V1": lambda _, t: f"V{t + 1}",
    "0": lambda _, t: t,
    "0.5": lambda _, t: 0.5 * t,
    "08:50": lambda _, t: f"{BEGIN + MINUTES * t:%H:%M}",
    "days": lambda _, t: datetime(BEGIN.year, BEGIN.month, BEGIN.day) + t * DAY,
    "words": lambda _, t: ("mo", "tu", "we", "th", "fr", "sa")[t],
}


def _wide(messy: Messy) -> None:
    """A row per series: names of steps, ids, notes, types, lengths, flaws."""
    random, form = messy.random, messy.choose(*WIDE_NAMES)
    channels = random.choice([["value"], ["x", "y"]]) if form in ("x_0", "t0_x") else ["value"]
    n_steps, is_ragged = 3 if form == "08:50" else 6, random.random() < 0.3
    _draw_series(messy, channels, n_steps - is_ragged, n_steps)
    steps = [(channel, t) for channel in channels for t in range(n_steps)]
    messy.knows["--layout"] = "wide"
    messy.has_ids, is_typed = random.random() < 0.7, random.random() < 0.5
    head = [messy.name("--label-column", "label", "kind", "class")]
    if messy.has_ids:
        head.insert(0, messy.name("--series-id-column", "series_id", "subject", "Nr #"))
    notes = random.choice([[], [], ["note"]])
    messy.idle |= {*notes}
    if random.random() < 0.25 and form != "words":
        messy.flaws.add("columns in no order")
    elif random.random() < 0.3:
        messy.flaws.add(messy.choose(*WIDE_FLAWS[messy.kind]))
    if messy.kind == "parquet" and "row names" in messy.flaws:
        messy.row_names = "__index_level_0__"
        messy.idle |= {messy.row_names}
    if messy.kind == "sheet" and not messy.flaws and random.random() < 0.4:
        messy.knows["--sheet"] = "Data"

    def rows() -> Rows:
        turned = steps[:: -1 if "columns in no order" in messy.flaws else 1]
        table: Rows = [[*head, *notes, *(WIDE_NAMES[form](*step) for step in turned)]]
        for name, label, values in messy.series:
            row: Rows = [[_typed(text, is_typed) for text in (name, label)][not messy.has_ids :]]
            row += [["fine"] * len(notes)]
            row += [values[channel][t : t + 1] or [None] for channel, t in turned]
            table.append([cell for cells in row for cell in cells])
        return table

    messy.rows = rows
    _choose_dialect(messy)


def _typed(text: str, is_typed: bool) -> Cell:
    return int(text) if is_typed and text.isdigit() else text


def _choose_dialect(messy: Messy) -> None:
    """Signs, encoding and ends of lines of a text; what can't be found in it its owner knows."""
    if messy.kind == "text":
        sign = messy.choose(",", ",", ";", ";", "\t", "|")
        messy.knows |= {
            "--delimiter": "tab" if sign == "\t" else sign,
            "--decimal": messy.choose(".", ",", ",") if sign != "," else ".",
            "--encoding": messy.choose("utf-8", "utf-8", "utf-8-sig", "utf-16", "cp1252",
                                       "utf-16-le"),
        }  # fmt: skip
        messy.line_end = messy.choose("\n", "\r\n")


def _flawed(messy: Messy) -> Rows:
    """The rows, with the flaws that are left."""
    head, *body = messy.rows()
    if "odd cell" in messy.flaws:
        body[-1][-1] = "err"
    if "no results" in messy.flaws:
        body[-1][-1] = f"={body[-1][-1]}"
    if "no label" in messy.flaws:
        body[0][1] = "N/A"
    if "spaces around" in messy.flaws:
        body[0][0] = f"{body[0][0]} "
    if "repeated row" in messy.flaws:
        body.append(list(body[-1]))
    if "row names" in messy.flaws:
        head, body = [messy.row_names, *head], [[k, *row] for k, row in enumerate(body)]
    if "repeated name" in messy.flaws:
        head, body = [*head, head[-1]], [[*row, 1.5] for row in body]
    if "units" in messy.flaws:
        body.insert(0, [*[None] * (len(head) - 1), "mV"])
    before: Rows = [["Logger 7"]] if "preamble" in messy.flaws else []
    table = body if "no names" in messy.flaws else [*before, head, *body]
    return [[None if cell != cell else cell for cell in row] for row in table]


def _write_text(messy: Messy, rows: Rows) -> Path:
    decimal, sign = messy.knows["--decimal"], messy.knows["--delimiter"].replace("tab", "\t")
    text = io.StringIO()
    table = csv.writer(text, delimiter=sign, lineterminator=messy.line_end)
    for row in rows:
        table.writerow(
            [repr(cell).replace(".", decimal) if isinstance(cell, float) else cell for cell in row]
        )
    content = text.getvalue()
    if "separators at the ends" in messy.flaws:
        content = content.replace(messy.line_end, sign + messy.line_end)
    path = messy.folder / "it's my data.csv"
    path.write_bytes(content.encode(messy.knows["--encoding"]))
    return path


def _write_sheet(messy: Messy, rows: Rows) -> Path:
    """A workbook; its table may begin below and beside the first cell."""
    book, corner = openpyxl.Workbook(), 1 + len(rows) % 3
    book.active.title = messy.knows.get("--sheet", "Sheet")
    if "--sheet" in messy.knows:
        book.create_sheet("About").append(["measured by", "ann"])
    for number, row in enumerate(rows, corner):
        for place, cell in enumerate(row, corner):
            book.active.cell(number, place, cell)
    book.save(path := messy.folder / "table.xlsx")
    return path


def _write_parquet(messy: Messy, rows: Rows) -> Path:
    """As pandas writes it; of some files, texts are a dictionary."""
    head, *body = rows
    columns = [_column(list(column)) for column in zip(*body, strict=True)]
    if len(rows) % 2:
        columns = [column.dictionary_encode() if pa.types.is_string(column.type) else column
                   for column in columns]  # fmt: skip
    path = messy.folder / "table.parquet"
    pq.write_table(pa.Table.from_arrays(columns, names=[str(name) for name in head]), path)
    return path


def _column(cells: list[Cell]) -> pa.Array:
    try:
        return pa.array(cells)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.array([None if cell is None else str(cell) for cell in cells])
