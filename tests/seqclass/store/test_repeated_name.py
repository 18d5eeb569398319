"""The search for a name that comes twice, by digests."""

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pytest

from seqclass.store import repeats
from seqclass.store.repeats import repeated_name


def pieces(*names: list[str]) -> Callable[[], list[pa.ChunkedArray]]:
    return lambda: [pa.chunked_array([own], pa.string()) for own in names]


def test_a_name_that_comes_twice_is_found_in_other_pieces_too() -> None:
    assert repeated_name(pieces()) is None
    assert repeated_name(pieces(["a", "b"], [], ["c"])) is None
    assert repeated_name(pieces(["a", "b"], ["c", "b"])) == "b"


def test_names_whose_digests_are_equal_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repeats, "name_digests", lambda own: np.zeros(len(own), np.uint64))
    assert repeated_name(pieces(["a", "b"], ["c"])) is None
    assert repeated_name(pieces(["a", "b"], ["c", "a"])) == "a"
