"""How much there is to hear beyond pairs: naive Bayes on runs of two, three and four svaras.

A generator that walks along two lines is nearly known from its pairs; what longer runs add to the
same classifier on the same rows is an estimate of what any listener could add.
"""

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.naive_bayes import MultinomialNB

from benchmarks.contest import TEST_PER_RAGA, TEST_SEED, TRAIN_SEED, Cell, Row, Rows, draw

ORDERS = (1, 2, 3, 4)
PSEUDO_COUNTS = {1: 0.1, 2: 0.01, 3: 0.1, 4: 0.1}


def orders(per_raga: int, lengths: tuple[int, ...]) -> list[Cell]:
    """A cell for each length of a melody."""
    return [Cell(f"orders-{n}", lambda n=n: _orders(per_raga, n)) for n in lengths]


def _orders(per_raga: int, n_notes: int) -> Row:
    from tasks.learning.votes import accuracy_of, set_scores
    from tasks.synthesis.ragatable import SETS

    options = {"ragas": ("all", "Sri without PDNP"), "n_notes": (n_notes, n_notes)}
    train, test = draw(TRAIN_SEED, per_raga, **options), draw(TEST_SEED, TEST_PER_RAGA, **options)
    sets = {
        name: np.array([test.classes.index(member) for member in members])
        for name, members in SETS.items()
        if name[0] in "AB"
    }
    found = {}
    for order in ORDERS:
        model = MultinomialNB(alpha=PSEUDO_COUNTS[order]).fit(_counts(train, order), train.y)
        scores = model.predict_log_proba(_counts(test, order))
        right = scores.argmax(axis=1) == test.y
        found[str(order)] = {**accuracy_of(right), "sets": set_scores(scores, test.y, sets)}
    return {"n_notes": n_notes, "train_rows": len(train.y), "orders": found}


def _counts(rows: Rows, order: int) -> csr_matrix:
    """How often each run of ``order`` svaras comes in each melody, octaves folded."""
    places = np.mod(rows.x[..., 0].astype(np.int64), 12)
    n_runs = places.shape[1] - order + 1
    runs = np.zeros((len(places), n_runs), dtype=np.int64)
    for step in range(order):
        runs = 12 * runs + places[:, step : step + n_runs]
    owners = np.repeat(np.arange(len(runs)), n_runs)
    return csr_matrix((np.ones(runs.size), (owners, runs.ravel())), shape=(len(runs), 12**order))
