"""The page of a recording: complete in itself, and safe against names that look like markup."""

import numpy as np

from seqclass.ragas.recording_page import USUAL, PageContent, recording_page
from seqclass.ragas.recordings.hearing import RecordingFacts
from seqclass.ragas.sound import Line

FACTS: RecordingFacts = {
    "file": "<b>song</b>.mp3", "kind": "MP3", "seconds": 75.0, "sample_hz": 44_100, "channels": 2,
    "voiced": 0.5, "level": 0.2, "tonic_hz": 150.0, "tonic_by": "drone", "sure": False,
    "candidates": [{"hz": 150.0, "score": 0.6}, {"hz": 200.0, "score": 0.4}],
    "doubts": ["3.0% of it is clipped"],
}  # fmt: skip


def test_a_page_holds_sound_tonic_doubts_and_answers_and_asks_for_no_other_file() -> None:
    cents = 600 * np.sin(np.arange(500) / 40)
    line = Line(cents, 25.0, np.linspace(0, 1, 500))
    content = PageContent(line, dict(enumerate(USUAL)), [("Sri", 0.7), ("Revati", 0.3)], "Sri.")
    page = recording_page(FACTS, b"sound", content)
    assert "<b>song" not in page
    for part in ("data:audio/mpeg;base64,c291bmQ=", "data:image/png;base64,", "200.0", "0.700"):
        assert part in page
    assert "3.0% of it is clipped" in page
    assert "it is not sure" in page
    assert 'src="http' not in page
    assert "href=" not in page
