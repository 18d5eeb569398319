"""``python -m tests.support.page_pictures STORE [FOLDER]``: pictures of the pages for the docs.

STORE: a storage root, filled by ``seqclass`` first where it is empty, which takes some minutes. Of
every kind of page that is there one picture comes into FOLDER (``docs/pictures``): its beginning at
1,440 and at 390 pixels, light and dark. Of a store that ``seqclass run`` has filled comes a picture
of its report's verdict and pictures, too.
"""

import base64
import io
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

from seqclass.flows.cli.command_line import REFUSED
from tests.support.chromium import Page, browse
from tests.support.places import REPOSITORY

COMMANDS = (
    "run",
    "simulate --scenario story --weeks 9 --root {store}",
    "generate iot --n-series 600 --n-steps 80..120 --name iot",
    "train iot --seeds 3",
    "train iot --seeds 2 --first-seed 3",
    "promote iot@v2 --force --reason 'tried by hand'",
    "rollback iot --reason 'complaints from hall 3'",
    "generate signals --n-series 200 --name signals",
    "stability signals --seeds 2 --architectures conv-lstm,lstm",
    "compare iot@v1 iot@v2",
    "digest --days 7",
)
KINDS = {
    "index": "index.html",
    "model": "models/plant/index.html",
    "report": "models/iot/v1/report.html",
    "dataset": "datasets/iot/index.html",
    "comparison": "comparisons/*.html",
    "digest": "digests/*.html",
    "study": "studies/*/*/report.html",
}
RUN = "models/signals/v1/report.html"
END = "document.querySelector('.first').getBoundingClientRect().bottom"
"""Where the pictures of a report end."""
MIDDLE = 1200
WIDE, NARROW, HEIGHT, COLOURS = 1440, 390, 1200, 160
"""Pixels of the screens; colours of a picture, which keeps it small."""


def main(store: Path, folder: Path) -> None:
    if not (store / "index.html").exists():
        fill(store)
    with tempfile.TemporaryDirectory() as profile, browse(Path(profile)) as browser:
        for kind, pattern in KINDS.items():
            for page in sorted(store.glob(pattern))[:1]:
                views = [view(browser, page, width, theme) for theme in ("light", "dark")
                         for width in (WIDE, NARROW)]  # fmt: skip
                keep(beside(views), folder / f"page-{kind}.png")
        if (store / RUN).exists():
            keep(beginning(browser, store / RUN), folder / "lstm-alone.png")


def keep(picture: Image.Image, path: Path) -> None:
    picture.quantize(COLOURS, Image.Quantize.MAXCOVERAGE).save(path, optimize=True)
    print(path)


def fill(store: Path) -> None:
    """A store in which something of everything has happened."""
    environment = {**os.environ, "SEQCLASS_STORAGE": str(store)}
    for line in COMMANDS:
        words = shlex.split(line.format(store=store))
        ended = subprocess.run(
            [sys.executable, "-m", "seqclass.flows", *words], cwd=REPOSITORY, env=environment
        )
        if ended.returncode not in (0, REFUSED):
            raise SystemExit(f"{line}: expected it to work, it ended with {ended.returncode}")


def beginning(browser: Page, page: Path) -> Image.Image:
    """The verdict and the pictures of a report."""
    whole = screenshot(browser, page, (MIDDLE, HEIGHT), "light")
    return whole.crop((0, 0, MIDDLE, int(browser.evaluate(END)) + 12))


def view(browser: Page, page: Path, width: int, theme: str) -> Image.Image:
    """The beginning of a page at half its size."""
    whole = screenshot(browser, page, (width, HEIGHT), theme)
    return whole.resize((width // 2, HEIGHT // 2), Image.Resampling.LANCZOS)


def screenshot(browser: Page, page: Path, size: tuple[int, int], theme: str) -> Image.Image:
    width, height = size
    browser.call("Emulation.setDeviceMetricsOverride", width=width, height=height,
                 deviceScaleFactor=1, mobile=width < MIDDLE)  # fmt: skip
    chosen = {"name": "prefers-color-scheme", "value": theme}
    browser.call("Emulation.setEmulatedMedia", features=[chosen])
    browser.call("Emulation.setScrollbarsHidden", hidden=True)
    browser.go(page.resolve().as_uri())
    shot = browser.call("Page.captureScreenshot", format="png")["data"]
    return Image.open(io.BytesIO(base64.b64decode(shot))).convert("RGB")


def beside(views: list[Image.Image], gap: int = 12) -> Image.Image:
    """Pictures of one height in a row."""
    across = sum(view.width + gap for view in views) - gap
    whole, left = Image.new("RGB", (across, views[0].height), "#8a949e"), 0
    for own in views:
        whole.paste(own, (left, 0))
        left += own.width + gap
    return whole


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]) if sys.argv[2:] else REPOSITORY / "docs" / "pictures")
