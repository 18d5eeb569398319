"""The page of a recording: its pitch between the svaras, its tonic, its sound, and its raga."""

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from markupsafe import Markup

from seqclass.pages.rendering import render
from seqclass.ragas.recordings.hearing import EXCERPT_S
from seqclass.ragas.sound import Line

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


def recording_page(facts: Mapping[str, Any], sound: bytes, content: PageContent) -> str:
    """Return a page in HTML that needs no other file."""
    from seqclass.ragas.melody_pictures import melody_picture  # with Matplotlib, which takes 0.4 s

    tail = f"Sa = {facts['tonic_hz']:.1f} Hz"
    picture = melody_picture(content.line, (), None, (facts["file"], tail), content.places)
    return render(
        Path(__file__).with_name("recording.html.j2"),
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


def plain_page(facts: Mapping[str, Any], sound: bytes, table: pa.Table, rate_hz: float) -> str:
    """Return the page of a recording whose raga nobody has named, from its rows."""
    content = PageContent(line_of(table, rate_hz), dict(enumerate(USUAL)), [], "")
    return recording_page(facts, sound, content)


def recordings_section(lines: Sequence[Mapping[str, Any]]) -> str:
    """Return the recordings of a dataset as a section of its page, as markup."""
    template = Path(__file__).with_name("recordings_section.html.j2")
    return Markup(render(template, "", lines=lines))  # noqa: S704 - the template escapes
