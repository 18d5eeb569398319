"""What tests of readers share."""

import pytest

from seqclass.store.formats.footer import READER


@pytest.fixture
def footers_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Footers of Parquet files are read in this process, since another one takes a second."""
    monkeypatch.setenv(READER, "1")
