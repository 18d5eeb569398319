"""A sound file of each format."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tests.support.arrivals import rows


def npz(path: Path) -> Path:
    np.savez(path, X=np.ones((4, 12)), y=np.array(["up", "down"] * 2))
    return path


def whole_files(folder: Path) -> Iterator[Path]:
    """A sound file of each format."""
    pq.write_table(rows(0), folder / "wide.parquet")
    long = {"series_id": ["a", "a", "b"], "label": ["p", "p", "q"], "step": [1, 0, 0],
            "value": [1.0, 2.0, 3.0]}  # fmt: skip
    pq.write_table(pa.table(long), folder / "long.parquet")
    lines = "\n".join(f"s{i},{'pq'[i % 2]},{t},{t}.5" for i in range(6) for t in range(4))
    (folder / "a.csv").write_text(f"series_id,label,step,value\n{lines}\n")
    (folder / "a.tsv").write_text("1\t1.5\t2.5\n2\t3.5\tNaN\n" * 4)
    (folder / "a.ts").write_text("@classLabel true p q\n@data\n" + "1,2,3:4,5,6:p\n" * 4)
    npz(folder / "a.npz")
    yield from sorted(folder.iterdir())
