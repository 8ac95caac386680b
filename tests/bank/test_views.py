"""Pictures of an item: each through its own frame, axis, window and range, read again from the file exactly as it was seen."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
from bank_samples import here, picture
from PIL import Image

from medqdeg_desktop.bank.dataset import Dataset
from medqdeg_desktop.bank.generate import generate
from medqdeg_desktop.bank.plan import Asked
from medqdeg_desktop.bank.views import View, others_of, read, views
from medqdeg_desktop.bank.writing import Draft, begin_on, shown, submit
from medqdeg_desktop.engine import png
from medqdeg_desktop.engine.display import to_display
from medqdeg_desktop.engine.image import Window
from medqdeg_desktop.engine.reading import read_image, read_series
from medqdeg_desktop.study.store import Study
from medqdeg_desktop.taxonomy import Modality


def on(*pictures: View) -> Draft:
    """A complete question about ``pictures``."""
    draft = begin_on(*pictures)
    return replace(draft, question="Which is it?", options=("one", "another"), answer="A", skill="Counting")


def volume(path: Path, shape: tuple[int, int, int] = (14, 12, 10)) -> Path:
    values = np.random.default_rng(5).normal(100, 30, shape).astype(np.float32)
    nibabel.save(nibabel.Nifti1Image(values, np.diag([-1.5, -1.0, 2.0, 1.0])), path)
    return path


def test_two_frames_of_one_volume_are_written_each_in_its_own_plane_and_window(tmp_path: Path) -> None:
    path = str(volume(tmp_path / "v.nii.gz"))
    first = View(path, Modality.MRI, 3, "axial", (100.0, 80.0), (20.0, 180.0))
    second = View(path, Modality.MRI, 5, "coronal", (90.0, 40.0), (20.0, 180.0))
    with Study.create(tmp_path / "w.medq") as study:
        item = submit(study, on(first, second), "dr_a")
        assert views(item) == (first, second) == views(study.item(item.item_id) or item)
        generate(study, tmp_path / "set", Asked(seed=3), workers=1, make_executor=here)
    dataset = Dataset.open(tmp_path / "set")
    clean = [row for row in dataset.rows() if row["level"] == "L0"]
    assert [(row["image_index"], row["frame"], json.loads(row["window"])) for row in clean] == [
        (0, 3, [100, 80]),
        (1, 5, [90, 40]),
    ]
    for row, view in zip(clean, (first, second), strict=True):
        image = read_image(path, view.frame, modality=Modality.MRI, axis=view.axis)
        assert view.window is not None
        np.testing.assert_array_equal(png.decode(dataset.image_path(row).read_bytes()), to_display(image, Window(*view.window)))


def test_what_does_not_differ_is_not_written_down(tmp_path: Path) -> None:
    one = View("/a.png", Modality.XRAY, 0)
    assert others_of((one,)) == others_of((one, replace(one, path="/b.png"))) == ()
    assert others_of((one, replace(one, path="/b.png", window=(1.0, 2.0)))) == ({"window": [1.0, 2.0]},)


def test_degradations_take_the_range_of_the_series_that_the_picture_was_chosen_from(tmp_path: Path) -> None:
    path = volume(tmp_path / "v.nii.gz")
    view = View(str(path), Modality.MRI, 4, "axial", None, (0.0, 4000.0))
    assert read(view).value_range == (0.0, 4000.0)
    assert read(replace(view, value_range=None)).value_range == read_series(path, modality=Modality.MRI).value_range
    with Study.create(tmp_path / "w.medq") as study:
        submit(study, on(view), "dr_a")
        generate(study, tmp_path / "set", Asked(types=("gaussian_noise",)), workers=1, make_executor=here)
    rows = list(Dataset.open(tmp_path / "set").rows())
    assert {row["range"] for row in rows} == {"[0.0, 4000.0]"}


def test_a_picture_shown_through_its_lookup_table_or_in_colour_keeps_that(tmp_path: Path) -> None:
    Image.fromarray(picture(0)).save(tmp_path / "a.png")
    image = read_image(tmp_path / "a.png", modality=Modality.XRAY)
    table = replace(image, voi_lut=(0.0, np.linspace(0, 1, 256, dtype=np.float32)))
    assert shown(table, tmp_path / "a.png").window is None
    assert shown(table, tmp_path / "a.png", window=Window(90, 60)).window == (90.0, 60.0)
    assert shown(image, tmp_path / "a.png").window == (127.5, 255.0)
    Image.fromarray(picture(0, colour=True)).save(tmp_path / "c.png")
    colour = shown(read_image(tmp_path / "c.png", modality=Modality.DERMOSCOPY), tmp_path / "c.png", window=Window(90, 60))
    assert (colour.window, colour.value_range) == (None, None)
