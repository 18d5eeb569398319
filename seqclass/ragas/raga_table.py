"""The shipped ragas, the named sets of ragas, and the look-up of names.

Lines are those on which the lists of Wikipedia (929 ragas), PyCarnatic and ragavardhini agree, and
real notation if there is some; where they differ, the notation decides. Foreign svaras and phrases
come from the same notation and the phrase lists of the ragas. A svara that the ascent lacks may be
touched in a turn such as R G R if the notation does so (Sri, Saveri, Malahari, Dhanyasi and Khamas,
but not Arabhi). Jiva and nyasa follow common teaching; without them, phrases end on S, and P or
else M.
"""

import difflib
from collections.abc import Iterable
from functools import cache
from typing import Any

from seqclass.ragas.definitions import Raga, check_distinct, folded, melakarta
from seqclass.ragas.svaras import MELAS


def _raga(name: str, mela: int, arohana: str, avarohana: str = "", **more: Any) -> Raga:
    return Raga(name, arohana, avarohana, mela, **more)


TABLE = (
    # The author's seven.
    _raga("Kharaharapriya", 22, "S R2 G2 M1 P D2 N2 S", jiva="R2 G2 D2 N2", nyasa="S R2 P D2"),
    _raga("Ritigowla", 22, "S G2 R2 G2 M1 N2 D2 M1 N2 N2 S", "S N2 D2 M1 G2 M1 P M1 G2 R2 S",
          jiva="G2 M1 N2", nyasa="S M1 N2",
          phrases=("S G2 R2 G2 M1", "M1 N2 N2 S'", "G2 M1 P M1 G2 R2", "N2 D2 M1 N2 N2 S'")),
    _raga("Revati", 2, "S R1 M1 P N2 S", jiva="R1 N2", nyasa="S M1 P"),
    _raga("Sri", 22, "S R2 M1 P N2 S", "S N2 P D2 N2 P M1 R2 G2 R2 S", aliases=("Sriraga",),
          jiva="R2 N2", nyasa="S R2 P", turns=("R2 G2 R2",),
          phrases=("R2 G2 R2 S", "P N2 S' R2' G2' R2' S'", "N2 P M1 R2 G2 R2 S")),
    _raga("Vakulabharanam", 14, "S R1 G3 M1 P D1 N2 S", jiva="R1 G3 D1", nyasa="S G3 P"),
    _raga("Vagadhisvari", 34, "S R3 G3 M1 P D2 N2 S", jiva="R3 G3 N2", nyasa="S G3 P"),
    _raga("Viravasantam", 24, "S R2 G2 M1 P S", "S N3 D3 P M1 G2 R2 S", nyasa="S P"),
    # His seven main ragas; Kharaharapriya stands above.
    _raga("Shankarabharanam", 29, "S R2 G3 M1 P D2 N3 S", aliases=("Dhirashankarabharanam",),
          jiva="G3 M1 N3", nyasa="S G3 P",
          phrases=("S N3, P, S", "G3 M1 P D2 N3 S'", "M1 G3 S R2 G3")),
    _raga("Kalyani", 65, "S R2 G3 M2 P D2 N3 S", aliases=("Mechakalyani", "Kalyan"),
          jiva="G3 M2 D2 N3", nyasa="S R2 G3 P D2",
          phrases=("G3 M2 P D2 N3 D2 P", "N3 R2' G3' R2' S'")),
    _raga("Todi", 8, "S R1 G2 M1 P D1 N2 S", aliases=("Hanumatodi",), jiva="G2 M1 D1 N2",
          nyasa="S G2 M1 P D1", phrases=("G2 M1 D1 N2 S'", "D1 M1 G2 R1 S", "R1' N2 D1 M1")),
    _raga("Kambhoji", 28, "S R2 G3 M1 P D2 S", "S N2 D2 P M1 G3 R2 S", aliases=("Kambodhi",),
          foreign="N3", jiva="G3 M1 D2", nyasa="S G3 P D2", turns=("D2 N2 D2",),
          phrases=("S' N3 P D2 S'", "M1 G3 P D2 S'", "D2 P M1 G3 S R2 G3", "P D2 M1 G3 R2 S")),
    _raga("Varali", 39, "S G1 R1 G1 M2 P D1 N3 S", "S N3 D1 P M2 G1 R1 S", jiva="G1 M2 D1",
          nyasa="S G1 P", phrases=("G1 R1 G1 M2 P", "P M2 G1 R1 S")),
    _raga("Bhairavi", 20, "S R2 G2 M1 P D2 N2 S", "S N2 D1 P M1 G2 R2 S", jiva="R2 G2 M1 N2",
          nyasa="S R2 G2 P", turns=("N2 D1 N2", "P D1 P"),
          phrases=("S G2 R2 G2 M1", "P D2 N2 S'", "M1 P G2 R2 S", "R2' S' N2 D1 P")),
    # Five svaras and the like.
    _raga("Mohanam", 28, "S R2 G3 P D2 S", jiva="R2 G3 D2", nyasa="S G3 P D2"),
    _raga("Hamsadhvani", 29, "S R2 G3 P N3 S", jiva="R2 G3 N3", nyasa="S G3 P",
          phrases=("G3 P N3 S' R2' S'", "N3 P G3 R2 S")),
    _raga("Hindolam", 20, "S G2 M1 D1 N2 S", jiva="G2 M1 D1", nyasa="S M1 D1"),
    _raga("Suddha Saveri", 29, "S R2 M1 P D2 S", jiva="R2 M1 D2", nyasa="S M1 P"),
    _raga("Suddha Dhanyasi", 22, "S G2 M1 P N2 S", jiva="G2 N2", nyasa="S G2 P"),
    _raga("Madhyamavati", 22, "S R2 M1 P N2 S", jiva="R2 N2", nyasa="S R2 P",
          phrases=("P M1 R2 S N2, P,",)),
    _raga("Valaji", 16, "S G3 P D2 N2 S", jiva="G3 D2", nyasa="S G3 P"),
    _raga("Nagasvaravali", 28, "S G3 M1 P D2 S", jiva="G3 M1", nyasa="S G3 P"),
    _raga("Amritavarshini", 66, "S G3 M2 P N3 S", jiva="G3 M2 N3", nyasa="S G3 P"),
    _raga("Gambhiranata", 36, "S G3 M1 P N3 S", jiva="G3 M1 N3", nyasa="S G3 P"),
    # Kharaharapriya's relatives.
    _raga("Manirangu", 22, "S R2 M1 P N2 S", "S N2 P M1 G2 R2 S", jiva="R2 M1 N2", nyasa="S R2 P",
          turns=("R2 G2 R2",),
          phrases=("P M1 G2 R2 S", "M1 P M1 G2 R2 S R2")),
    _raga("Pushpalatika", 22, "S R2 G2 M1 P N2 S", "S N2 P M1 G2 R2 S", nyasa="S G2 P"),
    _raga("Brindavana Saranga", 22, "S R2 M1 P N2 S", "S N2 P M1 R2 G2 R2 S",
          turns=("R2 G2 R2",),
          aliases=("Brindavanasarang",), foreign="N3", jiva="R2 N2", nyasa="S R2 P",
          phrases=("M1 P N3 S'", "N2 P M1 R2 G2 R2 S", "R2 M1 P N2 P M1 R2")),
    _raga("Abhogi", 22, "S R2 G2 M1 D2 S", jiva="R2 G2 D2", nyasa="S M1 D2",
          phrases=("D2 M1 G2 R2 S",)),
    _raga("Sriranjani", 22, "S R2 G2 M1 D2 N2 S", jiva="R2 G2 D2 N2", nyasa="S M1 D2",
          phrases=("G2 M1 D2 N2 S'", "M1 G2 R2 S")),
    _raga("Jayamanohari", 22, "S R2 G2 M1 D2 S", "S N2 D2 M1 G2 R2 S", jiva="G2 D2",
          turns=("D2 N2 D2",),
          nyasa="S M1 D2"),
    _raga("Darbar", 22, "S R2 M1 P D2 N2 S", "S N2 D2 P M1 R2 G2 G2 R2 S", jiva="R2 G2 N2",
          nyasa="S R2 P", turns=("R2 G2 R2",),
          phrases=("R2' S' N2 S' D2 P", "M1 R2 G2 G2 R2 S", "M1 P D2 N2 S'")),
    _raga("Nayaki", 22, "S R2 M1 P D2 N2 D2 P S", "S N2 D2 P M1 R2 G2 R2 S", jiva="R2 D2 N2",
          turns=("R2 G2 R2",),
          nyasa="S R2 P", phrases=("R2 G2 R2 S", "P D2 N2 D2 P S'", "S N2, D2, N2, S R2")),
    _raga("Kanada", 22, "S R2 G2 M1 D2 N2 S", "S N2 P M1 G2 M1 R2 S", jiva="G2 D2 N2",
          nyasa="S R2 P", turns=("R2 P R2", "M1 P M1"),
          phrases=("P M1 G2 M1 R2 S", "P G2 M1 R2 S", "G2 M1 D2 N2 S'")),
    _raga("Abheri", 22, "S G2 M1 P N2 S", "S N2 D2 P M1 G2 R2 S", jiva="G2 M1 N2", nyasa="S G2 P",
          turns=("S R2 S", "P D2 P"),
          phrases=("G2 M1 P N2 S' G2' R2' S'", "N2 D2 P M1 P G2")),
    _raga("Karnataka Devagandhari", 22, "S G2 M1 P N2 S", "S N2 D2 P M1 G2 R2 S", jiva="G2 N2",
          turns=("S R2 S", "P D2 P"),
          nyasa="S M1 P", phrases=("P N2 S' N2 D2 P M1", "G2 M1 G2 R2 S N2, S")),
    _raga("Salagabhairavi", 22, "S R2 M1 P D2 S", "S N2 D2 P M1 G2 R2 S", jiva="R2 M1 D2",
          turns=("R2 G2 R2", "D2 N2 D2"),
          nyasa="S R2 P", phrases=("R2 M1 P D2 P S'", "P M1 G2 R2 S")),
    _raga("Mukhari", 22, "S R2 M1 P N2 D2 S", "S N2 D1 P M1 G2 R2 S", jiva="R2 M1 D1",
          turns=("R2 G2 R2", "P D1 P"),
          nyasa="S R2 P D1", phrases=("R2 M1 P N2 D2 S'", "N2 D1 P M1 G2 R2 S")),
    _raga("Huseni", 22, "S R2 G2 M1 P N2 D2 N2 S", "S N2 D1 P M1 G2 R2 S", aliases=("Usseni",),
          turns=("P D1 P",),
          jiva="R2 G2 M1 N2", nyasa="S R2 P", phrases=("P N2 D2 N2 S'", "M1 P N2 D1 P M1 G2 R2")),
    _raga("Kapi", 22, "S R2 M1 P N3 S", "S N2 D2 N2 P M1 G2 R2 S", aliases=("Kaapi",),
          jiva="R2 G2 M1 N2", nyasa="S R2 P", foreign="G3 D1", turns=("R2 G2 R2",),
          phrases=("R2 M1 P N3 S'", "N2 D2 N2 P M1 G2 R2", "M1 G3 M1", "P D1 P")),
    # Harikambhoji's relatives.
    _raga("Harikambhoji", 28, "S R2 G3 M1 P D2 N2 S", jiva="G3 D2 N2", nyasa="S G3 P"),
    _raga("Kedaragowla", 28, "S R2 M1 P N2 S", "S N2 D2 P M1 G3 R2 S", jiva="R2 G3 N2",
          turns=("R2 G3 R2", "P D2 P"),
          nyasa="S R2 P", phrases=("R2 M1 G3 R2 S", "P N2 S' R2' S' N2 D2 P")),
    _raga("Surati", 28, "S R2 M1 P N2 S", "S N2 D2 P M1 G3 P M1 R2 S", jiva="R2 N2 D2",
          nyasa="S R2 P", turns=("N2 D2 N2", "R2 G3 R2", "P D2 P"),
          phrases=("M1 G3 P M1 R2 S", "P N2 S' N2 D2 N2 S'", "N2 D2 P M1 G3 P M1 R2")),
    _raga("Yadukulakambhoji", 28, "S R2 M1 P D2 S", "S N2 D2 P M1 G3 R2 S", jiva="R2 M1 D2",
          turns=("R2 G3 R2", "D2 N2 D2"),
          nyasa="S R2 P", phrases=("R2 M1 G3 S R2 M1 P", "P D2 S' N2 D2 P M1 G3 S")),
    _raga("Senchurutti", 28, "S R2 G3 M1 P D2 N2 S", "S N2 D2 P M1 G3 R2 S",
          aliases=("Chenchurutti", "Senjurutti", "Chenjurutti"), compass="D2, N2",
          jiva="G3 M1 D2", nyasa="S R2 P", phrases=("D2, S R2 G3 M1", "G3 R2 S N2, D2, P, D2, S")),
    _raga("Narayanagowla", 28, "S R2 M1 P N2 D2 N2 S", "S N2 D2 P M1 G3 R2 G3 R2 S", jiva="R2 N2",
          turns=("R2 G3 R2",),
          nyasa="S R2 P", phrases=("P N2 D2 N2 S'", "M1 G3 R2 G3 R2 S")),
    _raga("Balahamsa", 28, "S R2 M1 P D2 S", "S N2 D2 P M1 R2 M1 G3 S", jiva="R2 M1 D2",
          turns=("D2 N2 D2",),
          nyasa="S R2 P", phrases=("D2 P M1 R2 M1 G3 S", "P M1 R2 M1 P")),
    _raga("Khamas", 28, "S M1 G3 M1 P D2 N2 S", "S N2 D2 P M1 G3 R2 S", foreign="N3",
          turns=("S R2 S",),
          jiva="M1 D2 N2", nyasa="S M1 P D2",
          phrases=("S M1 G3 M1 P D2 N2", "S' N3 S'", "P D2 N2 D2 M1 G3 M1")),
    _raga("Sahana", 28, "S R2 G3 M1 P M1 D2 N2 S", "S N2 D2 P M1 G3 M1 R2 G3 R2 S", jiva="R2 G3 D2",
          nyasa="S R2 P", phrases=("G3 M1 R2 G3 R2 S", "P M1 D2 N2 S'", "R2 G3 M1 P M1 D2")),
    _raga("Natakurinji", 28, "S R2 G3 M1 N2 D2 N2 P D2 N2 S", "S N2 D2 M1 G3 M1 P G3 R2 S",
          jiva="G3 M1 D2 N2", nyasa="S M1 D2",
          phrases=("M1 G3 M1 P D2 N2", "M1 N2 D2 N2 P D2 N2 S'", "G3 M1 P G3 R2 S")),
    _raga("Sama", 28, "S R2 M1 P D2 S", "S D2 P M1 G3 R2 S", jiva="R2 M1 D2", nyasa="S R2 P",
          turns=("R2 G3 R2",)),
    _raga("Desakshi", 28, "S R2 G3 P D2 S", "S N2 D2 P M1 G3 R2 S", jiva="G3 D2", nyasa="S G3 P",
          turns=("G3 M1 G3", "D2 N2 D2")),
    _raga("Nalinakanti", 27, "S G3 R2 M1 P N3 S", "S N3 P M1 G3 R2 S", jiva="G3 M1 N3",
          nyasa="S P", phrases=("S G3 R2 M1 P", "N3 P M1 G3 R2 M1")),
    # Shankarabharanam's relatives.
    _raga("Arabhi", 29, "S R2 M1 P D2 S", "S N3 D2 P M1 G3 R2 S", jiva="R2 M1 D2", nyasa="S R2 P",
          phrases=("P M1 G3 R2 S R2", "M1 P D2 S' R2' S'", "D2 P M1 P M1 G3 R2")),
    _raga("Devagandhari", 29, "S R2 M1 P D2 S", "S N3 D2 P M1 G3 R2 S", jiva="R2 G3 N3",
          nyasa="S R2 P", phrases=("P M1 G3 R2 R2 S", "S R2 S N3, D2, N3, S", "P D2 P M1 G3 R2")),
    _raga("Bilahari", 29, "S R2 G3 P D2 S", "S N3 D2 P M1 G3 R2 S", foreign="N2", jiva="R2 G3 D2",
          turns=("G3 M1 G3", "D2 N3 D2"),
          nyasa="S G3 P D2", phrases=("P D2 N2 D2 P", "G3 P D2 R2' S'", "S' N3 D2 P M1 G3 R2 G3")),
    _raga("Atana", 29, "S R2 M1 P N3 S", "S N3 D2 P M1 P G3 R2 S", aliases=("Athana",),
          foreign="N2", jiva="R2 M1 D2 N3", nyasa="S R2 P", turns=("R2 G3 R2", "P D2 P"),
          phrases=("P N2 P", "D2 N2 D2 P", "M1 P G3 M1 R2 S", "P D2 N3 S'")),
    _raga("Begada", 29, "S G3 R2 G3 M1 P D2 N2 D2 P S", "S N3 D2 P M1 G3 R2 S", jiva="G3 M1 D2",
          nyasa="S G3 P", phrases=("G3 R2 G3 M1 P", "P D2 N2 D2 P S'", "S' N3 D2 P M1 G3")),
    _raga("Nilambari", 29, "S R2 G3 M1 P D2 P N3 S", "S N3 P M1 G3 R2 G3 S", jiva="G3 M1 N3",
          nyasa="S G3 P", phrases=("P D2 P N3 S'", "S' N3 P M1 G3", "M1 G3 R2 G3 S")),
    _raga("Behag", 29, "S G3 M1 P N3 D2 N3 S", "S N3 D2 P M1 G3 R2 S", aliases=("Bihag",),
          turns=("S R2 S",),
          foreign="M2", jiva="G3 M1 N3", nyasa="S G3 P",
          phrases=("P M2 G3 M1 G3", "G3 M1 P N3 D2 N3 S'", "S' N3 D2 P M1 G3")),
    _raga("Kathanakutuhalam", 29, "S R2 M1 D2 N3 G3 P S", "S N3 D2 P M1 G3 R2 S", nyasa="S P",
          phrases=("S R2 M1 D2 N3 G3 P S'",)),
    _raga("Kedaram", 29, "S M1 G3 M1 P N3 S", "S N3 P M1 G3 R2 S", jiva="G3 M1 N3", nyasa="S M1 P",
          turns=("S R2 S",),
          phrases=("S M1 G3 M1 P", "P N3 S' N3 P M1 G3")),
    _raga("Navaroj", 29, "S R2 G3 M1 P D2 N3 S", compass="P, P", jiva="G3 M1 D2", nyasa="S G3 P"),
    _raga("Mohanakalyani", 65, "S R2 G3 P D2 S", "S N3 D2 P M2 G3 R2 S", jiva="G3 P D2",
          turns=("G3 M2 G3", "D2 N3 D2"),
          nyasa="S G3 P", phrases=("G3 P D2 S' N3 D2 P", "P M2 G3 R2 S")),
    # Mayamalavagowla's relatives.
    _raga("Mayamalavagowla", 15, "S R1 G3 M1 P D1 N3 S", jiva="R1 G3 D1 N3", nyasa="S G3 P"),
    _raga("Saveri", 15, "S R1 M1 P D1 S", "S N3 D1 P M1 G3 R1 S", jiva="R1 M1 D1",
          nyasa="S R1 P D1",
          turns=("R1 G3 R1", "D1 N3 D1"), phrases=("P M1 G3 R1 S", "S R1 M1 G3 R1 S")),
    _raga("Malahari", 15, "S R1 M1 P D1 S", "S D1 P M1 G3 R1 S", jiva="R1 M1 D1", nyasa="S P",
          turns=("R1 G3 R1",),
          phrases=("P M1 G3 R1 S", "D1 P M1 G3 R1 S")),
    _raga("Gowla", 15, "S R1 M1 P N3 S", "S N3 P M1 R1 G3 M1 R1 S", jiva="R1 G3 N3", nyasa="S R1 P",
          turns=("R1 G3 R1",), phrases=("M1 R1 G3 M1 R1 S", "P N3 S' R1' S'")),
    _raga("Bauli", 15, "S R1 G3 P D1 S", "S N3 D1 P G3 R1 S", jiva="R1 G3 D1", nyasa="S G3 P",
          turns=("D1 N3 D1",)),
    _raga("Revagupti", 15, "S R1 G3 P D1 S", jiva="R1 G3 D1", nyasa="S G3 P"),
    _raga("Bhupalam", 8, "S R1 G2 P D1 S", jiva="R1 G2 D1", nyasa="S G2 P"),
    _raga("Lalita", 15, "S R1 G3 M1 D1 N3 S", jiva="G3 M1 D1", nyasa="S M1 D1",
          phrases=("M1 D1 M1 G3 R1 S",)),
    _raga("Vasanta", 17, "S M1 G3 M1 D2 N3 S", "S N3 D2 M1 G3 R1 S", jiva="M1 D2 N3",
          nyasa="S M1 D2",
          turns=("S R1 S",), phrases=("S M1 G3 M1 D2 N3 S'", "N3 D2 M1 G3 R1 S")),
    # Sindhubhairavi: of Natakapriya by the lists, and of no one scale as it is sung.
    _raga("Sindhubhairavi", 10, "S R2 G2 M1 G2 P D1 N2 S", "S N2 D1 P M1 G2 R1 S",
          foreign="G3 N3", jiva="G2 M1 D1", nyasa="S G2 P",
          phrases=("S R2 G2 M1 G2 P", "P D1 P M1 G2 R1 S", "S' N3 S'", "M1 G3 M1")),
    # Natabhairavi's and Todi's relatives, and those of the M2 melas.
    _raga("Natabhairavi", 20, "S R2 G2 M1 P D1 N2 S", jiva="R2 G2 D1", nyasa="S G2 P"),
    _raga("Saramati", 20, "S R2 G2 M1 P D1 N2 S", "S N2 D1 M1 G2 S", jiva="G2 M1 N2",
          nyasa="S M1 P",
          phrases=("N2 D1 M1 G2 S",)),
    _raga("Manji", 20, "S R2 G2 M1 P D2 N2 S", "S N2 D1 P M1 G2 R2 S", jiva="G2 M1 P",
          turns=("P D1 P",),
          nyasa="S G2 P", phrases=("P M1 P M1", "P G2 R2 S", "D1 P M1 P M1 P G2 R2 S")),
    _raga("Anandabhairavi", 20, "S G2 R2 G2 M1 P D2 P S", "S N2 D2 P M1 G2 R2 S",
          foreign="G3 D1 N3", jiva="G2 M1 P N2", nyasa="S G2 P",
          phrases=("S G2 R2 G2 M1 P", "P D2 P S'", "M1 G3 M1 P M1 G2 R2", "P D1 P M1 G2 M1",
                   "S' N3 S' N2 D2 P", "M1 P M1 G2 R2 S")),
    _raga("Dhanyasi", 8, "S G2 M1 P N2 S", "S N2 D1 P M1 G2 R1 S", jiva="G2 M1 N2", nyasa="S G2 P",
          turns=("S R1 S", "P D1 P"),
          phrases=("P G2 R1 S", "N2, S G2 M1 P", "P N2 S' N2 D1 P")),
    _raga("Purvikalyani", 53, "S R1 G3 M2 P D2 P S", "S N3 D2 P M2 G3 R1 S", jiva="R1 G3 D2",
          turns=("D2 N3 D2",),
          nyasa="S G3 P D2", phrases=("P D2 P S'", "G3 M2 G3 R1 S", "D2 P M2 G3 M2 R1")),
    _raga("Gamanasrama", 53, "S R1 G3 M2 P D2 N3 S", jiva="G3 M2 D2 N3", nyasa="S G3 P"),
    _raga("Hamsanandi", 53, "S R1 G3 M2 D2 N3 S", jiva="R1 G3 D2 N3", nyasa="S G3 D2",
          phrases=("N3 D2 M2 G3 R1 S",)),
    _raga("Pantuvarali", 51, "S R1 G3 M2 P D1 N3 S", aliases=("Kamavardhani",),
          jiva="G3 M2 D1 N3",
          nyasa="S G3 P"),
    _raga("Nata", 36, "S R3 G3 M1 P D3 N3 S", "S N3 P M1 R3 S", aliases=("Nattai",),
          jiva="R3 M1 N3",
          nyasa="S M1 P", phrases=("P M1 R3 S", "S' N3 P M1 R3 S")),
    _raga("Chalanata", 36, "S R3 G3 M1 P D3 N3 S", jiva="R3 G3 N3", nyasa="S G3 P",
          aliases=("Chalanattai",)),
    _raga("Chakravakam", 16, "S R1 G3 M1 P D2 N2 S", jiva="R1 G3 D2", nyasa="S G3 P"),
    _raga("Kiravani", 21, "S R2 G2 M1 P D1 N3 S", jiva="G2 D1 N3", nyasa="S G2 P"),
    _raga("Gaurimanohari", 23, "S R2 G2 M1 P D2 N3 S", jiva="G2 D2 N3", nyasa="S G2 P"),
    _raga("Charukesi", 26, "S R2 G3 M1 P D1 N2 S", jiva="G3 D1 N2", nyasa="S G3 P"),
    _raga("Shanmukhapriya", 56, "S R2 G2 M2 P D1 N2 S", jiva="G2 M2 D1", nyasa="S G2 P"),
    _raga("Simhendramadhyamam", 57, "S R2 G2 M2 P D1 N3 S", jiva="G2 M2 N3", nyasa="S G2 P"),
    _raga("Dharmavati", 59, "S R2 G2 M2 P D2 N3 S", jiva="G2 M2 N3", nyasa="S G2 P"),
)  # fmt: skip
"""The shipped ragas, one per name; the set ``all`` contains these."""

