"""The page that a person opens first: what it reads, how large it is, what it leaves out."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np

from seqclass.pages import index_pages
from seqclass.pages.records import (
    Catalogue,
    ComparisonEntry,
    DatasetEntry,
    ModelEntry,
    Sketch,
    Version,
)
from seqclass.pages.rendering import read_page_record, record_bytes, render
from seqclass.store.log import next_turn
from seqclass.store.registry import MoveReason, move_champion
from seqclass.store.root import Root
from tests.support.page_trees import SCORES, text_of
from tests.support.places import NOW
from tests.support.stored import store_series, store_version


def test_a_summary_of_another_release_or_none_is_made_again(root: Root) -> None:
    for _ in range(2):
        version = store_version(root, "m", metrics=SCORES).version
    store_series(root)
    move_champion(next_turn(root, "m"), version, MoveReason("me", "why", {}, NOW))
    index_pages.write_all(root)
    whole = text_of(root, "index.json")
    for path in (
        *Path(root.path).rglob("index.json"),
        *Path(root.path).rglob("datasets/toy/*.json"),
    ):
        path.write_text('{"another": "release"}')
    index_pages.refresh(root, [])
    assert text_of(root, "index.json") == whole


def full_catalogue(n_models: int, n_versions: int, n_datasets: int) -> Catalogue:
    rng = np.random.default_rng(0)
    sketch = "M" + "L".join(f"{x:.0f} {y:.0f}" for x, y in rng.uniform(0, 56, (16, 2)))
    version = Version("v10", NOW.isoformat(), "datasets/a-name-of-some-length@0123456789abcdef",
                      0.9, 0.9, 0.3, None, (0.85, 0.95), 0.01, 5, 200, "nearest", 0.8)  # fmt: skip
    model = ModelEntry("", n_versions, "v10", tuple(rng.uniform(0, 1, n_versions).tolist()),
                       version, NOW.isoformat(), None, 3,
                       ("value: mean", "value: spread"))  # fmt: skip
    names = [f"a-name-of-some-length-{number:04d}" for number in range(max(n_models, n_datasets))]
    data = DatasetEntry("", "0123456789abcdef", NOW.isoformat(), 5, 12345, (40, 80), 3, 12,
                        tuple(Sketch(f"class number {n}", sketch) for n in range(3)))  # fmt: skip
    pairs = {f"{n:016x}": ComparisonEntry((f"{name}@v1", f"{name}@v2"), NOW.isoformat())
             for n, name in enumerate(names)}  # fmt: skip
    return Catalogue(
        {name: replace(model, name=name) for name in names[:n_models]},
        {name: replace(data, name=name) for name in names[:n_datasets]},
        comparisons=pairs,
    )


def test_what_is_gone_leaves_the_catalogue(root: Root) -> None:
    for name in ("a", "b"):
        store_series(root, name)
    index_pages.refresh(root, [])
    shutil.rmtree(root.join("datasets", "a"))
    index_pages.refresh(root, [])
    assert list(json.loads(text_of(root, "index.json"))["datasets"]) == ["b"]


def test_comparisons_and_digests_are_listed_while_they_are_there(root: Root) -> None:
    for name in ("a", "b"):
        store_version(root, name, metrics=SCORES)
    index_pages.refresh(root, [])
    beside = Path(root.path, "comparisons")
    beside.mkdir()
    Path(root.path, "digests").mkdir()
    Path(root.path, "digests", "2026-05-01-to-2026-05-08.html").touch()
    comparison = {"versions": ["a@v1", "c@v1", "../../a@v1"], "made": NOW.isoformat()}
    Path(beside, "0a.json").write_text(json.dumps(comparison))
    Path(beside, "0b.json").write_text("{}")
    index_pages.refresh(root, [])
    link, digest = 'comparisons/0a.html">a@v1', "digests/2026-05-01-to-2026-05-08.html"
    pages = {page: text_of(root, page) for page in ("index.html", "models/a/index.html",
                                                    "models/b/index.html")}  # fmt: skip
    assert [link in text for text in pages.values()] == [True, True, False]
    assert "0b.html" not in pages["index.html"]
    assert digest in pages["index.html"]
    shutil.rmtree(beside)
    shutil.rmtree(root.join("digests"))
    index_pages.refresh(root, [])
    assert not any("comparisons/" in text_of(root, page) for page in pages)
    assert digest not in text_of(root, "index.html")


def test_the_index_of_a_thousand_versions_stays_small() -> None:
    weeks = [f"20{year}-01-{day:02d}-to-20{year}-02-{day:02d}"
             for year in range(10, 30) for day in range(1, 29)]  # fmt: skip
    page = render("index", "", all=full_catalogue(50, 20, 200), digests=weeks)
    assert len(page.encode()) <= 300_000, len(page)
    assert page.count("<tr>") == 3 + 250 + 2 * 50
    assert f"digests/{weeks[-1]}.html" in page


def test_a_catalogue_comes_back_as_it_was_written(root: Root) -> None:
    whole = full_catalogue(3, 4, 5)
    Path(root.path).mkdir()
    Path(root.path, "index.json").write_bytes(record_bytes(whole))
    assert read_page_record(root, root.join("index.json"), Catalogue) == whole
