"""What is open in the window and what a question names are the same picture, whichever way it is read."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest

from medqdeg_desktop.bank.views import View, read
from medqdeg_desktop.bank.writing import shown
from medqdeg_desktop.engine.reading import read_series
from medqdeg_desktop.samples.ct import ct_abdomen
from medqdeg_desktop.samples.dicom_file import write_dicom
from medqdeg_desktop.taxonomy import Modality
from medqdeg_desktop.ui.calibrate.open_series import OpenSeries
from medqdeg_desktop.ui.writing.places import find_open, view_of, words_of


def volume(path: Path) -> Path:
    values = np.random.default_rng(5).normal(100, 30, (14, 12, 10)).astype(np.float32)
    nibabel.save(nibabel.Nifti1Image(values, np.diag([-1.5, -1.0, 2.0, 1.0])), path)
    return path


@pytest.mark.parametrize("axis", ["", "coronal", "sagittal"])
def test_a_slice_or_cut_seen_in_the_window_is_read_again_from_its_file_alone(tmp_path: Path, axis: str) -> None:
    for n in range(6):
        phantom = ct_abdomen(3, size=48, z=0.1 * n)
        write_dicom(phantom.image, tmp_path / f"{n}.dcm", series="abdomen", description="Phantom", z_mm=5.0 * n, instance=n + 1)
    opened = OpenSeries(read_series(tmp_path), tmp_path)
    if axis:
        opened.show_cut(opened.series.cut(axis))
    number = opened.shown.frame_count // 3
    path, frame, across = view_of(opened, number)
    seen = opened.shown.frame(number)
    view = shown(seen, Path(path), frame=frame, axis=across)
    for decode_here in (False, True):
        again = read(view, decode_here=decode_here)
        assert again.source_sha256 == seen.source_sha256
        assert again.value_range == seen.value_range
    assert find_open(view, [opened]) == (opened, axis, number)
    assert not any(name in words_of(view, rows) for rows in ([opened], []) for name in (".dcm", tmp_path.name))


def test_a_nifti_seen_along_another_axis_is_read_again_along_it(tmp_path: Path) -> None:
    opened = OpenSeries(read_series(volume(tmp_path / "v.nii.gz"), modality=Modality.MRI), tmp_path)
    for axis in ("axial", "coronal", "sagittal"):
        cut = opened.series.cut(axis)
        opened.show_cut(None if cut is opened.series else cut)
        path, frame, across = view_of(opened, 2)
        seen = opened.shown.frame(2)
        assert across == axis
        assert read(shown(seen, Path(path), frame=frame, axis=across)).source_sha256 == seen.source_sha256
        assert find_open(View(path, Modality.MRI, frame, across), [opened]) == (opened, "" if axis == "axial" else axis, 2)
