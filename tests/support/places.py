"""Where the repository is, and a moment for what is stored."""

from datetime import UTC, datetime
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]

SHARED = REPOSITORY.parent / "shared" / "data"

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
