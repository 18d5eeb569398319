"""Reader of recordings: their pitch above the tonic as series, and what was heard beside it."""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from seqclass.recordings.hearing import (
    RATE_HZ,
    WINDOW_S,
    Heard,
    HearingSpec,
    RecordingFacts,
    candidates_line,
    hear,
)
from seqclass.recordings.sound_files import (
    HEAD_BYTES,
    audio_packages,
    open_sound,
    recording_kind,
)
from seqclass.recordings.tonic import SURE
from seqclass.store.formats.table import ColumnNames, Reading, RefusalError, refusal
from seqclass.store.rows import SERIES

FACTS, SOUND = b"recording", b"sound"
"""Keys of a table's metadata."""
SAMPLE_BYTES = 2
BYTES_PER_S = 2**15
"""Size of a recording for which its reader has a second: four of MP3 at 64 kbit/s."""


@dataclass
class Listener:
    """Callbacks for recordings while files are read, and whether their tonics must be sure.

    progress: called with a recording's path and the share of it that is done. heard: called with
    each recording's path, its facts, the MP3 of its beginning, and its rows. takes_unsure: an
    unsure tonic is no reason to refuse the files.
    """

    progress: Callable[[str, float], None] = lambda path, share: None
    heard: Callable[[str, RecordingFacts, bytes, pa.Table], None] = lambda *_: None
    takes_unsure: bool = False


def is_recording(path: str) -> bool:
    """Check by the first bytes of a file whether it is a recording."""
    with open(path, "rb") as file:
        return recording_kind(file.read(HEAD_BYTES)) is not None


def read_recording(paths: list[str], reading: Reading) -> Iterator[pa.Table]:
    """Yield the windows of a recording, with its facts and its beginning in the metadata."""
    path, names = paths[0], reading.names
    audio_packages()
    label, tonic_hz = _label_and_tonic(path, names)
    spec = HearingSpec(tonic_hz, names.rate_hz or RATE_HZ, names.window_seconds or WINDOW_S)
    try:
        sound = open_sound(path)
        reading.limits.check_ratio(path, sound.frames * sound.channels * SAMPLE_BYTES)
        heard = hear(os.path.basename(path), sound, spec, reading.progress)
    except RefusalError:
        raise
    except ValueError as error:
        raise refusal(
            path, "a recording with at least 2 s of a voice or an instrument", str(error),
            "check that it plays",
        ) from error  # fmt: skip
    yield _table(path, names, label, heard)


def _label_and_tonic(path: str, names: ColumnNames) -> tuple[str | None, float | None]:
    """Return label and tonic of a recording, as far as the user has given them."""
    own = next((row for row in names.label_table if row[0] == os.path.realpath(path)), None)
    label, tonic_hz = (own[1], own[2]) if own else (names.recording_label, None)
    if label is None and names.layout == "folders":
        label = os.path.basename(os.path.dirname(os.path.abspath(path)))
    return label, names.tonic_hz or tonic_hz


def _table(path: str, names: ColumnNames, label: str | None, heard: Heard) -> pa.Table:
    group = os.path.basename(path)
    if names.layout == "folders" and label:
        group = f"{label}/{group}"
    n = len(heard.windows)
    lengths = np.array([len(own) for own in heard.windows], np.int32)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    cents = pa.ListArray.from_arrays(pa.array(offsets), pa.array(np.concatenate(heard.windows)))
    table = pa.table(
        {
            "series_id": [f"{group}/{number:03d}" for number in range(n)],
            "label": pa.array([label] * n, pa.string()),
            "n_steps": lengths,
            "group": [group] * n,
            "tonic_hz": pa.array([heard.facts["tonic_hz"]] * n, pa.float32()),
            "notation": pa.nulls(n, pa.string()),
            "cents": cents.cast(SERIES),
        }
    )
    return table.replace_schema_metadata({FACTS: json.dumps(heard.facts), SOUND: heard.sound})


def take_apart(table: pa.Table) -> tuple[pa.Table, RecordingFacts | None, bytes]:
    """Return a table without what was heard, the facts if it is of a recording, and the sound."""
    metadata = table.schema.metadata or {}
    if FACTS not in metadata:
        return table, None, b""
    return table.replace_schema_metadata(None), json.loads(metadata[FACTS]), metadata[SOUND]


def refuse_unsure(unsure: list[RecordingFacts]) -> None:
    """Ask for the tonics that are not sure, all at once."""
    if unsure:
        each = "; ".join(f"{own['file']}: {candidates_line(own)}" for own in unsure)
        cure = "name it with --tonic-hz" if len(unsure) == 1 else "name them"
        raise RefusalError(
            f"tonic: expected one that is sure, with a score of {SURE} from a drone, got {each}; "
            f"{cure}, or in the column tonic_hz of --labels; 'name-raga' asks for none"
        )


def seconds_to_read(path: str) -> int:
    """Return how many seconds the size of a file adds to the time for reading it."""
    return os.path.getsize(path) // (BYTES_PER_S if is_recording(path) else 2**20)


def check_recording(path: str) -> None:
    """Refuse with ValueError what is no recording, or what nothing here can read."""
    if not os.path.isfile(path) or not is_recording(path):
        raise ValueError(
            f"PATH: expected a recording (WAV, FLAC, MP3 or OGG, by its content), got {path!r}; "
            "check the path, or convert the file"
        )
    audio_packages()


def check_recordings(paths: list[str], names: ColumnNames) -> None:
    """Refuse recordings if nothing here reads sound, and labels that do not fit them."""
    found = {os.path.realpath(path) for path in paths if is_recording(path)}
    if found:
        audio_packages()
    listed = {row[0] for row in names.label_table}
    if strange := sorted(listed - found):
        raise ValueError(
            f"--labels: expected files among the recordings at PATH, got {strange[0]!r}; correct "
            "its name, which counts from the folder of the labels, or add the file"
        )
    if listed and (left := sorted(found - listed)):
        raise ValueError(
            f"--labels: expected a row for each recording, got none for {left[0]!r}; add one, "
            "whose label may be empty"
        )
