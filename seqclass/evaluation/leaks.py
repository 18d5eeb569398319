"""Signs that labels are given away: test series with copies among the training rows (exact, of
another level and scale, or with noise), channels that identify a series, and classes told by length
or gaps."""

import hashlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from typing_extensions import TypedDict

from seqclass.series import observed_lengths, series_lengths

DECIMALS = 1
"""Decimals in which the standardised values of near copies agree. A difference of 1e-4 is then
missed in one of 500 values, so near copies with noise are found only if series are short."""
EXAMPLES = 5
SAMPLE_ROWS, SAMPLE_VALUES, SAMPLE_TESTS = 9000, 2**23, 1000
"""Most series, values and test series in a sample that is searched for what gives labels away."""
RANK = 10
"""Number of training series, nearest to a test series, of which a few may be its copies."""
CLOSE = 0.25
"""A copy is closer than this share of the distance to the training series of number ``RANK``."""
MANY_COPIES = 0.3
"""Share of test series with copies, beyond what is expected without any, that is reported. On the
archive's thirteen sets the largest is 0.24."""
TELLING = 0.95
"""Balanced accuracy from which on length or gaps alone tell the class."""
FOLDS = 5
NOTHING = b""
Names = Sequence[Any]
"""Ids of all rows, in a list or a column of Arrow; as text they are what ``str`` makes of one."""


def exact_keys(x: np.ndarray) -> list[bytes]:
    """Return a digest of each series' float32 values, without NaN tails.

    x: ``(n, steps, channels)``.
    """
    return [_digest(series) for series in _observed(x.astype(np.float32))]


def near_keys(x: np.ndarray) -> list[bytes]:
    """Return a digest of each series that does not depend on level and scale.

    x: ``(n, steps, channels)``. The median of every channel is subtracted. Then it is divided by
    the range between its quartiles, so that one burst does not hide everything else, or by its
    standard deviation if the quartiles are equal. Values are rounded to ``DECIMALS`` decimals; NaN
    tails are cut off. The digest is empty if no channel changes, since such series have no shape to
    share.
    """
    z = _standard(x.astype(np.float64))
    flat = ~(np.nan_to_num(z) != 0).any(axis=(1, 2))
    rounded = np.round(z, DECIMALS) + 0.0  # no negative zero
    return [NOTHING if f else _digest(s) for s, f in zip(_observed(rounded), flat, strict=True)]


def _standard(x: np.ndarray) -> np.ndarray:
    seen = ~np.isnan(x)
    count = np.maximum(seen.sum(axis=1, keepdims=True), 1)
    ordered = np.sort(x, axis=1)  # NaN comes last
    low, middle, high = (
        np.take_along_axis(ordered, np.round(share * (count - 1)).astype(int), axis=1)
        for share in (0.25, 0.5, 0.75)
    )
    centred = x - middle
    mean = np.nansum(x, axis=1, keepdims=True) / count
    sd = np.sqrt(np.nansum((x - mean) ** 2, axis=1, keepdims=True) / count)
    largest = np.where(seen, np.abs(x), 0).max(axis=1, keepdims=True)
    spread = np.where(high - low > 1e-6 * largest, high - low, sd)
    changes = spread > 1e-6 * largest
    return np.where(seen, np.where(changes, centred / np.where(changes, spread, 1), 0), np.nan)


def _observed(x: np.ndarray) -> list[np.ndarray]:
    ends = series_lengths(~np.isnan(x).all(axis=2))
    plain = np.where(np.isnan(x), np.nan, x)  # one bit pattern for every NaN
    return [series[:end] for series, end in zip(plain, ends, strict=True)]


def _digest(series: np.ndarray) -> bytes:
    return hashlib.blake2b(np.ascontiguousarray(series).tobytes(), digest_size=16).digest()


class Copy(TypedDict):
    """A test series and its copy in training.

    kind: ``exact`` or ``near``. test, train: id of the series.
    """

    kind: str
    test: str
    train: str


class Copies(TypedDict):
    """Test series that have a copy among the training rows.

    exact, near: number of such series. examples: some of them.
    """

    exact: int
    near: int
    examples: list[Copy]


class Leaks(Copies):
    """Signs that labels are given away. amiss: those in a sample of the series, a sentence each."""

    amiss: list[str]


