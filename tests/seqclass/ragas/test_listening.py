"""Melodies for ears and eyes: the files are what they claim to be."""

import io
import struct
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import matplotlib.image
import numpy as np
import pyarrow as pa
import pytest
from scipy.io import wavfile

from seqclass.ragas.listening import _melody
from seqclass.ragas.raga_series import REFERENCE_HZ
from seqclass.ragas.raga_spec import RagaSpec
from seqclass.ragas.raga_table import find_raga
from seqclass.ragas.raga_tables import raga_tables
from seqclass.ragas.sound import (
    BEND_SEMITONES,
    SAMPLE_HZ,
    TICKS_PER_S,
    Line,
    line_of_svaras,
    midi_file,
    samples,
    voiced,
)
from seqclass.ragas.svaras import read_notes
from seqclass.store.datasets import Dataset, write_dataset
from seqclass.store.root import Root
from seqclass.store.rows import from_dense
from seqclass.synthesis.random_series import Uniform
from tests.support.commands import Command
from tests.support.places import NOW
from tests.support.stored import store_series


def store(root: Root, name: str, **changes: Any) -> Dataset:
    spec = RagaSpec(**changes)
    source = {"generator": "ragas", "events": True, "spec": asdict(spec)}
    return write_dataset(root, name, raga_tables(spec), source, NOW)


def parsed(content: bytes) -> list[tuple[int, bytes]]:
    """Ticks and messages of a format 0 file, read by the standard's own rules."""
    magic, size, form, tracks, division = struct.unpack(">4sIHHH", content[:14])
    assert (magic, size, form, tracks, division) == (b"MThd", 6, 0, 1, 480)
    magic, length = struct.unpack(">4sI", content[14:22])
    assert magic == b"MTrk"
    assert length == len(content) - 22
    stream, now, messages = io.BytesIO(content[22:]), 0, []
    while stream.tell() < length:
        now += _number(stream)
        status = stream.read(1)[0]
        assert status >= 0x80, "every message here has a status of its own"
        if status == 0xFF:
            kind = stream.read(1)
            message = bytes([status]) + kind + stream.read(_number(stream))
        else:
            message = bytes([status]) + stream.read(1 if status >> 4 in (0xC, 0xD) else 2)
        messages.append((now, message))
    assert messages[-1][1] == b"\xff\x2f"
    return messages


def _number(stream: io.BytesIO) -> int:
    value, more = 0, True
    while more:
        byte = stream.read(1)[0]
        value, more = value << 7 | byte & 0x7F, byte >= 0x80
    return value


def played(content: bytes) -> list[tuple[float, float, list[float]]]:
    """Start, end and pitches in MIDI keys of every note of the melody."""
    bend, begun, notes = 0.0, None, []
    for tick, message in parsed(content):
        if message[0] == 0xE0:
            value = message[1] | message[2] << 7
            bend = (value - 8192) / 8192 * BEND_SEMITONES
            if begun:
                begun[2].append(begun[1] + bend)
        elif message[0] == 0x90:
            begun = (tick, message[1], [message[1] + bend])
        elif message[0] == 0x80 and begun:
            notes.append((begun[0] / TICKS_PER_S, tick / TICKS_PER_S, begun[2]))
            begun = None
    return notes


def test_midi_plays_every_svara_at_its_pitch_and_time() -> None:
    tonic_hz = 146.83
    heights = np.array([note.height for note in read_notes("S R2 G3 P D2 S' S' N3 P, S")])
    seconds = np.linspace(0.2, 1.1, len(heights))
    line = line_of_svaras(heights, seconds)
    notes = played(midi_file(line, tonic_hz, "a raga"))
    sa = 69 + 12 * np.log2(tonic_hz / 440)
    assert len(notes) == len(heights)
    starts = np.cumsum(np.rint(seconds * 100) / 100) - np.rint(seconds * 100) / 100
    for (begin, end, pitches), start, length, height in zip(
        notes, starts, seconds, heights, strict=True
    ):
        assert begin == pytest.approx(start, abs=0.002)
        assert end - begin == pytest.approx(length - 0.03, abs=0.011)
        assert pitches[0] == pytest.approx(sa + height, abs=0.005)


def test_midi_bends_follow_a_contour() -> None:
    time = np.arange(0, 4, 0.02)
    cents = 400 + 150 * np.sin(2 * np.pi * 4.73 * time)
    cents[100:110] = np.nan
    notes = played(midi_file(Line(cents, 50.0), 150.0, "kampita"))
    assert len(notes) == 2
    sa = 69 + 12 * np.log2(150 / 440)
    heard = np.concatenate([pitches for _, _, pitches in notes])
    expected = sa + cents[np.isfinite(cents)] / 100
    np.testing.assert_allclose(heard, expected, atol=0.005)


