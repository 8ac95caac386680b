"""The picture that the probe's model sees is the picture that generating writes."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from medqdeg_desktop.bank.dataset import Dataset
from medqdeg_desktop.bank.generate import generate
from medqdeg_desktop.bank.plan import Asked
from medqdeg_desktop.engine import png
from medqdeg_desktop.engine.display import to_display
from medqdeg_desktop.engine.image import Window
from medqdeg_desktop.engine.reading import read_image
from medqdeg_desktop.errors import MedqdegError
from medqdeg_desktop.eval.probe_pictures import ProbePictureError, Source, Studio
from medqdeg_desktop.samples import ct
from medqdeg_desktop.samples.dicom_file import write_dicom
from medqdeg_desktop.study.records import Item
from medqdeg_desktop.study.store import Study
from medqdeg_desktop.taxonomy import Modality

WINDOW = (60.0, 350.0)
TYPES = ("limited_angle", "low_dose", "gaussian_noise", "object_rotation", "low_resolution")


@pytest.fixture
def abdomen(tmp_path: Path) -> Path:
    path = tmp_path / "abdomen.dcm"
    write_dicom(ct.ct_abdomen(3, size=96).image, path, series="probe", description="Phantom abdomen")
    return path


def source(path: Path, sha256: str = "") -> dict[str, object]:
    return asdict(Source(str(path), 0, "", str(Modality.CT), sha256))


def test_every_picture_of_a_generated_set_comes_out_of_the_studio_byte_for_byte(abdomen: Path, tmp_path: Path) -> None:
    item = Item(
        item_id="one", source="s", source_id="1", modality=Modality.CT, question="Q?", options={"A": "x", "B": "y"}, answer="A",
        images=(str(abdomen),), frame=0, window=WINDOW, public=True,
    )  # fmt: skip
    with Study.create(tmp_path / "s.medq") as study:
        study.add_items([item])
        generate(study, tmp_path / "set", Asked(seed=4, types=TYPES), workers=1)
    dataset = Dataset.open(tmp_path / "set")
    rows = list(dataset.rows())
    assert {row["degradation"] for row in rows} >= set(TYPES)
    studio = Studio()
    for row in rows:
        asked = {"source": source(abdomen, row["source_sha256"]), "window": WINDOW}
        if row["level"] != "L0":
            asked |= {"degradation": row["degradation"], "severity": row["severity"], "seed": int(row["seed"])}
        assert studio.png(asked) == dataset.image_path(row).read_bytes(), row["file_name"]


def test_values_set_by_hand_are_on_top_of_the_path_also_at_zero(abdomen: Path) -> None:
    studio = Studio()
    base = {"source": source(abdomen), "degradation": "object_rotation", "severity": 0.0, "seed": 1}
    clean = to_display(read_image(abdomen, 0, modality=Modality.CT))
    np.testing.assert_array_equal(png.decode(studio.png(base)), clean)
    turned = png.decode(studio.png({**base, "overrides": {"angle_deg": 180.0}}))
    assert np.abs(turned.astype(int) - clean[::-1, ::-1]).mean() < 1.5
    own = to_display(read_image(abdomen, 0, modality=Modality.CT), Window(*WINDOW))
    np.testing.assert_array_equal(png.decode(studio.png({**base, "window": WINDOW})), own)


def test_a_file_that_is_not_what_is_on_the_screen_is_refused_by_name(abdomen: Path, tmp_path: Path) -> None:
    with pytest.raises(ProbePictureError, match=r"abdomen\.dcm: not the picture that is on the screen"):
        Studio().png({"source": source(abdomen, "0" * 64)})
    with pytest.raises(MedqdegError, match=r"gone\.dcm"):
        Studio().png({"source": source(tmp_path / "gone.dcm")})
