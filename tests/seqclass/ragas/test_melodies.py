"""Melodies: what each rule may do, how they move, how they are stored and drawn again."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqclass.generators import generated_tables
from seqclass.ragas.chains import NAMES, MelodyConfig
from seqclass.ragas.definitions import Raga
from seqclass.ragas.raga_series import (
    REFERENCE_HZ,
    RagaSeriesBlock,
)
from seqclass.ragas.raga_spec import RagaSpec
from seqclass.ragas.raga_table import TABLE, find_raga
from seqclass.ragas.raga_tables import raga_tables
from seqclass.ragas.svaras import Note, read_notes
from seqclass.store.datasets import open_dataset, write_dataset
from seqclass.store.root import Root
from seqclass.synthesis.random_series import Uniform
from tests.support.melodies import draw
from tests.support.places import NOW
from tests.support.stored import store_series


@cache
def drawn(name: str, **changes: object) -> RagaSeriesBlock:
    return draw(RagaSpec(ragas=(name,), n_series=200, **changes))  # type: ignore[arg-type]


def notes(block: RagaSeriesBlock) -> Iterator[list[Note]]:
    for svara, octave, n in zip(block.svara, block.octave, block.n_notes, strict=True):
        yield [Note(NAMES[s], int(o)) for s, o in zip(svara[:n], octave[:n], strict=True)]


STEADY = MelodyConfig(skip=0.0, leap=0.0, joint=0.0, phrase=0.0, rare=0.0, copied=(0.0, 0.0))
"""Neither skips nor leaps nor phrases: what is left are moves to neighbours on the lines."""


def neighbours(line: tuple[Note, ...]) -> set[tuple[str, str]]:
    return {(a.svara, b.svara) for a, b in pairwise(line)}


@pytest.mark.parametrize("name", ["Begada", "Kathanakutuhalam", "Mohanam"])
def test_without_skips_every_move_is_one_of_the_lines(name: str) -> None:
    raga = find_raga(name)
    allowed = neighbours(raga.ascent) | neighbours(raga.descent)
    for melody in notes(drawn(name, manner=STEADY)):
        for a, b in pairwise(melody):
            assert a == b or (a.svara, b.svara) in allowed, (str(a), str(b))


def test_vakra_turns_are_whole() -> None:
    """From S Begada ascends by G R G, and its N2 leads by D to P; Sri's D lies between two N."""
    for melody in notes(drawn("Begada", manner=STEADY)):
        words = [note.svara for note in melody]
        for place in range(1, len(words) - 4):
            if words[place - 1 : place + 2] == ["S", "G3", "M1"]:
                pytest.fail("Begada went from S by G straight to M")
            if words[place] == "N2":
                after = [w for w in words[place:] if w != "N2"]
                assert after[:2] in (["D2", "P"], ["D2"], [], ["D2", "D2"]), words
    for melody in notes(drawn("Sri", manner=replace(STEADY, repeat=0.0))):
        words = [note.svara for note in melody]
        for place in range(1, len(words) - 1):
            if words[place] == "D2":
                assert words[place - 1 : place + 2] == ["P", "D2", "N2"]


@pytest.mark.parametrize("name", ["Kambhoji", "Anandabhairavi"])
def test_foreign_svaras_sound_in_their_phrases_alone(name: str) -> None:
    raga = find_raga(name)
    phrases = [read_notes(p) for p in (*raga.phrases, *raga.turns)]
    seen = 0
    for melody in notes(drawn(name, manner=replace(MelodyConfig(), copied=(0.0, 0.0)))):
        for place, note in enumerate(melody):
            if note.svara in raga.foreign.split():
                seen += 1
                assert any(_within(phrase, melody, place) for phrase in phrases), (place, melody)
    share = seen / (200 * 64)
    assert 0 < share < 0.06
    assert not any(
        n.svara in raga.foreign.split() for m in notes(drawn(name, phrases=False)) for n in m
    )


