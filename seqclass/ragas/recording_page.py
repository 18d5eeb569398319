"""The page of a recording: its pitch between the svaras, its tonic, its sound, and its raga."""

import base64
import hashlib
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from seqclass.pages.rendering import render
from seqclass.ragas.sound import Line
from seqclass.recordings.hearing import EXCERPT_S, RATE_HZ, RecordingFacts
from seqclass.store.datasets import recordings_folder
from seqclass.store.formats.recording import Listener
from seqclass.store.inventory import keep
from seqclass.store.root import Root

USUAL = ("S", "R1", "R2", "G2", "G3", "M1", "M2", "P", "D1", "D2", "N2", "N3")
"""The usual name of each place, where no raga says which of two names is meant."""


class PageContent(NamedTuple):
    """Contents of a recording's page: its line of cents, the names of places, and answers.

    answers: ragas and their probabilities, the likeliest first. says: a sentence on them.
    """

    line: Line
    places: dict[int, str]
    answers: list[tuple[str, float]]
    says: str


def recording_page(facts: RecordingFacts, sound: bytes, content: PageContent) -> str:
    """Return a page in HTML that needs no other file."""
    from seqclass.ragas.melody_pictures import melody_picture  # with Matplotlib, which takes 0.4 s

    tail = f"Sa = {facts['tonic_hz']:.1f} Hz"
    picture = melody_picture(content.line, (), None, (facts["file"], tail), content.places)
    return render(
        "recording",
        "",
        facts=facts,
        content=content,
        picture=base64.b64encode(picture).decode(),
        sound=base64.b64encode(sound).decode(),
        excerpt_s=min(EXCERPT_S, facts["seconds"]),
    )


def line_of(table: pa.Table, rate_hz: float) -> Line:
    """Return the windows of a recording as one line."""
    cents = pc.list_flatten(table["cents"]).to_numpy(zero_copy_only=False)
    return Line(cents.astype(np.float64), rate_hz)


@dataclass
class RecordingPages:
    """The pages of recordings that are being imported, in a folder of their own until the end.

    progress: called with a recording's path and the share of it that is done.
    """

    rate_hz: float | None
    progress: Callable[[str, float], None]
    records: list[Mapping[str, Any]] = field(default_factory=list)
    folder: tempfile.TemporaryDirectory[str] = field(default_factory=tempfile.TemporaryDirectory)

    @property
    def listener(self) -> Listener:
        """The listener that makes a page of each recording that is read."""
        return Listener(self.progress, self._add)

    def _add(self, path: str, facts: RecordingFacts, sound: bytes, table: pa.Table) -> None:
        with open(path, "rb") as file:
            page = hashlib.file_digest(file, "sha256").hexdigest()[:16]
        line = line_of(table, self.rate_hz or RATE_HZ)
        text = recording_page(facts, sound, PageContent(line, dict(enumerate(USUAL)), [], ""))
        with open(os.path.join(self.folder.name, f"{page}.html"), "w") as file:
            file.write(text)
        self.records.append({**facts, "page": page})

    def keep(self, root: Root, name: str) -> None:
        """Move the pages to their dataset."""
        for page in sorted(os.listdir(self.folder.name)):
            with open(os.path.join(self.folder.name, page), "rb") as file:
                keep(root, f"{recordings_folder(root, name)}/{page}", file.read())
