"""Records as people read them in a terminal, a file or a pipe."""

import json

import pytest

from seqclass.flows.cli.printing import print_record, print_result, print_table

RECORD = {
    "model": "models/m@v1",
    "n_series": 12_000,
    "macro_f1": 0.5,
    "moved": True,
    "refused": None,
    "asked": "2026-01-05T03:04:59.123456+00:00",
    "interval": [0.25, 0.75],
    "classes": {"a_b": 3, "[red]": 4},
    "reasons": ["it answers fewer rows", "\x1b[2Jtoo few rows"],
    "seeds": [{"seed": 0, "log_loss": 0.5}, {"seed": 10, "log_loss": 12.5, "why": "no gain"}],
    "channels": {"日本": {"lowest": -1}, "x": {"lowest": 2}},
}
SHOWN = """model          models/m@v1
series         12,000
macro F1       0.5000
moved          yes
asked          2026-01-05 03:04
interval       0.2500 to 0.7500
classes a_b    3
classes [red]  4
seeds  log-loss  why
0      0.5000
10     12.5      no gain
channels  lowest
日本      -1
x         2
reasons: it answers fewer rows
reasons: \\x1b[2Jtoo few rows
"""


def test_a_record_is_lines_tables_and_sentences(capsys: pytest.CaptureFixture[str]) -> None:
    print_record(RECORD)
    assert capsys.readouterr().out == SHOWN


def test_json_is_the_whole_record_and_people_may_see_less(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_result(RECORD, True, "next: something", people={"model": "m"})
    assert json.loads(capsys.readouterr().out) == RECORD
    print_result(RECORD, False, "next: something", people={"model": "m"})
    assert capsys.readouterr().out == "model  m\nnext: something\n"


def test_no_row_is_told_in_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    print_table([], empty="no models yet")
    assert capsys.readouterr().out == "no models yet\n"
