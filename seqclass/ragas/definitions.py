"""Definitions of ragas: lines, foreign svaras, phrases, names, and how a user writes them.

All fields are text as a musician writes it, so that a definition in a file, in a manifest and in
the shipped table look the same.
"""

import difflib
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from itertools import combinations, pairwise
from typing import Any

from seqclass.ragas.svaras import (
    MELAS,
    PLACES,
    Note,
    mela_svaras,
    read_note,
    read_notes,
    read_sung,
)

MIN_SVARAS = 4
COMPASS = "S, S''"


@dataclass(frozen=True)
class Raga:
    """A raga, defined by its lines and further features.

    name: the name of its class.
    arohana, avarohana: ascent from S to the next S and descent back, vakra turns and repeats
        written out; an empty avarohana is the ascent reversed.
    mela: number of its melakarta, 1 to 72.
    aliases: other names; spellings that differ only in h, doubled letters or long vowels need none.
    foreign: svaras outside both lines (bhashanga), which occur only in the phrases.
    jiva: svaras that it dwells on.
    nyasa: svaras on which its phrases may end (without them: S, and P or else M).
    phrases: characteristic phrases, with ``'`` and ``,`` for the octave above and below.
    turns: small ones that may break the direction of the lines, such as R2 G2 R2.
    compass: its lowest and its highest note.
    sung: how contours sing its svaras, one ``read_sung`` each (without it: as in other ragas).
    """

    name: str
    arohana: str
    avarohana: str = ""
    mela: int | None = None
    aliases: tuple[str, ...] = ()
    foreign: str = ""
    jiva: str = ""
    nyasa: str = ""
    phrases: tuple[str, ...] = ()
    turns: tuple[str, ...] = ()
    compass: str = COMPASS
    sung: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not re.fullmatch(r"\w[\w .'()-]{0,62}", self.name):
            raise ValueError(
                f"raga: expected a name of 1 to 63 letters, got {self.name!r}; name the raga"
            )
        try:
            self._check()
        except ValueError as error:
            raise ValueError(f"raga {self.name}: {error}") from error

    @cached_property
    def ascent(self) -> tuple[Note, ...]:
        """Notes from the middle S to the S above."""
        return _line("arohana", self.arohana, 0, 1)

    @cached_property
    def descent(self) -> tuple[Note, ...]:
        """Notes from the S above to the middle S."""
        return _line("avarohana", self.avarohana, 1, 0) if self.avarohana else self.ascent[::-1]

    @cached_property
    def scale(self) -> frozenset[str]:
        """Svaras of both lines."""
        return frozenset(note.svara for note in (*self.ascent, *self.descent))

    @cached_property
    def svaras(self) -> tuple[str, ...]:
        """Every svara that may sound, foreign ones included, from S up."""
        sounding = {*self.scale, *self.foreign.split()}
        return tuple(svara for svara in PLACES if svara in sounding)

    @cached_property
    def rests(self) -> frozenset[str]:
        """Svaras on which phrases end."""
        if self.nyasa.split():
            return frozenset(self.nyasa.split())
        usual = ("P",) if "P" in self.scale else (s for s in self.scale if s[0] == "M")
        return frozenset({"S", *usual})

    @property
    def ends(self) -> tuple[Note, Note]:
        """The lowest and the highest note."""
        low, high = read_notes(self.compass)
        return low, high

    @property
    def plain(self) -> "Raga":
        """The raga reduced to its lines, so that ragas equal on paper differ only in name."""
        sung = tuple(text for text in self.sung if text.split()[0] in self.scale)
        return Raga(self.name, self.arohana, self.avarohana, self.mela, compass=self.compass,
                    sung=sung)  # fmt: skip

    def _check(self) -> None:
        if self.mela is not None:
            mela_svaras(self.mela)
        self._check_names()
        if len(self.scale) < MIN_SVARAS:
            raise ValueError(
                f"a raga has at least {MIN_SVARAS} svaras, this one has "
                f"{' '.join(sorted(self.scale))}; complete arohana and avarohana"
            )
        for svara in self.foreign.split():
            self._check_foreign(svara)
        for what in ("jiva", "nyasa"):
            self._check_in_lines(what)
        for what, fewest in (("phrases", 2), ("turns", 3)):
            for phrase in getattr(self, what):
                self._check_phrase(what.removesuffix("s"), phrase, fewest)
        self._check_compass()
        self._check_sung()

    def _check_in_lines(self, what: str) -> None:
        choices = " ".join(svara for svara in PLACES if svara in self.scale)
        for svara in getattr(self, what).split():
            if svara not in self.scale:
                raise ValueError(f"{what} {svara} stands in neither line; choose from {choices}")

    def _check_names(self) -> None:
        for svara in self.foreign.split():
            read_note(svara)
        ordered = sorted(self.svaras, key=lambda svara: "SRGMPDN".index(svara[0]))
        for low, high in combinations(ordered, 2):
            if low[0] != high[0] and PLACES[low] >= PLACES[high]:
                same = "both are the same key" if PLACES[low] == PLACES[high] else "it lies above"
                raise ValueError(
                    f"{low} cannot stand with {high} ({same}); a raga's {low[0]} lies below its "
                    f"{high[0]}"
                )

    def _check_foreign(self, svara: str) -> None:
        if svara in self.scale:
            raise ValueError(
                f"{svara} is no foreign svara, a line has it; drop it from foreign or from the line"
            )
        if not any(svara in _svaras(phrase) for phrase in (*self.phrases, *self.turns)):
            raise ValueError(
                f"foreign svara {svara} stands in no phrase; it sounds in phrases alone, so add one"
            )

    def _check_phrase(self, what: str, phrase: str, fewest: int) -> None:
        notes = read_notes(phrase)
        if len(notes) < fewest:
            raise ValueError(f"{what} {phrase!r} is too short; write at least {fewest} svaras")
        for note in notes:
            if note.svara not in self.svaras:
                raise ValueError(
                    f"{what} {phrase!r} has {note.svara}, which stands in neither line; correct "
                    "it, or name it under foreign"
                )
        for end in (notes[0], notes[-1]):
            if end.svara not in self.scale:
                raise ValueError(
                    f"{what} {phrase!r} must begin and end on a svara of the lines, not on "
                    f"{end.svara}; lengthen it"
                )
        if what == "turn" and notes[0] != notes[-1]:
            raise ValueError(
                f"turn {phrase!r} must come back to {notes[0]}; make it a phrase otherwise"
            )
        if any(abs(a.height - b.height) > 12 for a, b in pairwise(notes)):
            raise ValueError(
                f"{what} {phrase!r} leaps over an octave; check the marks ' (above) and , (below)"
            )

    def _check_compass(self) -> None:
        notes = read_notes(self.compass)
        wide = len(notes) == 2 and notes[1].height - notes[0].height >= 12
        if not wide or any(note.svara not in self.scale for note in notes):
            raise ValueError(
                f"compass must be two notes of the lines, an octave apart or more, not "
                f"{self.compass!r}; write it like {COMPASS!r}"
            )
        lines = (self.ascent, self.descent)
        if any(not {n.svara for n in line} >= {n.svara for n in notes} for line in lines):
            raise ValueError(f"compass {self.compass!r} must end on svaras of both lines; widen it")

    def _check_sung(self) -> None:
        named = [read_sung(text).svara for text in self.sung]
        if self.sung and sorted(named) != sorted(self.svaras):
            raise ValueError(
                f"sung must name each svara once, {' '.join(self.svaras)}, not {' '.join(named)}; "
                "complete it, or leave it out"
            )


