from __future__ import annotations

import pytest

from medqdeg_desktop.taxonomy import Category, Level
from medqdeg_desktop.ui import tokens as t

GROUNDS = {"viewer": t.VIEWER, "window": t.WINDOW, "panel": t.PANEL, "raised": t.RAISED}
TEXTS = {"text": t.TEXT, "muted": t.MUTED, "accent": t.ACCENT, "warn": t.WARN, "error": t.ERROR}


def test_contrast_is_that_of_the_standard_for_known_pairs() -> None:
    # WCAG 2.2: black on white is 21; #767676 on white is the well-known lightest grey that passes 4.5.
    assert t.contrast("#000000", "#ffffff") == pytest.approx(21)
    assert t.contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("ground", GROUNDS)
@pytest.mark.parametrize("text", TEXTS)
def test_every_text_colour_is_legible_on_every_ground(text: str, ground: str) -> None:
    assert t.contrast(TEXTS[text], GROUNDS[ground]) >= 4.5


@pytest.mark.parametrize("level", list(Level))
def test_level_marks_stand_out_and_differ_in_shape(level: Level) -> None:
    assert t.contrast(t.LEVEL_COLOUR[level], t.PANEL) >= 3
    assert len(set(t.LEVEL_SHAPE.values())) == len(Level)


def test_marked_words_stay_legible() -> None:
    assert t.contrast(t.TEXT, t.MARKED) >= 4.5


def test_nothing_on_the_screen_is_brighter_than_text() -> None:
    colours = [*GROUNDS.values(), *TEXTS.values(), t.LINE, t.EDGE, *t.LEVEL_COLOUR.values()]
    assert max(t.luminance(c) for c in colours) == t.luminance(t.TEXT)


def test_every_category_has_its_own_colour() -> None:
    assert len({t.CATEGORY_COLOUR[c] for c in Category}) == len(Category)
