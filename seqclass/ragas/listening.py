"""Export of melodies: WAV and MIDI files and a picture."""

import io
import re
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Required

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.io import wavfile
from typing_extensions import TypedDict

from seqclass.ragas.definitions import Raga, folded, ragas_from
from seqclass.ragas.melody_pictures import melody_picture
from seqclass.ragas.raga_series import REFERENCE_HZ
from seqclass.ragas.raga_table import known_ragas
from seqclass.ragas.recording_page import USUAL
from seqclass.ragas.sound import (
    SAMPLE_HZ,
    Line,
    line_of_svaras,
    midi_file,
    samples,
    voiced,
)
from seqclass.ragas.svaras import LETTERS, PLACES, Note, mela_svaras, read_notes
from seqclass.store.datasets import Dataset
from seqclass.store.manifests import Source
from seqclass.store.root import Root, open_root, replace_file

SVARA_S, TONIC_HZ = 0.4, 146.83
"""Seconds of a svara and pitch of Sa for datasets that do not name them."""
MAX_SERIES = 100
LONGEST_NAME = 100
"""Bytes of a label and of an id that a file name keeps: file systems allow 255 in all."""
MAJOR = mela_svaras(29)
"""The svaras that letters mean if no raga is known."""
KINDS = ("pitch", "letter", "cents")


class SeriesRow(TypedDict, total=False):
    """A stored series of any representation of melodies."""

    series_id: Required[str]
    label: str | None
    tonic_hz: float | None
    notation: str | None
    cents: list[float]
    pitch: list[float]
    letter: list[float]
    octave: list[float]
    duration_s: list[float]


class MelodyFiles(TypedDict):
    """A dataset's reference, and the id, label and file paths of each series."""

    dataset: str
    files: list[dict[str, str]]


@dataclass(frozen=True)
class Melody:
    """A series that can be played.

    raga: the raga of its label, if known. line: its pitch. notes: its svaras, empty if they are not
    known. svara_s: seconds of each svara, if the line is made of them.
    """

    series_id: str
    label: str
    raga: Raga | None
    tonic_hz: float
    line: Line
    notes: tuple[Note, ...]
    svara_s: np.ndarray | None

    @property
    def fifth(self) -> float:
        """Semitones of the drone's second string above Sa: Pa, or Ma if the melody has no Pa."""
        svaras = self.raga.scale if self.raga else {note.svara for note in self.notes}
        return 5.0 if "M1" in svaras and "P" not in svaras else 7.0


def listen(
    dataset: Dataset, series: tuple[str, ...], each_class: bool, folder: Root
) -> MelodyFiles:
    """Write files of the named series, or of each class's first audible one; returns paths."""
    rows = _rows(dataset, tuple(dict.fromkeys(series)), each_class)
    melodies = [_audible(_melody(dataset, row)) for row in rows]
    files = []
    for melody, stem in zip(melodies, _stems(melodies), strict=True):
        written = {"series": melody.series_id, "label": melody.label}
        for ending, content in _contents(melody).items():
            path = folder.join(f"{stem}.{ending}")
            replace_file(folder, path, content)
            written[ending] = path
        files.append(written)
    return {"dataset": dataset.ref, "files": files}


def _audible(melody: Melody) -> Melody:
    if not voiced(melody.line):
        raise ValueError(
            f"--series: expected melodies, got {melody.series_id!r}, in which nothing sounds (all "
            "of it is missing); name another"
        )
    return melody


def _stems(melodies: list[Melody]) -> list[str]:
    """Return a distinct file name without ending for each melody, also if case is ignored."""
    taken: set[str] = set()
    stems = []
    for melody in melodies:
        plain = "-".join(map(_file_name, (melody.label, melody.series_id)))
        names = (plain if n == 1 else f"{plain}-{n}" for n in count(1))
        stems.append(next(name for name in names if name.casefold() not in taken))
        taken.add(stems[-1].casefold())
    return stems


def _file_name(text: str) -> str:
    plain = re.sub(r"[^\w.-]+", "-", text).strip("-.").encode()
    return plain[:LONGEST_NAME].decode(errors="ignore") or "series"


def _contents(melody: Melody) -> dict[str, bytes]:
    sound = io.BytesIO()
    wavfile.write(sound, SAMPLE_HZ, samples(melody.line, melody.tonic_hz, melody.fifth))
    title = f"{melody.label} ({melody.series_id})"
    midi = midi_file(melody.line, melody.tonic_hz, title, melody.fifth)
    picture = melody_picture(
        melody.line, melody.notes, melody.svara_s, _title(melody), _named_places(melody)
    )
    return {"wav": sound.getvalue(), "mid": midi, "png": picture}


def _title(melody: Melody) -> tuple[str, str]:
    raga, tail = melody.raga, f"{melody.series_id}, Sa = {melody.tonic_hz:.0f} Hz"
    if raga is None:
        return melody.label, tail
    up, down = (" ".join(n.svara for n in line) for line in (raga.ascent, raga.descent))
    return melody.label, f"↑ {up}   ↓ {down}   ({tail})"


def _named_places(melody: Melody) -> dict[int, str]:
    """Return a name for each place, by the spelling of the raga and of the melody itself."""
    names = (*(melody.raga.scale if melody.raga else ()), *(note.svara for note in melody.notes))
    return {PLACES[name]: name for name in names} or dict(enumerate(USUAL))


