"""Every sample file opens as its manifest says, or is refused in one line; decoders agree with each other and with SimpleITK."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pydicom
import pytest
import SimpleITK
from pydicom.pixels import apply_modality_lut, apply_voi_lut, pixel_array

from medqdeg_desktop.engine.display import to_display
from medqdeg_desktop.engine.errors import UnreadableImageError
from medqdeg_desktop.engine.reading import read_image, read_series, scan
from medqdeg_desktop.engine.reading.geometry import direction_letters
from medqdeg_desktop.taxonomy import Modality

#: Files under malformed/ that hold a whole picture in spite of their defect.
_STILL_PICTURES = {
    "compressed_corrupt_bytes.dcm",
    "rescale_empty.dcm",
    "emri_small_jpeg_2k_lossless_too_short.dcm",
}
_NO_IMAGES = {".md", ".txt", ".jsonl", ".json", ".tsv", ""}
#: Transfer syntaxes that SimpleITK's GDCM reads; HTJ2K and deflated are beyond it.
_BEYOND_SIMPLEITK = ("High-Throughput", "Deflated")


def test_everything_opens_or_is_refused_in_one_line(shared_data: Path) -> None:
    found = scan(shared_data)
    opened: set[Path] = set()
    refused = {Path(r.path): r.reason for r in found.refused}
    for series in found.series:
        for source in {series.frames[0], series.frames[-1]}:
            try:
                image = series.frame(series.frames.index(source))
            except UnreadableImageError as error:
                refused[Path(error.path)] = error.reason
                continue
            assert image.pixels.size and image.shape == series.shape
            shown = to_display(image)
            assert shown.dtype == np.uint8 and shown.shape[:2] == image.shape
            low, high = image.value_range
            assert low < high and np.isfinite([low, high]).all()
        opened |= {Path(p) for p in series.paths} - set(refused)
    everything = {p for p in shared_data.rglob("*") if p.is_file() and p.name != "DICOMDIR"}
    assert opened | set(refused) == everything
    for path, reason in refused.items():
        assert reason and "\n" not in reason and len(reason) < 250
        no_image = path.suffix in _NO_IMAGES or "LICENSE" in path.name or "LICENSES" in path.parts
        assert "malformed" in path.parts or no_image, f"{path}: {reason}"
    assert {p.name for p in opened if "malformed" in p.parts} == _STILL_PICTURES


def _dicom_paths(shared_data: Path) -> list[Path]:
    folders = ("ct", "decoder_only", "derived_syntaxes_ct", "mr", "mr_small_syntaxes", "us", "xray", "charset")
    return [p for folder in folders for p in sorted((shared_data / "dicom" / folder).iterdir())]


def test_grey_values_equal_simpleitk_for_every_syntax_it_reads(shared_data: Path) -> None:
    compared = 0
    for path in _dicom_paths(shared_data):
        series = read_series(path)
        if series.is_colour or any(word in series.transfer_syntax for word in _BEYOND_SIMPLEITK):
            continue
        header = pydicom.dcmread(path, stop_before_pixels=True, force=True)
        if "ModalityLUTSequence" in header or "TransferSyntaxUID" not in header.file_meta:
            continue  # GDCM applies no modality LUT, and needs a meta header
        reader = SimpleITK.ImageFileReader()
        reader.SetFileName(str(path))
        reader.SetImageIO("GDCMImageIO")
        stack = SimpleITK.GetArrayFromImage(reader.Execute())
        if header.PhotometricInterpretation == "MONOCHROME1":
            stack = 2**header.BitsStored - 1 - stack  # ITK hands out the inverted values
        index = series.middle
        assert stack.shape[0] == series.frame_count, path.name
        np.testing.assert_allclose(series.frame(index).pixels, stack[series.frames[index].index], rtol=1e-6, err_msg=path.name)
        compared += 1
    assert compared >= 30


def test_windowed_pictures_equal_pydicom_for_every_grey_file(shared_data: Path) -> None:
    compared = 0
    for path in _dicom_paths(shared_data):
        data = pydicom.dcmread(path, force=True)
        if "WindowWidth" not in data and "VOILUTSequence" not in data:
            continue
        image = read_image(path, 0)
        if image.is_rgb or "TransferSyntaxUID" not in data.file_meta or "SimpleITK" in image.provenance["decoder"]:
            continue
        values = apply_modality_lut(pixel_array(data, index=0), data)
        expected = apply_voi_lut(values, data, prefer_lut=True)
        if "VOILUTSequence" in data:
            low, high = 0.0, 2.0 ** data.VOILUTSequence[0].LUTDescriptor[2] - 1
        else:
            low, high = apply_voi_lut(np.array([[-1e9, 1e9]]), data).ravel()
        expected = (expected - low) / (high - low) * 255
        if data.PhotometricInterpretation == "MONOCHROME1":
            expected = 255 - expected
        assert np.abs(to_display(image) - expected).max() <= 0.501, path.name
        compared += 1
    assert compared >= 20


def test_colour_files_equal_pydicoms_conversion(shared_data: Path) -> None:
    compared = 0
    for path in _dicom_paths(shared_data):
        series, data = read_series(path), pydicom.dcmread(path, force=True)
        if not series.is_colour or data.PhotometricInterpretation == "PALETTE COLOR":
            continue
        np.testing.assert_array_equal(series.frame(series.middle).pixels, pixel_array(data, index=series.middle), path.name)
        compared += 1
    assert compared >= 9


def test_lossless_encodings_of_one_slice_have_one_hash(shared_data: Path) -> None:
    folder = shared_data / "dicom" / "derived_syntaxes_ct"
    source = read_image(shared_data / "dicom" / "ct_series_uncompressed" / "010.dcm")
    lossy = {"jpegls_near.dcm": 3, "j2k_lossy.dcm": 28}
    for path in folder.iterdir():
        image = read_image(path)
        if path.name in lossy:
            error = np.abs(image.pixels - source.pixels).max()
            assert 0 < error <= lossy[path.name]
        else:
            assert image.source_sha256 == source.source_sha256, path.name


@pytest.mark.parametrize("folder,frames", [("ct_series_uncompressed", 20), ("ct_series_j2k", 20), ("mr_series_t1ce", 26)])
def test_a_folder_is_one_series_in_the_order_of_its_places(shared_data: Path, folder: str, frames: int) -> None:
    series = read_series(shared_data / "dicom" / folder)
    assert series.frame_count == frames
    headers = [pydicom.dcmread(p, stop_before_pixels=True) for p in series.paths]
    cosines = [float(v) for v in headers[0].ImageOrientationPatient]
    normal = np.cross(cosines[:3], cosines[3:])
    depths = [float(np.dot(normal, [float(v) for v in h.ImagePositionPatient])) for h in headers]
    assert depths == sorted(depths)
    assert series.slice_spacing == pytest.approx(np.median(np.diff(depths)), abs=1e-4)
    letters = series.frame(0).orientation
    assert letters is not None
    assert (letters[1], letters[3]) == (direction_letters(cosines[:3]), direction_letters(cosines[3:]))


def test_ct_is_in_hu_with_air_and_soft_tissue_where_they_belong(shared_data: Path) -> None:
    image = read_series(shared_data / "dicom" / "ct_series_j2k").frame(10)
    assert image.unit == "HU" and image.modality is Modality.CT
    corner, middle = image.pixels[:20, :20], image.pixels[200:300, 200:300]
    assert np.median(corner) < -900 and -100 < np.median(middle) < 150


@pytest.mark.parametrize("name", ["small_LAS", "small_PSR", "small_LPI", "small_qform_only"])
def test_every_orientation_of_one_nifti_volume_shows_the_same_anatomy(shared_data: Path, name: str) -> None:
    source = read_series(shared_data / "nifti" / "ct_abdomen_small_RAS_int16.nii.gz")
    other = read_series(shared_data / "nifti" / f"ct_{name}.nii.gz")
    assert other.frame_count == source.frame_count
    for index in (0, 11, 29):
        np.testing.assert_array_equal(other.frame(index).pixels, source.frame(index).pixels)
        assert other.frame(index).orientation == ("R", "L", "A", "P")


def test_nifti_values_equal_nibabel_and_simpleitk(shared_data: Path) -> None:
    for path in sorted((shared_data / "nifti").iterdir()):
        series = read_series(path)
        values = nibabel.as_closest_canonical(nibabel.load(path)).get_fdata()
        volume = values if values.ndim == 3 else values[..., 1]
        index = series.frame_count - 1
        expected = volume[::-1, ::-1, volume.shape[2] - 1].T
        np.testing.assert_allclose(series.frame(index).pixels, expected, rtol=1e-5, atol=1e-3, err_msg=path.name)
        if "nifti2" not in path.name:
            image = SimpleITK.ReadImage(str(path))
            image = image[..., -1] if image.GetDimension() == 4 else image
            reference = SimpleITK.GetArrayFromImage(SimpleITK.DICOMOrient(image, "LPS"))
            np.testing.assert_allclose(series.frame(index).pixels, reference[-1], rtol=1e-5, atol=1e-3, err_msg=path.name)


def test_the_sixteen_bit_png_keeps_its_thousand_values(shared_data: Path) -> None:
    image = read_image(shared_data / "png" / "xray" / "leg_16bit.png")
    assert image.pixels.max() == 1023 and len(np.unique(image.pixels)) > 500


def test_the_scanners_dicomdir_lists_its_series(shared_data: Path) -> None:
    found = scan(shared_data / "dicom" / "dicomdir" / "DICOMDIR")
    assert sum(s.frame_count for s in found.series) == 14
    # The directory also names files that the sample leaves out.
    assert {r.reason for r in found.refused} == {"No such file or directory"}
    assert not any("Doe" in s.label for s in found.series)
