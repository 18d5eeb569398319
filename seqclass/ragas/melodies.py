"""Melodies of a raga, svara by svara: by the honest rule, or by the author's rule of slices.

The honest rule walks a raga's Markov chain. Melodies are made of phrases that end on a rest svara,
and a composition ends on S; the chain is conditioned on these ends exactly, by the probabilities of
reaching them. An arc leads from the middle to low, to high and home again, and compositions repeat
phrases with variations.
"""

from typing import NamedTuple

import numpy as np

from seqclass.ragas.chains import HEIGHTS, LOOKAHEAD, NAMES, Chain, MelodyConfig, stacked
from seqclass.ragas.definitions import Raga


class RagaRows(NamedTuple):
    """Ragas, and the raga of each row: ``codes (rows,)``."""

    ragas: tuple[Raga, ...]
    codes: np.ndarray


class Melodies(NamedTuple):
    """Svaras of melodies, ``(rows, longest)`` each; values beyond a row's length are undefined.

    svara: code of ``NAMES``, int8; octave: 0 is the middle one, int8; ends: bool, True where a
    phrase ends.
    """

    svara: np.ndarray
    octave: np.ndarray
    ends: np.ndarray

    @property
    def height(self) -> np.ndarray:
        """Semitones above the middle Sa."""
        return HEIGHTS[self.svara] + 12 * self.octave


class _Walk(NamedTuple):
    """The chains of all ragas one after the other, the start of each, and the walk's parameters."""

    chain: Chain
    first: np.ndarray
    manner: MelodyConfig


def honest_melodies(
    of: RagaRows, manner: MelodyConfig, n_notes: np.ndarray, longest: int, rng: np.random.Generator
) -> Melodies:
    """Generate melodies ``(rows,)`` of ``n_notes`` svaras each, all rows in step.

    longest: columns of the result, from the spec, so that random draws do not depend on the rows.
    """
    chain, first = stacked(of.ragas, manner)
    walk, n_rows = _Walk(chain, first, manner), len(of.codes)
    plan = _within_compass(_plan(manner, n_rows, n_notes, longest, rng), of)
    chance = rng.random((longest, n_rows))
    rows = np.arange(n_rows)
    path = np.empty((n_rows, longest), np.int32)
    path[:, 0] = _first_states(walk, of.codes, plan.centre[:, 0], chance[0])
    for t in range(1, longest):
        weights = _next_weights(walk, plan, path[:, t - 1], t)
        walked = chain.successors[path[:, t - 1], _pick(weights, chance[t])]
        source = plan.source[:, t]
        path[:, t] = np.where(source >= 0, path[rows, source], walked)
    return Melodies(chain.svara[path], chain.octave[path], plan.left == 0)


def _next_weights(walk: _Walk, plan: "_Plan", states: np.ndarray, t: int) -> np.ndarray:
    """Return weights ``(rows, most)`` of every successor."""
    chain, manner = walk.chain, walk.manner
    after = chain.successors[states]
    away = (chain.height[after] - plan.centre[:, t, None]) / plan.reach[:, None]
    left = np.minimum(plan.left[:, t], LOOKAHEAD)[:, None]
    reaching = np.where(plan.is_last[:, t, None], chain.home[left, after], chain.rest[left, after])
    joint = (plan.left[:, t - 1] == 0)[:, None] & chain.leaps[states]
    boost = np.where(joint, manner.joint / max(manner.leap, 1e-9), 1.0)
    unrest = np.where(chain.turns[states], plan.unrest[:, t, None], 1.0)
    plain = chain.weights[states] * boost * unrest * _pull(away, chain.weights[states] > 0)
    steered = plain * reaching
    lost = steered.sum(axis=1, keepdims=True) <= 0
    return np.where(lost, plain, steered)


def _pull(away: np.ndarray, possible: np.ndarray) -> np.ndarray:
    """Return the preference for near notes, ``(rows, most)``; 1 for the nearest possible one."""
    distance = np.where(possible, away**2, np.inf)
    return np.exp(-0.5 * (distance - distance.min(axis=1, keepdims=True)))


def _pick(weights: np.ndarray, chance: np.ndarray) -> np.ndarray:
    total = np.cumsum(weights, axis=1)
    end = total[:, -1]
    mark = np.minimum(chance * end, np.nextafter(end, 0))  # what weighs nothing is never picked
    return (total <= mark[:, None]).sum(axis=1)


def _first_states(
    walk: _Walk, codes: np.ndarray, centre: np.ndarray, chance: np.ndarray
) -> np.ndarray:
    chain, first, manner = walk
    states = np.empty(len(codes), np.int32)
    for code in np.unique(codes):
        rows = np.flatnonzero(codes == code)
        part = slice(first[code], first[code + 1])
        away = (chain.height[part] - centre[rows, None]) / (0.5 * manner.reach)
        weights = chain.start[part] * _pull(away, chain.start[None, part] > 0)
        states[rows] = first[code] + _pick(weights, chance[rows])
    return states


class _Plan(NamedTuple):
    """The plan of a melody at each step, ``(rows, longest)`` each.

    left: steps to the end of the phrase; is_last: whether it is the last phrase; source: the step
    that is copied, -1 where the melody walks; centre: of the arc, in semitones above Sa; reach:
    standard deviation around it, ``(rows,)``.
    """

    left: np.ndarray
    is_last: np.ndarray
    source: np.ndarray
    centre: np.ndarray
    unrest: np.ndarray
    reach: np.ndarray


