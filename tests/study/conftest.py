"""A study on disk and the reader and image that its tests begin with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from study_records import IMAGE

from medqdeg_desktop.study.records import ImageRecord
from medqdeg_desktop.study.store import Study
from medqdeg_desktop.taxonomy import Modality


@pytest.fixture
def study(tmp_path: Path) -> Iterator[Study]:
    """An empty study with the reader R1 and one CT image."""
    with Study.create(tmp_path / "liver.medq", name="Liver CT") as made:
        made.ensure_reader("R1")
        made.record_image(ImageRecord(IMAGE, Modality.CT, "CT 1", "/data/ct/a.dcm", 12, {"shape": [512, 512]}))
        yield made
