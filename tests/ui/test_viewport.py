from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medqdeg_desktop.ui.viewer.viewport import Viewport, panned, place, zoomed_about

SHAPES = st.tuples(st.integers(1, 4096), st.integers(1, 4096))
PANES = st.tuples(st.integers(50, 3000), st.integers(50, 3000))


@given(SHAPES, PANES, st.floats(0.3, 3))
def test_a_fitted_frame_lies_whole_and_centred_in_its_pane(shape: tuple[int, int], pane: tuple[int, int], aspect: float) -> None:
    p = place(Viewport(), shape, aspect, pane)
    width, height = p.columns * p.scale_x, p.rows * p.scale_y
    assert width <= pane[0] + 1e-6 and height <= pane[1] + 1e-6
    assert max(width - pane[0], height - pane[1]) == pytest.approx(0, abs=1e-6)
    assert p.left == pytest.approx((pane[0] - width) / 2, abs=0.51)
    assert p.top == pytest.approx((pane[1] - height) / 2, abs=0.51)
    assert p.scale_y == pytest.approx(p.scale_x * aspect)


@given(SHAPES, PANES, st.floats(0, 1), st.floats(0, 1), st.floats(0.5, 2))
def test_zoom_keeps_what_lies_under_the_pointer(
    shape: tuple[int, int], pane: tuple[int, int], x: float, y: float, factor: float
) -> None:
    before = place(Viewport(zoom=1.0), shape, 1.0, pane)
    pointer = (before.left + x * shape[1], before.top + y * shape[0])
    viewport = zoomed_about(Viewport(zoom=1.0), before, factor, *pointer)
    if not all(0 < c < 1 for c in viewport.centre):
        return  # the frame would leave the pane: the centre is held inside it
    after = place(viewport, shape, 1.0, pane)
    row, column = after.to_frame(*pointer)
    # The corner is rounded to whole device pixels, twice.
    assert (row - y * shape[0]) * after.scale_y == pytest.approx(0, abs=1.6)
    assert (column - x * shape[1]) * after.scale_x == pytest.approx(0, abs=1.6)


def test_panning_moves_by_what_the_hand_moved_and_unfits() -> None:
    before = place(Viewport(), (512, 512), 1.0, (600, 600))
    viewport = panned(Viewport(), before, 37, -12)
    after = place(viewport, (512, 512), 1.0, (600, 600))
    assert viewport.zoom == pytest.approx(600 / 512)
    assert (after.left - before.left, after.top - before.top) == (37, -12)


def test_the_viewport_does_not_depend_on_the_pane() -> None:
    viewport = Viewport(2.0, (0.25, 0.75))
    for pane in ((300, 200), (1000, 900), (301, 199)):
        p = place(viewport, (512, 512), 1.0, pane)
        row, column = p.to_frame(pane[0] / 2, pane[1] / 2)
        assert (row, column) == (pytest.approx(128, abs=0.3), pytest.approx(384, abs=0.3))


def test_one_to_one_puts_stored_pixels_on_whole_device_pixels() -> None:
    p = place(Viewport(1.0), (511, 333), 1.0, (600, 401))
    assert p.scale_x == p.scale_y == 1
    assert p.to_pane(0, 0) == (p.left, p.top)
    assert isinstance(p.left, int) and isinstance(p.top, int)


def test_zoom_is_held_within_reason() -> None:
    assert Viewport().at_zoom(1e9).zoom == 64
    assert Viewport().at_zoom(1e-9).zoom == 1 / 32
