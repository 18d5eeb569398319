"""Recordings as files of series: known by content, read in a process of their own."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import soundfile

from seqclass.ragas.recording_options import read_label_table
from seqclass.ragas.recordings.hearing import RecordingFacts
from seqclass.ragas.recordings.recording_format import check_recordings
from seqclass.store.formats import ColumnNames, Limits, RefusalError, expand, names_of, understood
from seqclass.store.formats.facts import Listener
from seqclass.store.formats.isolated import IsolatedReader
from seqclass.store.inbox import missing_end
from seqclass.store.root import open_root
from tests.support.singers import RATE, song, write_mp3
from tests.support.whole_files import damaged


@pytest.fixture(scope="module")
def songs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same song as four kinds of files, whose names say nothing of their kind."""
    folder = tmp_path_factory.mktemp("songs")
    samples = song(12.0)
    for kind in ("WAV", "FLAC", "OGG"):
        soundfile.write(folder / f"{kind}.dat", samples, RATE, format=kind)
    write_mp3(folder / "MP3.dat", samples)
    return folder


def test_each_kind_is_read_by_its_content(songs: Path) -> None:
    heard: list[RecordingFacts] = []
    shares: list[float] = []
    listener = Listener(
        lambda _, share: shares.append(share), lambda _, facts, *__: heard.append(facts)
    )
    paths = expand([str(songs)], "PATH")
    names = ColumnNames(window_seconds=2.0, recording_label="Sri")
    with IsolatedReader(listener) as reader:
        table = pa.concat_tables(reader.read_files(paths, names))
    assert {song["kind"] for song in heard} == {"WAV", "FLAC", "OGG", "MP3"}
    assert all(1200 * abs(np.log2(song["tonic_hz"] / 150)) < 25 for song in heard)
    assert len(shares) >= 4
    assert shares[-1] == 1
    assert table.column_names == [
        "series_id", "label", "n_steps", "group", "tonic_hz", "notation", "cents",
    ]  # fmt: skip
    assert set(table["label"].to_pylist()) == {"Sri"}
    assert len(set(table["series_id"].to_pylist())) == len(table) >= 24
    assert len(set(table["group"].to_pylist())) == 4
    assert max(table["n_steps"].to_pylist()) <= 50
    assert not table.schema.metadata
    assert understood(paths[0], names, Limits())["layout"].startswith("a window of the recording")


def test_rate_and_windows_are_kept_with_a_dataset_and_what_is_told_of_a_song_is_not() -> None:
    names = ColumnNames(rate_hz=50.0, window_seconds=10.0, tonic_hz=150.0, recording_label="Sri")
    kept: Any = {"reading": names.to_record()}
    assert names_of(kept) == ColumnNames(rate_hz=50.0, window_seconds=10.0)


def test_all_unsure_tonics_are_asked_for_at_once(tmp_path: Path) -> None:
    for name in ("a", "b"):
        soundfile.write(tmp_path / f"{name}.wav", song(6.0, drone=0.0), RATE)
    paths = expand([str(tmp_path)], "PATH")
    with IsolatedReader() as reader, pytest.raises(RefusalError, match="--labels") as refused:
        list(reader.read_files(paths, ColumnNames()))
    assert all(part in str(refused.value) for part in ("a.wav: ", "b.wav: ", " Hz (0."))
    with IsolatedReader(Listener(takes_unsure=True)) as reader:
        assert len(list(reader.read_files(paths, ColumnNames()))) == 2
    with IsolatedReader() as reader:
        [table] = reader.read_files(paths[:1], ColumnNames(tonic_hz=150.0))
    assert set(table["tonic_hz"].to_pylist()) == {150.0}


def test_labels_and_tonics_come_from_a_table_beside_the_recordings(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in ("a", "b"):
        soundfile.write(tmp_path / "in" / f"{name}.wav", song(12.0), RATE)
    (labels := tmp_path / "in" / "labels.csv").write_text(
        "file,label,tonic_hz\na.wav,Sri,\nb.wav,,100\n"
    )
    names = ColumnNames(label_table=read_label_table(str(labels)))
    paths = expand([str(tmp_path / "in")], "PATH")
    assert [Path(path).name for path in paths] == ["a.wav", "b.wav"]
    check_recordings(paths, names)
    with IsolatedReader() as reader:
        first, second = reader.read_files(paths, names)
    assert (first["label"][0].as_py(), second["label"][0].as_py()) == ("Sri", None)
    assert second["tonic_hz"][0].as_py() == 100
    with pytest.raises(ValueError, match="got none for"):
        check_recordings(paths, ColumnNames(label_table=names.label_table[:1]))


def wave(samples: Callable[[], np.ndarray], rate: int = RATE) -> Callable[[Path], Any]:
    return lambda path: soundfile.write(path, samples(), rate, "FLOAT")


BAD: dict[str, tuple[Callable[[Path], Any], str]] = {
    "silence": (wave(lambda: np.zeros((2 * RATE, 2))), "s with a pitch"),
    "noise": (
        wave(lambda: 0.1 * np.random.default_rng(0).standard_normal(4 * RATE)), "s with a pitch",
    ),
    "short": (wave(lambda: song(1.0)), "s with a pitch"),
    "1 Hz": (wave(lambda: song(1.0), 1), "1 samples a second"),
    "huge": (wave(lambda: 1e30 * song(3.0)), "full scale is 1"),
    "no MP3": (lambda path: path.write_bytes(b"ID3\3" + bytes(99_999)), "MP3 whose sound"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_bad_recording_is_one_line_that_fits(tmp_path: Path, name: str) -> None:
    write, says = BAD[name]
    write(tmp_path / "bad.wav")
    says = rf"bad\.wav: expected a rec.*{says}"
    with IsolatedReader() as reader, pytest.raises(RefusalError, match=says):
        list(reader.read_files([str(tmp_path / "bad.wav")], ColumnNames(tonic_hz=150.0)))


def test_damaged_recordings_are_read_or_refused(songs: Path, tmp_path: Path) -> None:
    outcomes = []
    with IsolatedReader(Listener(takes_unsure=True)) as reader:
        for whole in sorted(songs.iterdir()):
            for seed in range(2):
                content = damaged(whole.read_bytes(), np.random.default_rng(seed))
                (path := tmp_path / f"{whole.stem}-{seed}.wav").write_bytes(content)
                try:
                    outcomes.append(list(reader.read_files([str(path)], ColumnNames())) != [])
                except RefusalError as error:
                    outcomes.append("\n" not in str(error))
    assert outcomes == [True] * 8


def test_a_small_file_of_hours_of_silence_is_refused_by_its_ratio(tmp_path: Path) -> None:
    path = str(tmp_path / "silence.flac")
    with soundfile.SoundFile(path, "w", 16_000, 1) as file:
        for _ in range(4 * 60):
            file.write(np.zeros(16_000 * 60, np.int16))
    with IsolatedReader() as reader, pytest.raises(RefusalError, match="--limit ratio="):
        list(reader.read_files([path], ColumnNames()))


def test_a_wav_file_that_is_still_written_is_not_complete(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "song.wav", np.zeros(RATE), RATE)
    inbox = open_root(str(tmp_path))
    assert missing_end(inbox, "song.wav") is None
    whole = (tmp_path / "song.wav").read_bytes()
    (tmp_path / "song.wav").write_bytes(whole[:-1000])
    assert missing_end(inbox, "song.wav") == "the samples that its header promises"
