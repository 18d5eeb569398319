"""A sound file of each format, and what damage makes of it."""

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


def damaged(content: bytes, rng: np.random.Generator) -> bytes:
    """With some bytes changed, cut, doubled or overwritten by a large number."""
    at, what = int(rng.integers(len(content))), int(rng.integers(5))
    if what == 0:
        return content[:at]
    if what == 1:
        return content[:at] + content[at // 2 :]
    changed = bytearray(content)
    for place in rng.integers(len(content), size=1 if what == 2 else 8).tolist():
        changed[place] = int(rng.integers(256))
    if what == 4:
        changed[at : at + 4] = b"\xff\xff\xff\x7f"
    return bytes(changed)


def aborting_file(folder: Path) -> Path:
    """A damaged Parquet file that ends the process in which pyarrow reads its footer.

    Of seed 39 pyarrow 26 aborts at ``row_group(0).column(2)``.
    """
    (folder / "sound").mkdir()
    [whole] = [file for file in whole_files(folder / "sound") if file.name == "long.parquet"]
    rng = np.random.default_rng([39, len(whole.name)])
    (path := folder / "aborting.parquet").write_bytes(damaged(whole.read_bytes(), rng))
    return path