def _line(what: str, text: str, first: int, last: int) -> tuple[Note, ...]:
    words = text.split()
    verb = "rise" if last > first else "fall"
    if len(words) < 3 or words[0] != "S" or words[-1] != "S":
        raise ValueError(f"{what} must {verb} from S to S, not {text!r}; write both of them")
    inner = read_notes(" ".join(words[1:-1]))
    for note in inner:
        if note.svara == "S" or note.octave:
            raise ValueError(
                f"{what} has {note} between its two S; write one octave of it, without marks, and "
                "put what goes further into a phrase"
            )
    if not _leads(inner, last > first):
        raise ValueError(f"{what} must {verb} from S to S, {text!r} never does; turn it round")
    return (Note("S", first), *inner, Note("S", last))


def _leads(notes: tuple[Note, ...], up: bool) -> bool:
    """Check whether notes move mostly in a direction; True for a single note."""
    moves = [b.height - a.height for a, b in pairwise(notes)]
    along = sum((move > 0) == up for move in moves if move)
    return not any(moves) or 2 * along > sum(map(bool, moves))


def _svaras(phrase: str) -> set[str]:
    return {note.svara for note in read_notes(phrase)}


def ragas_from(data: Any) -> tuple[Raga, ...]:
    """Read ragas from a user's parsed file: a list of tables, or one named ``raga``."""
    entries = data.get("raga", data.get("ragas")) if isinstance(data, dict) else data
    if (
        not isinstance(entries, list)
        or not entries
        or not all(isinstance(e, dict) for e in entries)
    ):
        raise ValueError(
            "expected a list of ragas, in TOML a table [[raga]] for each; begin with name, arohana "
            "and avarohana"
        )
    ragas = tuple(_raga_from(entry) for entry in entries)
    check_distinct(ragas)
    return ragas


