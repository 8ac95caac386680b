"""Slides in the layouts of scanners, written here tag by tag: what is read is compared with the array that they were made of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import openslide
import pytest
import tifffile
from dicom_files import CANARY, dataset, save
from PIL import ImageCms
from pydicom.dataset import Dataset
from pydicom.uid import VLWholeSlideMicroscopyImageStorage, generate_uid

from medqdeg_desktop.engine.reading import read_series
from medqdeg_desktop.engine.reading.series import Series
from medqdeg_desktop.engine.reading.slides import Region, magnification

Colour = npt.NDArray[np.uint8]
_SIDE = (2048, 3072)
_APERIO = (
    "Aperio Image Library v11.2.1 \r\n3072x2048 [0,0 3072x2048] (256x256) J2K/KDU Q=30|AppMag = 40|StripeWidth = 2040|"
    "ScanScope ID = CPAPERIOCS|Filename = CMU-1|Date = 12/29/09|MPP = 0.2498|Left = 25.69|Top = 23.44|User = {canary}"
)
_TRESTLE = "Background Color=E6D8C8;White Balance=A8A8A8;Objective Power=10;JPEG Quality=75;OverlapsXY= 0 0 0 0 0 0"
_CANARY = "CANARY PATIENT"


def tissue() -> Colour:
    rng = np.random.default_rng(11)
    coarse = rng.integers(60, 230, (_SIDE[0] // 32, _SIDE[1] // 32, 3))
    fine = rng.integers(-20, 20, (*_SIDE, 3))
    return (coarse.repeat(32, 0).repeat(32, 1) + fine).astype(np.uint8)


def halved(level: Colour) -> Colour:
    quarters = level.reshape(level.shape[0] // 2, 2, level.shape[1] // 2, 2, 3)
    return np.rint(quarters.mean((1, 3))).astype(np.uint8)


def aperio(path: Path, whole: Colour, profile: bytes | None = None) -> None:
    """An SVS: the pyramid by factors of four, a thumbnail, and label and macro pictures with a name on them."""
    with tifffile.TiffWriter(path) as file:
        tiled = {"tile": (256, 256), "photometric": "rgb", "metadata": None, "compression": "zlib"}
        stripped = {"photometric": "rgb", "metadata": None, "rowsperstrip": 16}
        described = _APERIO.format(canary=_CANARY)
        file.write(whole, description=described, iccprofile=profile, **tiled)
        quarter = halved(halved(whole))
        file.write(halved(quarter), description=f"{described}\r\n3072x2048 -> 384x256 - |AppMag = 40", **stripped)
        file.write(quarter, description=f"{described}\r\n3072x2048 -> 768x512", **tiled)
        for name, kind in (("label", 1), ("macro", 9)):
            picture = np.full((64, 96, 3), 200, np.uint8)
            file.write(picture, description=f"Aperio Image Library v11.2.1 \r\n{name} 96x64", subfiletype=kind, **stripped)


def dicom(folder: Path, whole: Colour) -> Path:
    """A VL Whole Slide Microscopy series: one uncompressed file a level, tiles in rows; returns the first."""
    series, reference = generate_uid(), generate_uid()
    level = whole
    for number in range(3):
        tiles = level.reshape(level.shape[0] // 256, 256, level.shape[1] // 256, 256, 3).swapaxes(1, 2).reshape(-1, 256, 256, 3)
        data = dataset(
            tiles, NumberOfFrames=len(tiles), Modality="SM", SeriesInstanceUID=series, FrameOfReferenceUID=reference,
            SOPClassUID=VLWholeSlideMicroscopyImageStorage, ImageType=["ORIGINAL", "PRIMARY", "VOLUME", "NONE"],
            TotalPixelMatrixColumns=level.shape[1], TotalPixelMatrixRows=level.shape[0], TotalPixelMatrixFocalPlanes=1,
            DimensionOrganizationType="TILED_FULL", RescaleSlope=None, RescaleIntercept=None, InstanceNumber=number + 1,
            ImagedVolumeWidth=15.0, ImagedVolumeHeight=10.0, PixelSpacing=None, ImageOrientationPatient=None,
            ImagePositionPatient=None,
        )  # fmt: skip
        data.file_meta.MediaStorageSOPClassUID = VLWholeSlideMicroscopyImageStorage
        shared, measures, optical = Dataset(), Dataset(), Dataset()
        measures.PixelSpacing = [0.0005 * 2**number] * 2
        measures.SliceThickness = 0.001
        shared.PixelMeasuresSequence = [measures]
        data.SharedFunctionalGroupsSequence = [shared]
        optical.OpticalPathIdentifier = "1"
        optical.ObjectiveLensPower = 20
        data.OpticalPathSequence = [optical]
        data["PixelData"].VR = "OB"
        save(folder / f"level{number}.dcm", data)
        level = halved(level)
    return folder / "level0.dcm"


def trestle(path: Path, whole: Colour) -> None:
    with tifffile.TiffWriter(path) as file:
        level = whole
        for number in range(3):
            file.write(
                level, tile=(256, 256), photometric="rgb", metadata=None, software="MedScan 3.0", description=_TRESTLE,
                resolution=(0.98 * 2**number,) * 2, resolutionunit="NONE",
            )  # fmt: skip
            level = halved(level)


@pytest.fixture(scope="module")
def whole() -> Colour:
    return tissue()


@pytest.fixture(scope="module")
def svs(tmp_path_factory: pytest.TempPathFactory, whole: Colour) -> Path:
    path = tmp_path_factory.mktemp("aperio") / "CMU-1.svs"
    aperio(path, whole, ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    return path


def region(series: Series, at: Region) -> Colour:
    return np.asarray(series.region(at).frame(0).pixels)


def test_an_aperio_slide_tells_its_magnification_and_levels_and_no_name(svs: Path) -> None:
    assert openslide.OpenSlide.detect_format(str(svs)) == "aperio"
    series = read_series(svs)
    facts = series.slide
    assert facts is not None and facts.vendor == "aperio" and series.format == "slide (aperio)"
    assert (facts.columns, facts.rows) == _SIDE[::-1] and facts.downsamples == (1.0, 4.0)
    assert facts.power == 40 and facts.microns == (0.2498, 0.2498)
    assert magnification(facts, 1) == "40x (0.25 µm)" and magnification(facts, 4) == "10x (0.999 µm)"
    found = repr(series.facts()) + repr(facts) + series.label + repr(series.frame(0).provenance)
    assert _CANARY not in found and "CPAPERIOCS" not in found


def test_regions_of_an_aperio_slide_are_the_pixels_that_it_was_made_of(svs: Path, whole: Colour) -> None:
    series = read_series(svs)
    np.testing.assert_array_equal(region(series, Region(700, 300, 640, 400, 1)), whole[300:700, 700:1340])
    quarter = halved(halved(whole))
    stored = region(series, Region(512, 256, 300, 200, 4))
    np.testing.assert_array_equal(stored, quarter[64:264, 128:428])
    # Between the levels: made from the finer one, never from the coarser.
    half = region(series, Region(512, 256, 300, 200, 2))
    assert np.abs(half.astype(int) - halved(whole)[128:328, 256:556]).max() <= 1
    assert series.region(Region(512, 256, 300, 200, 2)).spacing == pytest.approx((0.4996 / 1000,) * 2)


def test_a_colour_profile_is_noted_and_changes_no_pixel(svs: Path, whole: Colour, tmp_path: Path) -> None:
    aperio(tmp_path / "plain.svs", whole)
    at = Region(100, 100, 64, 64, 1)
    with_profile, without = (read_series(path).region(at).frame(0) for path in (svs, tmp_path / "plain.svs"))
    assert with_profile.provenance["colour_profile"] == "present, not applied"
    assert "colour_profile" not in without.provenance
    assert with_profile.source_sha256 == without.source_sha256


def test_the_label_and_macro_pictures_of_a_slide_are_never_shown(svs: Path) -> None:
    with openslide.OpenSlide(str(svs)) as slide:
        assert {"label", "macro", "thumbnail"} <= set(slide.associated_images), "they are there to be read"
    series = read_series(svs)
    assert series.frame_count == 1 and max(series.frame(0).shape) == 1600


def test_a_trestle_slide_has_its_own_glass_behind_what_was_not_scanned(tmp_path: Path, whole: Colour) -> None:
    path = tmp_path / "section.tif"
    trestle(path, whole)
    series = read_series(path)
    facts = series.slide
    assert facts is not None and facts.vendor == "trestle" and facts.power == 10
    assert facts.downsamples == (1.0, 2.0, 4.0) and facts.microns == pytest.approx((0.98, 0.98))
    over = region(series, Region(3000, 2000, 100, 100, 1))
    np.testing.assert_array_equal(over[:48, :72], whole[2000:, 3000:])
    assert (over[60:, :] == (0xE6, 0xD8, 0xC8)).all() and (over[:, 80:] == (0xE6, 0xD8, 0xC8)).all()
    np.testing.assert_array_equal(region(series, Region(0, 0, 100, 80, 4)), halved(halved(whole))[:80, :100])


def test_a_slide_in_dicom_is_one_pyramid_of_its_files(tmp_path: Path, whole: Colour) -> None:
    first = dicom(tmp_path, whole)
    # Each of the files opens the slide; in the folder it is there once.
    series = read_series(tmp_path)
    assert series.paths == (str(first),) and read_series(tmp_path / "level2.dcm").slide == series.slide
    facts = series.slide
    assert facts is not None and facts.vendor == "dicom" and facts.downsamples == (1.0, 2.0, 4.0)
    assert facts.microns == pytest.approx((0.5, 0.5)) and facts.power == 20
    np.testing.assert_array_equal(region(series, Region(700, 300, 640, 400, 1)), whole[300:700, 700:1340])
    np.testing.assert_array_equal(region(series, Region(0, 0, 100, 80, 4)), halved(halved(whole))[:80, :100])
    assert CANARY not in repr(series.facts()) + repr(facts) + series.label


def test_a_slide_that_is_cut_off_is_refused_where_its_pixels_end(svs: Path, tmp_path: Path) -> None:
    from medqdeg_desktop.engine.errors import UnreadableImageError

    # The lists of tiles lie behind the pixels they list: those of the first level are kept, the rest of the file is lost.
    broken = tmp_path / "cut.svs"
    broken.write_bytes(svs.read_bytes()[: svs.stat().st_size // 3])
    with pytest.raises(UnreadableImageError, match=r"cut\.svs"):
        read_series(broken).region(Region(0, 1800, 200, 200, 1)).frame(0)
