"""The eight ways a picture can lie: pixels, positions and letters move together, and come back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medqdeg_desktop.engine.image import MedicalImage, Window, frozen
from medqdeg_desktop.taxonomy import Modality
from medqdeg_desktop.ui.viewer.convention import Convention
from medqdeg_desktop.ui.viewer.picture import PictureMaker
from medqdeg_desktop.ui.viewer.turn import FLIP_ACROSS, FLIP_DOWN, TURN_LEFT, TURN_RIGHT, UPRIGHT, Turn
from medqdeg_desktop.ui.viewer.viewport import Viewport, panned, place, zoomed_about

ALL = [Turn(quarters, flipped) for flipped in (False, True) for quarters in range(4)]
#: What numpy calls the four moves.
MOVES = [
    (FLIP_ACROSS, np.fliplr),
    (FLIP_DOWN, np.flipud),
    (TURN_RIGHT, lambda a: np.rot90(a, -1)),
    (TURN_LEFT, np.rot90),
]
TURNS = st.sampled_from(ALL)


@given(st.lists(st.sampled_from(range(4)), max_size=7))
def test_any_row_of_moves_shows_what_numpy_makes_of_the_same_moves(moves: list[int]) -> None:
    picture = np.arange(12).reshape(3, 4)
    turn, expected = UPRIGHT, picture
    for move in moves:
        step, same = MOVES[move]
        turn, expected = turn.then(step), same(expected)
    np.testing.assert_array_equal(turn.pixels(picture), expected)


@pytest.mark.parametrize("turn", ALL)
def test_a_position_lands_on_the_pixel_that_lies_there(turn: Turn) -> None:
    sheet = np.arange(35).reshape(5, 7)
    turned = turn.pixels(sheet)
    assert turned.shape[::-1] == turn.size((7, 5))
    for y in range(5):
        for x in range(7):
            across, down = turn.to_pane(x + 0.5, y + 0.5, (7, 5))
            assert turned[int(down), int(across)] == sheet[y, x]
            assert turn.to_sheet(across, down, (7, 5)) == (x + 0.5, y + 0.5)


@pytest.mark.parametrize("turn", ALL)
def test_letters_stay_with_their_edges(turn: Turn) -> None:
    sheet = np.zeros((3, 3), "U1")
    sheet[1, 0], sheet[1, 2], sheet[0, 1], sheet[2, 1] = "R", "L", "A", "P"
    turned = turn.pixels(sheet)
    assert turn.letters(("R", "L", "A", "P")) == (turned[1, 0], turned[1, 2], turned[0, 1], turned[2, 1])


def test_every_turn_has_a_name_of_its_own() -> None:
    assert len({turn.name for turn in ALL}) == 8 and UPRIGHT.name == "none"


@given(TURNS, st.floats(0.1, 0.9), st.floats(0.1, 0.9), st.floats(0.5, 2))
def test_zoom_keeps_what_lies_under_the_pointer_however_the_picture_is_turned(turn: Turn, x: float, y: float, by: float) -> None:
    pane, shape = (640, 400), (300, 500)
    viewport = Viewport(1.0, turn=turn)
    before = place(viewport, shape, 1.3, pane)
    assert before.pane == pane
    pointer = before.to_pane(y * shape[0], x * shape[1])
    after = place(zoomed_about(viewport, before, by, *pointer), shape, 1.3, pane)
    there = after.to_pane(y * shape[0], x * shape[1])
    # The corner is rounded to whole device pixels, twice.
    assert there == (pytest.approx(pointer[0], abs=1.6), pytest.approx(pointer[1], abs=1.6))


@given(TURNS, st.integers(-60, 60), st.integers(-60, 60))
def test_panning_follows_the_hand_however_the_picture_is_turned(turn: Turn, dx: int, dy: int) -> None:
    viewport = Viewport(1.0, turn=turn)
    before = place(viewport, (300, 500), 1.0, (640, 400))
    after = place(panned(viewport, before, dx, dy), (300, 500), 1.0, (640, 400))
    (x0, y0), (x1, y1) = before.to_pane(10, 20), after.to_pane(10, 20)
    assert (x1 - x0, y1 - y0) == (dx, dy)


@pytest.mark.parametrize("zoom", [None, 0.4, 1.0, 2.7])
@pytest.mark.parametrize("turn", ALL)
def test_a_turned_picture_has_the_values_of_the_upright_one(turn: Turn, zoom: float | None) -> None:
    pixels = np.random.default_rng(1).normal(0, 300, (150, 230)).astype(np.float32)
    image = MedicalImage(frozen(pixels), Modality.CT, unit="HU", window=Window(40, 400))
    pane = (331, 240)
    upright = PictureMaker().make(image, place(Viewport(zoom), image.shape, 1.0, turn.size(pane)), None, False)
    turned = PictureMaker().make(image, place(Viewport(zoom, turn=turn), image.shape, 1.0, pane), None, False)
    assert upright is not None and turned is not None
    np.testing.assert_array_equal(turned.pixels, turn.pixels(upright.pixels))
    whole = np.zeros(pane[::-1], np.uint8)
    height, width = turned.pixels.shape
    whole[turned.top : turned.top + height, turned.left : turned.left + width] = turned.pixels
    sheet = np.zeros(turn.size(pane)[::-1], np.uint8)
    height, width = upright.pixels.shape
    sheet[upright.top : upright.top + height, upright.left : upright.left + width] = upright.pixels
    np.testing.assert_array_equal(whole, turn.pixels(sheet))


def _cut(left: str, right: str, top: str, bottom: str, modality: Modality = Modality.CT) -> MedicalImage:
    return MedicalImage(frozen(np.zeros((4, 4), np.float32)), modality, orientation=(left, right, top, bottom))


@pytest.mark.parametrize(
    ("letters", "neurological", "nose_right"),
    [
        (("R", "L", "A", "P"), FLIP_ACROSS, UPRIGHT),  # axial
        (("RA", "LP", "AL", "PR"), FLIP_ACROSS, UPRIGHT),  # axial, oblique
        (("R", "L", "H", "F"), FLIP_ACROSS, UPRIGHT),  # coronal
        (("A", "P", "H", "F"), UPRIGHT, FLIP_ACROSS),  # sagittal
        (("L", "R", "P", "A"), UPRIGHT, UPRIGHT),  # axial, prone: left is on the left already
        (("P", "A", "H", "F"), UPRIGHT, UPRIGHT),
        (("A", "P", "R", "L"), UPRIGHT, UPRIGHT),  # axial, lying: no side of the body lies across
    ],
)
def test_a_convention_turns_the_cuts_it_speaks_of_and_no_others(
    letters: tuple[str, str, str, str], neurological: Turn, nose_right: Turn
) -> None:
    image = _cut(*letters)
    assert Convention().turn(image) == UPRIGHT, "radiological leaves a picture as it was read"
    assert Convention(neurological=True).turn(image) == neurological
    assert Convention(nose_right=True).turn(image) == nose_right


def test_a_radiograph_and_a_picture_without_letters_follow_no_convention() -> None:
    both = Convention(neurological=True, nose_right=True)
    assert both.turn(_cut("R", "L", "H", "F", Modality.XRAY)) == UPRIGHT
    assert both.turn(MedicalImage(frozen(np.zeros((4, 4), np.float32)), Modality.CT)) == UPRIGHT
