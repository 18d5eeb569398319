"""The sixteen svaras on their twelve places, the marks of octaves, and the 72 melakartas.

A place (0 to 11 semitones above Sa) is not a name: R2 and G1 share a place, and the raga decides
which of the two is meant.
"""

from typing import NamedTuple

PLACES = {
    "S": 0, "R1": 1, "R2": 2, "R3": 3, "G1": 2, "G2": 3, "G3": 4, "M1": 5, "M2": 6, "P": 7,
    "D1": 8, "D2": 9, "D3": 10, "N1": 9, "N2": 10, "N3": 11,
}  # fmt: skip
"""Semitones above Sa of every svara."""
LETTERS = "SRGMPDN"
ABOVE, BELOW = "'", ","
"""Marks after a svara, one for each octave above or below the middle one."""

_LOWER = ("R1 G1", "R1 G2", "R1 G3", "R2 G2", "R2 G3", "R3 G3")
_UPPER = ("D1 N1", "D1 N2", "D1 N3", "D2 N2", "D2 N3", "D3 N3")

MELAS = (
    "Kanakangi", "Ratnangi", "Ganamurti", "Vanaspati", "Manavati", "Tanarupi",
    "Senavati", "Hanumatodi", "Dhenuka", "Natakapriya", "Kokilapriya", "Rupavati",
    "Gayakapriya", "Vakulabharanam", "Mayamalavagowla", "Chakravakam", "Suryakantam",
    "Hatakambari",
    "Jhankaradhvani", "Natabhairavi", "Kiravani", "Kharaharapriya", "Gaurimanohari",
    "Varunapriya",
    "Mararanjani", "Charukesi", "Sarasangi", "Harikambhoji", "Dhirashankarabharanam",
    "Naganandini",
    "Yagapriya", "Ragavardhini", "Gangeyabhushani", "Vagadhisvari", "Sulini", "Chalanata",
    "Salagam", "Jalarnavam", "Jhalavarali", "Navanitam", "Pavani", "Raghupriya",
    "Gavambhodi", "Bhavapriya", "Subhapantuvarali", "Shadvidhamargini", "Suvarnangi",
    "Divyamani",
    "Dhavalambari", "Namanarayani", "Kamavardhani", "Ramapriya", "Gamanasrama", "Visvambhari",
    "Syamalangi", "Shanmukhapriya", "Simhendramadhyamam", "Hemavati", "Dharmavati", "Nitimati",
    "Kantamani", "Rishabhapriya", "Latangi", "Vachaspati", "Mechakalyani", "Chitrambari",
    "Sucharitra", "Jyotisvarupini", "Dhatuvardhani", "Nasikabhushani", "Kosalam", "Rasikapriya",
)  # fmt: skip
"""Names of melakartas 1 to 72, six to a chakra."""


class Note(NamedTuple):
    """A svara in an octave; octave 0 begins at the middle Sa."""

    svara: str
    octave: int = 0

    @property
    def height(self) -> int:
        """Semitones above the middle Sa."""
        return 12 * self.octave + PLACES[self.svara]

    def __str__(self) -> str:
        return self.svara + (ABOVE * self.octave if self.octave > 0 else BELOW * -self.octave)

    def raised(self, octaves: int) -> "Note":
        """Return the same svara some octaves higher, or lower if ``octaves`` is negative."""
        return Note(self.svara, self.octave + octaves)


def read_note(text: str) -> Note:
    """Read a note as it is written: ``G3``, ``S'`` an octave higher, ``N2,`` an octave lower."""
    svara = text.rstrip(ABOVE + BELOW)
    marks = text[len(svara) :]
    if svara not in PLACES:
        raise ValueError(
            f"there is no svara {text!r}; write one of {', '.join(PLACES)}, with {ABOVE} for each "
            f"octave above and {BELOW} for each octave below"
        )
    return Note(svara, marks.count(ABOVE) - marks.count(BELOW))


def read_notes(text: str) -> tuple[Note, ...]:
    """Read svaras that are separated by blanks; ValueError names the first that is invalid."""
    return tuple(read_note(word) for word in text.split())


class Sung(NamedTuple):
    """Numbers of a svara of a raga as it is sung.

    cents: from its place; length: factor on the length that the rhythm gives to it; up, down:
    shares of its notes that swing to the svara above and to the one below.
    """

    svara: str
    cents: float
    length: float
    up: float
    down: float

    def __str__(self) -> str:
        return f"{self.svara} {round(self.cents)} {self.length:.2f} {self.up:.2f} {self.down:.2f}"


def read_sung(text: str) -> Sung:
    """Read how a svara is sung: ``G3 -14 1.20 0.30 0.05``."""
    svara, *figures = text.split() or [""]
    try:
        cents, length, up, down = map(float, figures)
    except ValueError:
        cents, length, up, down = (float("nan"),) * 4
    shares = min(up, down) >= 0 and up + down <= 1
    if not (abs(cents) <= 50 and 0.1 <= length <= 10 and shares):
        raise ValueError(
            f"sung {text!r} must be a svara, cents from its place (-50 to 50), a factor on its "
            "length (0.1 to 10), and shares that swing up and down (1 together at most); write it "
            "like 'G3 -14 1.2 0.3 0.05'"
        )
    return Sung(read_note(svara).svara, cents, length, up, down)


def mela_svaras(number: int) -> tuple[str, ...]:
    """Return the seven svaras of melakarta 1 to 72.

    M1 up to 36 and M2 from 37 on; within each half a chakra of six shares R and G, and the place in
    the chakra gives D and N.
    """
    if not 1 <= number <= len(MELAS):
        raise ValueError(f"there are melas 1 to {len(MELAS)}, not {number}; correct the number")
    chakra, place = divmod((number - 1) % 36, 6)
    middle = "M1" if number <= 36 else "M2"
    return ("S", *_LOWER[chakra].split(), middle, "P", *_UPPER[place].split())
