"""Ambiguities of a table, asked about all at once, from its column names and first rows."""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from seqclass.store.formats.cells import (
    Content,
    content_of,
    content_of_texts,
    dates_cure,
    first_odd,
)
from seqclass.store.formats.table import ColumnNames, kept_columns, option, refusal
from seqclass.store.rows import KNOWN_COLUMNS

STEP_NAMES = {"t", "time", "timestamp", "step", "index", "seconds", "sec", "s", "ms", "frame",
              "sample", "date", "datetime", "tick", "n", "i"}  # fmt: skip
"""Usual names of a step column; other columns are asked about if they rise evenly."""

USUAL_NAMES = {
    "series_id": {"id", "series", "seriesid", "sequence", "sequence_id", "sequenceid", "sample_id",
                  "sampleid", "uid"},
    "label": {"class", "class_id", "class_name", "classname", "target", "category", "activity"},
    "step": STEP_NAMES,
}  # fmt: skip
"""Usual names of columns by role, which an error suggests and nothing takes for granted."""

TELLING = 8
"""Number of rows from which on even steps in another order are no coincidence."""


class TableQuestion(NamedTuple):
    """An ambiguity of a table: what was expected, what came, and the option that settles it."""

    expected: str
    got: str
    cure: str


def ask_all(path: str, questions: Iterable[TableQuestion]) -> None:
    """Refuse a file with all questions at once, if there are any."""
    asked = list(dict.fromkeys(questions))
    if asked:
        expected, got, cures = (list(dict.fromkeys(part)) for part in zip(*asked, strict=True))
        raise refusal(path, " and ".join(expected), ", ".join(got), "; ".join(cures))


def role_questions(columns: list[str], names: ColumnNames) -> Iterator[TableQuestion]:
    """Ask for columns of ids, labels, groups, times and steps that are needed but missing."""
    missing = {given: role for given, role in names.roles.items() if given not in columns}
    if names.step is not None and names.layout != "wide" and names.step not in columns:
        missing[names.step] = "step"
    optional = {
        "series_id": names.layout == "folders" or (names.layout == "wide" and not names.series_id),
        "label": names.layout == "folders" or names.unlabelled,
        "group": names.unlabelled,
        "time": names.unlabelled,
    }
    missing = {given: role for given, role in missing.items() if not optional.get(role)}
    if missing and len(columns) == 1 and (sign := re.search(r"[,;|\t]", columns[0])):
        words = option("--delimiter", "tab" if sign[0] == "\t" else sign[0])
        yield TableQuestion("several columns", repr(columns[0]), f"say {words}")
    elif missing:
        plural = "columns" if len(missing) > 1 else "a column"
        expected = f"{plural} {' and '.join(map(repr, missing))}"
        yield TableQuestion(
            expected, f"columns {', '.join(map(repr, columns))}", _which(missing, names, columns)
        )


def _which(missing: dict[str, str], names: ColumnNames, columns: list[str]) -> str:
    likely = _likely(missing.values(), columns)
    roles = [
        option(f"--{role.replace('_', '-')}-column", likely.get(role, "NAME"))
        for role in missing.values()
    ]
    cure = f"say which {'they are' if len(roles) > 1 else 'it is'}: {' '.join(roles)}"
    is_long = names.layout != "wide" and "step" not in missing.values()
    if is_long and step_of(columns, names) is None:
        step = _likely(["step"], columns).get("step")
        which = "it" if step else "a column"
        cure += f", with {option('--step-column', step or 'NAME')} where {which} orders the rows"
    if names.layout is None:
        cure += ", or say --layout wide where every row is a series"
    if names.layout is None and "series_id" in missing.values():
        cure += ", or --layout folders where a file is one and its folder the class"
    if any(content_of_texts([name]).kind in ("number", "time") for name in columns):
        cure += ", or write the names of the columns above where these are values"
    return cure


def _likely(roles: Iterable[str], columns: list[str]) -> dict[str, str]:
    """Return, by role, the only column with a usual name for it."""
    fitting = {
        role: [name for name in columns if name.lower() in USUAL_NAMES.get(role, ())]
        for role in roles
    }
    return {role: names[0] for role, names in fitting.items() if len(names) == 1}


