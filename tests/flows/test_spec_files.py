"""Files of specs and policies that mean harm: one line each, before they are parsed."""

import json
import os
import re
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqclass.flows.cli.spec_files import read_spec_file

DEEP, LONG = 100_000, 6_000
HARM = {
    "lists.json": "[" * DEEP,
    "objects.json": '{"a":' * DEEP + "1" + "}" * DEEP,
    "digits.json": '{"seeds": -' + "9" * LONG + "}",
    "large.json": '{"seeds": "' + "x" * 2**20 + '"}',
    "cut.json": '{"seeds": "' + '\\"' * DEEP,
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


def test_harm_is_refused_in_one_line(tmp_path: Path) -> None:
    for name, content in HARM.items():
        path = tmp_path / name
        path.write_bytes(content.encode("utf-8", "surrogateescape"))
        before_s = time.monotonic()
        with pytest.raises(ValueError, match=f"^--spec {re.escape(str(path))}: expected") as error:
            read_spec_file("--spec", str(path))
        assert time.monotonic() - before_s < SECONDS, name
        assert ("\n" in str(error.value), len(str(error.value)) < 2200) == (False, True), name


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.json")
    with pytest.raises(ValueError, match="--spec: expected a regular file, got a named pipe"):
        read_spec_file("--spec", str(tmp_path / "a.json"))


WORDS = st.text(st.characters(codec="utf-8"), max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**50), 10**50) | st.floats(allow_nan=False) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=12,
)


@settings(max_examples=25)
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
    content = read_spec_file("--ragas", str(tmp_path / "a.toml"))
    assert content["a"] == {"b.c": '["[[" "'}
    assert content["t"]["u"]["d"] == "it's [[["
    assert content["t"]["u"]["n"][3] == {"x": 255}
