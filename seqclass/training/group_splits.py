"""Choice of test rows as whole keys (groups): the wanted share, with every class on both sides."""

import math
from typing import NamedTuple

import numpy as np

MAX_KEYS = 64
"""Most keys of which pairs change sides together; with more keys, one changes at a time."""
MAX_MOVES = 1000
CHANCE = 0.025
"""Chance up to which random answers may be right for all test keys: a tail of a 95% interval."""
SHARE, UNTESTED, UNTRAINED = 1e3, 1e6, 1e9
"""Costs of a share that is off, of each test key that a class lacks, and of a class with too few
keys in training. Each outweighs those before it; all moves together cost 1."""


class _Keys(NamedTuple):
    """Keys as hash or time divide them; the last one is a placeholder for no key.

    held: True for the keys that test ``(keys,)``; rows: rows of every class ``(keys, classes)``;
    dear: cost of moving each key ``(keys,)``; fraction: wanted share of test rows; wanted: fewest
    keys of every class that test ``(classes,)``.
    """

    held: np.ndarray
    rows: np.ndarray
    dear: np.ndarray
    fraction: float
    fewest: np.ndarray


def tolerance(fraction: float) -> float:
    """Return how far the share of test rows may be from ``fraction``: a quarter of it."""
    return fraction / 4


def rebalance(
    held: np.ndarray,
    pull: np.ndarray,
    number: np.ndarray,
    y: np.ndarray,
    shares: tuple[float, float],
) -> np.ndarray:
    """Return True for the keys that test ``(keys,)``: ``held`` after moves that mend the split.

    pull: cost of moving each key, from 0 on; number: key of every row ``(n,)``; y: class codes
    ``(n,)``; shares: of the rows that should test, and of the keys of a class that should test at
    least (0: one key of a class with three). Classes come first: two keys of each train, and as
    many test as ``_fewest`` says. Then comes the share of rows, within its ``tolerance``. A split
    that is right stays as it is, so that rows rarely change sides when a dataset grows.
    """
    rows = np.zeros((len(held) + 1, int(y.max()) + 1), dtype=np.int64)
    np.add.at(rows, (number, y), 1)
    moves, dear = _moves(len(held)), np.append(pull / max(pull.sum(), 1e-12), 0.0)
    fraction, least = shares
    fewest = _fewest((rows > 0).sum(axis=0), least)
    keys = _Keys(np.append(held, False), rows, dear, fraction, fewest)
    now = keys.held.copy()
    stay = np.array([[len(now) - 1]])
    cost = _costs(keys, now, stay)[0]
    for _ in range(MAX_MOVES):
        costs = _costs(keys, now, moves)
        best = int(costs.argmin())
        if cost <= 1 or not costs[best] < cost - 1e-9:
            break
        cost = costs[best]
        now[moves[best]] ^= True
        now[-1] = False
    return now[:-1]


def _fewest(n_keys: np.ndarray, least: float) -> np.ndarray:
    """Return the fewest keys of every class ``(classes,)`` that should test, of ``n_keys``.

    With a share ``least``, classes of many keys also test with enough of them that right answers
    to all are not chance.
    """
    fewest = np.where(n_keys < 3, 0, 1)
    if not least:
        return fewest
    n_classes = max(len(n_keys), 2)
    each = (math.floor(math.log(CHANCE) / -math.log(n_classes)) + 1) / n_classes
    enough = np.minimum(math.ceil(each), n_keys // 3)
    return np.maximum(fewest, np.maximum(np.ceil(least * n_keys), enough))


def _moves(n_keys: int) -> np.ndarray:
    """Return pairs of keys ``(moves, 2)`` that change sides together; the last number is no key."""
    if n_keys > MAX_KEYS:
        return np.stack([np.arange(n_keys), np.full(n_keys, n_keys)], axis=1)
    return np.stack(np.triu_indices(n_keys + 1, 1), axis=1)


def _costs(keys: _Keys, now: np.ndarray, moves: np.ndarray) -> np.ndarray:
    """Return the cost ``(moves,)`` of the split ``now`` after each move."""
    held, rows, dear, fraction, fewest = keys
    some = (rows > 0).astype(np.int64)
    side, back = np.where(now, -1, 1)[:, None], np.where(now != held, -dear, dear)
    test_rows = rows[now].sum(axis=0) + (side * rows)[moves].sum(axis=1)
    test_keys = some[now].sum(axis=0) + (side * some)[moves].sum(axis=1)
    n_keys = some.sum(axis=0)
    untested = np.maximum(fewest - test_keys, 0)
    untrained = (n_keys - test_keys) < np.minimum(n_keys, 2)
    missing = UNTESTED * untested + UNTRAINED * untrained
    off = np.abs(test_rows.sum(axis=1) / rows.sum() - fraction) - tolerance(fraction)
    moved = dear[now != held].sum() + back[moves].sum(axis=1)
    return missing.sum(axis=1) + SHARE * np.maximum(off, 0) + moved
