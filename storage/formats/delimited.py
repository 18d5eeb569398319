"""CSV in long form."""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from storage.formats.longform import long_rows
from storage.formats.table import ColumnNames, refusal


def read_csv(
    paths: list[str], names: ColumnNames, split: str | None, serial: Iterator[int]
) -> Iterator[pa.Table]:
    path = paths[0]
    text = {names.series_id: pa.string(), names.label: pa.string(), "group": pa.string()}
    try:
        table = pyarrow.csv.read_csv(
            path, convert_options=pyarrow.csv.ConvertOptions(column_types=text)
        )
    except (pa.ArrowInvalid, pa.ArrowKeyError, UnicodeDecodeError) as error:
        reason = str(error).split("\n")[0]
        raise refusal(path, "a CSV table with a header", reason, "correct the file") from error
    for name in text:
        if name in table.column_names:
            blank = pc.equal(table[name], "")
            filled = pc.if_else(blank, pa.scalar(None, pa.string()), table[name])
            table = table.set_column(table.column_names.index(name), name, filled)
    yield long_rows(path, table, names, first_row=2)
