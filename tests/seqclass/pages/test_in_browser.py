"""The pages in a real browser: nothing fails, is fetched, cut off, or hard to read."""

from collections.abc import Iterator
from importlib import resources
from typing import Any

import pytest

from seqclass.store.root import Root
from tests.support.chromium import Page
from tests.support.page_trees import PAGES, page_path

AXE = (resources.files("axe_core_python") / "axe.min.js").read_text()
WIDTHS, THEMES = (390, 1440), ("light", "dark")


@pytest.fixture(scope="module")
def browser(browser: Page) -> Page:
    """The browser, which tells of what happens on a page."""
    for domain in ("Runtime", "Log", "Network", "Page"):
        browser.call(f"{domain}.enable")
    return browser


def opened(browser: Page, root: Root, page: str, width: int, theme: str = "light") -> str:
    """Show a page; returns its address."""
    browser.call("Emulation.setDeviceMetricsOverride", width=width, height=900,
                 deviceScaleFactor=1, mobile=width < 500)  # fmt: skip
    scheme = {"name": "prefers-color-scheme", "value": theme}
    browser.call("Emulation.setEmulatedMedia", features=[scheme])
    browser.events.clear()
    address = page_path(root, page).as_uri()
    browser.go(address)
    return address


def complaints(events: list[dict[str, Any]]) -> Iterator[str]:
    """What a browser has told of errors, whoever saw them."""
    for event in events:
        params = event["params"]
        if event["method"] == "Runtime.exceptionThrown":
            yield params["exceptionDetails"]["text"]
        elif event["method"] == "Runtime.consoleAPICalled":
            yield f"{params['type']}: {params['args']}"
        elif event["method"] == "Log.entryAdded":
            yield params["entry"]["text"]


def requests(events: list[dict[str, Any]]) -> list[str]:
    sent = [event for event in events if event["method"] == "Network.requestWillBeSent"]
    return [event["params"]["request"]["url"] for event in sent]


CUT_OFF = """(() => {
  const within = (inner, outer) => inner.left >= outer.left - 1 && inner.right <= outer.right + 1;
  const screen = {left: 0, right: document.documentElement.clientWidth};
  const boxes = [...document.querySelectorAll("body *")].filter(e =>
    e.getClientRects().length && (e.tagName === "CAPTION" || !e.closest(".scroll")) &&
    !within(e.getBoundingClientRect(), screen));
  const hidden = [...document.querySelectorAll("body *")].filter(e =>
    getComputedStyle(e).overflowX === "hidden" && e.scrollWidth > e.clientWidth + 1);
  const scrolled = [...document.querySelectorAll(".scroll:has(table.cards)")].filter(e =>
    e.scrollWidth > e.clientWidth + 1);
  const labels = [...document.querySelectorAll("svg[role=img] text")].filter(e =>
    !within(e.getBoundingClientRect(), e.closest("svg").getBoundingClientRect()));
  return [...boxes, ...hidden, ...scrolled, ...labels].map(e => e.outerHTML.slice(0, 120));
})()"""
NAMELESS = """[...document.querySelectorAll("svg[role=img]")].filter(s => !s.ariaLabel).length"""
SERIOUS = """axe.run({resultTypes: ["violations"]}).then(found => found.violations
  .filter(own => ["serious", "critical"].includes(own.impact))
  .map(own => [own.id, own.nodes.map(node => node.html.slice(0, 120))]))"""


def check_in_browser(browser: Page, tree: Root, page: str) -> None:
    for width in WIDTHS:
        address = opened(browser, tree, page, width)
        assert browser.evaluate(CUT_OFF) == [], (page, width)
        assert list(complaints(browser.events)) == []
        assert requests(browser.events) == [address]
    assert browser.evaluate(NAMELESS) == 0
    assert browser.evaluate("document.querySelectorAll('h1').length") == 1
    assert browser.evaluate("document.body.textContent.includes('alert(1')") == (
        any(name in page for name in ("hostile", "bare", "studies", "digests"))
        or page == "index.html"
    )


