"""Parts that pages are made of: small drawings, figures of a channel, summaries of versions."""

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markupsafe import Markup

from seqclass.pages.dataset_pages import profile, write_dataset_pages
from seqclass.pages.drawing import Strip, line, path_of, series, strips
from seqclass.pages.index_pages import write_model_pages
from seqclass.pages.model_summary import read_version, summarize
from seqclass.pages.rendering import _environment
from seqclass.pages.version_report import dataset_link, has_report
from seqclass.store.log import next_turn
from seqclass.store.registry import MoveReason, move_champion
from seqclass.store.root import DamagedError, Damages, Root
from seqclass.store.rows import from_dense
from tests.support.places import NOW
from tests.support.stored import store_series, store_version

SCORES = {"macro_f1": 0.9, "accuracy": 0.9, "log_loss": 0.3}
NUMBERS = st.floats(-1e6, 1e6, allow_nan=False, width=32)


@given(st.lists(st.one_of(st.none(), NUMBERS), min_size=1, max_size=30))
@settings(max_examples=20)
def test_a_line_stays_in_its_box_and_breaks_where_a_value_is_missing(
    values: list[float | None],
) -> None:
    d = path_of(values, 80, 20)
    points = [tuple(map(float, p.split())) for p in re.findall(r"[ML]([-\d.]+ [-\d.]+)", d)]
    present = [value is not None for value in values]
    assert len(points) == sum(present)
    assert all(0 <= x <= 80 and -0.05 <= y <= 20.05 for x, y in points)
    begins = sum(
        is_present and not before
        for is_present, before in zip(present, [False, *present], strict=False)
    )
    assert d.count("M") == begins


def test_names_in_drawings_are_text() -> None:
    for drawn in (line([1, 2], "<b>"), series([1.0, None], "<b>", "<script>")):
        assert "<script>" not in drawn
        assert "<b>" not in drawn


def test_a_profile_counts_what_the_dataset_has(root: Root) -> None:
    dataset = store_series(root, n=20)
    profiled = profile(dataset)
    assert sum(profiled.lengths.values()) == 20
    write_dataset_pages(root, "toy")
    page = dataset_link(root, dataset.ref, "../")
    assert page is not None
    assert root.fs.exists(root.join(page.removeprefix("../").partition("#")[0]))
    assert dataset_link(root, "datasets/none@0", "../") is None


@pytest.mark.filterwarnings("error")
def test_series_without_a_value_are_the_least_typical_and_warn_of_nothing(root: Root) -> None:
    lines = np.tile(np.linspace(0, 1, 12, dtype=np.float32), (8, 1))
    lines[:2] = np.nan
    lines[:, 5] = np.nan
    profiled = profile(store_series(root, n=8, label=["up"] * 8, value=from_dense(lines)))
    assert [example.series_id for example in profiled.examples["up"]] == ["s002", "s003"]
    lines[:] = np.nan
    nothing = profile(store_series(root, "holes", 8, value=from_dense(lines)))
    assert len(nothing.examples["up"]) == 2


def test_series_that_are_frozen_in_one_channel_are_the_least_typical(root: Root) -> None:
    rng = np.random.default_rng(0)
    lines, other = rng.normal(0, 1, (2, 30, 12)).astype(np.float32)
    lines[:3] = 0.0  # the middle of all, and so the nearest to it
    rows = store_series(root, n=30, label=["up"] * 30, value=from_dense(lines),
                        other=from_dense(other))  # fmt: skip
    shown = {example.series_id for example in profile(rows).examples["up"]}
    assert not shown & {"s000", "s001", "s002"}


def test_a_channel_without_values_is_called_so(root: Root) -> None:
    nothing = from_dense(np.full((30, 12), np.nan, np.float32))
    name = store_series(root, n=30, other=nothing, still=from_dense(np.ones((30, 12), np.float32)))
    write_dataset_pages(root, "toy")
    page = Path(root.path, f"datasets/toy/{name.manifest['version']}.html").read_text()
    assert "Channel other lacks 100% of its values" in page
    assert "Channel still never changes" in page


def test_a_summary_names_champion_versions_and_what_can_t_be_shown(root: Root) -> None:
    for number in range(2):
        version = store_version(root, "m", metrics=SCORES).version
        move_champion(
            next_turn(root, "m"), version, MoveReason("me", "why", {}, NOW.replace(second=number))
        )
    with pytest.raises(DamagedError, match=r"expected metrics\.accuracy, got nothing"):
        store_version(root, "m", metrics={})
    summary, bad = summarize(root, "m"), Damages()
    assert (summary.champion, [shown.version for shown in summary.versions]) == ("v2", ["v1", "v2"])
    assert [move.after for move in summary.decisions] == ["v1", "v2"]
    assert read_version(root, "m", "v3", bad) is None
    assert bad
    assert not has_report(root, "m", "v1")
    write_model_pages(root, "m")
    assert root.exists("models", "m", "index.html")


def test_no_reason_turns_the_text_of_a_page(root: Root) -> None:
    """Neither one that is written now, nor one that lies in the log as it was given."""
    version = store_version(root, "m", metrics=SCORES).version
    move_champion(next_turn(root, "m"), version, MoveReason("me", "good \u202elive\u2066", {}, NOW))
    write_model_pages(root, "m")
    entries = Path(root.join("log", "models", "m")).glob("*.json")
    page = Path(root.join("models", "m", "index.html")).read_text()
    for text in ("".join(entry.read_text() for entry in entries), page):
        assert "u202elive" in text
        assert "\u202e" not in text
    given = _environment().from_string("{{ text }} {{ made }}")
    assert given.render(text="<a\u202eb>", made=Markup("<b>")) == "&lt;a\\u202eb&gt; <b>"


@pytest.mark.parametrize(
    ("scores", "lowest"), [([0.97, 0.93], "0.93"), ([0.65], "0.6"), ([1.0], "0.999"), ([0], "0")]
)
def test_scores_are_drawn_from_a_round_one_below_the_lowest(
    scores: list[float], lowest: str
) -> None:
    drawn = strips([Strip("a name of many letters, <b>", scores)], "scores", "macro F1")
    assert f">{lowest}</text>" in drawn
    places = [float(x) for x in re.findall(r'cx="([\d.]+)"', drawn)]
    assert len(places) == len(scores)
    assert all(132 <= x <= 346 for x in places)
    assert ">a name of many lett…</text>" in drawn