def long_questions(table: pa.Table, names: ColumnNames, first_row: int) -> Iterator[TableQuestion]:
    """Yield the ambiguities of a table with a row per step, from its first rows."""
    columns = table.column_names
    step, kept = step_of(columns, names), kept_columns(columns, names)
    roles = {*names.roles, *KNOWN_COLUMNS, step}
    contents = {name: content_of(table[name]) for name in kept if name not in roles}
    yield from _times_to_read(table, step, names, first_row)
    if missing := list(role_questions(columns, names)):
        yield from missing
        asked = ("series_id",) if names.unlabelled else ("series_id", "label")
        likely = _likely(asked, columns).values()
        beside = {name: content for name, content in contents.items() if name not in likely}
        yield from _beside_missing_roles(beside, names, columns)
    else:
        codes = _codes_of(table, names)
        yield from _layouts(contents, codes, step, names)
        yield from _orders(table, contents, codes, step, names)
        yield from _texts(contents, step, names, columns)
        if step is not None and len(np.unique(codes)) > 1 and not names.channels:
            yield from _row_numbers(table, contents)
    yield from _odd_cells(table, contents, first_row)


def _codes_of(table: pa.Table, names: ColumnNames) -> np.ndarray:
    """Return a number for the series of each row."""
    if names.layout == "folders":
        return np.zeros(len(table), dtype=np.int64)
    return _numbered(table[names.series_id or "series_id"])


def _numbered(column: pa.ChunkedArray) -> np.ndarray:
    """Return a number ``(n,)`` for each different value, -1 for null."""
    codes = column.combine_chunks().dictionary_encode().indices
    return pc.fill_null(codes, -1).to_numpy(zero_copy_only=False)


def _layouts(
    contents: dict[str, Content], codes: np.ndarray, step: str | None, names: ColumnNames
) -> Iterator[TableQuestion]:
    """Ask whether a row for each series is a single step, or the whole series."""
    n_series = len(np.unique(codes))
    if names.layout or step or len(contents) < 2 or n_series < 2 or n_series < len(codes):
        return
    yield TableQuestion(
        "a word on what a row is", f"one row for each id, with {len(contents)} columns",
        "say --layout wide where the columns are the steps of a series, or --layout long where "
        "they are channels and a series has one step",
    )  # fmt: skip


def _times_to_read(
    table: pa.Table, step: str | None, names: ColumnNames, first_row: int
) -> Iterator[TableQuestion]:
    """Ask for the notation of dates in columns that must be times."""
    for name in (step, names.time or "time"):
        if name is None or name not in table.column_names:
            continue
        content = content_of(table[name])
        unread = content.dates and names.dates not in content.dates
        if (content.kind == "time" and unread) or content.kind in ("odd time", "text"):
            kind = "a number or a time" if name == step else "a time"
            texts = table[name].to_pylist()
            place = first_odd(texts, names.dates)
            got = f"{texts[place]!r} in row {first_row + place}"
            yield TableQuestion(f"{kind} in column {name!r}", got, dates_cure(content))


def _beside_missing_roles(
    contents: dict[str, Content], names: ColumnNames, columns: list[str]
) -> Iterator[TableQuestion]:
    """Ask about options that may be needed once the missing columns are named."""
    texts = [name for name, content in contents.items() if content.kind == "text"]
    if texts:
        cure = (
            "say --group-column NAME where a text groups series; leave out other texts with "
            "--ignore NAME"
        )
        if names.unlabelled and names.given("label") not in columns:
            label = _likely(["label"], texts).get("label", "NAME")
            cure = f"say {option('--label-column', label)} where a text is the label; {cure}"
        expected, got = "numbers in the others", f"text in {', '.join(map(repr, texts))}"
        yield TableQuestion(expected, got, cure)
    for name, content in contents.items():
        if content.dates and names.dates is None:
            expected, got = "a word on how days are written", f"days in {name!r}"
            yield TableQuestion(expected, got, dates_cure(content))


def _orders(
    table: pa.Table,
    contents: dict[str, Content],
    codes: np.ndarray,
    step: str | None,
    names: ColumnNames,
) -> Iterator[TableQuestion]:
    """Ask which column orders the rows of a series, if none is named and one may."""
    if step is not None:
        return
    if times := _times(contents):
        yield step_question(times[0], contents[times[0]])
        return
    if len(contents) > 1:
        rows = _no_repeats(table.select(list(contents)), codes)
        table, codes = table.take(pa.array(rows)), codes[rows]
    for name, content in contents.items():
        if names.channels or content.kind != "number" or not counts(table[name], name, codes):
            continue
        yield TableQuestion(
            "a word on what counts the rows of a series", f"column {name!r}",
            f"say {option('--step-column', name)}, or {option('--channels', *contents)} where it "
            "is a channel and the rows are in order",
        )  # fmt: skip
        return


def _no_repeats(table: pa.Table, codes: np.ndarray) -> np.ndarray:
    """Return the places of the rows of a series ``codes`` that differ from the row before."""
    differ = np.diff(codes, prepend=-2) != 0
    for column in table.columns:
        differ |= np.diff(_numbered(column), prepend=-2) != 0
    return np.flatnonzero(differ)


