"""The spec of melodies to generate."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from seqclass.ragas.chains import MelodyConfig
from seqclass.ragas.definitions import Raga
from seqclass.ragas.raga_table import choose_ragas
from seqclass.ragas.singing import as_sung
from seqclass.synthesis.random_series import Uniform, check_at_least

SVARA, LETTERS, CONTOUR = "svara", "letters", "contour"
REPRESENTATIONS = (SVARA, LETTERS, CONTOUR)
HONEST, AUTHOR = "honest", "author"
RULES = (HONEST, AUTHOR)
FURTHEST = 60
"""Most semitones by which a composition may be transposed: five octaves."""


@dataclass(frozen=True)
class RagaSpec:
    """Settings of the melodies to generate.

    ragas: names of ragas, melakartas or sets, or definitions; each is a class.
    n_series: how many series, at least 1.
    n_notes: svaras of the shortest and of the longest series.
    windows: series that are cut from each composition, at least 1.
    weights: shares of the ragas, positive (empty: equal).
    representation: ``svara`` (channel ``pitch``, semitones above the middle Sa), ``letters``
        (channel ``letter``, 0 to 6 for S R G M P D N) or ``contour`` (channel ``cents`` above the
        middle Sa, NaN where nothing sounds; ``seconds`` long at ``rate_hz`` whatever ``n_notes``
        says).
    duration: a second channel ``duration_s`` beside pitch.
    octave: a second channel ``octave`` beside letters.
    phrases: whether ragas use features beyond their lines (phrases, turns, jiva and nyasa).
    tonic: whether pitches are above the composition's own Sa or above ``REFERENCE_HZ``.
    tonic_hz: pitch of a composition's Sa.
    transpose: lowest and highest shift of a composition, in whole semitones.
    kalas: tempo factors, one is drawn for each composition.
    svara_s: length of a svara of one unit in the first kala, in seconds.
    dropped, doubled, wrong: shares of svaras that are left out, written twice, or moved to a
        neighbour, as transcripts have them.
    gamaka: whether contours have ornaments and are met as imprecisely as voices do.
    lost: share of a contour's frames that a tracker loses, beside breaths and consonants.
    dropouts, octave_errors: shares of a contour's time in stretches that a tracker loses, or hears
        an octave off.
    jitter_cents: standard deviation of a tracker's error from frame to frame.
    spread: how far singers differ from their raga's usual lengths of svaras and shares of swings,
        as a standard deviation of logarithms.
    intonation_cents: standard deviation of a singer's places of the svaras.
    """

    ragas: tuple[str | Raga, ...] = ("author",)
    n_series: int = 5000
    n_notes: tuple[int, int] = (64, 64)
    seed: int = 0
    rule: Literal["honest", "author"] = "honest"
    representation: Literal["svara", "letters", "contour"] = "svara"
    windows: int = 1
    weights: tuple[float, ...] = ()
    duration: bool = False
    octave: bool = False
    phrases: bool = True
    tonic: Literal["known", "unknown"] = "known"
    tonic_hz: Uniform = field(default_factory=lambda: Uniform(120.0, 220.0))
    transpose: tuple[int, int] = (0, 0)
    kalas: tuple[float, ...] = (1.0,)
    svara_s: Uniform = field(default_factory=lambda: Uniform(0.3, 1.05))
    dropped: float = 0.0
    doubled: float = 0.0
    wrong: float = 0.0
    seconds: float = 10.0
    rate_hz: float = 25.0
    gamaka: bool = True
    lost: float = 0.02
    dropouts: float = 0.0
    octave_errors: float = 0.0
    jitter_cents: float = 11.0
    spread: float = 0.1
    intonation_cents: float = 4.0
    manner: MelodyConfig = field(default_factory=MelodyConfig)

    def __post_init__(self) -> None:
        ragas = choose_ragas(self.ragas)  # what is kept is complete
        if self.representation == CONTOUR:
            ragas = tuple(as_sung(raga, self.phrases) for raga in ragas)
        object.__setattr__(self, "ragas", ragas)
        check_at_least("n_series", self.n_series, 1)
        check_at_least("windows", self.windows, 1)
        check_at_least("seed", self.seed, 0)
        check_at_least("n_notes", self.n_notes[0], 2)
        for name, value, choices in (
            ("rule", self.rule, RULES), ("representation", self.representation, REPRESENTATIONS),
            ("tonic", self.tonic, ("known", "unknown")),
        ):  # fmt: skip
            if value not in choices:
                raise ValueError(
                    f"{name}: expected one of {', '.join(choices)}, got {value!r}; choose one"
                )
        for name, (low, high) in (("n_notes", self.n_notes), ("transpose", self.transpose)):
            if not low <= high:
                raise ValueError(
                    f"{name}: expected lowest <= highest, got {low}..{high}; swap the limits"
                )
        if max(map(abs, self.transpose)) > FURTHEST:
            raise ValueError(
                f"transpose: expected at most {FURTHEST} semitones up or down, got "
                f"{self.transpose[0]}..{self.transpose[1]}; lower them"
            )
        self._check_options()

    def _check_options(self) -> None:
        if self.weights and (
            len(self.weights) != len(self.ragas) or not all(0 < w < np.inf for w in self.weights)
        ):
            raise ValueError(
                f"weights: expected {len(self.ragas)} positive numbers, one a raga, got "
                f"{list(self.weights)}; give one weight for each raga"
            )
        for name, suits in (("duration", SVARA), ("octave", LETTERS)):
            if getattr(self, name) and self.representation != suits:
                raise ValueError(
                    f"{name}: expected with representation {suits}, got {self.representation}; "
                    "drop one of them"
                )
        if self.representation == LETTERS and self.tonic == "unknown":
            raise ValueError(
                "tonic: expected known with letters, which name svaras above Sa, got unknown; "
                "choose representation svara"
            )
        if not self.kalas or not all(0 < kala < np.inf for kala in self.kalas):
            raise ValueError(
                f"kalas: expected positive tempo factors, got {list(self.kalas)}; write 1,2,4"
            )
        if self.representation == CONTOUR:
            self._check_contour()
        self._check_limits()

    def _check_limits(self) -> None:
        for name, distribution in (("tonic_hz", self.tonic_hz), ("svara_s", self.svara_s)):
            if not distribution.low > 0:
                raise ValueError(
                    f"{name}: expected positive limits, got {distribution.low}; correct them"
                )
        for name in ("dropped", "doubled", "wrong"):
            if not 0 <= getattr(self, name) <= 0.5:
                raise ValueError(
                    f"{name}: expected a share from 0 to 0.5, got {getattr(self, name)}; correct it"
                )

    def _check_contour(self) -> None:
        if not (0 < self.seconds < np.inf and 0 < self.rate_hz < np.inf and self.n_frames >= 2):
            raise ValueError(
                f"seconds, rate_hz: expected at least two frames, got {self.seconds} s at "
                f"{self.rate_hz} Hz; raise them"
            )
        for name, most in (
            ("lost", 0.5), ("dropouts", 0.5), ("octave_errors", 0.5), ("jitter_cents", 100),
            ("spread", 2), ("intonation_cents", 100),
        ):  # fmt: skip
            if not 0 <= getattr(self, name) <= most:
                raise ValueError(
                    f"{name}: expected a number from 0 to {most}, got {getattr(self, name)}; "
                    "correct it"
                )
        if self.dropped or self.doubled or self.wrong:
            raise ValueError(
                "dropped, doubled, wrong: expected with svara or letters, which are written down; "
                "drop them, or change the representation"
            )

    @property
    def n_frames(self) -> int:
        """Steps of a contour."""
        return round(self.seconds * self.rate_hz)

    @property
    def definitions(self) -> tuple[Raga, ...]:
        """The ragas as they are drawn."""
        whole = choose_ragas(self.ragas)
        return whole if self.phrases else tuple(raga.plain for raga in whole)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the ragas, in the order of the class codes."""
        return tuple(raga.name for raga in self.definitions)

    @property
    def channels(self) -> list[str]:
        """Columns that a series has, in order."""
        if self.representation == CONTOUR:
            return ["cents"]
        if self.representation == LETTERS:
            return ["letter", "octave"] if self.octave else ["letter"]
        return ["pitch", "duration_s"] if self.duration else ["pitch"]
