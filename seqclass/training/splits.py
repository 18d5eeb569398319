"""Splits of rows that train on every class and never divide a group."""

import math
import warnings
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from seqclass.training.group_splits import rebalance


class Keys(NamedTuple):
    """The number of each row's key ``(n,)``, and the distinct keys in order, in lists of some."""

    number: np.ndarray
    names: Iterable[Sequence[str]]


def _places(keys: Keys, seed: int) -> np.ndarray:
    """Return the hash of each distinct key, in [0, 1)."""
    from pandas.util import hash_array  # takes 0.2 s, which whoever splits nothing would pay

    parts = (np.array(names, dtype=object) for names in keys.names)
    key = f"{seed:016d}"
    hashes = [hash_array(part, hash_key=key, categorize=False) / 2.0**64 for part in parts]
    return np.concatenate(hashes)


def assign_test(
    keys: Keys, y: np.ndarray, fraction: float, seed: int, balanced: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Divide row numbers into training and test rows by a hash of each row's key.

    keys: of series by their ids, or of their groups; y: class codes ``(n,)``. balanced: move
    keys until share and classes are right, see ``rebalance``. A row keeps its side when a dataset
    grows, so that a model is not tested on rows that an earlier one was trained on. Only keys of
    classes with few keys change sides: at least two keys of a class train, and one tests if the
    class has three.
    """
    number, place = keys.number, _places(keys, seed)
    held = place < fraction
    for code in np.unique(y):
        class_keys = np.unique(number[y == code])
        class_keys = class_keys[np.argsort(place[class_keys])]
        most = max(len(class_keys) - 2, 0)
        held[class_keys[most:]] = False
        if most and not held[class_keys].any():
            held[class_keys[0]] = True
    if balanced:
        held = rebalance(held, np.abs(place - fraction), number, y, (fraction, fraction / 2))
    return np.flatnonzero(~held[number]), np.flatnonzero(held[number])


def assign_newest(
    keys: Keys, y: np.ndarray, time: np.ndarray, fraction: float
) -> tuple[np.ndarray, np.ndarray]:
    """Divide row numbers into training rows and the newest rows, which test.

    keys: of series by their ids, or of their groups; y: class codes ``(n,)``; time: numbers
    ``(n,)``, the lowest where it is unknown. A key is as new as its newest row, and the newest keys
    test until they hold ``fraction`` of the rows. The two oldest keys of every class train, so that
    a class which is new is not tested before it is trained on. Keys are moved until share and
    classes are right, beginning with those nearest in time to the other side.
    """
    number = keys.number
    newest = np.full(number.max() + 1, np.iinfo(np.int64).min)
    np.maximum.at(newest, number, time)
    order = np.argsort(-newest.astype(np.float64), kind="stable")
    before = np.cumsum(np.bincount(number)[order]) - np.bincount(number)[order]
    held = np.zeros(len(newest), dtype=bool)
    held[order[before < round(fraction * len(y))]] = True
    for code in np.unique(y):
        class_keys = np.unique(number[y == code])
        held[class_keys[np.argsort(newest[class_keys], kind="stable")[:2]]] = False
    age = np.empty(len(newest))
    age[order] = (before + 0.5 * np.bincount(number)[order]) / len(y)
    held = rebalance(held, np.abs(age - fraction), number, y, (fraction, 0.0))
    return np.flatnonzero(~held[number]), np.flatnonzero(held[number])


HELD_ROWS, HELD_RAREST = 2000, 10
"""Wanted held-back rows, of all classes and of the rarest class. With 2,000 rows, an accuracy of
four in five has a standard error of one point."""
HELD_CLASS = 3
"""Fewest rows of a class that are held back in turn."""

Part = tuple[np.ndarray, np.ndarray]
"""Row numbers that a network is fitted to, and those that it holds back; both ascending."""


def _held_parts(
    y: np.ndarray, groups: np.ndarray | None, fraction: float, seed: int
) -> list[np.ndarray]:
    """Return the rows that each fold holds back, whatever is left of their classes."""
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    n_folds = _folds(y, groups, fraction)
    splitter = StratifiedKFold if groups is None else StratifiedGroupKFold
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)
        parts = splitter(n_folds, shuffle=True, random_state=seed).split(y, y, groups)
        return [held for _, held in parts]  # without those kept, which are many times as many


def _most_classes(parts: list[np.ndarray], y: np.ndarray, most: int) -> list[np.ndarray]:
    """Take parts one after another, each the one that adds the most classes; all of few parts."""
    if len(parts) <= most:
        return parts
    taken: list[np.ndarray] = []
    seen: set[int] = set()
    while len(taken) < most:
        adds = [len(set(y[held].tolist()) - seen) for held in parts]
        taken.append(parts.pop(adds.index(max(adds))))
        seen.update(y[taken[-1]].tolist())
    return taken


def holdout_folds(
    y: np.ndarray, groups: np.ndarray | None, fraction: float, seed: int, is_helped: bool = False
) -> list[Part]:
    """Return the rows that a member is fitted to and those that it answers unseen, fold by fold.

    y: class codes ``(n,)``; groups: ``(n,)``, whose rows are held back together, or None; fraction:
    largest share of the rows in one fold, in (0, 0.5]. No row is held back twice. As many rows are
    held back as the choice of weights and thresholds needs: ``HELD_ROWS``, or ``HELD_RAREST`` of
    the rarest class if that takes more, or all rows if there are fewer. Rows of a class with one or
    two train in every fold, unless all classes are so small; folds of groups that would hold back
    the whole of a class are left out. is_helped: whether auxiliary rows train in every fold. Then
    the whole of a class may be held back, and they alone speak for it. ValueError if no class has
    two rows, if there is a single group, or if no fold is left.
    """
    counts = np.bincount(y)
    if counts.max() < 2:
        raise ValueError(
            "labels: expected at least 2 series of a class to hold one back, got 1 of each; add "
            "series"
        )
    is_held = counts >= (1 if is_helped else min(counts.max(), HELD_CLASS))
    rarest = counts[is_held].min() / len(y)
    n_held = min(max(HELD_ROWS, HELD_RAREST / rarest), len(y))
    share = min(fraction, n_held / len(y))
    if _folds(y, groups, share) < 2:
        raise ValueError("groups: expected at least 2 groups to hold one back, got 1; add groups")
    parts = _held_parts(y, groups, share, seed)
    if groups is None and not is_helped:
        parts = [held[is_held[y[held]]] for held in parts]
    elif not is_helped:
        left = [counts - np.bincount(y[held], minlength=len(counts)) for held in parts]
        parts = [held for held, others in zip(parts, left, strict=True) if others.all()]
    parts = [held for held in parts if len(held)]
    if not parts:
        raise ValueError(
            "groups: expected every class in more than one group, got a class that would be held "
            "back whole; add groups of that class, or leave out groups (a file's column 'group')"
        )
    most = math.ceil(n_held / (share * len(y)) - 1e-9)
    taken = _most_classes(parts, y, most)
    return [(np.delete(np.arange(len(y)), held), held) for held in taken]


MAX_NESTED = 300
"""Most training rows that count as evidence beside few test rows; with more, test rows suffice."""


def nested_folds(folds: list[Part], n_rows: int) -> list[Part]:
    """Return the folds that count as evidence beside few test rows, at least two; else none.

    Everything that answers the rows of one fold is chosen by the others, so one fold is too few.
    None counts if there are more than ``MAX_NESTED`` training rows.
    """
    return folds if n_rows <= MAX_NESTED and len(folds) > 1 else []


def _folds(y: np.ndarray, groups: np.ndarray | None, fraction: float) -> int:
    """Return the number of folds of about ``fraction`` that largest class and groups allow."""
    limits = [round(1 / fraction), int(np.bincount(y).max())]
    return min(limits if groups is None else [*limits, len(np.unique(groups))])
