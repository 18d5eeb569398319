"""Limits of files: chosen by name, refused by name, and a small file stays small."""

from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqclass.store.formats.table import SPARED_BYTES, Limits, RefusalError, limits_of


@given(st.dictionaries(st.sampled_from([*asdict(Limits())]), st.integers(1, 10**12), max_size=4))
def test_choices_change_what_they_name_and_nothing_else(chosen: dict[str, int]) -> None:
    found = limits_of([f"{name}={number}" for name, number in chosen.items()])
    assert asdict(found) == {**asdict(Limits()), **chosen}


@pytest.mark.parametrize("wrong", ["steps", "steps=", "steps=0", "steps=-1", "steps=1e6", "size=3"])
def test_a_choice_of_no_number_or_no_limit_is_one_line(wrong: str) -> None:
    with pytest.raises(ValueError, match="--limit: expected NAME=NUMBER") as refused:
        limits_of([wrong])
    assert repr(wrong) in str(refused.value)
    assert "\n" not in str(refused.value)


@given(st.integers(1, 10**6), st.integers(0, 10**6))
def test_as_many_as_a_limit_pass_and_the_cure_takes_more(most: int, more: int) -> None:
    limits = Limits(whole_bytes=most)
    limits.check("f", "whole_bytes", most)
    found = most + 1 + more
    with pytest.raises(RefusalError) as refused:
        limits.check("f", "whole_bytes", found, "of labels")
    assert f"at most {most:,} whole bytes of labels, got {found:,}" in str(refused.value)
    cure = str(refused.value).partition("--limit ")[2].split()[0]
    limits_of([cure]).check("f", "whole_bytes", found)


def test_a_ratio_counts_from_some_size_on(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"0" * 1000)
    Limits().check_ratio(str(path), SPARED_BYTES)
    with pytest.raises(RefusalError, match="--limit ratio="):
        Limits().check_ratio(str(path), SPARED_BYTES + 1)
    Limits(ratio=10**6).check_ratio(str(path), SPARED_BYTES + 1)