def test_midi_names_its_raga_and_sets_its_bend_range() -> None:
    messages = [
        m for _, m in parsed(midi_file(line_of_svaras(np.zeros(3), np.ones(3)), 150.0, "Śrī"))
    ]
    assert b"\xff\x03" + "Śrī".encode() in messages
    place = messages.index(bytes([0xB0, 6, BEND_SEMITONES]))
    assert messages[place - 2 : place] == [bytes([0xB0, 101, 0]), bytes([0xB0, 100, 0])]


@pytest.mark.parametrize(("tonic_hz", "height"), [(130.0, 0), (220.0, 16)])
def test_the_sound_has_the_pitch_of_its_svara(tonic_hz: float, height: int) -> None:
    line = line_of_svaras(np.array([float(height)]), np.array([3.0]))
    heard = samples(line, tonic_hz).astype(float)
    assert len(heard) == 3 * SAMPLE_HZ
    spectrum = np.abs(np.fft.rfft(heard * np.hanning(len(heard))))
    hz = np.fft.rfftfreq(len(heard), 1 / SAMPLE_HZ)
    expected = tonic_hz * 2 ** (height / 12)
    near = np.abs(hz - expected) < 3
    assert hz[near][spectrum[near].argmax()] == pytest.approx(expected, abs=0.5)
    assert spectrum[near].max() == spectrum[hz > 60].max()


def test_where_nothing_is_sung_the_drone_alone_sounds() -> None:
    cents = np.full(400, 700.0)
    cents[200:] = np.nan
    heard = samples(Line(cents, 100.0), 150.0).astype(float)
    sung, rest = (np.sqrt((part**2).mean()) for part in (heard[:40_000], heard[48_000:80_000]))
    assert 0.02 * sung < rest < 0.6 * sung
    assert [(s.start, s.stop) for s in voiced(Line(cents, 100.0))] == [(0, 200)]


@pytest.mark.parametrize(
    "changes",
    [
        {"duration": True, "tonic": "unknown", "transpose": (-6, 6)}, {"representation": "letters"},
        {"representation": "contour", "seconds": 4.0, "tonic": "unknown"},
    ],
)  # fmt: skip
def test_three_ragas_become_wav_midi_and_picture_by_one_command(
    changes: dict[str, Any], root: Root, tmp_path: Path, seqclass_json: Callable[..., dict]
) -> None:
    ragas = ("Mohanam", "Todi", "Hindolam")
    store(root, "three", ragas=ragas, n_series=9, n_notes=(8, 8), **changes)
    made = seqclass_json("listen", "three", "--each-class", "--out", tmp_path / "heard")
    assert sorted(entry["label"] for entry in made["files"]) == sorted(ragas)
    for entry in made["files"]:
        rate, sound = wavfile.read(entry["wav"])
        assert rate == SAMPLE_HZ
        assert sound.dtype == np.int16
        assert len(sound) > 2 * rate
        notes = played(Path(entry["mid"]).read_bytes())
        places = {round(p - (69 + 12 * np.log2(_tonic(root, entry) / 440))) % 12
                  for _, _, pitches in notes for p in pitches}  # fmt: skip
        if changes.get("representation") != "contour":
            raga = find_raga(entry["label"])
            assert places <= {note.height % 12 for note in (*raga.ascent, *raga.descent)}
            assert len(notes) == 8
        picture = matplotlib.image.imread(entry["png"])
        assert picture.shape[1] > 1000
        assert len(np.unique(picture[..., :3].sum(axis=-1))) > 20


def _tonic(root: Root, entry: dict[str, Any]) -> float:
    from seqclass.store.datasets import open_dataset

    table = next(open_dataset(root, "three").tables(["series_id", "tonic_hz"])).to_pydict()
    return table["tonic_hz"][table["series_id"].index(entry["series"])]


@pytest.mark.parametrize("tonic", ["known", "unknown"])
def test_transposed_contours_are_heard_and_drawn_from_their_sa(root: Root, tonic: str) -> None:
    spec = {"ragas": ("main",), "n_series": 40, "representation": "contour", "tonic": tonic}
    dataset = store(root, "c", **spec, transpose=(-6, 6), tonic_hz=Uniform(150, 150), gamaka=False)
    for row in next(dataset.tables()).to_pylist():
        shift = 12 * np.log2(row["tonic_hz"] / 150)
        given = 12 * np.log2(150 / REFERENCE_HZ) if tonic == "unknown" else 0.0
        moved = np.array(row["cents"]) - _melody(dataset, row).line.cents
        np.testing.assert_allclose(moved[np.isfinite(moved)], 100 * (shift + given), atol=0.01)