def _within(phrase: tuple[Note, ...], melody: list[Note], place: int) -> bool:
    """Whether a melody has a phrase, in any octave, over one of its places; ends may be cut."""
    for offset, note in enumerate(phrase):
        if note.svara != melody[place].svara:
            continue
        octave = melody[place].octave - note.octave
        first = place - offset
        inside = range(max(first, 0), min(first + len(phrase), len(melody)))
        if all(melody[k] == phrase[k - first].raised(octave) for k in inside):
            return True
    return False


SPECS = st.builds(
    RagaSpec,
    ragas=st.sampled_from([("author",), ("B5", "Navaroj"), ("A1", "Kanakangi")]),
    n_series=st.integers(1, 40), n_notes=st.sampled_from([(2, 2), (16, 16), (5, 30)]),
    windows=st.integers(1, 3), seed=st.integers(0, 99), rule=st.sampled_from(["honest", "author"]),
    duration=st.booleans(), tonic=st.sampled_from(["known", "unknown"]),
    dropped=st.sampled_from([0.0, 0.2]), doubled=st.sampled_from([0.0, 0.2]),
    wrong=st.sampled_from([0.0, 0.2]), transpose=st.sampled_from([(0, 0), (-3, 4)]),
)  # fmt: skip


@settings(max_examples=12)
@given(spec=SPECS, share=st.floats(0, 1))
def test_a_series_depends_on_seed_and_index_alone(spec: RagaSpec, share: float) -> None:
    start = int(share * (spec.n_series - 1))
    whole, part = draw(spec), draw(spec, start)
    np.testing.assert_array_equal(whole.values[start:], part.values)
    assert whole.notations()[start:] == part.notations()
    assert (whole.n_notes >= 1).all()
    assert (whole.n_notes <= spec.n_notes[1]).all()
    assert (np.isnan(whole.values[..., 0]).sum(axis=1) == spec.n_notes[1] - whole.n_notes).all()


def test_windows_of_a_composition_share_its_tonic_and_go_on() -> None:
    spec = RagaSpec(ragas=("main",), n_series=90, windows=3, n_notes=(10, 20), tonic="unknown")
    block = draw(spec)
    for column in (block.codes, block.tonic_hz):
        assert (column.reshape(30, 3) == column[::3, None]).all()
    assert block.composition.tolist() == sorted(list(range(30)) * 3)
    single = draw(replace(spec, windows=1, tonic="known", n_notes=(20, 20)))
    assert set(single.composition) == set(range(90))


def test_an_unknown_tonic_shifts_the_whole_and_letters_have_none() -> None:
    given = draw(RagaSpec(n_series=50))
    hidden = draw(RagaSpec(n_series=50, tonic="unknown", tonic_hz=Uniform(120, 220)))
    shift = hidden.values[..., 0] - given.values[..., 0]
    expected = 12 * np.log2(hidden.tonic_hz / REFERENCE_HZ)
    np.testing.assert_allclose(shift, np.broadcast_to(expected[:, None], shift.shape), atol=1e-5)
    with pytest.raises(ValueError, match="tonic: expected known with letters"):
        RagaSpec(representation="letters", tonic="unknown")


def test_letters_and_pitches_name_the_same_melody() -> None:
    pitch = draw(RagaSpec(n_series=70))
    letter = draw(RagaSpec(n_series=70, representation="letters", octave=True))
    assert letter.notations() == pitch.notations()
    for series, written in zip(letter.values, letter.notations(), strict=True):
        words = written.split()
        assert ["SRGMPDN"[int(k)] for k in series[:, 0]] == [word[0] for word in words]
        marks = [word.count("'") - word.count(",") for word in words]
        assert series[:, 1].tolist() == marks


def test_durations_follow_the_kala() -> None:
    slow = draw(RagaSpec(n_series=50, duration=True)).values[..., 1]
    fast = draw(RagaSpec(n_series=50, duration=True, kalas=(4.0,))).values[..., 1]
    np.testing.assert_allclose(fast, slow / 4, rtol=1e-5)
    assert slow.min() >= 0.15
    assert 0.3 < np.median(slow) < 1.05


