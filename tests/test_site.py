"""The docs' site: it is built without a warning, which holds all links, and stands by itself."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.chromium import browse
from tests.support.places import REPOSITORY

BUILD = [sys.executable, "-m", "sphinx", "--fail-on-warning", "--keep-going", "--quiet"]
LOADED = re.compile(r"<(?:script|link|img|iframe)[^>]*(?:src|href)=\"(?:https?:)?//[^\"]*\"")
WIDE = ("README", "docs/accuracy", "docs/commands", "docs/data", "docs/python", "docs/stored-files",
        "storage/README")  # fmt: skip
"""Pages with the widest tables, trees and signatures."""
pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What ``make docs`` makes."""
    folder = tmp_path_factory.mktemp("site")
    words = [*BUILD, "-c", "docs", "-d", str(folder / "doctrees"), ".", str(folder / "pages")]
    completed = subprocess.run(words, cwd=REPOSITORY, capture_output=True, text=True)
    assert (completed.returncode, completed.stderr) == (0, "")
    return folder / "pages"


def test_every_page_is_there_and_loads_nothing_from_elsewhere(site: Path) -> None:
    written = {page.relative_to(site).with_suffix(".md") for page in site.rglob("*.html")}
    docs = {page.relative_to(REPOSITORY) for page in (REPOSITORY / "docs").glob("*.md")}
    assert docs <= written
    for file in site.rglob("*.html"):
        assert LOADED.findall(file.read_text()) == [], file
    for file in site.rglob("*.css"):
        assert not re.search(r"(?:@import|url\(['\"]?)\s*['\"]?(?:https?:)?//", file.read_text())


def test_commands_python_names_and_stored_keys_are_taken_from_the_code(site: Path) -> None:
    stored = (site / "docs" / "stored-files.html").read_text()
    assert "unfinished/&lt;digest&gt;/manifest.json" in stored
    assert 'id="decisionrecord"' in stored
    commands = (site / "docs" / "commands.html").read_text()
    for word in ("seqclass-train", "seqclass-generate-ragas", "--force"):
        assert word in commands
    names = (site / "docs" / "python.html").read_text()
    for name in ("SequenceClassifier.fit", "SequenceClassifier.explain", "load_model"):
        assert f'id="seqclass.{name}"' in names


def test_no_page_is_wider_than_a_phone(site: Path, tmp_path: Path) -> None:
    with browse(tmp_path) as page:
        page.call("Emulation.setDeviceMetricsOverride", width=390, height=844,
                  deviceScaleFactor=1, mobile=True)  # fmt: skip
        for name in WIDE:
            page.go((site / name).with_suffix(".html").as_uri())
            assert page.evaluate("document.documentElement.scrollWidth") <= 390, name
