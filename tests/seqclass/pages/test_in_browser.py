"""The pages in a real browser."""

import pytest

from seqclass.store.root import Root
from tests.support.chromium import Page
from tests.support.page_trees import PAGES


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
