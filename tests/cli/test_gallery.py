"""The page of degradations says what the program says, and its pictures are what the program draws."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from medqdeg_desktop.cli.gallery import Strip, main, page, strip_pixels, strips
from medqdeg_desktop.engine.degradation import registry
from medqdeg_desktop.taxonomy import Modality

DOCS = Path(__file__).resolve().parents[2] / "docs"
PICTURES = DOCS / "images" / "degradations"
STRIPS = list(strips())
drawn = cache(strip_pixels)


def test_the_page_of_degradations_is_what_the_program_says() -> None:
    """Made again by ``python -m medqdeg_desktop.cli.gallery docs``."""
    assert (DOCS / "degradations.md").read_text("utf-8") == page()


def test_every_type_has_a_strip_and_every_picture_belongs_to_one() -> None:
    assert {strip.type_name for strip in STRIPS} == set(registry())
    assert {path.name for path in PICTURES.iterdir()} == {strip.file_name for strip in STRIPS}


@pytest.mark.parametrize("strip", STRIPS, ids=lambda strip: strip.file_name)
def test_the_picture_is_what_the_program_draws(strip: Strip) -> None:
    path = PICTURES / strip.file_name
    assert path.stat().st_size < 120_000
    pixels = drawn(strip)
    kept = np.asarray(Image.open(path).convert("RGB" if pixels.ndim == 3 else "L"))
    difference = np.abs(kept.astype(int) - pixels)
    # Grey: another processor rounds a few pixels the other way. Colour: a palette of 128.
    assert difference.mean() < (5 if pixels.ndim == 3 else 0.05)


def test_levels_are_told_apart_by_eye() -> None:
    for strip in STRIPS:
        clean, mild, severe = np.split(
            np.delete(drawn(strip), [*range(224, 228), *range(452, 456)], axis=1).astype(float), 3, axis=1
        )
        assert np.abs(mild - clean).mean() > 0.4, strip
        assert np.abs(severe - mild).mean() > 0.4, strip


def test_the_page_names_each_parameter_of_each_modality_shown(tmp_path: Path) -> None:
    text = page()
    for parameter in ("`ev`", "`exponent`", "`acceleration`", "`photons`", "`diameter_um`"):
        assert parameter in text
    assert Strip("exposure", Modality.XRAY).file_name in text


def test_the_command_writes_page_and_pictures(tmp_path: Path) -> None:
    main(str(tmp_path))
    assert (tmp_path / "degradations.md").read_text("utf-8") == page()
    assert len(list((tmp_path / "images" / "degradations").iterdir())) == len(STRIPS)
