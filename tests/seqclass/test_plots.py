"""Figures of explained series and of losses: what they show, and what they refuse."""

import numpy as np
import pytest

from seqclass.plots import MAX_SERIES, explained_figure, losses_figure


def test_a_panel_shows_a_series_and_bands_behind_steps_that_speak() -> None:
    x = np.array([[[1.0], [np.nan], [3.0], [np.nan]]])
    figure = explained_figure(x, np.array([[2.0, 0.0, -1.0, 0.0]]), ["a $b$ (0.9)"], ["value"])
    [axes] = figure.axes
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), x[0, :, 0])
    assert [band.get_alpha() for band in axes.patches] == pytest.approx([0.55, 0.275])
    assert axes.patches[0].get_facecolor()[:3] != axes.patches[1].get_facecolor()[:3]
    assert axes.get_xlim() == (-0.5, 2.5), "padding is not drawn"
    figure.canvas.draw()


def test_every_channel_of_every_series_has_a_panel() -> None:
    figure = explained_figure(np.zeros((3, 5, 2)), np.zeros((3, 5)), list("abc"), ["x", "y"])
    assert [axes.get_ylabel() for axes in figure.axes] == ["x", "y"] * 3


def test_too_many_series_are_refused() -> None:
    n = MAX_SERIES + 1
    with pytest.raises(ValueError, match="X: expected at most 24 series"):
        explained_figure(np.zeros((n, 2, 1)), np.zeros((n, 2)), ["a"] * n, ["x"])


def test_losses_are_drawn_a_line_for_each_network() -> None:
    [axes] = losses_figure([[1.0, 0.5], [2.0, 1.0, 0.1]]).axes
    assert [len(line.get_xdata()) for line in axes.lines] == [2, 3]
    assert axes.lines[1].get_xdata().tolist() == [1, 2, 3]
