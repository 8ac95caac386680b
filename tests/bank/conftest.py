"""A small bank on real files: pictures, item lines about them, a study with a published profile."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from bank_samples import CHEAP_TYPES, item_line, picture, profile, write_lines
from PIL import Image

from medqdeg_desktop.bank.importing import import_items
from medqdeg_desktop.study.store import Study
from medqdeg_desktop.taxonomy import Modality


@pytest.fixture
def bank_of(tmp_path: Path) -> Callable[..., Study]:
    """Makes a study of ``count`` items, every second in colour (Dermoscopy), with cheap published levels."""

    def make(count: int = 6, *, side: int = 40) -> Study:
        folder = tmp_path / "bank"
        folder.mkdir()
        lines = []
        for number in range(count):
            colour = number % 2 == 1
            name = f"picture_{number}.png"
            Image.fromarray(picture(number, colour=colour, side=side)).save(folder / name)
            lines.append(item_line(number, name, "Dermoscopy" if colour else "X-ray"))
        study = Study.create(folder / "ward.medq")
        import_items(study, write_lines(folder / "items.jsonl", lines))
        study.publish_profile(profile(CHEAP_TYPES, (Modality.XRAY, Modality.DERMOSCOPY)), "chair")
        return study

    return make
