"""Duplicates: exact by words and pixels, near by the look of pictures or the wording; different questions are left alone."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from bank_samples import picture
from PIL import Image

from medqdeg_desktop.bank.deduplication import Duplicate, difference_hash, find_duplicates
from medqdeg_desktop.bank.wording import normalised
from medqdeg_desktop.study.records import Item
from medqdeg_desktop.taxonomy import Modality


@pytest.fixture
def ask(tmp_path: Path):
    def make(name: str, image: np.ndarray, question: str = "What is shown?", *, quality: int = 0) -> Item:
        path = tmp_path / f"{name}.{'jpg' if quality else 'png'}"
        Image.fromarray(image).save(path, **({"quality": quality} if quality else {}))
        return Item(name, "s", name, Modality.ENDOSCOPY, question, {"A": "cyst", "B": "mass"}, "A", (str(path),))

    return make


def test_the_same_words_on_the_same_pixels_are_exact_duplicates(ask) -> None:
    one, two = ask("a", picture(1)), ask("b", picture(1), "  what is SHOWN ?? ")
    other = ask("c", picture(1), "How many vessels are visible here?")
    assert find_duplicates([one, two, other]) == [Duplicate("exact", ("a", "b"), "same question, options and pixels")]


def test_the_same_picture_saved_again_is_near_and_another_picture_is_not(ask) -> None:
    base = cv2.GaussianBlur(picture(2, side=128), (0, 0), 3)
    found = find_duplicates([ask("a", base), ask("b", base, quality=80), ask("c", np.rot90(base).copy())])
    assert [(d.kind, d.items) for d in found] == [("near", ("a", "b"))]
    assert "of 64 bits" in found[0].why


def test_nearly_the_same_wording_on_the_same_pixels_is_near(ask) -> None:
    found = find_duplicates([ask("a", picture(3), "What organ is shown?"), ask("b", picture(3), "What organs is shown?")])
    assert [(d.kind, d.items) for d in found] == [("near", ("a", "b"))]


def test_an_unreadable_picture_is_no_duplicate_of_another_unreadable_one(tmp_path: Path, ask) -> None:
    items = [ask("a", picture(4)), ask("b", picture(5))]
    for item in items:
        Path(item.images[0]).write_bytes(b"no picture")
    assert find_duplicates(items) == []


def test_the_hash_follows_its_definition() -> None:
    ramp = np.tile(np.arange(0, 90, 10, dtype=np.uint8), (8, 1))
    assert difference_hash(ramp) == 0
    assert difference_hash(ramp[:, ::-1].copy()) == 2**64 - 1


def test_wording_is_compared_without_case_marks_and_width() -> None:
    assert normalised("What’s  the “Ｌiver”?\n") == "what s the liver"
