"""Pictures of melodies: a PNG that is the same again, with a row for every twelve seconds."""

import io

import numpy as np
import pytest
from matplotlib.image import imread

from seqclass.ragas.melody_pictures import MAX_ROWS, ROW_S, melody_picture
from seqclass.ragas.sound import FRAME_HZ, Line, line_of_svaras
from seqclass.ragas.svaras import PLACES, read_notes

NOTES = read_notes("S R2 G3 P D2 S'")
NAMES = {PLACES[note.svara]: note.svara for note in NOTES}
TITLE = ("Mohanam", "a $cale_ of 5 svaras")


def drawn(line: Line, names: dict[int, str] = NAMES, **more: object) -> np.ndarray:
    content = melody_picture(line, **{"notes": (), "svara_s": None, "title": TITLE,
                                      "places": names, **more})  # type: ignore[arg-type]  # fmt: skip
    assert content.startswith(b"\x89PNG\r\n")
    return imread(io.BytesIO(content))


def contour(seconds: float) -> Line:
    time = np.arange(int(seconds * 20)) / 20
    return Line(600 + 500 * np.sin(time), 20.0)


def test_svaras_are_drawn_and_named_and_the_picture_is_the_same_again() -> None:
    seconds = np.full(len(NOTES), 0.5)
    line = line_of_svaras(np.array([note.height for note in NOTES]), seconds)
    assert line.rate_hz == FRAME_HZ
    named = drawn(line, notes=NOTES, svara_s=seconds)
    np.testing.assert_array_equal(named, drawn(line, notes=NOTES, svara_s=seconds))
    bare = drawn(line, svara_s=seconds)
    assert named.shape == bare.shape
    assert (named != bare).any()


def test_a_long_melody_has_more_rows_and_no_more_than_may_be() -> None:
    heights = [len(drawn(contour(s))) for s in (5, 2 * ROW_S, 30 * ROW_S, 60 * ROW_S)]
    assert heights[0] < heights[1] < heights[2] == heights[3]
    assert heights[2] < MAX_ROWS * heights[0]


@pytest.mark.parametrize("cents", [np.full(50, np.nan), np.zeros(50), np.full(50, -2400.0)])
def test_silence_and_a_single_tone_are_drawn_too(cents: np.ndarray) -> None:
    assert drawn(Line(cents, 20.0)).shape[1] == 11 * 130
