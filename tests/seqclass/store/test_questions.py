"""Everything that a table leaves open is asked in one refusal, in words that a shell takes."""

import shlex
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqclass.flows.cli.option_groups import ReadingOptions
from seqclass.store.formats import ColumnNames, RefusalError, read_files
from seqclass.store.formats.cells import content_of_texts
from seqclass.store.formats.table import joined, option, split_names


def refused(folder: Path, text: str, **options: object) -> str:
    (folder / "in.csv").write_text(text)
    with pytest.raises(RefusalError) as caught:
        list(read_files([str(folder / "in.csv")], ColumnNames(**options)))  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
    return str(caught.value)


NAMES = st.text(" ab,;.#'\"\\$-é™", min_size=1).map(str.strip).filter(bool)


@settings(max_examples=25)
@given(NAMES, st.lists(NAMES, min_size=1, max_size=4))
def test_a_shell_gives_an_option_its_names_back(name: str, names: list[str]) -> None:
    assert shlex.split(option("--step-column", name)) == ["--step-column", name]
    words, text = shlex.split(option("--ignore", *names))
    assert ReadingOptions(ignore=text).names().ignore == tuple(names)
    assert split_names(joined(names)) == tuple(names)
    assert words == "--ignore"
    sentence = f"say {option('--decimal', name)}, or not"
    assert shlex.split(sentence.replace(", or", " , or"))[2] == name, "no sign sticks to it"


def test_all_missing_options_are_told_at_once(tmp_path: Path) -> None:
    text = "unit;kind;t;note;x\nu;a;01.02.2026 08:00:00;ok;1,5\nu;a;02.02.2026 08:00:00;ok;2,25\n"
    refusal = refused(tmp_path, text)
    for words in ("--series-id-column NAME", "--label-column NAME", "--step-column t",
                  "--ignore NAME", "--layout wide", "--layout folders",
                  "--group-column NAME"):  # fmt: skip
        assert words in refusal
    assert "--label-column NAME" in refused(tmp_path, text, unlabelled=True)
    assert "--label-column" not in refused(tmp_path, text, unlabelled=True, label="kind")
    nameless = refused(tmp_path, text.replace("u;", ";"), series_id="unit", label="kind", step="t",
                       group="note", dates="dd.mm.yyyy")  # fmt: skip
    assert "row 2: expected the id of a series in column 'unit'" in nameless
    rest = refused(tmp_path, text, series_id="unit", label="kind")
    assert "--label-column" not in rest
    assert "--group-column NAME" in rest
    assert "--step-column t --dates dd.mm.yyyy" in rest
    assert "--ignore note" in rest


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".xlsx"])
def test_a_file_to_be_scored_needs_no_label_group_or_time(tmp_path: Path, suffix: str) -> None:
    table = pd.DataFrame({"series_id": ["a", "a"], "step": [0, 1], "x": [1.5, 2.5]})
    path = tmp_path / f"in{suffix}"
    {".csv": table.to_csv, ".parquet": table.to_parquet, ".xlsx": table.to_excel}[suffix](
        path, index=False
    )
    names = ColumnNames(label="kind", group="rig", time="day")
    with pytest.raises(RefusalError, match="'kind' and 'rig' and 'day'"):
        list(read_files([str(path)], names))
    [read] = read_files([str(path)], replace(names, unlabelled=True))
    assert read["x"].to_pylist() == [[1.5, 2.5]]


def test_repeated_and_empty_rows_do_not_hide_what_counts_the_rows(tmp_path: Path) -> None:
    lines = [f"s{s},{'ab'[s % 2]},{t},0.{s * t % 7}" for s in range(4) for t in range(9)]
    for every in (1, 5):
        again = [line for n, line in enumerate(lines) for _ in range(1 + (n % every == 0))]
        refusal = refused(tmp_path, "\n".join(["series_id,label,t,x", *again, ",,,", ""]))
        assert "--step-column t" in refusal


def test_a_counter_is_the_step_or_a_channel_as_the_user_says(tmp_path: Path) -> None:
    text = "series_id,label,tick,x\n" + "".join(f"p,up,{t},{t * t}\n" for t in range(4))
    refusal = refused(tmp_path, text)
    assert "--step-column tick, or --channels tick,x" in refusal
    for names, channels in (
        (ColumnNames(step="tick"), {"x"}),
        (ColumnNames(ignore=("tick",)), {"x"}),
        (ColumnNames(channels=("tick", "x")), {"tick", "x"}),
    ):
        [table] = read_files([str(tmp_path / "in.csv")], names)
        assert {*table.column_names} - {"series_id", "label", "n_steps"} == channels


def test_a_row_for_each_id_is_a_series_or_a_step_as_the_user_says(tmp_path: Path) -> None:
    refusal = refused(tmp_path, "series_id,label,V1,V2\np,up,1,2\nq,down,3,4\n")
    assert "--layout wide where the columns are the steps" in refusal
    for layout, first in (("wide", {"value": [1, 2]}), ("long", {"V1": [1], "V2": [2]})):
        names = ColumnNames(layout=layout)  # type: ignore[arg-type]
        [table] = read_files([str(tmp_path / "in.csv")], names)
        assert table.slice(0, 1).to_pylist()[0].items() >= first.items()


def test_levels_are_no_counter(tmp_path: Path) -> None:
    lines = [f"s{s},{'ab'[s % 2]},{(t + s) // 6 % 2}" for s in range(9) for t in range(20)]
    (tmp_path / "in.csv").write_text("\n".join(["series_id,label,x", *lines, ""]))
    [table] = read_files([str(tmp_path / "in.csv")], ColumnNames())
    assert len(table) == 9


