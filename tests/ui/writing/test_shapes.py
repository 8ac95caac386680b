"""Regions under the hand, without a screen: drawn, taken hold of, moved and bent, and never out of the picture."""

from __future__ import annotations

import math

import numpy as np
import pytest

from medqdeg_desktop.bank.region import outline, problem
from medqdeg_desktop.ui.writing.shapes import BODY, bent, closed_contour, dragged_box, handles, hit, inside, moved

SHAPE = (60, 80)
BOX = {"kind": "box", "at": [10, 20, 30, 44]}
ELLIPSE = {"kind": "ellipse", "at": [10, 20, 30, 44]}
TRIANGLE = {"kind": "contour", "points": [[10, 10], [40, 12], [20, 50]]}


def test_a_box_is_drawn_from_any_corner_and_kept_even_on_demand() -> None:
    assert dragged_box("box", (30, 44), (10, 20), SHAPE) == BOX
    assert dragged_box("ellipse", (10, 20), (30, 24), SHAPE, even=True) == {"kind": "ellipse", "at": [10, 20, 30, 40]}
    assert dragged_box("box", (10, 20), (10.5, 40), SHAPE) is None


@pytest.mark.parametrize("end", [(79.5, 45), (0, 50), (50, -0.5), (-0.5, 30)])
def test_an_even_box_stays_even_and_in_the_picture(end: tuple[float, float]) -> None:
    drawn = dragged_box("box", (50, 40), end, SHAPE, even=True)
    assert drawn is not None and problem(drawn, SHAPE) == ""
    left, top, right, bottom = drawn["at"]
    assert right - left == bottom - top > 1


def test_a_freehand_line_keeps_its_shape_with_few_points() -> None:
    angles = np.linspace(0, 2 * math.pi, 400, endpoint=False)
    drawn = closed_contour([(40 + 15 * math.cos(a), 30 + 10 * math.sin(a)) for a in angles])
    assert drawn is not None and len(drawn["points"]) < 60
    points = outline(drawn)
    off = ((points[:, 0] - 40) / 15) ** 2 + ((points[:, 1] - 30) / 10) ** 2
    assert np.abs(np.sqrt(off) - 1).max() < 0.05
    x, y = points.T
    area = abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))) / 2
    assert area == pytest.approx(math.pi * 150, rel=0.05)
    assert closed_contour([(1, 1), (5, 5), (9, 9)]) is None
    assert closed_contour([(1, 1), (5, 5)]) is None


@pytest.mark.parametrize("region", [BOX, ELLIPSE, TRIANGLE])
def test_what_lies_under_the_pointer_is_told(region: dict) -> None:
    for number, corner in enumerate(handles(region)):
        assert hit(region, corner, (2, 2)) == number
    middle = tuple(outline(region).mean(axis=0))
    assert hit(region, middle, (2, 2)) == BODY
    assert hit(region, (70, 55), (2, 2)) is None


@pytest.mark.parametrize("region", [BOX, ELLIPSE, TRIANGLE])
def test_a_region_is_moved_as_far_as_the_picture_lets_it(region: dict) -> None:
    by = outline(moved(region, (5, -3), SHAPE)) - outline(region)
    np.testing.assert_allclose(by, np.tile([5, -3], (len(by), 1)))
    for far in ((1e4, 1e4), (-1e4, -1e4)):
        pushed = moved(region, far, SHAPE)
        assert problem(pushed, SHAPE) == ""
        np.testing.assert_allclose(np.ptp(outline(pushed), axis=0), np.ptp(outline(region), axis=0))


def test_every_handle_moves_its_own_edges_and_a_box_is_never_turned_inside_out() -> None:
    assert bent(BOX, 0, (12, 25))["at"] == [12, 25, 30, 44]
    assert bent(BOX, 3, (50, 0))["at"] == [10, 20, 50, 44]
    assert bent(BOX, 5, (0, 50))["at"] == [10, 20, 30, 50]
    assert bent(ELLIPSE, 4, (0, 0))["at"] == [10, 20, 11, 21]
    assert bent(TRIANGLE, 1, (44, 15))["points"] == [[10, 10], [44, 15], [20, 50]]
    assert TRIANGLE["points"][1] == [40, 12]


def test_a_long_contour_is_moved_whole_and_other_fields_stay() -> None:
    many = closed_contour([(40 + (12 + n % 2) * math.cos(n / 8), 30 + (12 + n % 2) * math.sin(n / 8)) for n in range(50)])
    assert many is not None and len(many["points"]) > 24
    assert handles(many) == []
    assert moved(BOX | {"image": 1}, (1, 1), SHAPE)["image"] == 1


def test_a_point_outside_comes_to_the_edge() -> None:
    assert inside((-9, 99), SHAPE) == (-0.5, 59.5)
    assert inside((3.2, 4.7), SHAPE) == (3.2, 4.7)