class ShapeKeys(NamedTuple):
    """The keys of all rows as numbers ``(n,)`` uint64; 0 stands for no shape to share."""

    exact: np.ndarray
    near: np.ndarray


def as_numbers(keys: list[bytes]) -> np.ndarray:
    """Return the first 64 bits of each key; two differ in them if their series do.

    Among ten million series and 200,000 test series, one in nine million data sets has a pair for
    which this is wrong.
    """
    return np.frombuffer(b"".join(key[:8] or bytes(8) for key in keys), np.uint64)


def find_leaks(ids: Names, keys: ShapeKeys, train: np.ndarray, test: np.ndarray) -> Copies:
    """Return the number of test series that have a copy among the training rows, and some pairs.

    ids, keys: of all rows; train, test: row numbers. ``near`` counts the test series that have a
    near copy and no exact one.
    """
    pairs = [(kind, _matches(getattr(keys, kind), train, test)) for kind in ("exact", "near")]
    copies: dict[int, tuple[str, int]] = {}
    for kind, matches in pairs:
        for row, twin in matches.items():
            copies.setdefault(row, (kind, twin))
    kinds = [kind for kind, _ in copies.values()]
    examples: list[Copy] = [{"kind": kind, "test": str(ids[row]), "train": str(ids[twin])}
                for row, (kind, twin) in list(copies.items())[:EXAMPLES]]  # fmt: skip
    return {"exact": kinds.count("exact"), "near": kinds.count("near"), "examples": examples}


def _matches(keys: np.ndarray, train: np.ndarray, test: np.ndarray) -> dict[int, int]:
    """Return the first training row with the key of each test row, for those that have one."""
    train_keys, first = np.unique(keys[train], return_index=True)
    test_keys = keys[test]
    place = np.minimum(np.searchsorted(train_keys, test_keys), len(train_keys) - 1)
    there = (train_keys[place] == test_keys) & (test_keys != 0)
    return dict(zip(test[there].tolist(), train[first[place[there]]].tolist(), strict=True))


class Sample(NamedTuple):
    """Some labelled series of a dataset.

    x: ``(n, steps, channels)``, padded with NaN. labels: ``(n,)``. groups: what each belongs to
    ``(n,)``, None without groups. is_test: bool ``(n,)``.
    """

    x: np.ndarray
    labels: np.ndarray
    groups: np.ndarray | None
    is_test: np.ndarray


def giveaways(sample: Sample, channels: Sequence[str]) -> list[str]:
    """Return what gives labels away without a pattern to learn, one sentence each."""
    sample = sample._replace(x=np.where(np.isfinite(sample.x), sample.x, np.nan))
    learnt = np.flatnonzero(~sample.is_test)
    if not len(learnt):
        return []
    train = Sample(
        sample.x[learnt], sample.labels[learnt],
        None if sample.groups is None else sample.groups[learnt], sample.is_test[learnt],
    )  # fmt: skip
    return [*_identifiers(train.x, channels), *_told_apart(train), *_noisy_copies(sample)]


def _identifiers(x: np.ndarray, channels: Sequence[str]) -> list[str]:
    """Name channels that never change within a series, but from one to another."""
    low, high = np.fmin.reduce(x, axis=1), np.fmax.reduce(x, axis=1)
    longer = (~np.isnan(x)).sum(axis=1) > 1
    lines = []
    for name, a, b, rows in zip(channels, low.T, high.T, longer.T, strict=True):
        if rows.any() and (a == b)[rows].all() and np.ptp(a[rows]) > 0:
            lines.append(
                f"channel {name!r} never changes within a series, only from one to another: a row "
                "number or an id gives the label away; leave such a channel out"
            )
    return lines


def _told_apart(train: Sample) -> list[str]:
    """Say whether lengths, or shares of missing values, tell the classes of held-out series."""
    lengths = observed_lengths(train.x)
    inside = np.arange(train.x.shape[1]) < lengths[:, None]
    gaps = (np.isnan(train.x) & inside[..., None]).sum(axis=1) / np.maximum(lengths, 1)[:, None]
    lines = []
    for what, cure, features in (
        ("the length of a series", "cut all series alike", lengths[:, None]),
        ("the share of missing values", "fill them, or drop as many in all classes", gaps),
    ):
        if np.ptp(features, axis=0).any() and (accuracy := _tree_accuracy(features, train)):
            lines.append(
                f"{what} alone tells the class of training series that were held out (balanced "
                f"accuracy {accuracy:.2f}); if that is an accident of recording, {cure}"
            )
    return lines


