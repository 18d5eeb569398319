"""Recordings of known melodies, and bad ones: what is heard, and how far it is trusted."""

import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from seqclass.ragas.raga_series import generate_ragas
from seqclass.ragas.raga_spec import RagaSpec
from seqclass.ragas.recordings.hearing import Heard, HearingSpec, hear
from seqclass.ragas.recordings.pitch import (
    FRAMES_PER_S,
    contour,
    cut,
    level_share,
    without_drone,
    without_islands,
    without_rests,
)
from seqclass.ragas.recordings.recording_format import check_recordings
from seqclass.ragas.recordings.sound_files import mono, open_sound, recording_kind
from seqclass.store.formats import ColumnNames
from tests.support.singers import RATE, Singer, speech, sung, write_mp3

SECONDS = 20.0


@pytest.fixture(scope="module")
def melody() -> tuple[np.ndarray, float]:
    spec = RagaSpec(
        ragas=("Kharaharapriya",), n_series=1, representation="contour", seconds=SECONDS, seed=4
    )
    block = next(generate_ragas(spec))
    return block.values[0, :, 0].astype(float), float(block.tonic_hz[0])


def heard(path: Path, spec: HearingSpec | None = None) -> Heard:
    return hear(path.name, open_sound(str(path)), spec or HearingSpec())


def written(path: Path, samples: np.ndarray, rate: int = RATE) -> Path:
    soundfile.write(path, samples, rate)
    return path


def apart(hz: float, tonic_hz: float) -> float:
    return abs(1200 * float(np.log2(hz / tonic_hz)))


def test_tonic_and_pitch_of_a_song_are_heard_through_mp3(
    tmp_path: Path, melody: tuple[np.ndarray, float]
) -> None:
    cents, tonic_hz = melody
    samples = sung(cents, 25.0, tonic_hz, Singer(string=5.0), np.random.default_rng(1))
    kbit = write_mp3(tmp_path / "song.mp3", samples)
    song = heard(tmp_path / "song.mp3")
    assert 60 < kbit < 70
    assert apart(song.facts["tonic_hz"], tonic_hz) < 25
    assert song.facts["sure"]
    assert song.facts["tonic_by"] == "drone"
    [window] = song.windows
    voiced = np.flatnonzero(np.isfinite(cents))
    truth = cents[voiced[0] : voiced[-1] + 1]
    shift = min(
        range(-3, 4), key=lambda s: np.nanmedian(np.abs(_laid(window, truth, s) - truth))
    )  # a rest at either end may be a frame longer
    error = np.abs(_laid(window, truth, shift) - truth)
    assert (error[np.isfinite(truth)] < 50).mean() >= 0.9


def _laid(window: np.ndarray, truth: np.ndarray, shift: int) -> np.ndarray:
    place = np.arange(len(truth)) + shift
    inside = (place >= 0) & (place < len(window))
    return np.where(inside, window[np.clip(place, 0, len(window) - 1)], np.nan)


def test_a_given_tonic_wins(tmp_path: Path, melody: tuple[np.ndarray, float]) -> None:
    samples = sung(melody[0], 25.0, melody[1], Singer(), np.random.default_rng(1))
    path = written(tmp_path / "song.wav", samples)
    first, second = heard(path), heard(path, HearingSpec(tonic_hz=100.0))
    assert (second.facts["tonic_hz"], second.facts["tonic_by"]) == (100.0, "given")
    assert second.facts["sure"]
    moved = 1200 * np.log2(first.facts["tonic_hz"] / 100)
    assert np.nanmedian(second.windows[0]) - np.nanmedian(first.windows[0]) == pytest.approx(
        moved, abs=30
    )


def test_without_a_drone_the_tonic_is_not_sure(
    tmp_path: Path, melody: tuple[np.ndarray, float]
) -> None:
    alone = Singer(drone=0.0, drum=0.0, vibrato_cents=0.0)
    samples = sung(melody[0], 25.0, melody[1], alone, np.random.default_rng(1))
    facts = heard(written(tmp_path / "alone.wav", samples)).facts
    assert not facts["sure"]
    assert len(facts["candidates"]) > 1
    assert sum(candidate["score"] for candidate in facts["candidates"]) == pytest.approx(
        1, abs=0.01
    )