def test_rows_are_drawn_again_from_the_manifest(root: Root) -> None:
    mine = Raga("Mine", "S R2 M2 P N3 S", phrases=("M2 P N3 S'",))
    spec = RagaSpec(("B5", mine), n_series=60, n_notes=(20, 40), windows=2, dropped=0.1)
    source = {"generator": "ragas", "events": True, "spec": asdict(spec)}
    dataset = write_dataset(root, "ragas", raga_tables(spec), source, NOW)
    stored = open_dataset(root, "ragas").manifest
    again = write_dataset(root, "again", generated_tables(stored["source"]), source, NOW)
    assert again.manifest["digest"] == dataset.manifest["digest"]
    assert stored["channels"] == ["pitch"]
    assert stored["groups"] == 30
    assert {"tonic_hz": "float", "notation": "string"}.items() <= stored["columns"].items()


def test_what_is_known_of_a_melody_is_no_channel(root: Root) -> None:
    table = pa.concat_tables(raga_tables(RagaSpec(n_series=20)))
    columns = {name: table[name].to_pylist() for name in ("tonic_hz", "notation")}
    dataset = store_series(root, "toy", 20, **columns)
    assert dataset.channels == ["value"]
    assert dataset.values().shape == (20, 12, 1)
    assert "notation" not in dataset.labels().column_names
    [read] = dataset.tables(["notation", "tonic_hz"])
    assert read.to_pydict()["notation"] == columns["notation"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"rule": "mine"}, "rule: expected one of honest, author"),
        ({"n_notes": (1, 3)}, "n_notes: expected a whole number of at least 2"),
        ({"weights": (1.0,)}, "weights: expected 7 positive numbers"),
        ({"octave": True}, "octave: expected with representation letters"),
        ({"representation": "letters", "duration": True}, "duration: expected with"),
        ({"dropped": 0.9}, "dropped: expected a share from 0 to 0.5"),
        ({"tonic_hz": Uniform(0, 100)}, "tonic_hz: expected positive limits"),
        ({"ragas": ("Kalyanumi",)}, "did you mean"),
    ],
)
def test_bad_specs_are_refused(change: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        RagaSpec(**change)  # type: ignore[arg-type]


def test_the_command_makes_a_dataset(seqclass_json: Callable[..., dict], tmp_path: Path) -> None:
    (tmp_path / "noise.json").write_text('{"dropped": 0.1, "manner": {"skip": 0.3}}')
    made = seqclass_json(
        "generate", "ragas", "--ragas", "B5,Mohanam", "--representation", "letters", "--octave",
        "--n-series", 60, "--n-notes", "16..24", "--windows", 2, "--name", "mix",
        "--spec", tmp_path / "noise.json",
    )  # fmt: skip
    assert made["channels"] == ["letter", "octave"]
    assert made["n_series"] == 60
    assert set(made["classes"]) == {"Bhairavi", "Mukhari", "Huseni", "Manji", "Mohanam"}
    assert 12 <= made["n_steps"][0] <= made["n_steps"][1] <= 24


def test_every_raga_of_the_table_can_be_walked() -> None:
    block = draw(RagaSpec(ragas=("all",), n_series=4 * len(TABLE)))
    assert np.bincount(block.codes, minlength=len(TABLE)).min() >= 2
    assert np.isfinite(block.values).all()


def test_the_deployed_flow_takes_names_and_definitions_from_a_form() -> None:
    from seqclass.flows.generation import generate_ragas as flow

    mine = {"name": "Mine", "arohana": "S R2 M2 P N3 S", "phrases": ["M2 P N3 S'"]}
    filled = {"ragas": ["B5", mine], "n_notes": [16, 24], "tonic_hz": {"low": 140, "high": 150}}
    spec = flow.validate_parameters({"spec": filled})["spec"]
    assert spec.classes == ("Bhairavi", "Mukhari", "Huseni", "Manji", "Mine")
    assert spec == RagaSpec(
        ("B5", Raga("Mine", "S R2 M2 P N3 S", phrases=("M2 P N3 S'",))), n_notes=(16, 24),
        tonic_hz=Uniform(140, 150),
    )  # fmt: skip
