"""Melodies of a raga as a walk of a Markov chain, whose states are places on the raga's lines.

An ascending move follows the arohana, a descending one the avarohana, so vakra turns stay whole. A
svara continues differently at different places of a line. A melody can turn where the other line
has its svara and no vakra turn is under way, and does so most where the raga rests or dwells; it
repeats svaras, skips some, leaps between phrases, and enters characteristic phrases and listed
turns, which are the only places of foreign svaras.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from seqclass.ragas.definitions import Raga
from seqclass.ragas.svaras import LETTERS, PLACES, Note, read_notes

NAMES = tuple(PLACES)
"""Names of svaras by their code, 0 to 15."""
HEIGHTS = np.array([PLACES[name] for name in NAMES], dtype=np.int16)
LETTER_CODES = np.array([LETTERS.index(name[0]) for name in NAMES], dtype=np.int16)
LOOKAHEAD = 24
"""Steps before the end of a phrase from which the chain is steered towards a rest."""


@dataclass(frozen=True)
class MelodyConfig:
    """Parameters of the honest rule; the defaults match the statistics of real notation.

    repeat: share of moves that repeat a svara.
    turn: chance that a move changes direction where it may.
    restless: factor on that chance; half of the phrases turn more often by it, half less.
    dwelling: factor on the odds of a turn at jiva and nyasa svaras, divisor at the others.
    skip: share of moves along a line that leave one svara out.
    leap: share of moves to a far svara within a phrase.
    joint: the same between phrases.
    far: share of leaps beyond an octave.
    phrase: chance to enter a characteristic phrase where one can begin.
    rare: the same for listed turns and phrases with foreign svaras.
    reach: standard deviation around the arc, in semitones.
    phrase_notes: fewest and most svaras of a phrase.
    copied: share of phrases that repeat the one before, in a composition and in an alapana.
    voice: smallest and largest factor on how far a composition ranges, for voices of less range.
    """

    repeat: float = 0.09
    turn: float = 0.26
    restless: float = 2.5
    dwelling: float = 2.0
    skip: float = 0.14
    leap: float = 0.009
    joint: float = 0.125
    far: float = 0.5
    phrase: float = 0.16
    rare: float = 0.06
    reach: float = 4.7
    phrase_notes: tuple[int, int] = (5, 12)
    copied: tuple[float, float] = (0.3, 0.03)
    voice: tuple[float, float] = (1.0, 1.0)

    def __post_init__(self) -> None:
        rates = ("repeat", "turn", "skip", "leap", "joint", "far", "phrase", "rare")
        for name, value in ((name, getattr(self, name)) for name in rates):
            if not 0 <= value < 1:
                raise ValueError(
                    f"{name}: expected a share from 0 to below 1, got {value}; correct it"
                )
        low, high = self.phrase_notes
        if not 2 <= low <= high:
            raise ValueError(
                f"phrase_notes: expected 2 <= fewest <= most, got {low}..{high}; correct the range"
            )
        if not 0.1 <= self.voice[0] <= self.voice[1] <= 2:
            raise ValueError(
                f"voice: expected 0.1 <= smallest <= largest <= 2, got {self.voice[0]}.."
                f"{self.voice[1]}; correct the range"
            )
        factors = (self.reach, self.restless, self.dwelling)
        if not min(factors) > 0 or not all(0 <= share < 1 for share in self.copied):
            raise ValueError(
                f"reach, restless, dwelling, copied: expected positive numbers and shares below 1, "
                f"got {factors} and {self.copied}; correct them"
            )


class Chain(NamedTuple):
    """The states of one raga or of several, one after the other.

    svara, octave, height: ``(states,)`` of the note that sounds. successors, weights, leaps:
    ``(states, most)``, weights 0 where there are fewer successors; leaps and turns mark those
    that are leaps, and that change direction. start: ``(states,)`` weights of the first note.
    rest, home: ``(LOOKAHEAD + 1, states)``, how well a rest or S is reached in as many steps.
    """

    svara: np.ndarray
    octave: np.ndarray
    height: np.ndarray
    successors: np.ndarray
    weights: np.ndarray
    leaps: np.ndarray
    turns: np.ndarray
    start: np.ndarray
    rest: np.ndarray
    home: np.ndarray


Place = tuple[str, int, int]
"""Line or phrase, index in it, and octave added to the written one."""
ONWARD, TURN, LEAP = range(3)
Moves = dict[Place, tuple[float, int]]
"""Weight of each place that may follow, and the kind of move that leads there."""


@cache
def chain_of(raga: Raga, manner: MelodyConfig) -> Chain:
    """Compile the chain of one raga."""
    return _Compiler(raga, manner).compile()


class _Compiler:
    """Compiler from the text of a raga to states and the weights of moves between them."""

    def __init__(self, raga: Raga, manner: MelodyConfig) -> None:
        self.raga, self.manner = raga, manner
        self.low, self.high = (note.height for note in raga.ends)
        self.lines = {"up": raga.ascent, "down": raga.descent}
        self.lines |= {f"phrase {p}": read_notes(p) for p in raga.phrases}
        self.lines |= {f"turn {p}": read_notes(p) for p in raga.turns}
        self.inside = {name: _inside(self.lines[name], name == "up") for name in ("up", "down")}
        self.places = [p for p in self._all_places() if self._is_reachable(p)]
        self.by_note: dict[Note, list[Place]] = defaultdict(list)
        for place in self.places:
            if place[0] in self.inside:
                self.by_note[self.note(place)].append(place)

    def compile(self) -> Chain:
        number = {place: n for n, place in enumerate(self.places)}
        moves = [self._moves(place) for place in self.places]
        moves = _without_dead_ends(number, moves)
        alive = [n for n, onward in enumerate(moves) if onward]
        renumber = {self.places[n]: k for k, n in enumerate(alive)}
        notes = [self.note(self.places[n]) for n in alive]
        width = max(len(moves[n]) for n in alive)
        successors = np.zeros((len(alive), width), np.int32)
        weights = np.zeros((len(alive), width))
        leaps, turns = np.zeros((2, len(alive), width), bool)
        for k, n in enumerate(alive):
            for j, (place, (weight, kind)) in enumerate(moves[n].items()):
                successors[k, j], weights[k, j] = renumber[place], weight
                leaps[k, j], turns[k, j] = kind == LEAP, kind == TURN
        weights /= weights.sum(axis=1, keepdims=True)
        line = np.array([self._is_calm(self.places[n]) for n in alive])
        rests = line & np.array([note.svara in self.raga.rests for note in notes])
        sa = line & np.array([note.svara == "S" for note in notes])
        rests = rests if rests.any() else sa
        svara = np.array([NAMES.index(note.svara) for note in notes], np.int8)
        octave = np.array([note.octave for note in notes], np.int8)
        start = np.where(rests, 1.0, np.where(line, 0.2, 0.0))
        return Chain(
            svara, octave, HEIGHTS[svara] + 12 * octave, successors, weights, leaps, turns, start,
            _reaching(rests, successors, weights), _reaching(sa, successors, weights),
        )  # fmt: skip

    def note(self, place: Place) -> Note:
        line, index, octave = place
        return self.lines[line][index].raised(octave)

    def _all_places(self) -> Iterator[Place]:
        for name, notes in self.lines.items():
            last = len(notes) - 1 if name in self.inside else len(notes)
            first = 0 if name in self.inside else 1  # a phrase begins on a line
            for octave in range(-3, 4):
                yield from ((name, index, octave) for index in range(first, last))

    def _is_reachable(self, place: Place) -> bool:
        line, _, octave = place
        notes = [self.note(place)]
        if line not in self.inside:
            notes = [note.raised(octave) for note in self.lines[line]]
        return all(self.low <= note.height <= self.high for note in notes)

    def _is_calm(self, place: Place) -> bool:
        """Check whether a place is on a line, with no vakra turn under way."""
        line, index, _ = place
        return line in self.inside and not self.inside[line][index]

    def _moves(self, place: Place) -> Moves:
        line, index, octave = place
        if line in self.inside:
            return self._from_line(place)
        if index + 1 < len(self.lines[line]):
            return {(line, index + 1, octave): (1.0, ONWARD)}
        exits = [p for p in self.by_note[self.note(place)] if self._is_calm(p)]
        exits = exits or self.by_note[self.note(place)]
        total: Moves = {}
        for targets in (self._from_line(exit_place) for exit_place in exits):
            for target, (weight, kind) in targets.items():
                before, first = total.get(target, (0.0, kind))
                total[target] = (before + weight / len(exits), first)
        return total

    def _from_line(self, place: Place) -> Moves:
        manner, note = self.manner, self.note(place)
        ahead = self._along(place)
        if not self._is_calm(place):
            return {target: (weight, ONWARD) for target, weight in ahead.items()}
        back, phrases, leaps = self._turned(place), self._phrases(note), self._leaps(note)
        turn = self._turning(note) if ahead and back else float(bool(back))
        entered = min(sum(phrases.values()), 0.5)
        repeat = manner.repeat * (1.5 if note.svara in self.raga.jiva.split() else 0.9)
        left = (1 - entered) * (1 - repeat - manner.leap)
        shares = (
            (left * (1 - turn), ONWARD, ahead), (left * turn, TURN, back),
            (entered / (sum(phrases.values()) or 1), ONWARD, phrases), (manner.leap, LEAP, leaps),
        )  # fmt: skip
        total: Moves = {place: ((1 - entered) * repeat, ONWARD)}
        for share, kind, targets in shares:
            for target, weight in targets.items():
                before, first = total.get(target, (0.0, kind))
                total[target] = (before + share * weight, first)
        return total

    def _turning(self, note: Note) -> float:
        """Return the chance to turn at a svara; melodies turn where the raga rests or dwells."""
        dwelt = note.svara in self.raga.rests or note.svara in self.raga.jiva.split()
        odds = self.manner.turn / (1 - self.manner.turn)
        odds *= self.manner.dwelling if dwelt else 1 / self.manner.dwelling
        return odds / (1 + odds)

    def _along(self, place: Place) -> dict[Place, float]:
        """Return the next place of a line and, if no turn is near, the one after it."""
        first = self._next(place)
        if not self.low <= self.note(first).height <= self.high:
            return {}
        second = self._next(first)
        within = self.low <= self.note(second).height <= self.high
        if not within or not self._is_straight(place, first, second):
            return {first: 1.0}
        return {first: 1 - self.manner.skip, second: self.manner.skip}

    def _next(self, place: Place) -> Place:
        line, index, octave = place
        if index + 1 < len(self.lines[line]) - 1:
            return (line, index + 1, octave)
        return (line, 0, octave + (1 if line == "up" else -1))

    def _is_straight(self, *places: Place) -> bool:
        heights = [self.note(place).height for place in places]
        sign = 1 if places[0][0] == "up" else -1
        onward = all(sign * (b - a) > 0 for a, b in pairwise(heights))
        return onward and all(map(self._is_calm, places))

    def _turned(self, place: Place) -> dict[Place, float]:
        """Return the places of the other line after the same note."""
        other = "down" if place[0] == "up" else "up"
        same = [p for p in self.by_note[self.note(place)] if p[0] == other]
        places: dict[Place, float] = defaultdict(float)
        ahead = [targets for targets in map(self._along, same) if targets]
        for targets in ahead:
            for target, weight in targets.items():
                places[target] += weight / len(ahead)
        return places

    def _phrases(self, note: Note) -> dict[Place, float]:
        places = {}
        for name, notes in self.lines.items():
            octave = note.octave - notes[0].octave
            if name in self.inside or notes[0].svara != note.svara:
                continue
            if all(self.low <= n.raised(octave).height <= self.high for n in notes):
                foreign = any(n.svara not in self.raga.scale for n in notes)
                is_rare = foreign or name.startswith("turn")
                places[(name, 1, octave)] = self.manner.rare if is_rare else self.manner.phrase
        return places

    def _leaps(self, note: Note) -> dict[Place, float]:
        near: dict[Place, float] = {}
        far: dict[Place, float] = {}
        svaras = {"S", "P", *self.raga.rests, *self.raga.jiva.split()}
        for target, places in self.by_note.items():
            size = abs(target.height - note.height)
            calm = [place for place in places if self._is_calm(place)]
            if target.svara not in svaras or not 5 <= size <= 19:
                continue
            kind = near if size <= 12 else far
            for place in calm:
                kind[place] = np.exp(-size / 6) / len(calm)
        shares = ((near, 1 - self.manner.far), (far, self.manner.far))
        return {p: share * w / sum(k.values()) for k, share in shares for p, w in k.items()}


def _inside(notes: tuple[Note, ...], up: bool) -> list[bool]:
    """Mark the notes that an earlier note has passed, so that a vakra turn is under way."""
    heights = [note.height if up else -note.height for note in notes]
    return [max(heights[: n + 1]) > height for n, height in enumerate(heights)]


def _without_dead_ends(number: dict[Place, int], moves: list[Moves]) -> list[Moves]:
    """Remove moves to places from which no move leads on, until there are none."""
    while True:
        kept = [
            {p: m for p, m in targets.items() if p in number and moves[number[p]]}
            for targets in moves
        ]
        if sum(map(len, kept)) == sum(map(len, moves)):
            return kept
        moves = kept


def _reaching(goals: np.ndarray, successors: np.ndarray, weights: np.ndarray) -> np.ndarray:
    reach = [goals.astype(float)]
    for _ in range(LOOKAHEAD):
        reached = (weights * reach[-1][successors]).sum(axis=1)
        reach.append(reached / max(reached.max(), np.finfo(float).tiny))
    return np.stack(reach)


@cache
def stacked(ragas: tuple[Raga, ...], manner: MelodyConfig) -> tuple[Chain, np.ndarray]:
    """Return all states of all ragas, and where those of each raga begin, ``(ragas + 1,)``."""
    chains = [chain_of(raga, manner) for raga in ragas]
    first = np.concatenate([[0], np.cumsum([len(chain.svara) for chain in chains])])
    width = max(chain.successors.shape[1] for chain in chains)
    wide = [
        chain._replace(
            successors=_padded(chain.successors + offset, width),
            weights=_padded(chain.weights, width),
            leaps=_padded(chain.leaps, width),
            turns=_padded(chain.turns, width),
        )
        for chain, offset in zip(chains, first, strict=False)
    ]
    joined = (
        np.concatenate(arrays, axis=-1 if n > 7 else 0)
        for n, arrays in enumerate(zip(*wide, strict=True))
    )
    return Chain(*joined), first


def _padded(values: np.ndarray, width: int) -> np.ndarray:
    return np.pad(values, ((0, 0), (0, width - values.shape[1])))