def _raga_from(entry: Mapping[str, Any]) -> Raga:
    kinds = {field.name: field.type for field in fields(Raga)}
    where = f"raga {entry['name']}" if isinstance(entry.get("name"), str) else "a raga"
    for key, value in entry.items():
        if key not in kinds:
            close = difflib.get_close_matches(key, kinds, 1)
            meant = f"did you mean {close[0]!r}?" if close else f"known are {', '.join(kinds)}"
            raise ValueError(f"{where}: there is no field {key!r}; {meant}")
        if not _fits(value, str(kinds[key])):
            forms = {
                "aliases": "a list of names",
                "sung": "a list of texts",
                "mela": "a number from 1 to 72",
            }
            listed = "a list of phrases" if "tuple" in str(kinds[key]) else "a text of svaras"
            raise ValueError(
                f"{where}: {key} must be {forms.get(key, listed)}, not {value!r}; correct it"
            )
    for key in ("name", "arohana", "avarohana"):
        if not entry.get(key):
            raise ValueError(f"{where}: {key} is missing; add it")
    given: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in entry.items()}
    return Raga(**given)


def _fits(value: Any, kind: str) -> bool:
    if "tuple" in kind:
        return isinstance(value, list | tuple) and all(isinstance(item, str) for item in value)
    if "int" in kind:
        return value is None or (isinstance(value, int) and not isinstance(value, bool))
    return isinstance(value, str)


def check_distinct(ragas: Iterable[Raga]) -> None:
    """Refuse ragas that share a name."""
    owners: dict[str, str] = {}
    for raga in ragas:
        for name in {folded(raga.name): raga.name, **{folded(a): a for a in raga.aliases}}.items():
            key, spelled = name
            if key in owners:
                raise ValueError(
                    f"raga {raga.name}: {spelled!r} also names {owners[key]}; rename one of them"
                )
            owners[key] = raga.name


_SAME_SOUND = (
    (r"[^a-z0-9]", ""), (r"aa", "a"), (r"ee|ii", "i"), (r"oo|uu", "u"), (r"ou|au", "ow"),
    (r"([bcdgjkpst])h", r"\1"), (r"w", "v"), (r"z", "s"), (r"(.)\1", r"\1"), (r"m$", ""),
)  # fmt: skip


def folded(name: str) -> str:
    """Reduce a name to what its usual spellings share: Śankarābharaṇaṁ, Shankarabharanam."""
    plain = unicodedata.normalize("NFKD", name.lower())
    for pattern, replacement in _SAME_SOUND:
        plain = re.sub(pattern, replacement, plain)
    return plain


def melakarta(number: int) -> Raga:
    """Return the parent raga of a number from 1 to 72: all seven svaras, straight up and down."""
    line = " ".join((*mela_svaras(number), "S"))
    return Raga(MELAS[number - 1], line, mela=number)
