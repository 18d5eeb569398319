"""What a rule with full knowledge of the signal generator could reach.

The likelihood-ratio test between the three families, given each series' true level and spread,
which no classifier is told: an upper bound.
"""

import numpy as np
from scipy.special import logsumexp

from seqclass.synthesis.random_series import block_rows, block_stream
from seqclass.synthesis.signals import SignalSpec, generate_signals

GRID = 9


def oracle_answers(spec: SignalSpec) -> tuple[np.ndarray, np.ndarray]:
    """True and best-guess class codes of every series of a spec with equal shares."""
    truth, guessed = [], []
    for block in generate_signals(spec):
        z = _standardised(spec, block.start // block_rows(spec.n_steps), block.values[..., 0])
        evidence = np.stack([np.zeros(len(z)), _change(spec, z), _burst(spec, z)], axis=1)
        truth.append(block.codes)
        guessed.append(evidence.argmax(axis=1))
    return np.concatenate(truth), np.concatenate(guessed)


def _standardised(spec: SignalSpec, block: int, values: np.ndarray) -> np.ndarray:
    """Undo level and spread, drawn again from the block's own stream."""
    rng = block_stream(spec.seed, block)
    level, spread = (d.draw(rng, (block_rows(spec.n_steps), 1)) for d in (spec.level, spec.spread))
    return (values - level[: len(values)]) / np.abs(spread[: len(values)])


def _signed(spec: SignalSpec, low: float, high: float) -> np.ndarray:
    sizes = np.linspace(low, high, GRID)
    return np.concatenate([sizes, -sizes]) if spec.both_signs else sizes


def _change(spec: SignalSpec, z: np.ndarray) -> np.ndarray:
    """Log-likelihood ratio to common cause, averaged over positions and sizes."""
    n_steps = z.shape[1]
    low, high = (int(f * n_steps) for f in (spec.change_position.low, spec.change_position.high))
    after = np.cumsum(z[:, ::-1], axis=1)[:, ::-1][:, low:high]
    left = n_steps - np.arange(low, high)
    ratios = [
        s * after - 0.5 * s * s * left for s in _signed(spec, spec.shift.low, spec.shift.high)
    ]
    return _mean_exp(np.stack(ratios, axis=-1).reshape(len(z), -1))


def _burst(spec: SignalSpec, z: np.ndarray) -> np.ndarray:
    """Log-likelihood ratio, averaged over lengths, places, signs and heights of each spike."""
    heights = np.linspace(spec.burst_height.low, spec.burst_height.high, GRID)
    shortest, longest = spec.burst_steps
    by_sign = []
    for sign in (1, -1) if spec.both_signs else (1,):
        step = _mean_exp(sign * heights * z[..., None] - 0.5 * heights**2)
        sums = np.cumsum(np.pad(step, ((0, 0), (1, 0))), axis=1)
        by_sign += [_mean_exp(sums[:, n:] - sums[:, :-n]) for n in range(shortest, longest + 1)]
    return _mean_exp(np.stack(by_sign, axis=-1))


def _mean_exp(ratios: np.ndarray) -> np.ndarray:
    return logsumexp(ratios, axis=-1) - np.log(ratios.shape[-1])
