"""NIfTI in radiological convention: against SimpleITK's own reorientation, nibabel's values and formulas."""

from __future__ import annotations

import gzip
from pathlib import Path

import nibabel
import numpy as np
import numpy.typing as npt
import pytest
import SimpleITK

from medqdeg_desktop.engine.errors import UnreadableImageError
from medqdeg_desktop.engine.image import Window
from medqdeg_desktop.engine.reading import read_image, read_series
from medqdeg_desktop.taxonomy import Modality

_ORIENTATIONS = ("RAS", "LAS", "LPS", "PSR", "LPI", "SRA", "AIL", "IPR")
_SHAPE = {"R": 7, "A": 6, "S": 5}


def _world() -> npt.NDArray[np.int16]:
    """(7, 6, 5) values that tell every voxel of an RAS volume apart."""
    return np.arange(7 * 6 * 5, dtype=np.int16).reshape(7, 6, 5)


def _save(path: Path, orientation: str = "RAS", kind: type = nibabel.Nifti1Image) -> Path:
    affine = np.diag([2.0, 3.0, 4.0, 1.0])
    affine[:3, 3] = (-10, 20, 30)
    image = kind(_world(), affine)
    wanted = nibabel.orientations.axcodes2ornt(tuple(orientation))
    image = image.as_reoriented(nibabel.orientations.ornt_transform(nibabel.io_orientation(affine), wanted))
    assert "".join(nibabel.aff2axcodes(image.affine)) == orientation
    nibabel.save(image, path)
    return path


def _axial(index: int) -> npt.NDArray[np.int16]:
    """Slice from the feet; rows to posterior, columns to the patient's left (the image's right)."""
    return _world()[::-1, ::-1, index].T


@pytest.mark.parametrize("orientation", _ORIENTATIONS)
def test_any_stored_orientation_shows_the_same_anatomy(orientation: str, tmp_path: Path) -> None:
    series = read_series(_save(tmp_path / "v.nii.gz", orientation))
    assert series.frame_count == 5 and series.shape == (6, 7) and series.slice_spacing == 4.0
    for index in range(5):
        image = series.frame(index)
        np.testing.assert_array_equal(image.pixels, _axial(index))
        assert image.orientation == ("R", "L", "A", "P") and image.spacing == (3.0, 2.0)


@pytest.mark.parametrize("orientation", _ORIENTATIONS)
@pytest.mark.parametrize("axis,letters,code", [("axial", "RLAP", "LPS"), ("coronal", "RLHF", "LIP"), ("sagittal", "APHF", "PIR")])
def test_each_cut_equals_simpleitk_reoriented_to_the_radiological_frame(
    axis: str, letters: str, code: str, orientation: str, tmp_path: Path
) -> None:
    """DICOMOrient puts columns, rows and slices along the three letters of ``code``, so its array is the stack itself."""
    path = _save(tmp_path / "v.nii", orientation)
    reference = SimpleITK.GetArrayFromImage(SimpleITK.DICOMOrient(SimpleITK.ReadImage(str(path)), code))
    series = read_series(path, axis=axis)
    assert series.frame_count == reference.shape[0]
    for index, expected in enumerate(reference):
        image = series.frame(index)
        np.testing.assert_array_equal(image.pixels, expected)
        assert image.orientation is not None and "".join(image.orientation) == letters


@pytest.mark.parametrize("axis", ["axial", "coronal", "sagittal"])
def test_the_affine_of_a_series_puts_every_pixel_back_to_its_place(axis: str, tmp_path: Path) -> None:
    path = _save(tmp_path / "v.nii", "PSR")
    source = nibabel.load(path)
    series = read_series(path, axis=axis)
    values = np.stack([series.frame(i).pixels.T for i in range(series.frame_count)], -1)
    place = {int(v): source.affine @ (*i, 1) for i, v in np.ndenumerate(np.asarray(source.dataobj))}
    for index in [(0, 0, 0), (1, 2, 3), tuple(n - 1 for n in values.shape)]:
        np.testing.assert_allclose(series.affine @ (*index, 1), place[int(values[index])], atol=1e-4)


