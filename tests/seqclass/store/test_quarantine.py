"""Rows that were set aside: beside their dataset, named by their content."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from seqclass.store.quarantine import REASON, Quarantine, damaged_quarantines
from seqclass.store.root import Root


def rows(*ids: str) -> pa.Table:
    return pa.table({"series_id": list(ids), "x": [float(len(i)) for i in ids]})


def set_aside(root: Root, *tables: pa.Table) -> str | None:
    """The place of rows that are put into a quarantine."""
    quarantine = Quarantine(root, root.join(".staging", "w"))
    for table in tables:
        quarantine.add(table, [f"why {i}" for i in table["series_id"].to_pylist()])
    quarantine.close()
    quarantine.commit("toy")
    return quarantine.place


def test_rows_keep_their_reasons_over_several_tables(root: Root) -> None:
    """Of which one has its columns in another order."""
    place = set_aside(root, rows("a", "bb"), rows("c").select(["x", "series_id"]))
    assert place is not None
    stored = pq.read_table(place)
    assert stored["series_id"].to_pylist() == ["a", "bb", "c"]
    assert stored[REASON].to_pylist() == ["why a", "why bb", "why c"]
    assert damaged_quarantines(root, "toy") == (1, [])


def test_the_same_rows_have_one_file_others_another_and_none_no_file(root: Root) -> None:
    assert set_aside(root) is None
    assert damaged_quarantines(root, "toy") == (0, [])
    assert set_aside(root, rows("a")) == set_aside(root, rows("a")) != set_aside(root, rows("b"))
    assert damaged_quarantines(root, "toy")[0] == 2


def test_what_is_not_what_its_name_says_is_named(root: Root) -> None:
    changed, renamed, replaced = (Path(str(set_aside(root, rows(i)))) for i in "abc")
    changed.write_bytes(changed.read_bytes()[:-1] + b"?")
    renamed = renamed.rename(renamed.with_name("0" * 16 + ".parquet"))
    replaced.unlink()
    replaced.mkdir()
    count, bad = damaged_quarantines(root, "toy")
    assert count == 3
    assert {item["path"] for item in bad} == {str(changed), str(renamed), str(replaced)}
