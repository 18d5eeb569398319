"""Columns of numbers become float32: what that would lose or can't be is refused by name."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seqclass.store.formats import ColumnNames, RefusalError, read_files
from seqclass.store.formats.columns import float_column

LONG = "series_id,label,step,x\n" + "".join(f"p,up,{t},{{}}\n" for t in range(3))
TEXTS = {
    "a.csv": LONG,
    "a.tsv": "1\t1.5\t{}\n1\t{}\t2.5\n",
    "a.ts": "@classLabel true p q\n@data\n1,{},3:p\n{},2,3:q\n",
}


def write(folder: Path, name: str, value: str) -> str:
    path = folder / name
    if name == "a.npz":
        np.savez(path, X=np.array([[1.0, float(value)]] * 2), y=np.arange(2))
    else:
        path.write_text(TEXTS[name].replace("{}", value))
    return str(path)


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("name", [*TEXTS, "a.npz"])
def test_what_no_float32_holds_is_refused_without_a_warning(tmp_path: Path, name: str) -> None:
    for value in ("1e300", "-1e300", "inf"):
        path = write(tmp_path, name, value)
        with pytest.raises(RefusalError, match=r"Inf \(or beyond float32\)"):
            list(read_files([path], ColumnNames()))
        [table] = read_files([path], ColumnNames(), infinite_cure=None)
        values = table[table.column_names[-1]].combine_chunks().flatten().to_numpy()
        assert np.isinf(values).any()


def column(values: list | pa.Array, keep_infinite: bool = False) -> np.ndarray:
    rows = np.arange(2, 2 + len(values))
    return float_column("f", pa.chunked_array([values]), "x", rows, keep_infinite)


def test_numbers_written_as_texts_are_numbers_or_refused_by_row() -> None:
    np.testing.assert_array_equal(
        column(["1.5", " ", "nan", "-2e3"]), np.array([1.5, np.nan, np.nan, -2000], np.float32)
    )
    for text, cure in (("2,5", "--decimal ','"), ("ok", "--ignore x")):
        with pytest.raises(RefusalError, match=f"f, row 3: .*{cure}"):
            column(["1.5", text])
    with pytest.raises(RefusalError, match=r"duration\[s\]; convert it, or leave it out"):
        column(pa.array([1], pa.duration("s")))


def test_changes_that_float32_loses_are_refused(tmp_path: Path) -> None:
    for values in ([1e9 + t for t in range(9)], [1e25 + 1e10 * (t % 3) for t in range(9)]):
        with pytest.raises(RefusalError, match="subtract an offset, or leave the column out"):
            column(values)
        path = str(tmp_path / "in.parquet")
        pq.write_table(pa.table({"series_id": ["p"], "label": ["up"], "x": [values]}), path)
        with pytest.raises(RefusalError, match="subtract an offset"):
            list(read_files([path], ColumnNames()))
    np.testing.assert_array_equal(column([0.1, 0.2]), np.array([0.1, 0.2], np.float32))
