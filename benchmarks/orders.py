"""How much there is to hear beyond pairs: naive Bayes on runs of two, three and four svaras.

A generator that walks along two lines is nearly known from its pairs; what longer runs add to the
same classifier on the same rows is an estimate of what any listener could add. Whether octaves
count, and the pseudo-count, is chosen for each order on a fifth of the training rows.
"""

from itertools import product

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.naive_bayes import MultinomialNB

from benchmarks.contest import TEST_PER_RAGA, TEST_SEED, TRAIN_SEED, Cell, Row, Rows, draw

ORDERS = (1, 2, 3, 4)
PERIODS, PSEUDO_COUNTS = (12, 60), (0.01, 0.1, 1.0)
"""Semitones after which svaras are the same, an octave or more than a melody spans."""


def orders(per_raga: int, lengths: tuple[int, ...]) -> list[Cell]:
    """A cell for each length of a melody."""
    return [Cell(f"orders-{n}", lambda n=n: _orders(per_raga, n)) for n in lengths]


def _orders(per_raga: int, n_notes: int) -> Row:
    from seqclass.evaluation.intervals import accuracy_of, lead_of
    from seqclass.ragas.raga_table import SETS
    from seqclass.ragas.votes import set_scores, within_set

    options = {"ragas": ("all", "Sri without PDNP"), "n_notes": (n_notes, n_notes)}
    train, test = draw(TRAIN_SEED, per_raga, **options), draw(TEST_SEED, TEST_PER_RAGA, **options)
    sets = {
        name: np.array([test.classes.index(member) for member in members])
        for name, members in SETS.items()
        if name[0] in "AB"
    }
    found, right = {}, {}
    for order in ORDERS:
        period, pseudo_count = _chosen(train, order)
        counts, asked = _counts(train.x, test.x, order, period)
        scores = MultinomialNB(alpha=pseudo_count).fit(counts, train.y).predict_log_proba(asked)
        right[order] = {"all": scores.argmax(axis=1) == test.y}
        for name, members in sets.items():
            rows = np.isin(test.y, members)
            right[order][name] = within_set(scores[rows], members) == test.y[rows]
        found[str(order)] = {
            **accuracy_of(right[order]["all"]), "sets": set_scores(scores, test.y, sets),
            "octaves": period > 12, "pseudo_count": pseudo_count,
        }  # fmt: skip
    beyond = {
        str(order): {name: lead_of(right[order][name], right[2][name]) for name in right[order]}
        for order in ORDERS if order > 2
    }  # fmt: skip
    return {"n_notes": n_notes, "train_rows": len(train.y), "orders": found, "beyond_pairs": beyond}


def _chosen(train: Rows, order: int) -> tuple[int, float]:
    """Period and pseudo-count that answer best on a fifth of the rows, learned from the others."""
    held = np.arange(len(train.y)) % 5 == 0
    right = {}
    for period in PERIODS:
        counts, asked = _counts(train.x[~held], train.x[held], order, period)
        for alpha in PSEUDO_COUNTS:
            answers = MultinomialNB(alpha=alpha).fit(counts, train.y[~held]).predict(asked)
            right[period, alpha] = (answers == train.y[held]).mean()
    return max(product(PERIODS, PSEUDO_COUNTS), key=lambda choice: right[choice])


def _counts(
    x: np.ndarray, asked: np.ndarray, order: int, period: int
) -> tuple[csr_matrix, csr_matrix]:
    """How often each run of ``order`` svaras that ``x`` has comes in each melody of both."""
    known = np.unique(_runs(x, order, period))
    found = []
    for runs in (_runs(x, order, period), _runs(asked, order, period)):
        place = np.minimum(np.searchsorted(known, runs), len(known) - 1)
        rows, steps = np.nonzero(known[place] == runs)
        cells = (np.ones(len(rows)), (rows, place[rows, steps]))
        found.append(csr_matrix(cells, shape=(len(runs), len(known))))
    return found[0], found[1]


def _runs(x: np.ndarray, order: int, period: int) -> np.ndarray:
    """Every run of so many svaras as one number, ``(rows, runs)``."""
    places = np.mod(x[..., 0].astype(np.int64), period)
    n_runs = places.shape[1] - order + 1
    runs = np.zeros((len(places), n_runs), dtype=np.int64)
    for step in range(order):
        runs = period * runs + places[:, step : step + n_runs]
    return runs
