"""Pitch, tonic and raga of recordings whose melody is known: generated contours, sung by voices.

The synthetic voices, drones and drums of ``tests/support/singers.py`` were used neither to draw the
contours nor by ``seqclass listen``. No real song is among them.
"""

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr

from benchmarks.growth import watched
from seqclass.ragas.loaded_model import LoadedModel
from seqclass.ragas.naming import ContourModel, HeardSong, contours_of, name_song
from seqclass.ragas.raga_series import generate_ragas
from seqclass.ragas.raga_spec import RagaSpec
from seqclass.ragas.recordings.hearing import Trace, trace
from seqclass.ragas.recordings.pitch import FRAMES_PER_S, contour
from seqclass.ragas.recordings.sound_files import open_sound
from seqclass.ragas.recordings.tonic import Tonic, given
from seqclass.ragas.sound import Line
from seqclass.store.registry import open_model
from seqclass.store.root import open_root
from tests.support.singers import RATE, any_singer, song, speech, sung, write_mp3

NAME, RATE_HZ, SECONDS, N = "contours", 25.0, 20.0, 100
Row = dict[str, Any]


def train_model(root: str) -> None:
    """Train a model with the defaults on generated contours of the author's ragas."""
    for words in (
        f"generate ragas --representation contour --n-series 420 --seconds 20 --name {NAME}",
        f"train {NAME}",
    ):
        command = [sys.executable, "-m", "seqclass.flows", *words.split(), "--root", root]
        subprocess.run(command, check=True, capture_output=True)


def measure(root: str, name: str = NAME, n: int = N) -> list[Row]:
    """Return shares of what is right from WAV and MP3, bad recordings, and an hour."""
    model = open_model(open_root(root), name)
    classifier, of = LoadedModel(model), contours_of(model)
    rows: dict[str, list[dict[str, float]]] = {"WAV": [], "MP3": []}
    with tempfile.TemporaryDirectory() as folder:
        for number, (cents, tonic_hz, samples) in enumerate(_songs(n)):
            own = _name(classifier, of, cents, given(tonic_hz))
            for kind, path, kbit in _files(Path(folder), samples):
                found = trace(open_sound(str(path)))
                told = _compare(found, cents, tonic_hz)
                heard = contour(found.voice(found.tonic().hz), found.tonic().hz, RATE_HZ)
                named = _name(classifier, of, heard, found.tonic())
                told["same"] = named["ragas"][0]["raga"] == own["ragas"][0]["raga"]
                told["answered"] = named["raga"] != "unknown"
                rows[kind].append({**told, "kbit": kbit})
            if (number + 1) % 10 == 0:
                print(f"{number + 1} of {n}: {_row('MP3', rows['MP3'])}", file=sys.stderr)
        return [*(_row(kind, own) for kind, own in rows.items()), *_bad(Path(folder)),
                *_hour(Path(folder))]  # fmt: skip


def _songs(n: int) -> Iterator[tuple[np.ndarray, float, np.ndarray]]:
    """Yield contours with their tonics and samples; half the drones have Ma instead of Pa."""
    rng = np.random.default_rng(2026)
    spec = RagaSpec(
        ragas=("author",), n_series=n, representation="contour", seconds=SECONDS, seed=77
    )
    done = 0
    for block in generate_ragas(spec):
        for row in range(len(block.codes)):
            if done == n:
                return
            cents, tonic_hz = block.values[row, :, 0].astype(float), float(block.tonic_hz[row])
            singer = any_singer(rng, (7.0, 5.0)[done % 2])
            yield cents, tonic_hz, sung(cents, RATE_HZ, tonic_hz, singer, rng)
            done += 1


def _files(folder: Path, samples: np.ndarray) -> Iterator[tuple[str, Path, float]]:
    soundfile.write(folder / "song.wav", samples, RATE)
    yield "WAV", folder / "song.wav", 16 * RATE / 1000
    yield "MP3", folder / "song.mp3", write_mp3(folder / "song.mp3", samples)


def _compare(found: Trace, cents: np.ndarray, tonic_hz: float) -> dict[str, float]:
    tonic = found.tonic()
    voice = found.voice(tonic.hz)
    frames = np.rint((np.arange(len(cents)) + 0.5) / RATE_HZ * FRAMES_PER_S).astype(int)
    heard = voice[np.clip(frames, 0, len(voice) - 1)]
    voiced = np.isfinite(cents)
    error = np.abs(1200 * np.log2(heard / tonic_hz) - cents)
    return {
        "tonic": abs(1200 * np.log2(tonic.hz / tonic_hz)) < 25,
        "sure": tonic.is_sure,
        "pitch": float((error[voiced] < 50).mean()),
        "false": float(np.isfinite(heard[~voiced]).mean()) if (~voiced).any() else 0.0,
    }