VARIANTS = (
    _raga("Sri without PDNP", 22, "S R2 M1 P N2 S", "S N2 P M1 R2 G2 R2 S", jiva="R2 N2",
          nyasa="S R2 P", turns=("R2 G2 R2",),
          phrases=("R2 G2 R2 S", "P N2 S' R2' G2' R2' S'", "N2 P M1 R2 G2 R2 S")),
    _raga("Viravasantam vakra", 24, "S G2 R2 G2 M1 P S", "S N3 D3 P M1 G2 R2 S", nyasa="S P"),
)  # fmt: skip
"""Variants of ragas in the table: that of set B1, and the ascent that the author wrote down."""

SETS: dict[str, tuple[str, ...]] = {
    "author": ("Kharaharapriya", "Ritigowla", "Revati", "Sri", "Vakulabharanam", "Vagadhisvari",
               "Viravasantam"),
    "main": ("Shankarabharanam", "Kalyani", "Todi", "Kambhoji", "Varali", "Bhairavi",
             "Kharaharapriya"),
    "A1": ("Arabhi", "Devagandhari"),
    "A2": ("Abheri", "Karnataka Devagandhari"),
    "A3": ("Bhairavi", "Manji"),
    "B1": ("Manirangu", "Pushpalatika", "Brindavana Saranga", "Sri without PDNP"),
    "B2": ("Kedaragowla", "Surati", "Yadukulakambhoji", "Narayanagowla", "Khamas", "Sahana",
           "Natakurinji", "Balahamsa", "Harikambhoji"),
    "B3": ("Shankarabharanam", "Arabhi", "Bilahari", "Behag", "Nilambari", "Kathanakutuhalam",
           "Navaroj"),
    "B4": ("Kharaharapriya", "Ritigowla", "Darbar", "Nayaki", "Kanada", "Abheri", "Salagabhairavi",
           "Sri"),
    "B5": ("Bhairavi", "Mukhari", "Huseni", "Manji"),
    "B6": ("Todi", "Dhanyasi"),
    "B7": ("Purvikalyani", "Gamanasrama"),
    "B8": ("Kalyani", "Mohanakalyani"),
    "B9": ("Mayamalavagowla", "Saveri"),
    "B10": ("Sriranjani", "Jayamanohari"),
    "B11": ("Kedaram", "Nalinakanti"),
    "B12": ("Natabhairavi", "Saramati"),
    "B13": ("Nata", "Chalanata"),
    "all": tuple(raga.name for raga in TABLE),
}  # fmt: skip
"""Named sets of ragas: A are equal on paper, B have the same pitches in another order."""