def test_slope_and_intercept_are_applied(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(_world().astype(np.uint8), np.eye(4))
    image.header.set_slope_inter(0.5, -100)
    raw = tmp_path / "s.nii"
    nibabel.save(image, raw)
    expected = np.asarray(nibabel.load(raw).dataobj)[::-1, ::-1, 2].T
    np.testing.assert_allclose(read_image(raw, 2).pixels, expected, rtol=1e-6)


def test_volumes_of_a_4d_file_follow_each_other(tmp_path: Path) -> None:
    data = np.stack([_world(), _world() + 1000], -1)
    path = tmp_path / "t.nii.gz"
    nibabel.save(nibabel.Nifti1Image(data, np.diag([2, 3, 4, 1])), path)
    series = read_series(path)
    assert series.frame_count == 10 and series.volumes == 2
    np.testing.assert_array_equal(series.frame(7).pixels, _axial(2) + 1000)


def test_nifti_2_is_read(tmp_path: Path) -> None:
    series = read_series(_save(tmp_path / "two.nii.gz", "LPI", nibabel.Nifti2Image))
    assert series.format == "NIfTI-2"
    np.testing.assert_array_equal(series.frame(3).pixels, _axial(3))


def test_the_sform_is_preferred_unless_its_code_is_zero(tmp_path: Path) -> None:
    flipped = np.diag([-2.0, 3.0, 4.0, 1.0])
    for code, expected, source in ((1, _axial(0), "sform"), (0, _axial(0)[:, ::-1], "qform")):
        image = nibabel.Nifti1Image(_world(), None)
        image.set_qform(flipped, 1)
        image.set_sform(np.diag([2.0, 3.0, 4.0, 1.0]), code)
        path = tmp_path / f"{code}.nii"
        nibabel.save(image, path)
        found = read_image(path, 0)
        np.testing.assert_array_equal(found.pixels, expected)
        assert found.provenance["affine"].startswith(source)


def test_without_either_transform_the_orientation_is_said_to_be_assumed(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(_world(), None)
    image.set_qform(None, 0)
    image.set_sform(None, 0)
    nibabel.save(image, tmp_path / "n.nii")
    series = read_series(tmp_path / "n.nii")
    assert any("assumed" in w for w in series.warnings)
    for shown in (series, series.cut("coronal")):
        assert shown.frame(0).orientation is None, "no letter says what nobody knows"
        assert shown.plane(0) is None, "and no position in the patient is kept"


@pytest.mark.parametrize("broken", [np.diag([2.0, 0.0, 4.0, 1.0]), np.diag([2.0, np.nan, 4.0, 1.0])])
def test_an_sform_that_is_no_affine_gives_way_to_the_qform(tmp_path: Path, broken: np.ndarray) -> None:
    image = nibabel.Nifti1Image(_world(), None)
    image.set_qform(np.diag([2.0, 3.0, 4.0, 1.0]), 1)
    image.set_sform(np.diag([2.0, 3.0, 4.0, 1.0]), 1)
    stored = bytearray(image.to_bytes())
    stored[280:328] = broken[:3].astype("<f4").tobytes()  # srow_x, srow_y, srow_z of NIfTI-1
    path = tmp_path / "broken.nii"
    path.write_bytes(stored)
    found = read_image(path, 0)
    np.testing.assert_array_equal(found.pixels, _axial(0))
    assert found.provenance["affine"].startswith("qform") and found.orientation == ("R", "L", "A", "P")


def test_where_both_transforms_are_none_nothing_is_said_of_sides_and_without_voxel_sizes_nothing_is_shown(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(_world(), None)
    for keep in (image.set_sform, image.set_qform):
        keep(np.diag([2.0, 3.0, 4.0, 1.0]), 1)
    stored = bytearray(image.to_bytes())
    stored[256:260] = np.float32(2).tobytes()  # quatern_b, at most 1
    stored[280:328] = bytes(48)  # srow_x, srow_y, srow_z
    (tmp_path / "lost.nii").write_bytes(stored)
    found = read_image(tmp_path / "lost.nii", 0)
    assert found.orientation is None and "assumed" in found.provenance["affine"]
    stored[80:84] = np.float32(np.nan).tobytes()  # pixdim[1]
    (tmp_path / "sizes.nii").write_bytes(stored)
    with pytest.raises(UnreadableImageError, match=r"sizes\.nii: its voxel sizes are no numbers"):
        read_image(tmp_path / "sizes.nii", 0)


def test_declaring_ct_makes_the_values_hu(tmp_path: Path) -> None:
    path = _save(tmp_path / "ct.nii")
    plain, ct = read_image(path), read_image(path, modality=Modality.CT)
    assert (plain.modality, plain.unit) == (None, "")
    assert (ct.unit, ct.window, ct.value_range) == ("HU", Window(40, 400), (-160, 240))
    low, high = np.percentile(_world(), (0.1, 99.9))
    assert plain.value_range == pytest.approx((low, high))


def test_rgb_voxels_are_shown_in_colour(tmp_path: Path) -> None:
    colour = np.random.default_rng(3).integers(0, 256, (4, 5, 2, 3)).astype(np.uint8)
    voxels = colour.view([("R", "u1"), ("G", "u1"), ("B", "u1")])[..., 0]
    nibabel.save(nibabel.Nifti1Image(voxels, np.diag([-1, -1, 1, 1])), tmp_path / "c.nii")
    image = read_image(tmp_path / "c.nii", 1)
    np.testing.assert_array_equal(image.pixels, colour[:, :, 1].transpose(1, 0, 2))
    assert image.unit == "RGB"


def test_an_unknown_axis_and_an_axis_of_a_plain_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableImageError, match="oblique"):
        read_series(_save(tmp_path / "v.nii"), axis="oblique")


def _header_with(path: Path, dimensions: list[int]) -> bytes:
    raw = bytearray(_save(path).read_bytes())
    raw[40:56] = np.array([3, *dimensions, 1, 1, 1, 1], "<i2").tobytes()
    return bytes(raw)


@pytest.mark.parametrize(
    "dimensions,reason", [([30000, 30000, 30000], "promise"), ([-5, 0, 30000], "impossible dimensions"), ([7, 6, 50], "cut off")]
)
def test_a_header_that_promises_too_much_is_refused_before_anything_is_inflated(
    dimensions: list[int], reason: str, tmp_path: Path
) -> None:
    raw = _header_with(tmp_path / "v.nii", dimensions)
    for name, content in (("bad.nii", raw), ("bad.nii.gz", gzip.compress(raw))):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UnreadableImageError, match=reason) as caught:
            read_image(tmp_path / name)
        assert name in str(caught.value) and "\n" not in str(caught.value)


def test_a_gzip_bomb_behind_an_honest_header_is_never_inflated(tmp_path: Path) -> None:
    """3 GB of zeros in 3 MB, under a header that asks for them."""
    raw = _header_with(tmp_path / "v.nii", [1200, 1200, 1000])[:352]
    with gzip.open(tmp_path / "bomb.nii.gz", "wb", compresslevel=1) as file:
        file.write(raw)
        for _ in range(24):
            file.write(bytes(1 << 20))
    with pytest.raises(UnreadableImageError, match=r"would inflate to 2,747 MB|more than"):
        read_image(tmp_path / "bomb.nii.gz")


def test_describing_a_volume_inflates_its_header_alone(tmp_path: Path) -> None:
    """A volume cut off behind its header is still described; only its frames are refused."""
    raw = _save(tmp_path / "v.nii").read_bytes()
    path = tmp_path / "cut.nii.gz"
    path.write_bytes(gzip.compress(raw[:400]) + bytes(100))
    series = read_series(path)
    assert series.frame_count == 5
    with pytest.raises(UnreadableImageError, match=r"cut off|cannot be inflated"):
        series.frame(2)
