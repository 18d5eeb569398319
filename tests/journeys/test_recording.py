"""From a recording to the name of a raga."""

import math
import struct
import wave
from pathlib import Path

import pytest

from tests.journeys.journey import Journey

pytestmark = [pytest.mark.system, pytest.mark.timeout(1500)]

RATE = 16_000
SA_HZ = 146.83
RAGAS = {"Kalyani": [0, 2, 4, 6, 7, 9, 11, 12], "Todi": [0, 1, 3, 5, 7, 8, 10, 12]}
"""Scales in semitones above Sa."""


def song(path: Path, raga: str) -> None:
    """Write 20 s of a voice that goes up and down the scale of a raga, a note each second."""
    scale = RAGAS[raga]
    notes = [*scale, *scale[-2::-1], *scale[1:6]]
    phase, samples = 0.0, []
    for number in range(len(notes) * RATE):
        second, within = divmod(number, RATE)
        semitones = notes[second] + 0.15 * math.sin(10 * math.pi * number / RATE)
        phase += 2 * math.pi * SA_HZ * 2 ** (semitones / 12) / RATE
        sung = within < 0.9 * RATE
        samples.append(int(6000 * sum(math.sin(k * phase) / k for k in (1, 2, 3))) if sung else 0)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(struct.pack(f"<{len(samples)}h", *samples))


def test_recording(journey: Journey) -> None:
    """Recordings without a sure tonic are asked about, stored and heard; one is named."""
    pytest.importorskip("swift_f0")
    concerts = journey.folder / "concerts"
    concerts.mkdir()
    (journey.folder / "empty.wav").touch()
    for name, raga in (("a.wav", "Kalyani"), ("b.wav", "Todi"), ("c.wav", "Todi")):
        song(concerts / name, raga)
    labels = concerts / "labels.csv"
    labels.write_text("file,label\na.wav,Kalyani\nb.wav,Todi\nc.wav,Todi\n")
    journey.refused("seqclass inspect empty.wav")
    journey.refused("seqclass import concerts --labels concerts/labels.csv --name concerts")
    lines = labels.read_text().splitlines()
    labels.write_text("\n".join([f"{lines[0]},tonic_hz", *(f"{x},{SA_HZ}" for x in lines[1:])]))
    journey.run("seqclass import concerts --labels concerts/labels.csv --name concerts")
    journey.run("seqclass listen concerts --each-class --out heard")
    journey.keep(sorted(path.suffix for path in (journey.folder / "heard").iterdir()), "heard")
    (journey.folder / "spec.json").write_text('{"seeds": 1, "members": ["convolutions"]}')
    ragas = "--ragas Kalyani,Todi --representation contour --seconds 20 --n-series 80"
    journey.run(f"seqclass generate ragas {ragas} --name contours", only=("dataset", "classes"))
    journey.run("seqclass train contours --spec spec.json", only=("model", "verdict"))
    journey.run(f"seqclass name-raga concerts/b.wav --model contours --tonic-hz {SA_HZ}")
    journey.keep((journey.folder / "b-raga.html").is_file(), "b-raga.html")