def _rows(dataset: Dataset, series: tuple[str, ...], each_class: bool) -> list[SeriesRow]:
    if not set(KINDS) & set(dataset.channels):
        raise ValueError(
            f"DATASET: expected melodies, with a channel {', '.join(KINDS[:-1])} or {KINDS[-1]}, "
            f"{dataset.ref} has {', '.join(dataset.channels)}; see 'seqclass generate ragas'"
        )
    if bool(series) == each_class:
        raise ValueError(
            "--series: expected ids of series or --each-class, got "
            f"{'both' if series else 'neither'}; choose one of them"
        )
    rows: dict[str, SeriesRow] = {}
    for table in dataset.tables():
        for row in _rows_to_add(table, series, rows):
            rows[row["series_id"] if series else str(row["label"])] = row
    if missing := [name for name in series if name not in rows]:
        raise ValueError(
            f"--series: expected ids of {dataset.ref}, got {missing[0]!r}, which it has not; "
            f"its first is {next(dataset.tables(['series_id']))['series_id'][0].as_py()!r}"
        )
    if not rows:
        raise ValueError(
            f"DATASET: expected melodies, {dataset.ref} has none in which anything sounds; choose "
            "another"
        )
    if len(rows) > MAX_SERIES:
        raise ValueError(
            f"--each-class: expected at most {MAX_SERIES} classes, {dataset.ref} has "
            f"{len(rows)}; name some with --series"
        )
    return [rows[name] for name in series] if series else [rows[k] for k in sorted(rows)]


def _rows_to_add(
    table: pa.Table, series: tuple[str, ...], rows: dict[str, SeriesRow]
) -> list[SeriesRow]:
    if series:
        mask = pc.is_in(table["series_id"], pa.array(series, pa.string()))
        return table.filter(mask).to_pylist()
    sounding = np.flatnonzero(_sounding(table))
    labels = table["label"].take(sounding).to_pylist()
    first = {str(label): n for n, label in zip(sounding[::-1], labels[::-1], strict=True)}
    new = [n for label, n in first.items() if label not in rows]
    return table.take(pa.array(new, pa.int64())).to_pylist()


def _sounding(table: pa.Table) -> np.ndarray:
    """Mark the rows that are audible, ``(rows,)``."""
    kind = next(kind for kind in ("cents", "pitch", "letter") if kind in table.column_names)
    lists = table[kind].combine_chunks()
    heard = pc.fill_null(pc.is_finite(lists.flatten()), False)
    return np.isin(np.arange(len(table)), pc.list_parent_indices(lists).filter(heard))


def _melody(dataset: Dataset, row: SeriesRow) -> Melody:
    spec = dataset.manifest["source"].get("spec", {})
    tonic_hz = row.get("tonic_hz") or TONIC_HZ
    hidden = 12 * np.log2(tonic_hz / REFERENCE_HZ) if spec.get("tonic") == "unknown" else 0.0
    notes = _notes(row)
    label = str(row["label"])
    heading = (row["series_id"], label, _raga_of(label, spec), tonic_hz)
    if "cents" in row:
        cents = np.array(row["cents"])
        cents -= 100 * (hidden or _transposition(cents / 100, notes, spec))
        return Melody(*heading, Line(cents, float(spec.get("rate_hz", 25.0))), notes, None)
    heights = np.array(row.get("pitch") or _heights(row, notes, heading[2]))
    if "pitch" in row:
        heights -= hidden or _transposition(heights, notes, spec)
    seconds = np.array(row.get("duration_s", np.full(len(heights), SVARA_S)))
    sounding = np.isfinite(heights)
    line = line_of_svaras(heights[sounding], np.nan_to_num(seconds[sounding], nan=SVARA_S))
    in_step = notes if len(notes) == int(sounding.sum()) else ()
    return Melody(*heading, line, in_step, seconds[sounding])


def _transposition(heights: np.ndarray, notes: tuple[Note, ...], spec: Source) -> int:
    """Return the semitones by which a composition was transposed: the best fit to its notation."""
    low, high = spec.get("transpose", (0, 0))
    sung = heights[np.isfinite(heights)]
    if not notes or not len(sung):
        return 0
    written = np.array([note.height for note in notes])

    def gap(shift: int) -> float:
        apart = np.abs(sung[:, None] - shift - written)
        return float(apart.min(axis=1).mean() + apart.min(axis=0).mean())

    return min(range(low, high + 1), key=gap)


def _notes(row: SeriesRow) -> tuple[Note, ...]:
    try:
        return read_notes(row.get("notation") or "")
    except ValueError as error:
        raise ValueError(f"notation of series {row['series_id']!r}: {error}") from error


def _raga_of(label: str, spec: Source) -> Raga | None:
    """Return the raga of a label, from the dataset's own spec or from the shipped table."""
    entries = [raga for raga in spec.get("ragas", ()) if raga["name"] == label]
    if entries and entries[0]["avarohana"]:
        return ragas_from(entries)[0]
    return known_ragas().get(folded(label))


def _heights(row: SeriesRow, notes: tuple[Note, ...], raga: Raga | None) -> np.ndarray:
    """Return the semitones above Sa of letters, from the notation or from the label's raga."""
    if notes:
        return np.array([float(note.height) for note in notes])
    names = raga.svaras if raga else MAJOR
    place = {LETTERS.index(name[0]): PLACES[name] for name in reversed(names)}
    octaves = row.get("octave") or [0.0] * len(row["letter"])
    pairs = zip(row["letter"], octaves, strict=True)
    return np.array([12 * o + place.get(int(k), np.nan) if k == k else np.nan for k, o in pairs])


def folder_of(path: str) -> Root:
    """Open a folder or URL to write into; a folder of this machine is created if missing."""
    folder = open_root(path)
    try:
        if folder.is_local:
            Path(folder.path).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(
            f"--out: expected a folder that can be made, got {path!r} ({error.strerror}); choose "
            "another"
        ) from error
    return folder
