"""Rows that were set aside: beside their dataset, named by their content."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seqclass.store.quarantine import REASON, Quarantine, damaged_quarantines
from seqclass.store.root import Root


def rows(*ids: str) -> pa.Table:
    return pa.table({"series_id": list(ids), "x": [float(len(i)) for i in ids]})


def settled(root: Root, *tables: pa.Table, work: str = "w") -> Quarantine:
    found = Quarantine(root, root.join(".staging", work))
    for table in tables:
        found.add(table, [f"why {i}" for i in table["series_id"].to_pylist()])
    found.close()
    found.commit("toy")
    return found


def test_rows_keep_their_reasons_over_several_tables(root: Root) -> None:
    place = settled(root, rows("a", "bb"), rows("c")).place
    assert place is not None
    stored = pq.read_table(place)
    assert stored["series_id"].to_pylist() == ["a", "bb", "c"]
    assert stored[REASON].to_pylist() == ["why a", "why bb", "why c"]
    assert damaged_quarantines(root, "toy") == (1, [])


def test_columns_in_another_order_are_the_same(root: Root) -> None:
    turned = rows("b").select(["x", "series_id"])
    place = settled(root, rows("a"), turned).place
    assert pq.read_table(str(place))["series_id"].to_pylist() == ["a", "b"]


def test_nothing_set_aside_leaves_nothing(root: Root) -> None:
    assert settled(root).place is None
    assert damaged_quarantines(root, "toy") == (0, [])
    assert root.names("datasets", "toy") == []


def test_the_same_rows_have_one_file_and_others_another(root: Root) -> None:
    first = settled(root, rows("a"), work="1").place
    again = settled(root, rows("a"), work="2").place
    other = settled(root, rows("b"), work="3").place
    assert first == again != other
    assert damaged_quarantines(root, "toy")[0] == 2


@pytest.mark.parametrize("harm", ["changed", "renamed", "a folder"])
def test_what_is_not_what_its_name_says_is_named(root: Root, harm: str) -> None:
    place = Path(str(settled(root, rows("a")).place))
    if harm == "changed":
        place.write_bytes(place.read_bytes()[:-1] + b"?")
    elif harm == "renamed":
        place = place.rename(place.with_name("0" * 16 + ".parquet"))
    else:
        place.unlink()
        place.mkdir()
    count, bad = damaged_quarantines(root, "toy")
    assert count == 1
    assert [one["path"] for one in bad] == [str(place)]