def _tree_accuracy(features: np.ndarray, train: Sample) -> float | None:
    """Return the balanced accuracy of a small decision tree on held-out rows, if it is telling."""
    from sklearn.metrics import balanced_accuracy_score  # scoring has no need of it
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold, cross_val_predict
    from sklearn.tree import DecisionTreeClassifier

    _, y, counts = np.unique(train.labels, return_inverse=True, return_counts=True)
    units = np.arange(len(y)) if train.groups is None else train.groups
    if len(counts) < 2 or min(counts.min(), len(np.unique(units))) < FOLDS:
        return None
    tree = DecisionTreeClassifier(
        max_leaf_nodes=2 * len(counts), class_weight="balanced", random_state=0
    )
    folds = StratifiedKFold(FOLDS) if train.groups is None else StratifiedGroupKFold(FOLDS)
    answers = cross_val_predict(tree, features, y, groups=train.groups, cv=folds)
    accuracy = balanced_accuracy_score(y, answers)
    return accuracy if accuracy >= TELLING else None


def _noisy_copies(sample: Sample) -> list[str]:
    """Say whether many test series are much closer to a training series than to any other.

    The distance is that of standardised series. Among points of dimension ``d``, the nearest is
    closer than a share ``c`` of the distance to that of number ``m`` with probability
    ``1 - (1 - c**d)**(m - 1)``; the dimension follows from the distances to numbers ``m`` and
    ``2 m``. That many are expected without copies.
    """
    tests = np.flatnonzero(sample.is_test)
    tests = np.random.default_rng(0).permutation(tests)[:SAMPLE_TESTS]
    rank = min(RANK, (int((~sample.is_test).sum()) - 1) // 2)
    if rank < 3 or len(tests) < RANK:
        return []
    z = _correlated(sample.x)
    distances = _nearest(z[tests], z[~sample.is_test], 2 * rank)
    nearest, usual, beyond = (distances[:, place] for place in (0, rank - 1, 2 * rank - 1))
    differ = usual > 0
    if differ.sum() < RANK:
        return []
    close = nearest[differ] < CLOSE * usual[differ]
    growth = np.median(np.log(beyond[differ] / usual[differ]))
    dimension = np.log(2) / max(float(growth), 1e-6)
    expected = 1 - (1 - CLOSE**dimension) ** (rank - 1)
    share = float(close.mean())
    if share - expected <= MANY_COPIES:
        return []
    return [
        f"{share:.0%} of {len(close)} series that test are far closer to a training series than "
        f"series usually are to each other (expected: {expected:.0%}): copies with noise, or "
        "pieces of one recording? Name their origin as a group (--group-column), which no split "
        "cuts"
    ]


def _correlated(x: np.ndarray) -> np.ndarray:
    """Return series ``(n, steps * channels)`` float32 of mean 0 and variance 1, 0 where missing."""
    seen = ~np.isnan(x)
    count = np.maximum(seen.sum(axis=1, keepdims=True), 1)
    largest = np.nanmax(np.abs(x), axis=1, keepdims=True, initial=0)
    scaled = x / np.where(largest > 0, largest, 1)  # so that no square is beyond float32
    centred = np.where(seen, scaled - np.nansum(scaled, axis=1, keepdims=True) / count, 0)
    spread = np.sqrt((centred**2).sum(axis=1, keepdims=True) / count)
    changes = spread > 1e-6
    z = np.where(changes, centred / np.where(changes, spread, 1), 0)
    return z.reshape(len(x), -1).astype(np.float32)


def _nearest(test: np.ndarray, train: np.ndarray, n: int) -> np.ndarray:
    """Return the distances to the nearest ``n`` training rows, ascending, ``(test rows, n)``."""
    squares = (test**2).sum(axis=1)[:, None] + (train**2).sum(axis=1) - 2 * test @ train.T
    return np.sqrt(np.maximum(np.sort(np.partition(squares, n - 1, axis=1)[:, :n], axis=1), 0))
