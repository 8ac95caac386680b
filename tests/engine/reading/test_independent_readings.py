"""Nothing among the sample files is shown without an independent reading having said the same: geometry, palettes, coverage."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK
from pydicom.pixels import apply_color_lut, pixel_array

from medqdeg_desktop.engine.display import to_display
from medqdeg_desktop.engine.reading import Series, read_series
from medqdeg_desktop.engine.reading.reformat import could_be_cut


def _dicom_files(shared_data: Path) -> list[Path]:
    return [p for p in sorted((shared_data / "dicom").rglob("*")) if p.is_file() and p.name != "DICOMDIR"]


def _volume(series: Series) -> SimpleITK.Image:
    """The stack as SimpleITK builds it from the files in their order along the normal."""
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames(series.paths)
    return reader.Execute()


@pytest.mark.parametrize("folder", ["ct_series_uncompressed", "ct_series_j2k", "mr_series_t1ce"])
def test_every_slice_of_a_series_is_the_one_that_simpleitk_puts_there(folder: str, shared_data: Path) -> None:
    series = read_series(shared_data / "dicom" / folder)
    volume = _volume(series)
    stack = SimpleITK.GetArrayFromImage(volume)
    assert len(stack) == series.frame_count
    for index in range(0, series.frame_count, 3):
        np.testing.assert_allclose(series.frame(index).pixels, stack[index], rtol=1e-6)
        corner = volume.TransformIndexToPhysicalPoint((0, 0, index))
        ras = series.affine @ (0, 0, index, 1)
        np.testing.assert_allclose(ras[:3] * (-1, -1, 1), corner, atol=1e-2)


@pytest.mark.parametrize("folder", ["ct_series_uncompressed", "mr_series_t1ce"])
@pytest.mark.parametrize("axis", ["axial", "coronal", "sagittal"])
def test_a_cut_shows_what_simpleitk_resamples_at_its_places(folder: str, axis: str, shared_data: Path) -> None:
    series = read_series(shared_data / "dicom" / folder)
    assert could_be_cut(series)
    cut, volume = series.cut(axis), _volume(series)
    rows, columns = cut.shape
    assert cut.spacing is not None
    across, down, through = (cut.affine[:3, i] * (-1, -1, 1) for i in range(3))
    direction = np.stack([v / np.linalg.norm(v) for v in (across, down, np.cross(across, down))], axis=1)
    for index in (0, cut.frame_count // 3, cut.middle, cut.frame_count - 1):
        grid = SimpleITK.Image(columns, rows, 1, volume.GetPixelID())
        grid.SetSpacing((cut.spacing[1], cut.spacing[0], 1.0))
        grid.SetDirection(direction.ravel().tolist())
        grid.SetOrigin((cut.affine[:3, 3] * (-1, -1, 1) + index * through).tolist())
        there = SimpleITK.Resample(volume, grid, SimpleITK.Transform(), SimpleITK.sitkNearestNeighbor, -9999)
        expected = SimpleITK.GetArrayFromImage(there)[0]
        image = cut.frame(index)
        # A place on the outermost half voxel may fall outside by rounding.
        inside = expected != -9999
        assert inside.mean() > 0.95
        np.testing.assert_allclose(image.pixels[inside], expected[inside], rtol=1e-6)


def test_letters_of_every_file_follow_its_direction_cosines(shared_data: Path) -> None:
    compared = 0
    for path in _dicom_files(shared_data):
        header = pydicom.dcmread(path, stop_before_pixels=True, force=True)
        cosines = header.get("ImageOrientationPatient")
        if not cosines or len(cosines) != 6:
            continue
        letters = read_series(path).frame(0).orientation
        assert letters is not None, path.name
        for toward, away, vector in ((letters[1], letters[0], cosines[:3]), (letters[3], letters[2], cosines[3:])):
            largest = int(np.argmax(np.abs([float(c) for c in vector])))
            positive = float(vector[largest]) > 0
            assert toward[0] == ("LPH" if positive else "RAF")[largest], path.name
            assert away[0] == ("RAF" if positive else "LPH")[largest], path.name
        compared += 1
    assert compared >= 60


def test_palette_files_have_the_colours_of_their_tables(shared_data: Path) -> None:
    compared = 0
    for path in _dicom_files(shared_data):
        data = pydicom.dcmread(path, force=True)
        if data.get("PhotometricInterpretation") != "PALETTE COLOR":
            continue
        series = read_series(path)
        stored = pixel_array(data, index=series.middle)
        coloured = apply_color_lut(stored, data)[..., :3].astype(float)
        if coloured.max() > 255:
            coloured = coloured * 255 / 65535
        shown = to_display(series.frame(series.middle)).astype(float)
        assert np.abs(shown - (coloured if shown.ndim == 3 else coloured[..., 0])).max() <= 0.501, path.name
        compared += 1
    assert compared >= 1


def test_each_syntax_and_photometric_interpretation_is_read_as_another_reader_reads_it(shared_data: Path) -> None:
    """Stored values of one file of every kind there is, by pydicom's own functions or by SimpleITK."""
    kinds: dict[tuple[str, str], bool] = {}
    for path in _dicom_files(shared_data):
        header = pydicom.dcmread(path, stop_before_pixels=True, force=True)
        syntax = str(header.file_meta.get("TransferSyntaxUID", "") if hasattr(header, "file_meta") else "")
        kind = (syntax, str(header.PhotometricInterpretation))
        if not kinds.get(kind):
            kinds[kind] = _agrees(path)
    assert len(kinds) >= 20
    assert all(kinds.values()), [kind for kind, agrees in kinds.items() if not agrees]


def _agrees(path: Path) -> bool:
    series = read_series(path)
    image = series.frame(0)
    data = pydicom.dcmread(path, force=True)
    if "TransferSyntaxUID" not in data.file_meta:
        data.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2"
    source = series.frames[0].index
    try:
        values = pixel_array(data, index=source)
    except (RuntimeError, NotImplementedError):
        reader = SimpleITK.ImageFileReader()
        reader.SetFileName(str(path))
        reader.SetImageIO("GDCMImageIO")
        values = SimpleITK.GetArrayFromImage(reader.Execute())[source]
        if data.PhotometricInterpretation == "MONOCHROME1":
            values = 2**data.BitsStored - 1 - values
    else:
        if data.PhotometricInterpretation == "PALETTE COLOR":
            return True  # through its table: the test above
        if values.ndim == 2:
            values = pydicom.pixels.apply_modality_lut(values, data)
    if image.pixels.ndim == 2 and values.ndim == 3:
        values = values[..., 0]
    if "PerFrameFunctionalGroupsSequence" in data:
        group = data.PerFrameFunctionalGroupsSequence[source].get("PixelValueTransformationSequence")
        group = group or data.SharedFunctionalGroupsSequence[0].get("PixelValueTransformationSequence")
        if group:
            values = values * float(group[0].RescaleSlope) + float(group[0].RescaleIntercept)
    return bool(np.allclose(image.pixels, values, rtol=1e-6, atol=1e-4))
