"""Sound files: their kind by content, and their samples, block by block, as one channel."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

SAMPLE_HZ = 16_000
"""Rate of the samples that are analysed; the pitch tracker's own."""
BLOCK_PIECES = 20
"""Seconds that are analysed at once."""
WHOLE = 0.98
"""Share of the promised samples from which on a file is whole: MP3 headers are not exact."""
HEAD_BYTES = 12
SILENT = 1e-4
"""Level, of full scale, below which a channel of a block does not sound."""
CLIPPED = 0.999
LOUDEST = 2.0**31
"""Largest sample: of whole numbers that were stored as floats without scaling them to 1."""
RATES_HZ = 4_000, 768_000
"""Lowest and highest rate of a file's samples."""
MISSING = (
    "recordings: expected the packages that read sound (soundfile, soxr, swift-f0), got none; "
    "install sequence-classification[audio]"
)


def recording_kind(head: bytes) -> str | None:
    """Return the kind of a sound file by its first 12 bytes; None if it is no known one."""
    if head[:4] in (b"RIFF", b"RF64") and head[8:12] == b"WAVE":
        return "WAV"
    if head[:4] == b"fLaC":
        return "FLAC"
    if head[:4] == b"OggS":
        return "OGG"
    return "MP3" if _is_mp3(head) else None


def _is_mp3(head: bytes) -> bool:
    """Check for a tag of ID3 version 2 to 4, or for the header of a frame of layer III."""
    if len(head) < 5:
        return False
    if head[:3] == b"ID3":
        return head[3] in (2, 3, 4)
    is_frame = head[0] == 0xFF and head[1] & 0xE6 == 0xE2
    return is_frame and head[1] & 0x18 != 0x08 and head[2] & 0xF0 != 0xF0 and head[2] & 0x0C != 0x0C


def audio_packages() -> tuple[Any, Any, Any]:
    """Return the modules soundfile, soxr and swift_f0; ValueError if one is not installed."""
    try:
        import soundfile
        import soxr
        import swift_f0
    except ImportError:
        raise ValueError(MISSING) from None
    return soundfile, soxr, swift_f0


@dataclass
class SoundFile:
    """A sound file's header, and what reading its samples has shown.

    seconds: by the header until all samples are read. clipped: number of samples at full scale.
    ends_early: True if samples are missing that the header promises, or can't be decoded.
    """

    path: str
    kind: str
    sample_hz: int
    channels: int
    frames: int
    seconds: float
    clipped: int = 0
    ends_early: bool = False

    def blocks(self) -> Iterator[np.ndarray]:
        """Yield the samples as one channel at ``SAMPLE_HZ``, float32, some seconds at a time."""
        _, soxr, _ = audio_packages()
        stream = soxr.ResampleStream(self.sample_hz, SAMPLE_HZ, 1, dtype="float32")
        pieces = self._pieces()
        while block := list(islice(pieces, BLOCK_PIECES)):
            yield stream.resample_chunk(np.concatenate(block))
        yield stream.resample_chunk(np.zeros(0, np.float32), last=True)

    def _pieces(self) -> Iterator[np.ndarray]:
        """Yield the samples as one channel, up to the first that can't be decoded."""
        soundfile, _, _ = audio_packages()
        done = 0
        with soundfile.SoundFile(self.path) as file, suppress(soundfile.LibsndfileError):
            while len(piece := file.read(self.sample_hz, dtype="float32", always_2d=True)):
                finite = np.nan_to_num(piece, posinf=1.0, neginf=-1.0)
                if (peak := np.abs(finite).max()) > LOUDEST:
                    raise ValueError(f"samples of up to {peak:.2g}, where full scale is 1")
                done += len(piece)
                self.clipped += int((np.abs(piece) >= CLIPPED).any(axis=1).sum())
                yield mono(finite)
        self.ends_early = done < WHOLE * self.frames
        self.seconds = done / self.sample_hz


def open_sound(path: str) -> SoundFile:
    """Read the header of a sound file; ValueError in plain words if it can't be decoded."""
    soundfile, _, _ = audio_packages()
    with open(path, "rb") as file:
        kind = recording_kind(file.read(HEAD_BYTES))
    if kind is None:
        raise ValueError("the bytes of another kind of file")
    try:
        info = soundfile.info(path)
    except soundfile.LibsndfileError as error:  # whose texts often name another cause
        raise ValueError(f"{kind} whose sound can't be decoded") from error
    if not RATES_HZ[0] <= info.samplerate <= RATES_HZ[1]:
        low, high = RATES_HZ
        raise ValueError(f"{info.samplerate:,} samples a second, not {low:,} to {high:,}")
    seconds = info.frames / info.samplerate
    return SoundFile(path, kind, info.samplerate, info.channels, info.frames, seconds)


def mono(block: np.ndarray) -> np.ndarray:
    """Mix the channels of a block ``(samples, channels)`` to one, ``(samples,)``.

    Only channels that sound are averaged. If they cancel each other out, the loudest is taken.
    """
    if block.shape[1] == 1:
        return np.ascontiguousarray(block[:, 0])
    power = np.square(block, dtype=np.float64).mean(axis=0)
    sounding = np.flatnonzero(power > SILENT**2)
    if not len(sounding):
        return np.ascontiguousarray(block[:, 0])
    mixed = block[:, sounding].mean(axis=1)
    if np.square(mixed, dtype=np.float64).mean() < 0.05 * power[sounding].mean():
        mixed = block[:, power.argmax()]
    return np.ascontiguousarray(mixed, dtype=np.float32)
