"""How a text table is written, found in its first lines or asked about."""

from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seqclass.store.formats.cells import DATES, date_formats
from seqclass.store.formats.dialect import Dialect, dialect_of
from seqclass.store.formats.table import ColumnNames, RefusalError

HERE = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
NUMBERS = st.decimals(-999, 999, places=2).map(str)


def looked_at(folder: Path, content: str | bytes, **options: object) -> Dialect:
    path = folder / "t.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return dialect_of(str(path), ColumnNames(**options))  # type: ignore[arg-type]


@HERE
@given(
    rows=st.lists(st.lists(NUMBERS, min_size=3, max_size=3), min_size=1, max_size=5),
    sign=st.sampled_from([",", ";", "\t", "|"]),
    decimal=st.sampled_from(".,"),
    bom=st.booleans(),
)
def test_delimiter_and_decimal_sign_are_found(
    tmp_path: Path, rows: list[list[str]], sign: str, decimal: str, bom: bool
) -> None:
    decimal = "." if sign == "," else decimal
    lines = [["id", "x", "y"], *([cell.replace(".", decimal) for cell in row] for row in rows)]
    text = ("\ufeff" if bom else "") + "\n".join(map(sign.join, lines))
    dialect = looked_at(tmp_path, text)
    assert (dialect.delimiter, dialect.decimal, dialect.skipped) == (sign, decimal, 0)
    assert dialect.header == ("id", "x", "y")


def test_signs_in_quotes_separate_nothing_and_spaces_may(tmp_path: Path) -> None:
    quoted = looked_at(tmp_path, 'id,"x;y"\na,"1;2"\n')
    assert (quoted.delimiter, quoted.header) == (",", ("id", "x;y"))
    assert looked_at(tmp_path, 'id,x\na,"1,5"\n').decimal == ","
    assert looked_at(tmp_path, "id;x;y;z,a\nb;1;2;3,5\n").delimiter == ";"
    spaced = looked_at(tmp_path, "id x\na 1.5\n")
    assert (spaced.delimiter, spaced.header) == (" ", ("id", "x"))


def test_what_the_file_or_the_user_announces_counts(tmp_path: Path) -> None:
    dialect = looked_at(tmp_path, "sep=|\nid|x,y\na|1\n")
    assert (dialect.delimiter, dialect.header, dialect.skipped) == ("|", ("id", "x,y"), 1)
    assert looked_at(tmp_path, "id;x,y\na;1,5\n", delimiter=";").header == ("id", "x,y")
    assert looked_at(tmp_path, "id;x\na;1,234\n", decimal=",").decimal == ","
    assert looked_at(tmp_path, "\n\nid,x\na,1\n").skipped == 2


def test_a_mark_of_its_encoding_is_no_part_of_the_header(tmp_path: Path) -> None:
    for encoding in ("utf-16", "utf-8-sig"):
        assert looked_at(tmp_path, "id,x\ná,1\n".encode(encoding)).header == ("id", "x")
    unmarked = looked_at(tmp_path, "id,x\ná,1\n".encode("utf-16-be"))
    assert (unmarked.encoding, len(unmarked.doubts)) == ("utf-16-be", 1)


def test_a_named_encoding_is_taken_and_an_unknown_one_refused(tmp_path: Path) -> None:
    western = "id,größe\na,1\n".encode("latin-1")
    assert looked_at(tmp_path, western, encoding="latin-1").header == ("id", "größe")
    assert [doubt.cure for doubt in looked_at(tmp_path, western).doubts] == [
        "save it as UTF-8, or name its encoding, such as --encoding cp1252 or --encoding latin-1"
    ]
    with pytest.raises(ValueError, match="--encoding: expected a name such as utf-8"):
        looked_at(tmp_path, western, encoding="latin-99")


def test_a_sample_that_ends_within_a_letter_is_utf8_still(tmp_path: Path) -> None:
    letters = "é" * 2**17  # of two bytes: one of them is cut wherever the sample ends
    for shift in ("", "x"):
        assert looked_at(tmp_path, f"id,{shift}x\n{letters},1\n{letters},1\n").encoding == "utf-8"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "a CSV table with a header, got an empty file"),
        ("sep=;\n", "an empty file"),
        ("id,x\n" + "a" * (2**17 + 1) + ",1\nb,2\n", "field larger than field limit"),
        (
            "id;x,y\na;1,5\n",
            "one sign between columns, got ',' and ';'; say which: --delimiter ','",
        ),
        ("id;x\na;1.234,5\n", "numbers without signs between thousands, got '1.234,5'"),
        ("x,y\n1,a,2\n2,b,3\n", "name the first column too (R: write.csv"),
        ("Report\nid,x,y\na,1,2\n", "remove the lines above the header"),
        ("Report,7\nid,x,y,z\na,1,2,3\n", "remove the lines above the header"),
        ("id,x,y\na,1,5,2,5\n", "separate the columns by semicolons"),
        ("id,x,y\na,1,2\nb,1\n", "row 3: expected 3 columns as in the header, got 2; correct"),
        ("sep=,\n\nid,x,y\na,1,2\nb,1\n", "row 5: expected 3 columns as in the header, got 2"),
    ],
)
def test_what_could_be_read_in_two_ways_is_asked_about(
    tmp_path: Path, content: str, says: str
) -> None:
    with pytest.raises(RefusalError) as refused:
        looked_at(tmp_path, content)
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)


def test_two_readings_of_numbers_are_a_doubt(tmp_path: Path) -> None:
    for content, got in (
        ("id;x\na;1,234\nb;5,678\n", "'1,234'"),
        ("id;x\na;1.234\nb;5.678\n", "'1.234'"),
        ("id;x\na;1.5\nb;2,5\n", "'2,5' and '1.5'"),
    ):
        [doubt] = looked_at(tmp_path, content).doubts
        cure = "say the decimal sign: --decimal ',' or --decimal '.'"
        assert (doubt.got, doubt.cure) == (got, cure)


def test_what_ends_no_line_of_csv_ends_none_here(tmp_path: Path) -> None:
    for letter in ("\u2028", "\x85", "\x0c", "\x1c"):
        assert looked_at(tmp_path, f"id,x{letter}y\r\na,1\r\n").header == ("id", f"x{letter}y")


def test_days_are_read_with_times_and_without_and_others_refused() -> None:
    moment = datetime(2026, 1, 31, 12, 30)
    for form in (form for words in DATES for form in date_formats(words)):
        back = datetime.strptime(moment.strftime(form), form)
        assert back in (moment, moment.replace(hour=0, minute=0)), form
    assert date_formats(None) == []
    with pytest.raises(ValueError, match="--dates: expected one of dd/mm/yyyy, mm/dd/yyyy"):
        date_formats("yy-dd-mm")
