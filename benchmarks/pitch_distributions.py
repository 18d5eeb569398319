"""Distributions of pitch over the octave: of real recordings in a file, and of contours.

The file is that of ``shared/data/raga/README``: ``pcd (n, channels, 120)``, shares of the octave's
bins of 10 cents from Sa, ``channels`` with ``duration`` among them, ``raga_index (n,)`` and
``ragas``.
"""

import hashlib
import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

from seqclass.ragas.definitions import Raga
from seqclass.ragas.raga_table import find_raga
from seqclass.ragas.svaras import PLACES

BINS, WIDTH = 120, 10.0
"""Bins of an octave, and their width in cents."""
DATA = Path(__file__).parents[2] / "shared" / "data" / "raga" / "pitch_distributions.npz"
FIELDS = ("pcd", "channels", "raga_index", "ragas")


class Recordings(NamedTuple):
    """Recordings of ragas: distributions ``(n, BINS)``, index of the raga, and a file's digest.

    turn: ``(n,)`` number of a recording among those of its raga.
    """

    ragas: tuple[Raga, ...]
    share: np.ndarray
    label: np.ndarray
    turn: np.ndarray
    digest: str

    def mean(self) -> np.ndarray:
        """Return the mean distribution of each raga, ``(ragas, BINS)``."""
        return np.stack([self.share[self.label == r].mean(axis=0) for r in range(len(self.ragas))])

    @property
    def each(self) -> float:
        """Recordings of each raga, on average."""
        return len(self.label) / len(self.ragas)

    def only(self, chosen: np.ndarray) -> "Recordings":
        """Return some of the recordings, of the same ragas."""
        return self._replace(
            share=self.share[chosen], label=self.label[chosen], turn=self.turn[chosen]
        )


def read_recordings(path: Path) -> Recordings:
    """Read a file of distributions; ValueError tells what is wrong with it."""
    try:
        with np.load(path, allow_pickle=False) as file:
            pcd, channels, index, names = (file[name] for name in FIELDS)
    except OSError as error:
        raise ValueError(
            f"PATH: expected an .npz of distributions, got {str(path)!r} ({error.strerror}); name "
            "another file"
        ) from error
    except (KeyError, ValueError, TypeError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"PATH: expected an .npz with {', '.join(FIELDS)}, got {str(path)!r} without "
            "them; see benchmarks/pitch_distributions.py"
        ) from error
    if pcd.ndim != 3 or pcd.shape[2] != BINS or "duration" not in channels:
        raise ValueError(
            f"PATH: expected pcd (recordings, channels, {BINS}) with a channel duration, got "
            f"{pcd.shape} with {', '.join(map(str, channels))}; correct the file"
        )
    share = pcd[:, list(channels).index("duration")].astype(float)
    total = share.sum(axis=1, keepdims=True)
    if not (np.isfinite(total) & (total > 0)).all() or (share < 0).any():
        raise ValueError(
            "PATH: expected positive shares for every recording, got others; correct the file"
        )
    label = index.astype(int)
    if len(label) != len(share) or (label < 0).any() or (label >= len(names)).any():
        raise ValueError(
            f"PATH: expected {len(share)} numbers below {len(names)} as raga_index, got others; "
            "correct the file"
        )
    counts = np.bincount(label, minlength=len(names))
    if counts.min() < 2:
        raise ValueError(
            f"PATH: expected two recordings of each raga at least, got {counts.min()}; leave out "
            "ragas with fewer"
        )
    turn = np.array([(label[:n] == own).sum() for n, own in enumerate(label)])
    digest = hashlib.sha256(np.ascontiguousarray(pcd).tobytes()).hexdigest()[:16]
    ragas = tuple(find_raga(str(name)) for name in names)
    return Recordings(ragas, share / total, label, turn, digest)


def folded_bins(cents: np.ndarray) -> np.ndarray:
    """Return the bin of the octave that each pitch falls in."""
    return (np.floor(cents / WIDTH).astype(int)) % BINS


def distributions(cents: np.ndarray) -> np.ndarray:
    """Return the share of each bin of the octave in contours ``(rows, frames)``."""
    rows = np.broadcast_to(np.arange(len(cents))[:, None], cents.shape)
    voiced = np.isfinite(cents)
    index = rows[voiced] * BINS + folded_bins(cents[voiced])
    counts = np.bincount(index, minlength=len(cents) * BINS).reshape(-1, BINS)
    return counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)


def smoothed(share: np.ndarray, bins: float) -> np.ndarray:
    """Return distributions blurred around the octave by a normal curve."""
    if not bins:
        return share
    away = np.minimum(np.arange(BINS), BINS - np.arange(BINS))
    curve = np.exp(-0.5 * (away / bins) ** 2)
    blurred = np.fft.irfft(np.fft.rfft(share) * np.fft.rfft(curve / curve.sum()), BINS)
    return np.maximum(blurred, 0)


def scale_templates(ragas: tuple[Raga, ...]) -> np.ndarray:
    """Return distributions that know the scale alone: equal peaks on the svaras of the lines."""
    peaks = np.zeros((len(ragas), BINS))
    for row, raga in zip(peaks, ragas, strict=True):
        for place in {PLACES[name] for name in raga.scale}:
            row[[10 * place - 1, 10 * place]] = 1
    return smoothed(peaks / peaks.sum(axis=1, keepdims=True), 1.0)
