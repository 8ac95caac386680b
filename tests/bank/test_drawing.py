"""Drawing: the stated distribution, one seed rule, and no turned pictures for questions on side or position."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

import pytest
from scipy.stats import chisquare

from medqdeg_desktop.bank.drawing import allowed_types, asks_for_position, draw_uniform
from medqdeg_desktop.study.records import Item
from medqdeg_desktop.taxonomy import Modality, types_drawn_for

CT = types_drawn_for(Modality.CT)


def item(question: str, options: dict[str, str] | None = None, **more: str) -> Item:
    options = options or {"A": "a cyst", "B": "a mass"}
    return Item("i", "s", "1", Modality.CT, question, options, "A", ("a.png",), **more)


def test_ten_thousand_draws_follow_the_stated_distribution() -> None:
    draws = [draw_uniform(0, f"item {n}", CT) for n in range(10_000)]
    counts = Counter(len(draw) for draw in draws)
    assert chisquare([counts[k] for k in (1, 2, 3)]).pvalue > 0.001
    # Given how many, every set of types is as likely as any other.
    for k in (1, 2, 3):
        sets = Counter(draw for draw in draws if len(draw) == k)
        expected = list(combinations(CT, k))
        assert set(sets) == set(expected)
        assert chisquare([sets[s] for s in expected]).pvalue > 0.001


def test_a_draw_has_no_type_twice_and_depends_on_seed_and_item_alone() -> None:
    draws = {name: draw_uniform(5, name, CT) for name in map(str, range(200))}
    assert all(len(set(draw)) == len(draw) for draw in draws.values())
    assert draws == {name: draw_uniform(5, name, CT) for name in reversed(list(draws))}
    assert draws != {name: draw_uniform(6, name, CT) for name in draws}


def test_no_more_types_are_drawn_than_there_are() -> None:
    assert {draw_uniform(0, str(n), ("gaussian_blur",)) for n in range(50)} == {("gaussian_blur",)}
    assert draw_uniform(0, "x", ()) == ()


@pytest.mark.parametrize(
    "question",
    [
        "Which side is the effusion on?",
        "Where is the lesion located?",
        "Is the left ventricle enlarged?",
        "In which quadrant does the mass lie?",
        "Has the patient been ROTATED?",
        "What lies anterior to the aorta?",
    ],
)
def test_questions_on_side_or_position_are_known_by_their_words(question: str) -> None:
    assert asks_for_position(item(question))


def test_options_that_differ_by_side_make_a_question_on_side() -> None:
    assert asks_for_position(item("Which organ?", {"A": "Left kidney", "B": "Right kidney"}))
    assert not asks_for_position(item("Which organ?", {"A": "Left kidney", "B": "Liver"}))
    assert asks_for_position(item("Which one?", skill="Lesion localization"))


@pytest.mark.parametrize("question", ["What is the most likely abnormality?", "Which modality is this?", "Is this bright?"])
def test_other_questions_keep_every_type(question: str) -> None:
    assert not asks_for_position(item(question))
    assert allowed_types(item(question), CT) == CT


def test_a_question_on_side_is_never_turned_or_moved() -> None:
    mri = types_drawn_for(Modality.MRI)
    left = set(allowed_types(item("Which side is affected?"), mri))
    assert set(mri) - left == {"object_rotation", "object_movement"}
