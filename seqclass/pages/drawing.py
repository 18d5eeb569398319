"""Small pictures as SVG, whose colours follow the page's light or dark theme."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from markupsafe import Markup, escape

WIDTH, HEIGHT = 360, 220
LEFT, RIGHT, TOP, BOTTOM = 46, 8, 8, 34
SKETCH_SIZE = 56, 18
FINE, SCALE = 10, "scale(.1)"
"""Coordinates are whole tenths, which are shorter to write than decimals."""
MOST_NAMED, MOST_LETTERS, LONGEST_NAME = 10, 16, 104
"""Most classes of a matrix that are named, most letters of a class's name, and their width."""
TENS = np.array([10.0**power for power in range(309)])
Points = Sequence[tuple[float, float]]


def path_of(values: Sequence[float | None], width: int, height: int) -> str:
    """Return the ``d`` of a line through values at equal distances; None interrupts it."""
    return _path(values, width, height)[0]


def _path(
    values: Sequence[float | None], width: int, height: int
) -> tuple[str, tuple[float, float]]:
    """Return the path as ``path_of`` does, with the lowest and the highest value."""
    numbers = np.array(values, np.float64)
    there = ~np.isnan(numbers)
    observed = numbers[there]
    if not len(observed):
        return "", (0.0, 0.0)
    low, high = float(observed.min()), float(observed.max())
    extent, bottom = (high - low, height) if high > low else (1.0, height / 2)
    drawn = np.rint(bottom - height * ((observed - low) / extent)).astype(int)
    return _pen(width, there.tobytes()) % tuple(drawn.tolist()), (low, high)


@lru_cache(maxsize=64)
def _pen(width: int, there: bytes) -> str:
    """Return a path template of equal steps, a byte of ``there`` for each."""
    last = max(len(there) - 1, 1)
    return "".join(
        f"{'L' if number and there[number - 1] else 'M'}{round(width * number / last)} %d"
        for number, is_there in enumerate(there)
        if is_there
    )


def line(values: Sequence[float | None], label: str, width: int = 90, height: int = 22) -> Markup:
    """Draw a line without axes, to be used in a text or in the cell of a table."""
    d = path_of(values, FINE * (width - 4), FINE * (height - 4))
    drawn = f'<path class="line" d="{d}" transform="translate(2 2) {SCALE}"/>'
    return _svg(width, height, label, drawn, "spark")


def sketch(d: str) -> Markup:
    """Draw a line from a finished path, beside the text that describes it."""
    size = "{} {}".format(*SKETCH_SIZE)
    drawn = f'<path d="{escape(d)}"/>'
    return Markup(f'<svg class="k" viewBox="0 0 {size}" aria-hidden="true">{drawn}</svg>')  # noqa: S704


def series(
    values: Sequence[float | None], label: str, channel: str, shade: tuple[float, ...] = ()
) -> Markup:
    """Draw one channel of one series with the ends of its own axis.

    shade: how strongly each value is shaded behind, in [0, 1].
    """
    width, height, left, top = 300, 80, 62, 14
    step = (width - left) / max(len(values) - 1, 1)
    strips = shade and _strips(shade, FINE * (left - step / 2), FINE * step, FINE * (height - top))
    behind = f'<g transform="translate(0 {top}) {SCALE}">{strips}</g>' if strips else ""
    d, (low, high) = _path(values, FINE * (width - left), FINE * (height - top - 4))
    drawn = (
        f'{behind}<path class="line" d="{d}" transform="translate({left} {top + 2}) {SCALE}"/>'
        f'<text x="{left}" y="10">{escape(channel)}</text>'
        f'<text x="{left - 5}" y="{top + 10}" class="end">{_number(high)}</text>'
        f'<text x="{left - 5}" y="{height - 2}" class="end">{_number(low)}</text>'
    )
    return _svg(width, height, f"{label}, channel {channel}", drawn, "series")


def _number(value: float) -> str:
    """Format four digits as briefly as possible, since there is little room beside an axis."""
    return f"{value:.4g}".replace("e+", "e").replace("e-0", "e-").replace("e0", "e")


@lru_cache(maxsize=1)
def _strips(shade: tuple[float, ...], left: float, step: float, height: int) -> str:
    """Return a path per shading strength, in tenths; less than half a tenth is not drawn.

    The last result is cached, since the channels of a series are drawn one after the other.
    """
    drawn: dict[int, list[str]] = {}
    levels = np.rint(10 * np.array(shade)).astype(int).tolist()
    for level, strip in zip(levels, _strip_paths(len(shade), left, step, height), strict=True):
        drawn.setdefault(level, []).append(strip)
    return "".join(
        f'<path class="shade" d="{"".join(strips)}" opacity="{level / 20:g}"/>'
        for level, strips in sorted(drawn.items())
        if level > 0
    )


