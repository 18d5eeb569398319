"""Picture of how real and generated pitch spend their time on the octave."""

from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.contour_fit import stage
from benchmarks.pitch_distributions import BINS, WIDTH, Recordings, distributions
from seqclass.pages.charts import ACCENT, INK, MUTED, STYLE
from seqclass.ragas.raga_series import perform
from seqclass.ragas.singing import as_sung
from seqclass.ragas.svaras import PLACES

SHOWN = ("Todi", "Bhairavi", "Kambhoji", "Mohanam", "Begada", "Dhanyasi")
"""Ragas of the picture, where the file has them."""
HIGHEST = 0.05


def picture(recordings: Recordings, path: Path) -> None:
    """Draw real recordings, their mean, and the mean of generated contours, a frame a raga."""
    ragas = recordings.ragas
    chosen = [r for r, raga in enumerate(ragas) if raga.name in SHOWN] or range(min(6, len(ragas)))
    on = stage(tuple(ragas[r] for r in chosen), 12, seed=3, seconds=300.0)
    composition = on.sung_by(tuple(as_sung(ragas[r]) for r in chosen))
    heard = distributions(perform(on.spec, composition, np.random.default_rng(3)).cents)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(11, 5.4), layout="constrained", dpi=120)
        frames = figure.subplots(2, -(-len(chosen) // 2), squeeze=False).ravel()
    for k, (frame, r) in enumerate(zip(frames, chosen, strict=False)):
        real = recordings.share[recordings.label == r]
        _draw(frame, real, heard[composition.of.codes == k].mean(axis=0))
        names = {PLACES[name]: name for name in ragas[r].svaras}
        frame.set_xticks([100 * place for place in names], list(names.values()), fontsize=8)
        frame.set_title(ragas[r].name, loc="left", fontsize=9)
    figure.legend(*frames[0].get_legend_handles_labels(), loc="outside lower center", ncols=3,
                  frameon=False, fontsize=8)  # fmt: skip
    figure.savefig(path, metadata={"Software": None})


def _draw(frame: Axes, real: np.ndarray, generated: np.ndarray) -> None:
    half = BINS // 24
    cents = (np.arange(BINS) - half + 0.5) * WIDTH
    for n, share in enumerate(real):
        label = None if n else "real recordings"
        frame.plot(cents, np.roll(share, half), color=MUTED, linewidth=0.5, label=label)
    frame.plot(cents, np.roll(real.mean(axis=0), half), color=INK, label="their mean")
    frame.plot(cents, np.roll(generated, half), color=ACCENT, label="generated contours")
    frame.set_ylim(0, HIGHEST)
    frame.set_yticks([])
