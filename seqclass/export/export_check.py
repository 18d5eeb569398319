"""Comparison of an exported network with the version that it was made of."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from seqclass.export.standalone import TOLERANCE, decide
from seqclass.inference.answers import Infer, predict_block
from seqclass.series import observed_lengths
from seqclass.store.datasets import open_dataset
from seqclass.store.models import ANSWERS, Model
from seqclass.store.tables import read_table

MOST_ROWS = 500
"""Test rows that are compared at most."""
LAST_BITS = (1, -1, 2, -2, 3, -3)
"""By how many float32 numbers values are moved, to see what rounding does to an answer."""
COMPARED = ("prediction", "answer", "reason")
"""Columns of ``decide`` and of a version's stored answers that must be the same."""
ROUNDING = 10
"""Largest difference that counts as rounding, in units of the one that the last bits of a series'
values make in Keras: an export rounds at every operation, and in another order."""
GAPS = 0.1
"""Share of values that is taken out of series."""


class DiffersError(ValueError):
    """An exported network that does not answer as its version does."""


@dataclass(frozen=True)
class ExportAgreement:
    """The differences between an exported network and its version.

    series: number compared, half of them test rows. gap: largest difference of a probability.
    unsettled: number of further series whose answers depend on rounding, since the last bits of
    their values move Keras's own probabilities by at least a tenth of the difference;
    unsettled_gap: their largest difference.
    """

    series: int
    gap: float
    unsettled: int = 0
    unsettled_gap: float = 0.0


@dataclass(frozen=True)
class Tested:
    """Test rows ``x (n, steps, channels)`` of a version, and the stored answers to them."""

    x: np.ndarray
    answers: Mapping[str, Any]


def tested_rows(model: Model) -> Tested:
    """Read ``MOST_ROWS`` test rows of a version, and its answers, by their stored ids."""
    stored = read_table(model.root, model.path(ANSWERS)).slice(0, MOST_ROWS)
    dataset = open_dataset(model.root, model.manifest["dataset"])
    place = {name: row for row, name in enumerate(dataset.labels()["series_id"].to_pylist())}
    rows = np.array([place[name] for name in stored["series_id"].to_pylist()])
    ascending = np.unique(rows)
    values = replace(dataset, is_checked=True).values(ascending, model.manifest["channels"])
    compared = [name for name in COMPARED if name in stored.column_names]
    answers = {name: stored[name].to_pylist() for name in compared}
    probabilities = np.stack(stored["probabilities"].to_numpy()).astype(np.float32)
    return Tested(
        values[np.searchsorted(ascending, rows)], {**answers, "probabilities": probabilities}
    )


def check_agreement(
    tested: Tested, record: Mapping[str, Any], exported: Infer, original: Infer
) -> ExportAgreement:
    """Compare an export's answers with those stored for test rows, and with Keras's to the same
    rows with gaps and cut ends.

    DiffersError for another answer or reason, or a probability more than ``TOLERANCE`` apart,
    where rounding does not explain it.
    """
    x = tested.x
    whole = _agreement(x, original, decide(asked(exported, x), record), tested.answers)
    torn = with_gaps(x, seed=0)
    mine, expected = (decide(asked(infer, torn), record) for infer in (exported, original))
    gappy = _agreement(torn, original, mine, expected)
    return ExportAgreement(
        len(x) + len(torn),
        max(whole.gap, gappy.gap),
        whole.unsettled + gappy.unsettled,
        max(whole.unsettled_gap, gappy.unsettled_gap),
    )


def with_gaps(x: np.ndarray, seed: int) -> np.ndarray:
    """Return the series ``(n, steps, channels)`` with values taken out and their ends cut off."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, x.shape[1] + 1, len(x))
    gone = rng.random(x.shape) < GAPS
    gone |= (np.arange(x.shape[1]) >= lengths[:, None])[..., None]
    return np.where(gone, np.float32(np.nan), x)


def made_up_series(x: np.ndarray, n: int) -> np.ndarray:
    """Return ``n`` random series with gaps that have nothing of ``x`` but mean and deviation of
    each channel, so that they may be given away."""
    mean, spread = np.nanmean(x, axis=(0, 1)), np.nanstd(x, axis=(0, 1))
    noise = np.random.default_rng(0).standard_normal((n, *x.shape[1:]), np.float32)
    return with_gaps((mean + spread * noise).astype(np.float32), seed=1)


def steadiest(original: Infer, x: np.ndarray, n: int) -> np.ndarray:
    """Return the ``n`` series whose probabilities rounding moves least, in their order."""
    gaps = _own_gaps(original, x)
    return x[np.sort(np.argsort(gaps, kind="stable")[:n])]


def asked(infer: Infer, x: np.ndarray) -> dict[str, np.ndarray]:
    """Return the outputs of a network for padded series, in batches of similar length."""
    return predict_block(infer, x, observed_lengths(x))


def _agreement(
    x: np.ndarray, original: Infer, mine: Mapping[str, Any], expected: Mapping[str, Any]
) -> ExportAgreement:
    gaps = np.abs(mine["probabilities"] - expected["probabilities"]).max(axis=1)
    apart = gaps > TOLERANCE
    for name in expected.keys() & set(COMPARED):
        apart |= np.array([a != b for a, b in zip(mine[name], expected[name], strict=True)])
    rows = np.flatnonzero(apart)
    if not len(rows):
        return ExportAgreement(len(x), float(gaps.max()))
    own_gaps = _own_gaps(original, x[rows])
    is_exact = (gaps[rows] <= TOLERANCE) & (own_gaps <= TOLERANCE)
    settled = rows[(gaps[rows] > ROUNDING * own_gaps) | is_exact]
    if len(settled):
        raise DiffersError(
            f"MODEL: expected an export with the version's answers, {len(settled)} of {len(x)} "
            f"series are answered otherwise, probabilities up to {gaps[settled].max():.2g} apart; "
            "nothing was written"
        )
    return ExportAgreement(
        len(x), float(gaps[~apart].max(initial=0.0)), len(rows), float(gaps[rows].max())
    )


def _own_gaps(original: Infer, x: np.ndarray) -> np.ndarray:
    """Return how much Keras's probabilities ``(n,)`` change with the last bits of the values."""
    before = asked(original, x)["probabilities"]
    gaps = [np.abs(asked(original, moved)["probabilities"] - before) for moved in _moved(x)]
    return np.max(gaps, axis=(0, 2))


def _moved(x: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the series with each value moved by some float32 numbers: all up or all down, and each
    in its own direction."""
    rng = np.random.default_rng(0)
    for steps in LAST_BITS:
        for signs in (np.sign(steps), rng.choice([-1, 1], x.shape)):
            moved = x
            for _ in range(abs(steps)):
                moved = np.nextafter(moved, (signs * np.inf).astype(np.float32))
            yield moved
