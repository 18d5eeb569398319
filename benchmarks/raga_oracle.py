"""What a listener who knows the honest walk itself could reach, beside counting.

The forward algorithm over the places of each raga's chain gives the probability of a melody. It is
told neither the arc nor where phrases end, which the walk follows as well, so it comes near the
best answer without being a bound. Counting is naive Bayes on a histogram, on pairs and on triples
of neighbours, octaves left out. What lies between pairs and the walk is what there is to hear
beyond pairs.
"""

from typing import Any

import numpy as np

from seqclass.ragas.chains import LETTER_CODES, Chain, chain_of
from seqclass.ragas.raga_series import generate_ragas
from seqclass.ragas.raga_spec import LETTERS, RagaSpec

FLOOR = 1e-7
"""Probability of a move that the walk never makes: a copied phrase may join anywhere."""
LOWEST_OCTAVE, OCTAVES = -2, 6


def melodies(spec: RagaSpec) -> tuple[np.ndarray, np.ndarray]:
    """Symbols ``(rows, notes)`` from 0, one octave after the other, and codes of the ragas."""
    blocks = list(generate_ragas(spec))
    svara, octave = (np.concatenate([getattr(b, n) for b in blocks]) for n in ("svara", "octave"))
    if spec.representation == LETTERS:
        symbol = LETTER_CODES[svara] + 7 * (octave.astype(int) - LOWEST_OCTAVE)
    else:
        symbol = np.rint(np.concatenate([b.values[..., 0] for b in blocks])).astype(int)
        symbol -= 12 * LOWEST_OCTAVE
    return symbol, np.concatenate([block.codes for block in blocks])


def walk_scores(spec: RagaSpec, symbols: np.ndarray) -> np.ndarray:
    """Log-probabilities ``(rows, ragas)`` of melodies under each raga's chain."""
    chains = [chain_of(raga, spec.manner) for raga in spec.definitions]
    return np.stack([_forward(chain, symbols, spec.representation) for chain in chains], axis=1)


def _forward(chain: Chain, symbols: np.ndarray, representation: str) -> np.ndarray:
    n, octave = len(chain.svara), chain.octave.astype(int)
    own = chain.height - 12 * LOWEST_OCTAVE
    if representation == LETTERS:
        own = LETTER_CODES[chain.svara] + 7 * (octave - LOWEST_OCTAVE)
    moves = np.full((n, n), FLOOR)
    np.add.at(moves, (np.arange(n)[:, None], chain.successors), chain.weights)
    total, belief = np.zeros(len(symbols)), chain.start / chain.start.sum() + FLOOR
    for t, symbol in enumerate(symbols.T):
        belief = (belief @ moves if t else belief) * (own == symbol[:, None])
        share = belief.sum(axis=1, keepdims=True)
        total += np.log(np.maximum(share[:, 0], 1e-300))
        belief = np.where(share > 0, belief / np.maximum(share, 1e-300), 1 / n)
    return total


def counted_scores(
    train: np.ndarray, codes: np.ndarray, test: np.ndarray, base: int, order: int
) -> np.ndarray:
    """Log-probabilities ``(rows, ragas)``; order 0 counts symbols, 1 pairs, 2 triples."""
    seen, asked = (_runs(x % base, base, order) for x in (train, test))
    counts = np.full((codes.max() + 1, base ** (order + 1)), 0.1)
    np.add.at(counts, (np.repeat(codes, seen.shape[1]), seen.reshape(-1)), 1)
    chance = np.log(counts / counts.sum(axis=1, keepdims=True))
    return np.stack([row[asked].sum(axis=1) for row in chance], axis=1)


def _runs(symbols: np.ndarray, base: int, order: int) -> np.ndarray:
    """Every ``order + 1`` neighbours as one number."""
    last = symbols.shape[1] - order
    return sum(base ** (order - k) * symbols[:, k : k + last] for k in range(order + 1))


def compare(
    ragas: tuple[str, ...],
    representation: str,
    n_notes: int = 64,
    n_train: int = 8000,
    n_test: int = 2000,
    **changes: Any,
) -> dict[str, Any]:
    """Accuracies on the same test melodies, which another seed draws than the training ones."""
    common = {"representation": representation, "n_notes": (n_notes, n_notes), **changes}
    spec = RagaSpec(ragas, n_train, seed=1, **common)
    train, codes = melodies(spec)
    test, truth = melodies(RagaSpec(ragas, n_test, seed=2, **common))
    base = 7 if representation == LETTERS else 12
    scores = {
        name: counted_scores(train, codes, test, base, order)
        for order, name in enumerate(("histogram", "pairs", "triples"))
    }
    scores["the walk itself"] = walk_scores(spec, test)
    found = {name: float((s.argmax(axis=1) == truth).mean()) for name, s in scores.items()}
    return {"ragas": ", ".join(ragas), "as": representation, "svaras": n_notes, **found}
