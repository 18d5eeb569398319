"""The pages: what they show, what they read, and that they open in a real browser."""

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seqclass.pages import catalogue
from seqclass.pages.records import (
    Catalogue,
    DatasetEntry,
    ModelEntry,
    Sketch,
    Version,
)
from seqclass.pages.rendering import record_bytes, render
from seqclass.pages.trust import trust_of
from seqclass.store.catalogue import verify_tree
from seqclass.store.datasets import Provenance, write_rows
from seqclass.store.registry import Grounds, move_champion, open_model, write_refusal
from seqclass.store.retrainings import commit_retraining, write_suspect_labels
from seqclass.store.root import Root, open_root
from seqclass.store.staging import staging
from tests.support.chromium import Page
from tests.support.commands import Command
from tests.support.places import NOW
from tests.support.stored import store_series, store_version

SCORES = {"macro_f1": 0.8125, "accuracy": 0.8, "log_loss": 0.4321}
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def tree(prefect: str, tmp_path_factory: pytest.TempPathFactory) -> Root:
    """A trained model, one of two bare versions, and a dataset whose names are hostile."""
    from flows.training import train_classifier
    from seqclass.training.spec import TrainingSpec

    root = open_root(tmp_path_factory.mktemp("pages"))
    store_series(root, n=120)
    spec = TrainingSpec(seeds=1, members=("convolutions",))
    for _ in range(2):
        train_classifier("toy", spec=spec, root=root.path)
    store_series(root, "hostile", label=[HOSTILE, "other"] * 30)
    for number in range(2):
        version = store_version(root, "bare", metrics=SCORES).version
        move_champion(root, "bare", version, Grounds("me", HOSTILE, {}, NOW.replace(second=number)))
    write_refusal(root, "bare", "v3", Grounds("me", "worse", {}, NOW.replace(second=9)))
    catalogue.write_all(root)
    return root


PAGES = [
    "index.html",
    "models/toy/index.html",
    "models/bare/index.html",
    "models/toy/v1/report.html",
    "models/toy/v2/report.html",
    "datasets/toy/index.html",
    "datasets/hostile/index.html",
]


def text_of(root: Root, page: str) -> str:
    return Path(root.path, page).read_text()


def test_pages_name_what_they_are_of_and_say_why(tree: Root) -> None:
    first, second = (text_of(tree, f"models/toy/v{number}/report.html") for number in (1, 2))
    assert "<title>toy v1: report</title>" in first
    assert "<title>toy v2: report</title>" in second
    assert '<span class="mark good">champion</span>' in first
    assert '<span class="mark good">champion</span>' not in second
    assert "Trust it with care" in first
    assert "One seed says nothing" in first
    model = text_of(tree, "models/bare/index.html")
    assert model.index("v3 was refused") < model.index("v1 → v2") < model.index("none → v1")


def test_no_page_is_larger_than_half_a_megabyte(tree: Root) -> None:
    for page in PAGES:
        assert len(text_of(tree, page)) <= 500_000


def test_names_are_text_on_every_page(tree: Root) -> None:
    for page in PAGES:
        assert HOSTILE not in text_of(tree, page)
    assert "&lt;script&gt;" in text_of(tree, "datasets/hostile/index.html")
    assert "&lt;script&gt;" in text_of(tree, "models/bare/index.html")


def test_verify_is_content_with_pages_and_links_lead_somewhere(tree: Root) -> None:
    assert verify_tree(tree)["bad"] == []
    for page in PAGES:
        folder = Path(tree.path, page).parent
        links = re.findall(r'href="([^"#]+)"', text_of(tree, page))
        assert links
        for link in links:
            assert (folder / link).exists(), (page, link)


def numbers_of(content: Any) -> Iterator[float]:
    if isinstance(content, dict):
        content = list(content.values())
    if isinstance(content, list):
        for item in content:
            yield from numbers_of(item)
    elif isinstance(content, int | float) and not isinstance(content, bool):
        yield float(content)


@pytest.mark.parametrize("page", PAGES)
def test_every_number_stands_in_a_json_beside_the_page(tree: Root, page: str) -> None:
    folder, text = Path(tree.path, page).parent, text_of(tree, page)
    beside = [json.loads(path.read_text()) for path in folder.glob("*.json")]
    known = {f"{abs(number):.4f}" for content in beside for number in numbers_of(content)}
    shown = re.findall(
        r"(?<![\d.])(\d\.\d{4})(?!\d)", re.sub(r"<svg.*?</svg>", "", text, flags=re.S)
    )
    assert set(shown) - known == set()
    assert shown or "datasets" in page


