"""Answers as people ask for them: the same rows in every form, whole or not at all."""

import csv
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seqclass.inference.answer_files import KINDS, check_ending, write_out
from seqclass.inference.prediction import join_parts
from seqclass.store.root import Root


@pytest.fixture
def tables(root: Root) -> list[str]:
    """Two tables of scores in a root."""
    paths = []
    for number, n in enumerate((3, 2)):
        table = pa.table(
            {
                "series_id": [f"é{number}-{k}" for k in range(n)],
                "answer": ["unknown" if k == 1 else "up, or down" for k in range(n)],
                "confidence": pa.array([0.5 + k / 8 for k in range(n)], pa.float32()),
                "nearest": pa.array([["a", "b"], [], None][:n], pa.list_(pa.string())),
            }
        )
        paths.append(root.join(f"scores-{number}.parquet"))
        Path(root.path).mkdir(exist_ok=True)
        pq.write_table(table, paths[-1])
    return paths


def rows_of(path: Path) -> list[dict]:
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text().splitlines()]
    if path.suffix == ".csv":
        with open(path, newline="") as file:
            return list(csv.DictReader(file))
    return pq.read_table(path).to_pylist()


@pytest.mark.parametrize("ending", KINDS)
def test_every_form_has_every_row_once_in_order(
    root: Root, tables: list[str], tmp_path: Path, ending: str
) -> None:
    (tmp_path / "new").mkdir()
    target = write_out(root, tables, str(tmp_path / "new" / f"out{ending.upper()}"))
    rows = rows_of(Path(target).rename(tmp_path / f"out{ending}"))
    assert [row["series_id"] for row in rows] == ["é0-0", "é0-1", "é0-2", "é1-0", "é1-1"]
    assert [float(row["confidence"]) for row in rows] == [0.5, 0.625, 0.75, 0.5, 0.625]
    assert [row["answer"] for row in rows].count("unknown") == 2
    nearest = [row["nearest"] for row in rows[:3]]
    assert nearest == (["a;b", "", ""] if ending == ".csv" else [["a", "b"], [], None])
    assert list((tmp_path / "new").iterdir()) == []


def test_no_cell_of_a_csv_is_a_formula(root: Root, tmp_path: Path) -> None:
    runs = ["=cmd|' /C calc'!A0", "@sum(1)", "-2+3", "+x", " =1"]
    texts = [*runs, "-1.5", "+2e3", "up", "a=b", None]
    table = pa.table({"series_id": texts, "answer": texts, "confidence": [-0.5] * len(texts),
                    "nearest": [[text or "x", "up"] for text in texts]})  # fmt: skip
    Path(root.path).mkdir()
    pq.write_table(table, root.join("scores.parquet"))
    for ending in KINDS:
        out = f"{tmp_path}/out{ending}"
        rows = rows_of(Path(write_out(root, [root.join("scores.parquet")], out)))
        for column in ("series_id", "answer"):
            kept = [row[column] for row in rows]
            inert = [*(f"'{text}" for text in runs), *texts[5:-1], ""]
            assert kept == (inert if ending == ".csv" else texts)
        if ending == ".csv":
            assert [row["nearest"][0] for row in rows[:5]] == ["'"] * 5
            assert {row["confidence"] for row in rows} == {"-0.5"}


@pytest.mark.parametrize("out", ["out", "out.xlsx", "out.csv.gz", ".csv/out"])
def test_an_ending_that_names_no_form_is_refused(out: str) -> None:
    with pytest.raises(ValueError, match=r"--out: expected a name ending in .parquet, .csv, .json"):
        check_ending(out)


def test_a_failure_leaves_the_older_file_and_nothing_beside_it(
    root: Root, tables: list[str], tmp_path: Path
) -> None:
    out = tmp_path / "out.csv"
    out.write_text("older")
    Path(tables[1]).write_bytes(b"PAR1 damaged")
    with pytest.raises((pa.ArrowInvalid, OSError)):
        write_out(root, tables, str(out))
    assert out.read_text() == "older"
    assert list(tmp_path.glob("out*")) == [out]


def test_joined_tables_tell_how_many_are_unknown(root: Root, tables: list[str]) -> None:
    assert join_parts(root, tables, root.join("all.parquet")) == 2
    assert pq.read_table(root.join("all.parquet")).num_rows == 5