def step_question(name: str, content: Content) -> TableQuestion:
    """Ask whether a column of times orders the rows of each series."""
    cure = f"say {option('--step-column', name)}"
    if len(content.dates) == 1:
        cure += f" {option('--dates', content.dates[0])}"
    elif content.dates or content.kind != "time":
        cure += f", and {dates_cure(content)}"
    return TableQuestion("a word on what orders the rows", f"times in column {name!r}", cure)


def _times(contents: dict[str, Content]) -> list[str]:
    """Return columns of times, readable ones first."""
    kinds = ("time", "odd time", "clock")
    return [name for kind in kinds for name, content in contents.items() if content.kind == kind]


def _texts(
    contents: dict[str, Content], step: str | None, names: ColumnNames, columns: list[str]
) -> Iterator[TableQuestion]:
    left = _times(contents)[step is None :]
    left += [name for name, content in contents.items() if content.kind == "text"]
    if left:
        role = "group" if names.given("label") in columns else "label"
        yield TableQuestion(
            "numbers in every channel", f"text in {', '.join(map(repr, left))}",
            f"say {option('--ignore', *left)}, or what they are, such as --{role}-column NAME",
        )  # fmt: skip


def _row_numbers(table: pa.Table, contents: dict[str, Content]) -> Iterator[TableQuestion]:
    """Ask about columns that number the file's rows, which tells classes if they are sorted."""
    numbering = [
        name
        for name, content in contents.items()
        if content.kind == "number" and _numbers_rows(table[name])
    ]
    if numbering:
        yield TableQuestion(
            "a word on what numbers the file's rows", f"column {', '.join(map(repr, numbering))}",
            f"say {option('--ignore', *numbering)}, or {option('--channels', *contents)} where "
            "these are channels",
        )  # fmt: skip


def _numbers_rows(column: pa.ChunkedArray) -> bool:
    values = numbers_of(column)
    return values is not None and len(values) >= TELLING and bool((np.diff(values) == 1).all())


def _odd_cells(
    table: pa.Table, contents: dict[str, Content], first_row: int
) -> Iterator[TableQuestion]:
    for name, content in contents.items():
        if content.kind == "number" and content.odd is not None:
            place = pc.index(table[name], content.odd).as_py()
            above = "remove this line where it holds units, or " * (place == 0)
            yield TableQuestion(
                f"a number in column {name!r}", f"{content.odd!r} in row {first_row + place}",
                above + number_cure(name),
            )  # fmt: skip


def number_cure(name: str) -> str:
    """Return advice for a cell that is no number."""
    out = option("--ignore", name)
    return f"leave the cell empty where a value is missing, or leave the column out with {out}"


def wide_questions(table: pa.Table, names: ColumnNames, first_row: int) -> Iterator[TableQuestion]:
    """Yield the ambiguities of a table with a row per series, from its first rows."""
    columns = table.column_names
    roles = {*names.roles, *KNOWN_COLUMNS, "step"}
    kept = [name for name in kept_columns(columns, names) if name not in roles]
    contents = {name: content_of(table[name]) for name in kept}
    texts = [name for name, content in contents.items() if content.kind not in ("number", "empty")]
    yield from role_questions(columns, names)
    if texts:
        yield TableQuestion(
            "numbers in the column of every step", f"text in {', '.join(map(repr, texts))}",
            f"say {option('--ignore', *texts)}, or what they are, such as --series-id-column NAME "
            "or --label-column NAME",
        )  # fmt: skip
    yield from _odd_cells(table, contents, first_row)


def counts(column: pa.ChunkedArray, name: str, codes: np.ndarray) -> bool:
    """Check whether a column counts the rows of every series: distinct values, even steps apart.

    codes: the series of each row ``(n,)``. The order of the rows does not matter.
    """
    values = numbers_of(column)
    if values is None or np.isnan(values).any():
        return False
    order = np.lexsort((values, codes))
    rises = np.diff(values[order])[np.diff(codes[order]) == 0]
    if len(rises) < 2 or not (rises > 0).all():
        return False
    is_sorted = (np.abs(np.diff(order)) == 1).all()
    is_even = np.isclose(rises, rises[0], rtol=1e-6, atol=0).all()
    return name.lower() in STEP_NAMES or bool(is_even and (is_sorted or len(rises) >= TELLING))


def numbers_of(column: pa.ChunkedArray) -> np.ndarray | None:
    """Convert numbers, or texts of numbers, to float64; None if they are none."""
    if pa.types.is_boolean(column.type):
        return None
    try:
        return column.cast(pa.float64()).to_numpy()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return None


def step_of(columns: list[str], names: ColumnNames) -> str | None:
    """Return the step column: the named one, else ``step`` if it exists, else None."""
    return names.step or ("step" if "step" in columns and "step" not in names.ignore else None)
