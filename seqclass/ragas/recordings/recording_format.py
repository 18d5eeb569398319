"""Reader of recordings: their pitch above the tonic as series, and what was heard beside it."""

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa

from seqclass.ragas.recordings.hearing import (
    RATE_HZ,
    WINDOW_S,
    Heard,
    HearingSpec,
    candidates_line,
    hear,
)
from seqclass.ragas.recordings.sound_files import audio_packages, open_sound, recording_kind
from seqclass.ragas.recordings.tonic import SURE
from seqclass.store.formats.facts import attach
from seqclass.store.formats.file_format import (
    HEAD_BYTES,
    FileFacts,
    FileSummary,
    Format,
    Understood,
)
from seqclass.store.formats.table import ColumnNames, Limits, Reading, RefusalError, refusal
from seqclass.store.rows import SERIES

SAMPLE_BYTES = 2
BYTES_PER_S = 2**15
"""Size of a recording for which its reader has a second: four of MP3 at 64 kbit/s."""


ENDLESS = 2**31
"""Size in the header of a WAV file from which on it means nothing: it was streamed."""


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
    row = next((row for row in names.label_table if row[0] == os.path.realpath(path)), None)
    label, tonic_hz = (row[1], row[2]) if row else (names.recording_label, None)
    if label is None and names.layout == "folders":
        label = os.path.basename(os.path.dirname(os.path.abspath(path)))
    return label, names.tonic_hz or tonic_hz


def _table(path: str, names: ColumnNames, label: str | None, heard: Heard) -> pa.Table:
    group = os.path.basename(path)
    if names.layout == "folders" and label:
        group = f"{label}/{group}"
    n = len(heard.windows)
    lengths = np.array([len(window) for window in heard.windows], np.int32)
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
    return attach(table, heard.facts, heard.sound)


def is_recording(path: str) -> bool:
    """Check by the first bytes of a file whether it is a recording."""
    with open(path, "rb") as file:
        return recording_kind(file.read(HEAD_BYTES)) is not None


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
    if paths:
        audio_packages()
    recordings = {os.path.realpath(path) for path in paths}
    listed = {row[0] for row in names.label_table}
    if strange := sorted(listed - recordings):
        raise ValueError(
            f"--labels: expected files among the recordings at PATH, got {strange[0]!r}; correct "
            "its name, which counts from the folder of the labels, or add the file"
        )
    if listed and (left := sorted(recordings - listed)):
        raise ValueError(
            f"--labels: expected a row for each recording, got none for {left[0]!r}; add one, "
            "whose label may be empty"
        )


def refuse_unsure(recordings: Sequence[Mapping[str, Any]]) -> None:
    """Ask for the tonics that are not sure, all at once."""
    unsure = [facts for facts in recordings if not facts["sure"]]
    if unsure:
        each = "; ".join(f"{facts['file']}: {candidates_line(facts)}" for facts in unsure)
        cure = "name it with --tonic-hz" if len(unsure) == 1 else "name them"
        raise RefusalError(
            f"tonic: expected one that is sure, with a score of {SURE} from a drone, got {each}; "
            f"{cure}, or in the column tonic_hz of --labels; 'name-raga' asks for none"
        )


def summary(facts: Mapping[str, Any]) -> FileSummary:
    """Return what was heard of a recording: tonic with its runner-up, share of pitch, doubts."""
    best, *others = facts["candidates"]
    score = "given" if facts["tonic_by"] == "given" else f"score {best['score']:.2f}"
    sure = "" if facts["sure"] else "; not sure, name it with --tonic-hz"
    lines = [("tonic", f"{best['hz']:.1f} Hz, {score}{sure}")]
    if others:
        lines.append(("runner-up", f"{others[0]['hz']:.1f} Hz, score {others[0]['score']:.2f}"))
    pitch = f"{facts['voiced']:.0%} of the time, {facts['level']:.0%} held"
    lines += [("with a pitch", pitch), *(("doubt", doubt) for doubt in facts["doubts"])]
    return FileSummary(facts["file"], f"{facts['seconds']:,.0f} s, {facts['kind']}", lines)


def _page(facts: Mapping[str, Any], sound: bytes, table: pa.Table, names: ColumnNames) -> str:
    from seqclass.ragas.recording_page import plain_page  # not in the process that reads files

    return plain_page(facts, sound, table, names.rate_hz or RATE_HZ)


def page_row(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the page of a dataset shows of a recording, from the manifest's record of it.

    Its ``file`` and ``page``; ``seconds``, and the share of them ``voiced``; ``tonic_hz`` with the
    ``score`` of the most likely one and the next, ``runner_up_hz``; ``tonic_by``, how it was found;
    ``doubts``, reasons not to trust it.
    """
    names = ("file", "page", "seconds", "voiced", "tonic_hz", "tonic_by")
    best, *others = facts["candidates"]
    return {
        **{name: facts[name] for name in names},
        "score": best["score"],
        "runner_up_hz": others[0]["hz"] if others else None,
        "doubts": list(facts["doubts"]),
    }


def _section(lines: Sequence[Mapping[str, Any]]) -> str:
    from seqclass.ragas.recording_page import recordings_section

    return recordings_section(lines)


def _understood(path: str, names: ColumnNames, limits: Limits) -> Understood:
    return {"layout": "a window of the recording is a series", "columns": {}}


def _missing_samples(file: BinaryIO, size: int) -> str | None:
    file.seek(0)
    head = file.read(8)
    if head[:4] == b"RIFF" and size < int.from_bytes(head[4:], "little") < ENDLESS:
        return "the samples that its header promises"
    return None


FORMATS = (
    Format(
        noun="a recording",
        endings=(".wav", ".flac", ".mp3", ".ogg"),
        read=read_recording,
        understood=_understood,
        missing_end=_missing_samples,
        matches=lambda head: recording_kind(head) is not None,
        check=check_recordings,
        bytes_per_s=BYTES_PER_S,
        facts=FileFacts(
            knows=lambda facts: "tonic_hz" in facts,
            check=refuse_unsure,
            page=_page,
            summary=summary,
            line=page_row,
            section=_section,
        ),
    ),
)
