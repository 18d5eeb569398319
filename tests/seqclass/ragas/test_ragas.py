"""Svaras, melakartas and ragas: against an independent list, and what is refused."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from seqclass.ragas.commands import ragas_of
from seqclass.ragas.definitions import Raga, check_distinct, folded, melakarta, ragas_from
from seqclass.ragas.raga_table import (
    SETS,
    TABLE,
    VARIANTS,
    allied_sets,
    choose_ragas,
    find_raga,
    known_ragas,
)
from seqclass.ragas.svaras import MELAS, PLACES, mela_svaras, read_note


def lists(shared_data: Path) -> list[dict[str, Any]]:
    return list(json.loads((shared_data / "raga" / "scales_929.json").read_text()).values())


def lines_of(raga: Raga) -> tuple[str, str]:
    return raga.arohana, raga.avarohana or " ".join(raga.arohana.split()[::-1])


def test_sixteen_names_share_twelve_places() -> None:
    assert len(PLACES) == 16
    assert set(PLACES.values()) == set(range(12))
    shared = [{"R2", "G1"}, {"R3", "G2"}, {"D2", "N1"}, {"D3", "N2"}]
    for pair in shared:
        assert len({PLACES[name] for name in pair}) == 1


def test_a_note_is_read_as_it_is_written() -> None:
    for text, height in (("S", 0), ("G3'", 16), ("N2,", -2), ("P,,", -17), ("S''", 24)):
        assert read_note(text).height == height
        assert str(read_note(text)) == text


def test_all_melakartas_are_those_of_an_independent_list(shared_data: Path) -> None:
    melas = [row for row in lists(shared_data) if row.get("melakarta")]
    assert len(melas) == 72
    for number, row in enumerate(melas, 1):
        scale = row["scales"][0]
        assert scale["arohanam"] == " ".join((*mela_svaras(number), "S"))
        assert lines_of(melakarta(number)) == (scale["arohanam"], scale["avarohanam"])
    named = [folded(row["name"].split(" (")[0]) for row in melas]
    apart = [n for n, name in enumerate(named, 1) if name != folded(MELAS[n - 1])]
    assert apart == [32, 36, 51, 70]  # Ragavardhini, Chalanata, Kamavardhani; the list has "shh"


def test_every_melakarta_has_seven_svaras_in_order() -> None:
    heights = [[PLACES[svara] for svara in mela_svaras(n)] for n in range(1, 73)]
    assert len({tuple(h) for h in heights}) == 72
    assert all(h == sorted(set(h)) for h in heights)
    with pytest.raises(ValueError, match="melas 1 to 72"):
        mela_svaras(73)


KNOWN_TO_DIFFER = {
    "Bhairavi", "Brindavana Saranga", "Darbar", "Kanada", "Karnataka Devagandhari", "Manji",
    "Narayanagowla", "Nata", "Navaroj", "Sahana", "Sindhubhairavi",
}  # fmt: skip
"""Where the list has another form than the table, which follows real notation, or where its line
does not begin on S (Sindhubhairavi)."""


def test_the_table_agrees_with_the_list_of_929_where_they_share_a_name(shared_data: Path) -> None:
    scales = {folded(row["name"]): row["scales"] for row in lists(shared_data)}
    shared = [raga for raga in TABLE if folded(raga.name) in scales]
    assert len(shared) >= 70
    apart = {
        raga.name for raga in shared
        if lines_of(raga) not in [tuple(scale.values()) for scale in scales[folded(raga.name)]]
    }  # fmt: skip
    assert apart <= KNOWN_TO_DIFFER


def test_the_table_has_eighty_ragas_and_the_sets_are_what_they_claim() -> None:
    assert len(TABLE) >= 80
    check_distinct((*TABLE, *VARIANTS))
    for name in SETS:
        ragas = choose_ragas([name])
        assert len(ragas) == len(SETS[name])
        if name[0] in "AB":
            assert len({frozenset(PLACES[s] for s in raga.scale) for raga in ragas}) == 1
        if name.startswith("A"):
            assert len({lines_of(raga) for raga in ragas}) == 1
            assert len({raga.plain.arohana for raga in ragas}) == 1
        elif name.startswith("B"):
            paper_twins = name in ("B1", "B5")  # one pair in each, told apart by phrases alone
            on_paper = {(*lines_of(raga), raga.compass) for raga in ragas}
            assert len(on_paper) == len(ragas) - paper_twins


def test_spellings_of_a_name_mean_the_same_raga() -> None:
    for names in (
        ("Shankarabharanam", "Sankarabharanam", "Śankarābharaṇaṁ", "Dheera Shankarabharanam"),
        ("Todi", "Thodi", "Hanumatodi"), ("Kambhoji", "Kambodhi", "kamboji"),
        ("Suddha Saveri", "SuddhaSaveri"), ("Ritigowla", "Reethigowla", "Ritigaula"),
        ("Vagadhisvari", "Vagadheeswari"), ("Nata", "Nattai"),
    ):  # fmt: skip
        assert len({known_ragas()[folded(name)].name for name in names}) == 1, names
    with pytest.raises(ValueError, match="did you mean 'Kalyani'"):
        find_raga("Kalyanni2")


GOOD = {"name": "Mine", "arohana": "S R2 G3 M1 P D2 N3 S", "avarohana": "S N3 D2 P M1 G3 R2 S"}
BAD: list[tuple[dict[str, Any], str]] = [
    ({"arohana": "S R4 G3 P S"}, "no svara 'R4'"),
    ({"arohana": "S R3 G2 M1 P S"}, "R3 cannot stand with G2"),
    ({"avarohana": "S N1 D3 P M1 G3 R2 S"}, "D2 cannot stand with N1|D3 c"),
    ({"arohana": "R2 G3 M1 P"}, "arohana must rise from S to S"),
    ({"avarohana": "S R2 G3 M1 P S"}, "avarohana must fall"),
    ({"arohana": "S R2 G3 P S G3 P S"}, "between its two S"),
    ({"arohana": "S R2 S", "avarohana": "S R2 S"}, "at least 4 svaras"),
    ({"foreign": "N3", "phrases": ["S' N3 S'"]}, "no foreign svara"),
    ({"foreign": "N2"}, "stands in no phrase"),
    ({"nyasa": "D1"}, "nyasa D1 stands in neither line"),
    ({"phrases": ["P D1 P"]}, "has D1, which stands in neither line"),
    ({"phrases": ["P"]}, "too short"),
    ({"foreign": "N2", "phrases": ["P D2 N2"]}, "must begin and end"),
    ({"phrases": ["P, S'' N3'"]}, "leaps over an octave"),
    ({"turns": ["R2 G3 M1"]}, "must come back to R2"),
    ({"compass": "S P"}, "an octave apart"),
    ({"mela": 73}, "melas 1 to 72"),
    ({"name": ""}, "name is missing|a name of 1 to 63"),
    ({"avarohana": ""}, "avarohana is missing"),
    ({"avarohanam": "S"}, "did you mean 'avarohana'"),
    ({"arohana": ["S", "R2"]}, "arohana must be a text of svaras"),
]


def test_malformed_ragas_are_refused_in_a_musicians_words() -> None:
    ragas_from([GOOD])
    for change, words in BAD:
        with pytest.raises(ValueError, match=words):
            ragas_from([{**GOOD, **change}])


def test_two_ragas_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="also names Mine"):
        ragas_from([GOOD, {**GOOD, "name": "Other", "aliases": ["Mine"]}])
    for nothing in ([], {}, {"ragas": 3}, "S R2"):
        with pytest.raises(ValueError, match="expected a list of ragas"):
            ragas_from(nothing)


TOML = """
[[raga]]
name = "Hamsanada"
mela = 60
arohana = "S R2 M2 P N3 S"
avarohana = "S N3 P M2 R2 S"
nyasa = "S P"
phrases = ["M2 P N3 S'"]
"""


def test_a_file_of_ones_own_is_read_from_toml_or_json(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(TOML)
    (tmp_path / "mine.json").write_text(json.dumps({"ragas": tomllib.loads(TOML)["raga"]}))
    ragas = ragas_of(("Mohanam", str(tmp_path / "mine.toml")))
    assert ragas == ragas_of(("Mohanam", str(tmp_path / "mine.json")))
    assert [raga.name for raga in choose_ragas(ragas)] == ["Mohanam", "Hamsanada"]


def test_allied_sets_are_those_of_which_a_model_knows_two_ragas() -> None:
    allied = allied_sets(["Todi", "Dhanyasi", "Kalyani", "Surati", "Khamas", "Sahana"])
    assert allied == {"B2": ("Surati", "Khamas", "Sahana"), "B6": ("Todi", "Dhanyasi")}