def test_a_silent_side_is_left_out_and_sides_do_not_cancel() -> None:
    tone = np.sin(np.arange(1000)).astype(np.float32)
    assert np.allclose(mono(np.stack([tone, 0 * tone], axis=1)), tone)
    assert np.allclose(np.abs(mono(np.stack([tone, -tone], axis=1))), np.abs(tone))


def test_speech_is_not_taken_for_a_song_with_a_tonic(tmp_path: Path) -> None:
    facts = heard(written(tmp_path / "talk.wav", speech(20, np.random.default_rng(0)))).facts
    assert not facts["sure"]


def test_doubts_name_clipping_a_low_rate_and_a_file_that_breaks_off(
    tmp_path: Path, melody: tuple[np.ndarray, float]
) -> None:
    samples = sung(melody[0], 25.0, melody[1], Singer(), np.random.default_rng(1))
    clipped = heard(written(tmp_path / "c.wav", np.clip(8 * samples, -1, 1))).facts
    assert any("clipped" in doubt for doubt in clipped["doubts"])
    assert apart(clipped["tonic_hz"], melody[1]) < 25
    low = heard(written(tmp_path / "low.wav", samples[: len(samples) // 3 * 3 : 3], RATE // 3))
    assert any("samples a second" in doubt for doubt in low.facts["doubts"])
    whole = written(tmp_path / "whole.flac", samples).read_bytes()
    (tmp_path / "half.flac").write_bytes(whole[: len(whole) // 2])
    assert any("breaks off" in doubt for doubt in heard(tmp_path / "half.flac").facts["doubts"])


def test_kinds_are_known_by_content() -> None:
    assert recording_kind(b"RIFF\x10\0\0\0WAVE") == "WAV"
    assert recording_kind(b"fLaC\0\0\0\x22\0\0\0\0") == "FLAC"
    assert recording_kind(b"OggS\0\2\0\0\0\0\0\0") == "OGG"
    assert recording_kind(b"ID3\4\0\0\0\0\0\0\0\0") == "MP3"
    assert recording_kind(b"\xff\xfb\x90\x64" + bytes(8)) == "MP3"
    for other in (b"ID3,label,st", b"\xff\xfe\xff\xfe" + bytes(8), b"RIFF\x10\0\0\0AVI ", b""):
        assert recording_kind(other) is None


def test_islands_rests_and_drones_between_phrases_are_dropped() -> None:
    hz = np.full(200, np.nan, np.float32)
    hz[10:12], hz[50:100] = 200, 220
    assert np.isnan(without_islands(hz)[10:12]).all()
    assert np.isfinite(without_islands(hz)[50:100]).all()
    hz[120:140] = 150.0  # softly, on Sa
    level = np.where(np.arange(200) < 110, -10.0, -30.0)
    kept = without_drone(hz, level, 150.0)
    assert np.isnan(kept[120:140]).all()
    assert np.isfinite(kept[50:100]).all()


def test_windows_have_a_steady_rate_and_no_long_rests() -> None:
    hz = np.full(int(100 * FRAMES_PER_S), 300.0)
    hz[: int(5 * FRAMES_PER_S)] = np.nan
    hz[int(40 * FRAMES_PER_S) : int(60 * FRAMES_PER_S)] = np.nan
    cents = contour(hz, 150.0, 25.0)
    assert len(cents) == pytest.approx((100 - 5 - 20 + 0.4) * 25, abs=3)
    assert np.nanmax(np.abs(cents - 1200)) < 1
    parts = cut(cents, 1500)
    assert [len(part) for part in parts] == [len(cents) // 2 + len(cents) % 2, len(cents) // 2]
    assert len(without_rests(np.full(10, np.nan), 25.0)) == 0
    assert contour(np.full(50, np.nan), 150.0, 25.0).tolist() == []


def test_level_frames_are_told_from_gliding_ones() -> None:
    assert level_share(np.full(100, 200.0)) == 1
    assert level_share(200 * 2 ** (np.arange(100) / 12)) == 0
    assert level_share(np.full(3, np.nan)) == 0


def test_without_the_packages_a_line_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path / "song.wav", np.zeros(RATE))
    monkeypatch.setitem(sys.modules, "soxr", None)
    with pytest.raises(ValueError, match=r"install sequence-classification\[audio\]"):
        check_recordings([str(path)], ColumnNames())