def test_a_column_that_numbers_the_rows_of_the_file_is_asked_about(tmp_path: Path) -> None:
    """It would tell classes apart where the file is sorted by class."""
    rows = [f"{n},{'ab'[n // 5]},up,{n % 5},0.{n * n % 7}" for n in range(10)]
    text = "\n".join(["index,series_id,label,step,x", *rows])
    refusal = refused(tmp_path, text)
    for words in ("'index'", "--ignore index", "--channels index,x"):
        assert words in refusal
    for names in (ColumnNames(ignore=("index",)), ColumnNames(channels=("index", "x"))):
        [table] = read_files([str(tmp_path / "in.csv")], names)
        assert ("index" in table.column_names) == bool(names.channels)
    (tmp_path / "few.csv").write_text("\n".join(text.split("\n")[:8]))  # they may rise by chance
    [table] = read_files([str(tmp_path / "few.csv")], ColumnNames())
    assert "index" in table.column_names


def test_a_missing_column_is_suggested_by_its_usual_name_alone(tmp_path: Path) -> None:
    refusal = refused(tmp_path, "ID;class;t;value\na;up;0;1.5\na;up;1;2.5\n")
    assert "--series-id-column ID --label-column class" in refusal
    assert "--step-column t" in refusal
    assert "--ignore" not in refusal
    labels = refused(tmp_path, "ID;class;t;value\na;up;0;1.5\n", unlabelled=True)
    assert "--label-column class" in labels
    unsure = refused(tmp_path, "id;class;target;t;value\na;up;no;0;1.5\n")
    assert "--series-id-column id --label-column NAME" in unsure
    assert "--ignore NAME" in unsure


def test_wide_text_asks_at_once_too(tmp_path: Path) -> None:
    text = "who,place,x1,x2\np,here,1,2\nq,there,3,4\n"
    refusal = refused(tmp_path, text, layout="wide")
    assert "--label-column NAME" in refusal
    assert "--ignore who,place" in refusal


def test_units_below_the_names_and_odd_cells_name_their_rows(tmp_path: Path) -> None:
    head, rows = "series_id,label,step,x\n", "p,u,0,1\np,u,1,2\n"
    assert "row 2; remove this line" in refused(tmp_path, head + ",,s,mV\n" + rows)
    refusal = refused(tmp_path, head + rows + "p,u,2,err\n")
    assert "'err' in row 4; leave the cell empty" in refusal
    refusal = refused(tmp_path, head + "p,u,zero,1\n")
    assert "a number or a time in column 'step', got 'zero' in row 2" in refusal


def test_a_series_own_time_that_passes_is_told_in_plain_words(tmp_path: Path) -> None:
    text = "series_id,label,Stamp,x\np,u,2026-03-01 08:00,1\np,u,2026-03-01 09:00,2\n"
    refusal = refused(tmp_path, text, time="Stamp")
    assert "--step-column Stamp" in refusal
    assert "2026-03-01 09:00:00 beside 2026-03-01 08:00:00" in refusal


@pytest.mark.parametrize(
    ("text", "cure"),
    [
        ("p,up,0,1.5\np,up,1,2.5\n", "write the names of the columns above"),
        ("value\n1\n2\n", "--series-id-column"),
        ("series_id,label,x,x\np,u,1,2\n", "rename one of the two"),
        ("series_id,label,x,\np,u,1,\n", "separators at the ends of the lines"),
        (",series_id,label,x\n0,p,u,1\n", "index=False"),
    ],
)
def test_names_that_are_none_are_refused_by_their_cause(
    tmp_path: Path, text: str, cure: str
) -> None:
    assert cure in refused(tmp_path, text)


def test_a_wrong_delimiter_is_told_of_the_right_one(tmp_path: Path) -> None:
    refusal = refused(tmp_path, "series_id;label;x\np;u;1\n", delimiter=",")
    assert "say --delimiter ';'" in refusal


def test_an_encoding_that_can_not_be_meant_is_refused_with_another_cure(tmp_path: Path) -> None:
    content = "series_id,label,x\np,fällt,1\n".encode("latin-1")
    (tmp_path / "in.csv").write_bytes(content)
    with pytest.raises(RefusalError, match=r"text in ascii, got other bytes.*--encoding NAME"):
        list(read_files([str(tmp_path / "in.csv")], ColumnNames(encoding="ascii")))


@pytest.mark.parametrize(
    ("cells", "kind", "dates"),
    [
        (["1", "-2,5", "3e4", ""], "number", ()),
        (["2026-01-31 12:00:00.25", "2026-02-01"], "time", ()),
        (["31/01/2026", "01/02/2026"], "time", ("dd/mm/yyyy",)),
        (["01/31/2026 12:00"], "time", ("mm/dd/yyyy",)),
        (["01/02/2026"], "time", ("dd/mm/yyyy", "mm/dd/yyyy")),
        (["31.01.26"], "time", ("dd.mm.yy",)),
        (["8:00", "23:59:59"], "clock", ()),
        (["31 Jan 2026", "1 Feb 2026"], "odd time", ()),
        (["01/31/2026 8:00 PM"], "odd time", ()),
        (["10-20 mm", "a"], "text", ()),
        (["", "nan"], "empty", ()),
    ],
)
def test_cells_are_known_by_how_they_are_written(
    cells: list[str], kind: str, dates: tuple[str, ...]
) -> None:
    content = content_of_texts(cells)
    assert (content.kind, content.dates) == (kind, dates)
