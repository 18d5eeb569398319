"""Stored pages that tests look at: names, scores, and which kinds there are."""

from pathlib import Path

from seqclass.store.root import Root

SCORES = {"macro_f1": 0.8125, "accuracy": 0.8, "log_loss": 0.4321}
HOSTILE = "<script>alert(1)</script>"
PAGES = [
    "index.html",
    "models/toy/index.html",
    "models/bare/index.html",
    "models/toy/v1/report.html",
    "models/toy/v2/report.html",
    "datasets/toy/index.html",
    "datasets/hostile/index.html",
    "comparisons/*.html",
    "digests/*.html",
    "studies/toy/*/report.html",
]
"""A page of every kind in the tree that the tests of pages share."""


def page_path(root: Root, page: str) -> Path:
    """The one file that a pattern means."""
    [path] = Path(root.path).glob(page)
    return path


def text_of(root: Root, page: str) -> str:
    return page_path(root, page).read_text()