@lru_cache(maxsize=64)
def _strip_paths(n: int, left: float, step: float, height: int) -> list[str]:
    size = f"0h{step:.0f}v{height}h-{step:.0f}z"
    return [f"M{int(left + step * number)} {size}" for number in range(n)]


@dataclass(frozen=True)
class Axes:
    """Two axes with their ends, a thin ``guide`` line and a dashed vertical ``mark``."""

    x_label: str
    y_label: str
    x_ends: tuple[float, float]
    y_ends: tuple[float, float]
    guide: Points = ()
    mark: float | None = None

    def place(self, point: tuple[float, float]) -> tuple[float, float]:
        """Return the position of a data point in the picture."""
        (x0, x1), (y0, y1) = self.x_ends, self.y_ends
        x = LEFT + (point[0] - x0) / ((x1 - x0) or 1) * (WIDTH - LEFT - RIGHT)
        y = HEIGHT - BOTTOM - (point[1] - y0) / ((y1 - y0) or 1) * (HEIGHT - TOP - BOTTOM)
        return round(x, 1), round(y, 1)

    def drawn(self) -> str:
        """Return axes, ends and marks as SVG."""
        right, bottom, middle = WIDTH - RIGHT, HEIGHT - BOTTOM, (TOP + HEIGHT - BOTTOM) / 2
        mark = () if self.mark is None else [(self.mark, y) for y in self.y_ends]
        return (
            f'<path class="axis" d="M{LEFT} {TOP}V{bottom}H{right}"/>'
            f'<text x="{LEFT}" y="{bottom + 14}">{self.x_ends[0]:.4g}</text>'
            f'<text x="{right}" y="{bottom + 14}" class="end">{self.x_ends[1]:.4g}</text>'
            f'<text x="{LEFT - 5}" y="{bottom}" class="end">{self.y_ends[0]:.3g}</text>'
            f'<text x="{LEFT - 5}" y="{TOP + 9}" class="end">{self.y_ends[1]:.3g}</text>'
            f'<text x="{(LEFT + right) / 2}" y="{HEIGHT - 4}" class="middle">'
            f"{escape(self.x_label)}</text>"
            f'<text x="12" y="{middle}" class="middle" transform="rotate(-90 12 {middle})">'
            f"{escape(self.y_label)}</text>"
            f"{self.line('guide', self.guide)}{self.line('mark', mark)}"
        )

    def line(self, kind: str, points: Points, name: str = "") -> str:
        """Return a curve as SVG; its name is shown under the pointer."""
        d = "L".join(f"{x} {y}" for x, y in map(self.place, points))
        return f'<path class="{kind}" d="M{d}"><title>{escape(name)}</title></path>' if d else ""


def lines(curves: dict[str, Points], label: str, axes: Axes) -> Markup:
    """Draw curves by name in one picture; label: a description in words."""
    numbered = enumerate(curves.items())
    drawn = (axes.line(f"line c{n % 5}", points, name) for n, (name, points) in numbered)
    return _svg(WIDTH, HEIGHT, label, axes.drawn() + "".join(drawn), "chart")


def dots(points: Points, weights: Sequence[float], label: str, axes: Axes) -> Markup:
    """Draw a dot per point, whose area follows its weight."""
    heaviest = max(weights, default=1)
    drawn = (
        f'<circle class="dot" cx="{x}" cy="{y}" r="{2 + 6 * (weight / heaviest) ** 0.5:.1f}"/>'
        for (x, y), weight in zip(map(axes.place, points), weights, strict=True)
    )
    return _svg(WIDTH, HEIGHT, label, axes.drawn() + "".join(drawn), "chart")


@dataclass(frozen=True)
class Strip:
    """A row of ``strips``: scores by a name, and the interval of a single one."""

    name: str
    values: Sequence[float]
    is_ours: bool = False
    interval: tuple[float, float] | None = None


def strips(rows: Sequence[Strip], label: str, axis: str) -> Markup:
    """Draw a dot per score in [0, 1], in a row per name; the axis ends at 1, and a round score."""
    left, step, n = 132, 24, len(rows)
    lows = [min(row.values) if row.interval is None else row.interval[0] for row in rows]
    short = max(1 - min(lows, default=0), 0.001)
    unit = 10 ** np.floor(np.log10(short))
    low = max(1 - np.ceil(short / unit) * unit, 0)
    bottom, right = TOP + step * n, WIDTH - 14
    height = bottom + BOTTOM

    def place(value: float) -> float:
        return round(left + (value - low) / (1 - low) * (right - left), 1)

    drawn = [f'<path class="axis" d="M{left} {TOP}V{bottom}H{right}"/>']
    for number, row in enumerate(rows):
        y, kind = TOP + step * (number + 0.5), "ours" if row.is_ours else "c4"
        drawn.append(f'<text x="{left - 8}" y="{y + 4}" class="end">{_brief(row.name, 20)}</text>')
        if row.interval:
            ends = map(place, row.interval)
            drawn.append(f'<path class="line {kind}" d="M{next(ends)} {y}H{next(ends)}"/>')
        drawn += [
            f'<circle class="dot {kind}" cx="{place(value)}" cy="{y}" r="4.5">'
            f"<title>{escape(row.name)}: {value:.4f}</title></circle>"
            for value in row.values
        ]
    drawn.append(
        f'<text x="{left}" y="{bottom + 14}">{low:.3g}</text>'
        f'<text x="{right}" y="{bottom + 14}" class="end">1</text>'
        f'<text x="{(left + right) / 2}" y="{height - 4}" class="middle">{escape(axis)}</text>'
    )
    return _svg(WIDTH, height, label, "".join(drawn), "chart")