@cache
def known_ragas() -> dict[str, Raga]:
    """Return ragas by folded names and aliases, including melakartas not in the table."""
    shipped = (*TABLE, *VARIANTS)
    check_distinct(shipped)
    parents = (melakarta(number) for number in range(1, len(MELAS) + 1))
    ragas = {folded(raga.name): raga for raga in parents}
    for raga in shipped:
        ragas |= {folded(name): raga for name in (raga.name, *raga.aliases)}
    return ragas


def find_raga(name: str) -> Raga:
    """Return the raga of a name in any usual spelling."""
    ragas = known_ragas()
    if folded(name) in ragas:
        return ragas[folded(name)]
    close = difflib.get_close_matches(folded(name), ragas, 1)
    meant = f"did you mean {ragas[close[0]].name!r}? " if close else ""
    raise ValueError(
        f"ragas: expected names of the table, melakartas or sets ({', '.join(SETS)}), got "
        f"{name!r}; {meant}a raga of your own goes into a file"
    )


def choose_ragas(choices: Iterable[str | Raga]) -> tuple[Raga, ...]:
    """Return ragas by names, names of sets and definitions, each once."""
    ragas: dict[str, Raga] = {}
    for item in choices:
        members = SETS.get(item, (item,)) if isinstance(item, str) else (item,)
        for member in members:
            raga = find_raga(member) if isinstance(member, str) else member
            ragas.setdefault(raga.name, raga)
    if not ragas:
        raise ValueError("ragas: expected at least one name or definition, got none; name some")
    check_distinct(ragas.values())
    return tuple(ragas.values())


def allied_sets(classes: list[str]) -> dict[str, tuple[str, ...]]:
    """Return the allied sets of ragas of which the classes have at least two."""
    members = {
        name: tuple(raga for raga in ragas if raga in classes)
        for name, ragas in SETS.items()
        if name[0] in "AB"
    }
    return {name: ragas for name, ragas in members.items() if len(ragas) > 1}