def _name(classifier: Any, of: ContourModel, cents: np.ndarray, tonic: Tonic) -> Any:
    facts: Any = {"candidates": list(tonic.candidates), "sure": tonic.is_sure,
                  "tonic_hz": tonic.hz}  # fmt: skip
    return name_song(classifier, of, HeardSong(facts, b"", Line(cents, RATE_HZ)))


def _row(kind: str, own: list[dict[str, float]]) -> Row:
    def share(name: str) -> float:
        return round(float(np.mean([row[name] for row in own])), 3)

    sure = [row["tonic"] for row in own if row["sure"]]
    return {
        "what": f"{kind}, {share('kbit'):.0f} kbit/s",
        "songs": len(own),
        "tonic within 25 cents": share("tonic"),
        "sure": share("sure"),
        "sure and wrong": len(sure) - int(sum(sure)),
        "pitch within 50 cents": share("pitch"),
        "rests with a pitch": share("false"),
        "raga of the contour": share("same"),
        "answered": share("answered"),
    }


def _bad(folder: Path) -> list[Row]:
    """Return what ``seqclass inspect`` says of bad recordings, in a line."""
    rows = []
    for name, write in BAD.items():
        path = folder / f"{name.replace(' ', '-')}.wav"
        write(path)
        command = [sys.executable, "-m", "seqclass.flows", "inspect", str(path)]
        done = subprocess.run(command, capture_output=True, text=True)
        lines = done.stdout.splitlines()
        doubts = [line.split(None, 1)[1].strip() for line in lines if line.startswith("doubt")]
        tonic = [line.split(None, 1)[1].strip() for line in lines if line.startswith("tonic")]
        said = done.stderr.strip().replace(str(folder), "") or "; ".join(tonic + doubts)
        rows.append({"what": name, "exit": done.returncode, "said": said})
        path.unlink()
    return rows


def _samples(made: Callable[[], np.ndarray], rate: int = RATE) -> Callable[[Path], None]:
    return lambda path: soundfile.write(path, made(), rate)


def _broken_mp3(path: Path) -> None:
    write_mp3(path, song(20.0))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 3] + bytes(len(whole) // 3))


def _four_hours(path: Path) -> None:
    """Write a song of a minute, then silence; the file has holes where nothing sounds."""
    samples = (30_000 * song(60.0)[::2]).astype("<i2").tobytes()
    rate, size = RATE // 2, 4 * 3600 * (RATE // 2) * 2
    header = b"RIFF" + (size + 36).to_bytes(4, "little") + b"WAVEfmt " + (16).to_bytes(4, "little")
    header += b"\1\0\1\0" + rate.to_bytes(4, "little") + (2 * rate).to_bytes(4, "little")
    header += b"\2\0\x10\0data" + size.to_bytes(4, "little")
    with open(path, "wb") as file:
        file.write(header + samples)
        file.truncate(len(header) + size)


BAD: dict[str, Callable[[Path], Any]] = {
    "empty": lambda path: path.write_bytes(b""),
    "silence": _samples(lambda: np.zeros(20 * RATE)),
    "speech": _samples(lambda: speech(20.0, np.random.default_rng(0))),
    "8 kHz": _samples(lambda: soxr.resample(song(20.0), RATE, 8000), 8000),
    "clipped": _samples(lambda: np.clip(6 * song(20.0), -1, 1)),
    "no drone": _samples(lambda: song(20.0, drone=0.0)),
    "one silent side": _samples(lambda: np.stack([song(20.0), np.zeros(20 * RATE)], axis=1)),
    "broken MP3": _broken_mp3,
    "text": lambda path: path.write_text("these are words\n"),
    "four hours": _four_hours,
}


def _hour(folder: Path) -> list[Row]:
    """Return seconds and memory of ``seqclass inspect`` of an hour of MP3."""
    path, minute = folder / "hour.mp3", song(60.0)
    write_mp3(path, np.tile(minute, 60))
    command = [sys.executable, "-m", "seqclass.flows", "inspect", str(path)]
    found = watched(command, str(folder / "hour.txt"))
    return [{"what": "an hour of MP3", "seconds": round(found["seconds"]),
             "peak MiB of a process": found["peak_mib"]}]  # fmt: skip