def matrix(counts: Sequence[Sequence[int]], names: Sequence[str], label: str) -> Markup:
    """Draw a confusion matrix: a row for each true class, a column for each answer.

    A cell is shaded by its share of the row; wrong answers have another colour. Up to ten classes
    are named, and their counts written.
    """
    n, is_named = len(names), len(names) <= MOST_NAMED
    left, top = (LONGEST_NAME + 12 if is_named else 24), 22
    size = min((WIDTH - left) / n, (HEIGHT - top - 4) / n)
    side, middle = f"{size:.1f}", top + size * n / 2
    texts = [
        f'<text x="{left + size * n / 2:.1f}" y="12" class="middle">answered</text>'
        f'<text x="12" y="{middle:.1f}" class="middle" transform="rotate(-90 12 {middle:.1f})">'
        "is</text>"
    ]
    squares: dict[tuple[str, int], list[str]] = {}
    for i, row in enumerate(counts):
        y = top + size * i
        if is_named:
            place = f'x="{left - 6}" y="{y + size / 2 + 4:.1f}"'
            texts.append(f'<text {place} class="end">{_brief(names[i], MOST_LETTERS)}</text>')
        for j, count in enumerate(row):
            if not count:
                continue
            x, shade = left + size * j, max(round(10 * count / sum(row)), 2)
            square = f"M{x:.1f} {y:.1f}h{side}v{side}h-{side}z"
            squares.setdefault(("right" if i == j else "wrong", shade), []).append(square)
            if is_named:
                place = f'x="{x + size / 2:.1f}" y="{y + size / 2 + 4:.1f}"'
                texts.append(f'<text {place} class="middle count">{count}</text>')
    frame = f"M{left} {top}h{size * n:.1f}v{size * n:.1f}h-{size * n:.1f}z"
    drawn = [f'<path class="axis" d="{frame}"/>'] + [
        f'<path class="{kind}" d="{"".join(paths)}" fill-opacity="{0.06 * shade:.2g}"/>'
        for (kind, shade), paths in sorted(squares.items())
    ]
    return _svg(WIDTH, HEIGHT, label, "".join(drawn + texts), "chart")


def _brief(name: str, most: int) -> Markup:
    return escape(name if len(name) <= most else f"{name[: most - 1]}…")


def _svg(width: int, height: int, label: str, inner: str, kind: str) -> Markup:
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    named = f'class="{kind}" role="img" aria-label="{escape(label)}"'
    return Markup(f"<svg {named} {size}>{inner}</svg>")  # noqa: S704 - numbers, escaped texts


def cells(counts: Sequence[int]) -> Markup:
    """Return a row of a table of counts, each shaded by its share of the row."""
    total = sum(counts)
    drawn = (
        f'<td class="n cell" style="--share:{count / total:.2f}">{count}</td>'
        if count
        else '<td class="n">·</td>'
        for count in counts
    )
    return Markup("".join(drawn))  # noqa: S704 - numbers


@lru_cache(maxsize=256)
def at_equal_distances(n: int, most: int) -> np.ndarray:
    """Return at most ``most`` evenly spaced indices into ``n`` values, including first and last."""
    return np.linspace(0, n - 1, min(most, n)).round().astype(int)


def resampled(values: np.ndarray, most: int) -> list[float | None]:
    """Return at most ``most`` of the values, rounded to four digits; None where one is missing."""
    kept = values[at_equal_distances(len(values), most)].astype(np.float64)
    return [None if v != v else v for v in _four_digits(kept).tolist()]


def _four_digits(values: np.ndarray) -> np.ndarray:
    """Round values as ``.4g`` does, by an exact power of ten or its inverse."""
    with np.errstate(divide="ignore", invalid="ignore"):
        places = 3 - np.floor(np.log10(np.abs(values)))
    places = np.clip(np.where(np.isfinite(places), places, 0), -308, 308).astype(int)
    up, down = TENS[np.maximum(places, 0)], TENS[np.maximum(-places, 0)]
    return np.round(values / down * up) / up * down