def without_scripts(
    browser: Page, root: Root, page: str, width: int = 1440, theme: str = "light"
) -> None:
    """Show a page whose own scripts do not run."""
    browser.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        opened(browser, root, page, width, theme)
    finally:
        browser.call("Emulation.setScriptExecutionDisabled", value=False)


def seriously_wrong(browser: Page, tree: Root, page: str) -> list[Any]:
    """What axe-core calls serious or critical, as the page stands with scripts off."""
    wrong = []
    for theme in THEMES:
        for width in WIDTHS:
            without_scripts(browser, tree, page, width, theme)
            browser.evaluate(AXE)
            wrong += [(theme, width, *fault) for fault in browser.evaluate(SERIOUS)]
    return wrong


FIRST_SCREEN = """[".verdict", ".first svg"].flatMap(name =>
  [...document.querySelectorAll(name)].map(e => e.getBoundingClientRect().bottom))"""


def test_the_first_screen_of_a_report_shows_its_verdict_and_pictures(
    browser: Page, tree: Root
) -> None:
    """All pictures on a desk, the first one on a phone; the screen is 900 pixels high."""
    for width, pictures in ((1440, 2), (390, 1)):
        opened(browser, tree, "models/toy/v1/report.html", width)
        bottoms = browser.evaluate(FIRST_SCREEN)
        assert len(bottoms) == 3
        assert max(bottoms[: 1 + pictures]) <= 900


def test_the_first_page_opens_searches_and_sorts(browser: Page, tree: Root) -> None:
    check_in_browser(browser, tree, "index.html")
    rows = (
        "[...document.querySelectorAll('tbody tr')].filter(row => !row.hidden)"
        ".map(row => row.cells[0].textContent.trim())"
    )
    assert len(browser.evaluate(rows)) == 7
    browser.evaluate("document.querySelector('input').focus()")
    browser.type("hostile")
    assert [name.partition("@")[0] for name in browser.evaluate(rows)] == ["hostile"]
    browser.evaluate("document.querySelector('input').select()")
    browser.type("@")
    browser.evaluate("document.querySelectorAll('thead button')[1].click()")
    assert browser.evaluate(rows)[:2] == ["bare@v2", "toy@v1"]
    browser.evaluate("document.querySelectorAll('thead button')[1].click()")
    assert browser.evaluate(rows)[:2] == ["toy@v1", "bare@v2"]
    browser.evaluate(AXE)
    assert browser.evaluate(SERIOUS) == []


def test_the_first_page_can_be_read_without_scripts(browser: Page, tree: Root) -> None:
    without_scripts(browser, tree, "index.html")
    text = browser.evaluate("document.body.innerText")
    assert "Search" not in text
    for name in ("toy@v1, toy@v2", "bare@v2", "hostile@", "how seeds spread", "digest"):
        assert name in text


@pytest.mark.system
@pytest.mark.parametrize("page", PAGES[1:])
def test_every_kind_of_page_opens_without_a_request(browser: Page, tree: Root, page: str) -> None:
    check_in_browser(browser, tree, page)


@pytest.mark.system
@pytest.mark.parametrize("page", PAGES)
def test_axe_finds_nothing_serious(browser: Page, tree: Root, page: str) -> None:
    assert seriously_wrong(browser, tree, page) == []


@pytest.mark.system
def test_what_is_wrong_would_be_found(browser: Page, tree: Root) -> None:
    opened(browser, tree, "index.html", 390)
    browser.evaluate("document.querySelector('h1').style.color = '#ddd'")
    browser.evaluate(AXE)
    assert [fault[0] for fault in browser.evaluate(SERIOUS)] == ["color-contrast"]
    browser.evaluate("document.querySelector('h1').style.width = '60rem'")
    assert len(browser.evaluate(CUT_OFF)) == 1
    browser.evaluate("console.error('oh'); fetch('https://example.org').catch(() => 0)")
    assert any("oh" in complaint for complaint in complaints(browser.events))
