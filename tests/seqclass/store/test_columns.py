"""Numbers become float32: those beyond it are refused by name, and numpy says nothing beside."""

from pathlib import Path

import numpy as np
import pytest

from seqclass.store.formats import ColumnNames, RefusalError, read_files

HUGE = "1e300"
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
@pytest.mark.parametrize("value", [HUGE, f"-{HUGE}", "inf"])
def test_what_no_float32_holds_is_refused_without_a_warning(
    tmp_path: Path, name: str, value: str
) -> None:
    path = write(tmp_path, name, value)
    with pytest.raises(RefusalError, match=r"Inf \(or beyond float32\)"):
        list(read_files([path], ColumnNames()))
    [table] = read_files([path], ColumnNames(), keep_infinite=True)
    assert np.isinf(table[table.column_names[-1]].combine_chunks().flatten().to_numpy()).any()
