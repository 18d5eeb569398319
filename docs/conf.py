"""How ``make docs`` builds the site: the Markdown as it lies, the commands, the Python names."""

import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

project = "sequence-classification"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
root_doc = "docs/index"
include_patterns = ["*.md", "docs/*.md", "storage/*.md"]
exclude_patterns = [".*", "site"]
highlight_language = "text"
smartquotes = False
myst_heading_anchors = 3

html_theme = "furo"
html_title = project
html_copy_source = False
html_show_copyright = False

autodoc_member_order = "bysource"
autodoc_typehints = "none"


def add_generated(app: Any, page: str, source: list[str]) -> None:
    """Append what every command's ``--help`` says, and the keys of stored files, to their pages."""
    if page == "docs/stored-files":
        from tests.support.stored_files import tables

        source[0] += tables()
    if page == "docs/commands":
        words = [sys.executable, "-m", "typer", "seqclass.flows.__main__", "utils", "docs"]
        found = subprocess.run(  # noqa: S603 - our own words
            [*words, "--name", "seqclass"], cwd=ROOT, capture_output=True, text=True, check=True
        )
        source[0] += found.stdout.partition("\n")[2]


def setup(app: Any) -> None:
    """What Sphinx calls."""
    app.connect("source-read", add_generated)
