"""Parts that tests of flows share."""

import json
from pathlib import Path

import pytest

from tests.support.stored import SMALL


@pytest.fixture
def small(tmp_path: Path) -> Path:
    (tmp_path / "small.json").write_text(json.dumps(SMALL))
    return tmp_path / "small.json"