def test_a_promotion_changes_the_standing_on_both_reports(tree: Root, seqclass: Command) -> None:
    assert seqclass("promote", "toy@v2", "--root", tree.path)[0] == 0
    for version, mark in (("v1", 0), ("v2", 1)):
        page = text_of(tree, f"models/toy/{version}/report.html")
        assert page.count('<span class="mark good">champion</span>') == mark
    assert "toy@v2" in text_of(tree, "index.html")
    assert verify_tree(tree)["bad"] == []
    assert seqclass("rollback", "toy", "--root", tree.path)[0] == 0
    assert "toy@v1" in text_of(tree, "index.html")


def test_the_five_lines_of_a_report_answer(tree: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    import html

    blocks = re.findall(r"<pre>(.*?)</pre>", text_of(tree, "models/toy/v1/report.html"), re.S)
    code = next(html.unescape(block) for block in blocks if "load_model" in block)
    assert len([line for line in code.splitlines() if line]) == 5
    monkeypatch.setenv("SEQCLASS_STORAGE", tree.path)
    known: dict[str, Any] = {"X": np.zeros((2, 12, 1), np.float32)}
    exec(compile(code, "report", "exec"), known)  # noqa: S102 - what the page tells people to run
    assert known["shares"].shape == (2, 2)
    assert len(known["labels"]) == len(known["answers"]) == 2


def test_one_change_reads_a_few_files_whatever_there_is(
    root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(25):
        version = store_version(root, "m", metrics=SCORES).version
        move_champion(root, "m", version, Grounds("me", "why", {}, NOW.replace(second=number)))
        store_series(root, f"d{number}", n=4)
    catalogue.write_all(root)
    move_champion(root, "m", "v3", Grounds("me", "back", {}, NOW.replace(second=50)))
    read: list[str] = []
    plain_open = open

    def counted(path: Any, *rest: Any, **more: Any) -> Any:
        if str(path).startswith(root.path) and "w" not in str(rest[:1] or more.get("mode")):
            read.append(str(path))
        return plain_open(path, *rest, **more)

    monkeypatch.setattr("builtins.open", counted)
    catalogue.refresh(root, ["models/m@v3"])
    assert 0 < len(read) <= 20, read
    assert "m@v3" in text_of(root, "index.html")


def test_a_summary_of_another_release_or_none_is_made_again(root: Root) -> None:
    for _ in range(2):
        version = store_version(root, "m", metrics=SCORES).version
    store_series(root)
    move_champion(root, "m", version, Grounds("me", "why", {}, NOW))
    catalogue.write_all(root)
    whole = text_of(root, "index.json")
    for path in (
        *Path(root.path).rglob("index.json"),
        *Path(root.path).rglob("datasets/toy/*.json"),
    ):
        if path.name != "latest.json":
            path.write_text('{"another": "release"}')
    catalogue.refresh(root, [])
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
    return Catalogue(
        {name: replace(model, name=name) for name in names[:n_models]},
        {name: replace(data, name=name) for name in names[:n_datasets]},
    )


def test_a_dataset_says_what_it_is_like_and_what_has_changed(root: Root) -> None:
    first = store_series(root, n=40)
    rows = [pa.concat_tables(first.tables())]
    twin = rows[0].slice(0, 1).set_column(0, "series_id", pa.array(["twin"]))
    parents = {"parents": [first.ref], "quarantined": {"out_of_range": 3}}
    later = write_rows(
        root, "toy", [*rows, twin], Provenance({}, NOW.replace(hour=9), lambda: parents)
    )
    catalogue.refresh(root, [])
    old, new = (text_of(root, f"datasets/toy/{own.manifest['version']}.html")
                for own in (first, later))  # fmt: skip
    assert text_of(root, "datasets/toy/index.html") == new
    assert "What changed" not in old
    assert re.search(r"</a>: \+1 series\. down \+1", new)
    assert "1 of the series repeat the values of another" in new
    assert "3 out of range" in new
    profiled = json.loads(text_of(root, f"datasets/toy/{later.manifest['version']}.json"))
    values = later.values()
    channel = profiled["channels"][0]
    assert channel["lowest"] == pytest.approx(float(values.min()))
    assert channel["mean"] == pytest.approx(float(values.mean()), abs=1e-6)
    assert channel["sd"] == pytest.approx(float(values.std()), rel=1e-5)
    assert sum(own["count"] for own in profiled["lengths"]) == 41


def test_what_is_gone_leaves_the_catalogue(root: Root) -> None:
    for name in ("a", "b"):
        store_series(root, name)
    catalogue.refresh(root, [])
    shutil.rmtree(root.join("datasets", "a"))
    catalogue.refresh(root, [])
    assert list(json.loads(text_of(root, "index.json"))["datasets"]) == ["b"]


def test_the_index_of_a_thousand_versions_stays_small() -> None:
    page = render("index", "", all=full_catalogue(50, 20, 200))
    assert len(page.encode()) <= 300_000, len(page)
    assert page.count("<tr>") == 2 + 250


def test_a_catalogue_comes_back_as_it_was_written(root: Root) -> None:
    from seqclass.pages.rendering import read_page_record

    whole = full_catalogue(3, 4, 5)
    Path(root.path).mkdir()
    Path(root.path, "index.json").write_bytes(record_bytes(whole))
    assert read_page_record(root, root.join("index.json"), Catalogue) == whole


def scored(**changes: Any) -> dict[str, Any]:
    beside = {"won": 5, "lost": 40, "better_p": 1.0}
    return {
        "metrics": {"accuracy": 0.95, "intervals": {"accuracy": [0.93, 0.97]}},
        "test_rows": 500,
        "baselines": {"nearest": {"accuracy": 0.9}},
        "evidence": {"interval": [0.9, 1.0], "chance": 0.5, "baselines": {"nearest": beside}},
        "leaks": {"exact": 0, "near": 0},
        **changes,
    }


STEADY = {"seeds": [{}] * 5, "spread": {"macro_f1": {"sd": 0.01}}}


@pytest.mark.parametrize(
    ("metrics", "stability", "refused", "level", "said"),
    [
        (scored(), STEADY, None, "yes", None),
        (scored(), STEADY, "seeds do not agree", "no", "The gate refused it"),
        (scored(leaks={"exact": 1, "near": 2}), STEADY, None, "care", "3 test series are copies"),
        (scored(), {**STEADY, "seeds": [{}]}, None, "care", "One seed"),
        (
            scored(evidence={"interval": [0.9, 1.0], "chance": 0.5,
                             "baselines": {"nearest": {"won": 9, "lost": 10}}}),
            STEADY, None, "care", "not better than nearest beyond chance",
        ),
        (
            scored(evidence={"interval": [0.4, 1.0], "chance": 0.5,
                             "baselines": {"nearest": {"won": 5, "lost": 40}}}),
            STEADY, None, "no", "may be chance",
        ),
    ],
)  # fmt: skip
def test_trust_is_given_by_what_was_found(
    metrics: dict, stability: dict, refused: str | None, level: str, said: str | None
) -> None:
    found = trust_of(metrics, stability, refused)
    assert found.level == level
    assert "95.0% of 500 series" in found.sentence
    assert said is None if not found.doubts else said in found.doubts[0]


def opened(browser: Page, root: Root, page: str, width: int) -> None:
    browser.call("Emulation.setDeviceMetricsOverride", width=width, height=900,
                 deviceScaleFactor=1, mobile=width < 500)  # fmt: skip
    browser.go(f"file://{root.path}/{page}")


WHAT_WENT_WRONG = """(() => {
  const wide = document.documentElement.scrollWidth > innerWidth;
  const asked = performance.getEntriesByType("resource").map(entry => entry.name);
  const nameless = [...document.querySelectorAll("svg[role=img]")].filter(s => !s.ariaLabel).length;
  return {wide, asked, nameless, heads: document.querySelectorAll("h1").length};
})()"""


def check_in_browser(browser: Page, tree: Root, page: str) -> None:
    for width in (390, 1440):
        opened(browser, tree, page, width)
        found = browser.evaluate(WHAT_WENT_WRONG)
        assert found == {"wide": False, "asked": [], "nameless": 0, "heads": 1}, (page, width)
    assert browser.evaluate("document.body.textContent.includes('alert(1')") == (
        "hostile" in page or "bare" in page or page == "index.html"
    )


def test_the_first_page_opens_searches_and_sorts(browser: Page, tree: Root) -> None:
    check_in_browser(browser, tree, "index.html")
    rows = (
        "[...document.querySelectorAll('tbody tr')].filter(row => !row.hidden)"
        ".map(row => row.cells[0].textContent.trim())"
    )
    assert len(browser.evaluate(rows)) == 4
    browser.evaluate("document.querySelector('input').focus()")
    browser.type("hostile")
    assert [name.partition("@")[0] for name in browser.evaluate(rows)] == ["hostile"]
    browser.evaluate("document.querySelector('input').select()")
    browser.type("@")
    browser.evaluate("document.querySelectorAll('thead button')[1].click()")
    assert browser.evaluate(rows)[:2] == ["bare@v2", "toy@v1"]
    browser.evaluate("document.querySelectorAll('thead button')[1].click()")
    assert browser.evaluate(rows)[:2] == ["toy@v1", "bare@v2"]


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES[1:])
def test_every_kind_of_page_opens_without_a_request(browser: Page, tree: Root, page: str) -> None:
    check_in_browser(browser, tree, page)


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_texts_stand_out_from_the_paper(browser: Page, tree: Root, page: str, theme: str) -> None:
    """The contrast of every text is that of WCAG AA, in both themes, with scripts off."""
    browser.call("Emulation.setScriptExecutionDisabled", value=True)
    chosen = {"name": "prefers-color-scheme", "value": theme}
    browser.call("Emulation.setEmulatedMedia", features=[chosen])
    try:
        opened(browser, tree, page, 1440)
    finally:
        browser.call("Emulation.setScriptExecutionDisabled", value=False)
    assert browser.evaluate(FAINT) == []


FAINT = """(() => {
  const numbers = colour => colour.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(c => c / 255)
    .map(c => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const paper = element => {
    for (let e = element; e; e = e.parentElement) {
      const found = numbers(getComputedStyle(e).backgroundColor);
      if (found.length < 4 || found[3] === 1) return found;
    }
    return [255, 255, 255];
  };
  return [...document.querySelectorAll("body *")].filter(element => {
    const own = [...element.childNodes].some(n => n.nodeType === 3 && n.data.trim());
    if (!own || element.closest("script, style, svg") || element.closest(".cell")) return false;
    const [a, b] = [numbers(getComputedStyle(element).color), paper(element)].map(light);
    return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05) < 4.5;
  }).map(element => element.outerHTML.slice(0, 80));
})()"""


def test_a_retraining_shows_its_drift_and_the_labels_in_doubt(root: Root) -> None:
    version = store_version(root, "m", metrics=SCORES).version
    move_champion(root, "m", version, Grounds("me", "why", {}, NOW))
    shifts = [
        {"what": "value: mean", "shift": 0.75, "adjusted_p": 1e-9, "drifted": True},
        {"what": "value: spread", "shift": 0.125, "adjusted_p": 0.4, "drifted": False},
    ]
    said = {"decision": "refused", "reasons": ["worse on old rows"], "audit": None, "seen": [],
            "challenger": "models/m@v2", "dataset": "datasets/toy@0", "new_rows": 40,
            "trusted": False}  # fmt: skip
    with staging(root, "retraining") as folder:
        pq.write_table(pa.Table.from_pylist(shifts), f"{folder}/drift.parquet")
        write_suspect_labels(root, folder, [("s1", "up"), ("s2", None)])
        commit_retraining(root, folder, "m", said, NOW.replace(second=9))
    catalogue.refresh(root, [])
    page, index = text_of(root, "models/m/index.html"), text_of(root, "index.html")
    assert "worse on old rows" in page
    assert "2 labels were doubted" in page
    assert '<div class="bar hot" aria-hidden="true"><i style="width:75.00%">' in page
    assert '<span class="care">value: mean</span>' in index
    assert '<span class="care">2 labels</span>' in index


def test_a_version_without_tests_is_shown_as_unknown(root: Root) -> None:
    store_version(root, "m", metrics=SCORES)
    catalogue.write_all(root)
    assert "no champion" in text_of(root, "models/m/index.html")
    assert open_model(root, "m@v1").version == "v1"
    assert "m@v1" in text_of(root, "index.html")
