"""Files of specs and policies that mean harm: one line each, before they are parsed."""

import json
import os
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqclass.flows.cli.spec_files import read_spec_file
from tests.support.commands import Command

DEEP, LONG = 100_000, 6_000
HARM = {
    "lists.json": "[" * DEEP,
    "objects.json": '{"a":' * DEEP + "1" + "}" * DEEP,
    "digits.json": '{"seeds": ' + "9" * LONG + "}",
    "minus.json": '{"seeds": -' + "9" * LONG + "}",
    "large.json": '{"seeds": "' + "x" * 2**20 + '"}',
    "cut.json": '{"seeds": "' + '\\"' * DEEP,
    "text.json": "seeds\n",
    "array.json": "[1]",
    "number.json": "1e9999",
    "keys.toml": ".".join("a" * DEEP) + " = 1",
    "quoted.toml": " . ".join(['"a.b"'] * DEEP) + " = 1",
    "tables.toml": "[" + ".".join("a" * DEEP) + "]",
    "lists.toml": "a = " + "[" * DEEP,
    "inline.toml": "a = " + "{a = " * DEEP,
    "digits.toml": f"a = {'9_' * LONG}9",
    "hex.toml": f"a = 0x{'f' * 10}{'9' * LONG}",
    "bytes.toml": "a = \udcff",
}
SECONDS = 10


def write(folder: Path, name: str) -> Path:
    path = folder / name
    path.write_bytes(HARM[name].encode("utf-8", "surrogateescape"))
    return path


@pytest.mark.parametrize("name", HARM)
def test_harm_is_refused_in_one_line(tmp_path: Path, name: str, seqclass: Command) -> None:
    path = write(tmp_path, name)
    words = ["generate", "ragas", "--name", "x"]
    words += ["--spec", path] if name.endswith(".json") else ["--ragas", path]
    before_s = time.monotonic()
    code, out, err = seqclass(*words)
    assert time.monotonic() - before_s < SECONDS
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert len(err) < 2200
    assert str(path) in err


def test_a_pipe_is_not_waited_for(tmp_path: Path, seqclass: Command) -> None:
    os.mkfifo(tmp_path / "a.json")
    code, _, err = seqclass("train", "toy", "--spec", tmp_path / "a.json")
    assert (code, err.count("\n")) == (2, 1)
    assert "--spec: expected a regular file, got a named pipe" in err


WORDS = st.text(st.characters(codec="utf-8"), max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**50), 10**50) | st.floats(allow_nan=False) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=12,
)


@given(VALUES)
def test_whatever_json_says_is_read(value: object) -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as file:
        json.dump(value, file)
        file.flush()
        assert read_spec_file("--spec", file.name) == value


def test_toml_keeps_its_texts_and_comments(tmp_path: Path) -> None:
    text = "\n".join([
        "# [[[ it's", 'a."b.c" = """["[[" \\""""', "[t.u]", "d = '''it's [[['''",
        "n = [1.5, 1_000, 2026-11-29, {x = 0xff}] # ]]]", "e = ''", 'f = ""',
    ])  # fmt: skip
    (tmp_path / "a.toml").write_text(text)
    found = read_spec_file("--ragas", str(tmp_path / "a.toml"))
    assert found["a"] == {"b.c": '["[[" "'}
    assert found["t"]["u"]["d"] == "it's [[["
    assert found["t"]["u"]["n"][3] == {"x": 255}