def _plan(
    manner: MelodyConfig, rows: int, n_notes: np.ndarray, longest: int, rng: np.random.Generator
) -> _Plan:
    low, high = manner.phrase_notes
    most = longest // low + 2
    length = rng.integers(low, high + 1, (rows, most))
    copies = rng.random((rows, most)) < np.array(manner.copied)[rng.integers(0, 2, rows)][:, None]
    copies[:, 0] = False
    kept = np.minimum(rng.uniform(0.3, 1.6, (rows, most)), 1.0)
    for k in range(1, most):
        length[:, k] = np.where(copies[:, k], length[:, k - 1], length[:, k])
    stop = np.cumsum(length, axis=1)
    step = np.arange(longest)
    phrase = (step[None, :, None] >= stop[:, None, :]).sum(axis=2)
    last = np.take_along_axis(phrase, n_notes[:, None] - 1, axis=1)
    at = np.take_along_axis
    natural, whole = at(stop, phrase, axis=1), n_notes[:, None]
    end = np.where(step < whole, np.minimum(natural, whole), natural)
    offset = step - (natural - at(length, phrase, axis=1))
    is_copied = at(copies, phrase, axis=1) & (
        offset < at(kept, phrase, axis=1) * at(length, phrase, axis=1)
    )
    is_copied &= natural < whole
    source = np.where(is_copied, step - at(length, phrase, axis=1), -1)
    left = np.maximum(end - 1 - step, 0)
    unrest = np.where(rng.random((rows, most)) < 0.5, manner.restless, 1 / manner.restless)
    arc = _arc(rows, n_notes, longest, rng)
    narrow, wide = manner.voice
    voice = rng.uniform(narrow, wide, rows) if narrow < wide else np.full(rows, wide)
    arc = MIDDLE + (arc - MIDDLE) * voice[:, None]
    unrest = at(unrest, phrase, axis=1)
    return _Plan(left, phrase >= last, source, arc, unrest, manner.reach * voice)


def _within_compass(plan: _Plan, of: RagaRows) -> _Plan:
    """Keep the arc three semitones within what each raga's compass allows."""
    low, high = np.array([[note.height for note in raga.ends] for raga in of.ragas])[of.codes].T
    return plan._replace(centre=np.clip(plan.centre, low[:, None] + 3, high[:, None] - 3))


MIDDLE = 5.0
"""Semitones above the middle Sa around which voices of any range sing."""
_ARC = (
    (0.0, 2.0, 7.0), (0.2, 1.0, 6.0), (0.45, 3.0, 9.0), (0.7, 6.0, 12.0), (0.9, 3.0, 9.0),
    (1.0, 1.0, 5.0),
)  # fmt: skip
"""Knots of the arc: fraction of the melody, and the range of heights of its centre there."""


def _arc(rows: int, n_notes: np.ndarray, longest: int, rng: np.random.Generator) -> np.ndarray:
    """Return the centre of every step: from the middle to low, to high and home."""
    place, low, high = np.array(_ARC).T
    knots = rng.uniform(low, high, (rows, len(place)))
    part = np.minimum(np.arange(longest) / np.maximum(n_notes[:, None] - 1, 1), 1.0)
    after = np.clip(np.searchsorted(place, part, side="right"), 1, len(place) - 1)
    left, right = (np.take_along_axis(knots, n, axis=1) for n in (after - 1, after))
    share = (part - place[after - 1]) / (place[after] - place[after - 1])
    return left + share * (right - left)


AUTHOR_REACH = 5
"""The usual longest reach of the author's slices to either side, less one."""


def author_melodies(of: RagaRows, longest: int, rng: np.random.Generator) -> Melodies:
    """Join slices of the ascent or the descent, each in an octave from -2 to 2.

    This is the rule of the author's Scala generator (``genSequence`` of RagaExperiments): either
    line, any place in it, and 2 to 6 svaras around that place, the place itself included.
    """
    table, lengths = _line_table(of.ragas)
    codes, rows, most = of.codes, len(of.codes), longest // 2 + 1
    way = rng.integers(0, 2, (rows, most))
    size = lengths[codes[:, None], way]
    middle = (rng.random((rows, most)) * size).astype(int)
    reach = rng.integers(2, AUTHOR_REACH + 2, (rows, most))
    shift = rng.integers(-2, 3, (rows, most))
    begin = np.maximum(middle - reach, 0)
    length = np.minimum(middle + reach, size) - begin
    stop = np.cumsum(length, axis=1)
    step = np.arange(longest)
    piece = (step[None, :, None] >= stop[:, None, :]).sum(axis=2)
    at = np.take_along_axis
    index = step - at(stop - length - begin, piece, axis=1)
    notes = table[codes[:, None], at(way, piece, axis=1), index]
    octave = (notes[..., 1] + at(shift, piece, axis=1)).astype(np.int8)
    return Melodies(notes[..., 0], octave, step + 1 == at(stop, piece, axis=1))


def _line_table(ragas: tuple[Raga, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return code and octave of every note of both lines, and the lines' lengths."""
    lines = [(raga.ascent, raga.descent) for raga in ragas]
    lengths = np.array([[len(line) for line in pair] for pair in lines])
    table = np.zeros((*lengths.shape, lengths.max(), 2), np.int8)
    for r, pair in enumerate(lines):
        for d, line in enumerate(pair):
            table[r, d, : len(line)] = [(NAMES.index(n.svara), n.octave) for n in line]
    return table, lengths