def test_a_users_own_melodies_are_heard_without_notation(
    root: Root, tmp_path: Path, seqclass_json: Callable[..., dict]
) -> None:
    data = root.join("own")
    Path(data).mkdir(parents=True)
    rows = "series_id,label,step,letter,octave\n" + "".join(
        f"s{i},{'Mohanam' if i % 2 else 'what?'},{t},{(0, 1, 2, 4, 5)[t % 5]},{t // 5}\n"
        for i in range(4) for t in range(10)
    )  # fmt: skip
    (Path(data) / "own.csv").write_text(rows)
    from seqclass.store.formats import ColumnNames, read_files

    tables = read_files([f"{data}/own.csv"], ColumnNames())
    write_dataset(root, "own", tables, {}, NOW)
    made = seqclass_json("listen", "own", "--series", "s1", "--series", "s0", "--out", tmp_path)
    assert [Path(entry["mid"]).name for entry in made["files"]] == ["Mohanam-s1.mid", "what-s0.mid"]
    notes = played(Path(made["files"][0]["mid"]).read_bytes())
    steps = np.diff([pitches[0] for _, _, pitches in notes])
    np.testing.assert_allclose(steps, [2, 2, 3, 2, 3, 2, 2, 3, 2], atol=0.01)


def store_songs(root: Root, channel: str, ids: list[str], silent: int) -> None:
    """Songs of one label, of which the first few are silent."""
    x = np.tile(np.float32([0, 2, 4, 5, 7, 7]), (len(ids), 1))
    x[:silent] = np.nan
    columns = {"series_id": ids, "label": ["Mohanam"] * len(ids),
               "n_steps": np.full(len(ids), 6, np.int32), channel: from_dense(x)}  # fmt: skip
    write_dataset(root, "songs", [pa.table(columns)], {}, NOW)


def test_a_silent_series_is_refused_and_passed_over(
    root: Root, tmp_path: Path, seqclass: Command
) -> None:
    store_songs(root, "pitch", ["a", "b", "c"], silent=2)
    code, out, err = seqclass(
        "listen", "songs", "--series", "c", "--series", "b", "--out", tmp_path
    )
    assert (code, out) == (2, "")
    assert "got 'b', in which nothing sounds" in err
    assert not list(tmp_path.glob("*.wav"))
    code, out, err = seqclass("listen", "songs", "--each-class", "--out", tmp_path)
    assert code == 0, err
    assert [path.name for path in tmp_path.glob("*.wav")] == ["Mohanam-c.wav"]
    store_songs(root, "pitch", ["a", "b"], silent=2)
    code, _, err = seqclass("listen", "songs", "--each-class", "--out", tmp_path)
    assert code == 2
    assert "has none in which anything sounds" in err


def test_series_whose_names_look_alike_have_files_of_their_own(
    root: Root, tmp_path: Path, seqclass_json: Callable[..., dict]
) -> None:
    ids = ["a/b", "A b", "a-b-2", "ಕ" * 90]
    store_songs(root, "cents", ids, silent=0)
    asked = [word for name in [*ids, "a/b"] for word in ("--series", name)]
    files = seqclass_json("listen", "songs", *asked, "--out", tmp_path)["files"]
    assert [entry["series"] for entry in files] == ids
    assert len({entry["wav"].casefold() for entry in files}) == len(ids)
    assert all(Path(entry[ending]).exists() for entry in files for ending in ("wav", "mid", "png"))


def test_what_cannot_be_heard_is_refused(root: Root, tmp_path: Path, seqclass: Command) -> None:
    store(root, "ragas", n_series=7, n_notes=(8, 8))
    store_series(root, "toy")
    for words, complaint in (
        (["ragas"], "--series: expected ids of series or --each-class, got neither"),
        (["ragas", "--series", "x"], "got 'x', which it has not; its first is 'raga-000000'"),
        (["ragas", "--each-class", "--series", "x"], "got both"),
        (["toy", "--each-class"], "expected melodies, with a channel pitch, letter or cents"),
    ):
        code, out, err = seqclass("listen", *words, "--out", tmp_path / "heard")
        assert (code, out) == (2, "")
        assert complaint in err
        assert not list((tmp_path / "heard").glob("*"))
