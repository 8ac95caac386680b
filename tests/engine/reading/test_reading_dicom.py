"""DICOM frames, pixel by pixel against pydicom's own functions and SimpleITK."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK
from dicom_files import CANARY, dataset, enhanced, lut_item, save
from pydicom.data import get_testdata_file
from pydicom.encaps import encapsulate
from pydicom.pixels import apply_modality_lut, apply_voi_lut, compress, pixel_array
from pydicom.sequence import Sequence
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    RLELossless,
)

from medqdeg_desktop.engine.display import to_display
from medqdeg_desktop.engine.errors import UnreadableImageError
from medqdeg_desktop.engine.image import Window, pixel_sha256
from medqdeg_desktop.engine.reading import read_image, read_series
from medqdeg_desktop.taxonomy import Modality

_RAMP = np.arange(64 * 48, dtype=np.uint16).reshape(64, 48)

#: Grey files that pydicom installs, one a transfer syntax, bit depth or oddity.
_GREY = (
    "CT_small.dcm",
    "MR_small.dcm",
    "MR_small_RLE.dcm",
    "MR_small_bigendian.dcm",
    "MR_small_implicit.dcm",
    "MR_small_expb.dcm",
    "MR_small_jp2klossless.dcm",
    "MR_small_jpeg_ls_lossless.dcm",
    "693_J2KI.dcm",
    "image_dfl.dcm",
    "J2K_pixelrep_mismatch.dcm",
    "examples_overlay.dcm",
    "rtdose_1frame.dcm",
    "liver_1frame.dcm",
)
_COLOUR = (
    "examples_rgb_color.dcm",
    "SC_rgb_rle.dcm",
    "SC_rgb_rle_16bit.dcm",
    "SC_rgb_jpeg_dcmtk.dcm",
    "SC_rgb_jpeg_lossy_gdcm.dcm",
    "SC_rgb_small_odd.dcm",
    "SC_ybr_full_422_uncompressed.dcm",
    "SC_jpeg_no_color_transform.dcm",
    "examples_jpeg2k.dcm",
    "GDCMJ2K_TextGBR.dcm",
)


def _file(name: str) -> Path:
    path = get_testdata_file(name, download=False)
    assert path is not None, f"pydicom does not install {name}"
    return Path(str(path))


@pytest.mark.parametrize("name", _GREY)
def test_native_and_displayed_values_equal_those_of_pydicom(name: str) -> None:
    path = _file(name)
    data = pydicom.dcmread(path)
    stored = pixel_array(data, index=0)
    values = apply_modality_lut(stored, data)
    image = read_image(path, 0)
    np.testing.assert_array_equal(image.pixels, values.astype(np.float32))
    if "WindowWidth" in data or "VOILUTSequence" in data:
        expected = apply_voi_lut(values, data)
        shown = to_display(image).astype(float)
        if not image.inverted and image.voi_lut is None:
            # pydicom's output spans the stored bits; ours 0 to 255.
            low, high = apply_voi_lut(np.array([[-1e9, 1e9]]), data).ravel()
            assert np.abs(shown - (expected - low) / (high - low) * 255).max() <= 0.5001


@pytest.mark.parametrize("name", _COLOUR)
def test_colour_is_converted_exactly_once(name: str) -> None:
    path = _file(name)
    data = pydicom.dcmread(path)
    expected = pixel_array(data, index=0)
    if expected.dtype != np.uint8:
        expected = np.rint(expected / (2**data.BitsStored - 1) * 255).astype(np.uint8)
    image = read_image(path, 0)
    assert image.unit == "RGB" and image.window is None and image.pixels.dtype == np.uint8
    np.testing.assert_array_equal(image.pixels, expected)


def test_twelve_bit_jpeg_equals_what_simpleitk_reads() -> None:
    path = _file("JPGExtended.dcm")
    reference = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(path)))[0]
    image = read_image(path)
    np.testing.assert_array_equal(image.pixels, reference.astype(np.float32))
    assert image.provenance["decoder"].startswith("SimpleITK ")


def test_palette_colour_goes_through_its_table(tmp_path: Path) -> None:
    data = dataset(np.arange(256, dtype=np.uint8).reshape(16, 16), PhotometricInterpretation="PALETTE COLOR", Modality="US")
    for number, colour in enumerate(("Red", "Green", "Blue")):
        setattr(data, f"{colour}PaletteColorLookupTableDescriptor", [256, 0, 16])
        entries = (np.arange(256) * (number + 1) % 256 * 257).astype("<u2")
        setattr(data, f"{colour}PaletteColorLookupTableData", entries.tobytes())
    image = read_image(save(tmp_path / "palette.dcm", data))
    index = np.arange(256).reshape(16, 16)
    np.testing.assert_array_equal(image.pixels, np.stack([index, index * 2 % 256, index * 3 % 256], -1))
    assert image.modality is Modality.ULTRASOUND and image.unit == "RGB"


def test_colour_with_three_equal_channels_becomes_grey(tmp_path: Path) -> None:
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
    data = dataset(np.repeat(grey[..., None], 3, -1), Modality="US")
    image = read_image(save(tmp_path / "grey.dcm", data))
    np.testing.assert_array_equal(image.pixels, grey)
    np.testing.assert_array_equal(to_display(image), grey)


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian, RLELossless])
def test_every_encoding_of_one_image_gives_the_same_hash(syntax: str, tmp_path: Path) -> None:
    plain = read_image(save(tmp_path / "plain.dcm", dataset(_RAMP)))
    data = dataset(_RAMP)
    if syntax == RLELossless:
        data.compress(RLELossless)
    else:
        if syntax == ExplicitVRBigEndian:
            data.PixelData = _RAMP.byteswap().tobytes()
        data.file_meta.TransferSyntaxUID = syntax
    other = read_image(save(tmp_path / "other.dcm", data))
    assert other.source_sha256 == plain.source_sha256 == pixel_sha256(_RAMP.astype(np.float32) - 1024)
    assert other.provenance["transfer_syntax"] != plain.provenance["transfer_syntax"]


def test_ct_values_are_hu_over_the_files_own_window(tmp_path: Path) -> None:
    image = read_image(save(tmp_path / "ct.dcm", dataset(_RAMP, WindowCenter=[50, 500], WindowWidth=[350, 2000])))
    assert (image.unit, image.modality, image.window) == ("HU", Modality.CT, Window(50, 350))
    assert image.value_range == (-125, 225) and image.spacing == (0.5, 0.75)
    assert not image.pixels.flags.writeable and image.pixels.dtype == np.float32


def test_ct_without_a_window_takes_w400_l40(tmp_path: Path) -> None:
    image = read_image(save(tmp_path / "ct.dcm", dataset(_RAMP)))
    assert image.window == Window(40, 400) and image.value_range == (-160, 240)


def test_signed_values_keep_their_sign(tmp_path: Path) -> None:
    signed = np.arange(-100, 156, dtype=np.int16).reshape(16, 16)
    image = read_image(save(tmp_path / "signed.dcm", dataset(signed, RescaleIntercept=0, RescaleSlope=2.5)))
    np.testing.assert_array_equal(image.pixels, signed * np.float32(2.5))


def test_monochrome1_is_marked_and_shown_inverted_while_its_values_stay(tmp_path: Path) -> None:
    data = dataset(_RAMP, PhotometricInterpretation="MONOCHROME1", Modality="CR", RescaleIntercept=0, BitsStored=12, HighBit=11)
    image = read_image(save(tmp_path / "cr.dcm", data))
    np.testing.assert_array_equal(image.pixels, _RAMP)
    shown = to_display(image)
    assert shown[0, 0] == 255 and shown[-1, -1] < shown[0, 0]
    assert image.value_range == (0, 4095) and image.modality is Modality.XRAY and image.unit == ""


def test_an_x_ray_takes_its_range_from_the_window(tmp_path: Path) -> None:
    data = dataset(_RAMP, Modality="DX", RescaleIntercept=0, WindowCenter=1000, WindowWidth=600)
    assert read_image(save(tmp_path / "dx.dcm", data)).value_range == (700, 1300)


def test_a_modality_lut_replaces_the_rescale(tmp_path: Path) -> None:
    entries = (np.arange(300) ** 2 % 65536).astype(np.uint16)
    stored = np.arange(400, dtype=np.uint16).reshape(20, 20)
    data = dataset(stored, RescaleSlope=None, RescaleIntercept=None, Modality="CR")
    data.ModalityLUTSequence = Sequence([lut_item(50, entries, 16)])
    path = save(tmp_path / "mlut.dcm", data)
    image = read_image(path)
    np.testing.assert_array_equal(image.pixels, apply_modality_lut(stored, pydicom.dcmread(path)))
    assert image.value_range == (0, 65535)


def test_a_voi_lut_is_shown_as_pydicom_shows_it(tmp_path: Path) -> None:
    stored = np.arange(-200, 200, dtype=np.int16).reshape(20, 20)
    data = dataset(stored, RescaleIntercept=0, Modality="MR", WindowCenter=0, WindowWidth=100)
    entries = np.rint(np.linspace(0, 1, 256) ** 0.5 * 4095).astype(np.uint16)
    data.VOILUTSequence = Sequence([lut_item(-128, entries, 12)])
    path = save(tmp_path / "vlut.dcm", data)
    expected = apply_voi_lut(stored, pydicom.dcmread(path), prefer_lut=True)
    np.testing.assert_array_equal(to_display(read_image(path)), np.rint(expected / 4095 * 255))


@pytest.mark.parametrize("function", ["SIGMOID", "LINEAR_EXACT"])
def test_the_files_voi_function_is_kept(function: str, tmp_path: Path) -> None:
    path = save(tmp_path / "f.dcm", dataset(_RAMP, WindowCenter=40, WindowWidth=400, VOILUTFunction=function))
    data = pydicom.dcmread(path)
    values = apply_modality_lut(_RAMP, data)
    data.BitsStored, data.PixelRepresentation = 8, 0
    del data.RescaleSlope, data.RescaleIntercept
    with np.errstate(over="ignore"):
        expected = apply_voi_lut(values, data)
    assert np.abs(to_display(read_image(path)) - expected).max() <= 0.501


def test_one_frame_of_an_enhanced_object_has_its_own_place_rescale_and_window(tmp_path: Path) -> None:
    series = read_series(save(tmp_path / "enhanced.dcm", enhanced([30.0, 10.0, 20.0])))
    assert series.frame_count == 3 and series.spacing == (0.4, 0.6) and series.slice_spacing == 10.0
    # Frames ascend along row x column, here from right to left; file order was 30, 10, 20.
    order = [1, 2, 0] if np.cross([0, 1, 0], [0, 0, -1])[0] > 0 else [0, 2, 1]
    for shown, stored in enumerate(order):
        image = series.frame(shown)
        assert np.unique(image.pixels) == (stored + 1) * (stored + 1) - 10
        assert image.window == Window(100 + stored, 50) and image.unit == "HU" and image.frame == shown
        assert image.orientation == ("A", "P", "H", "F")


def test_a_single_frame_of_a_cine_loop_is_decoded_by_its_index() -> None:
    path = _file("examples_ybr_color.dcm")
    series = read_series(path)
    data = pydicom.dcmread(path)
    for index in (0, 7, series.frame_count - 1):
        np.testing.assert_array_equal(series.frame(index).pixels, pixel_array(data, index=index))
    assert series.is_colour and series.value_range == (0, 255)
    with pytest.raises(UnreadableImageError, match=r"no frame 31; it has 30"):
        series.frame(30)


def test_a_projection_takes_letters_from_patient_orientation_and_spacing_from_the_detector(tmp_path: Path) -> None:
    data = dataset(_RAMP, Modality="DX", ImageOrientationPatient=None, ImagePositionPatient=None, PixelSpacing=None)
    data.PatientOrientation, data.ImagerPixelSpacing = ["L", "F"], [0.2, 0.2]
    image = read_image(save(tmp_path / "dx.dcm", data))
    assert image.orientation == ("R", "L", "H", "F")
    assert image.spacing == (0.2, 0.2) and "detector" in image.provenance["spacing"]


def test_an_invalid_orientation_hides_the_letters_and_not_the_image(tmp_path: Path) -> None:
    series = read_series(save(tmp_path / "o.dcm", dataset(_RAMP, ImageOrientationPatient=[1, 0, 0, 1, 0, 0])))
    assert series.frame(0).orientation is None
    assert any("orientation" in w for w in series.warnings)


def test_an_empty_rescale_slope_is_taken_as_one_and_said(tmp_path: Path) -> None:
    series = read_series(save(tmp_path / "r.dcm", dataset(_RAMP, RescaleSlope="")))
    np.testing.assert_array_equal(series.frame(0).pixels, _RAMP.astype(np.float32) - 1024)
    assert any("RescaleSlope" in w for w in series.warnings)


def test_a_file_without_preamble_and_meta_header_is_read(tmp_path: Path) -> None:
    path = save(tmp_path / "part10.dcm", dataset(_RAMP))
    raw = path.read_bytes()
    bare = tmp_path / "bare"
    bare.write_bytes(raw[raw.index(b"\x08\x00\x16\x00") :])
    series = read_series(bare)
    np.testing.assert_array_equal(series.frame(0).pixels, _RAMP.astype(np.float32) - 1024)
    assert any("meta header" in w for w in series.warnings)


def test_the_modality_can_be_told(tmp_path: Path) -> None:
    path = save(tmp_path / "ot.dcm", dataset(np.zeros((8, 8, 3), np.uint8) + np.arange(3, dtype=np.uint8), Modality="OT"))
    assert read_image(path).modality is None
    assert read_image(path, modality=Modality.HISTOPATHOLOGY).modality is Modality.HISTOPATHOLOGY


def test_nothing_that_names_a_person_comes_out(tmp_path: Path) -> None:
    series = read_series(save(tmp_path / "ct.dcm", dataset(_RAMP)))
    image = series.frame(0)
    told = repr((series.label, series.series_id, series.warnings, series.facts(), image.provenance, vars(series)))
    assert CANARY not in told and "CANARY" not in told and "1.2.3.4" not in told
    assert series.label == "CT · Abdomen · axial 3 mm"


def test_reading_here_gives_the_same_image_as_the_guarded_process(tmp_path: Path) -> None:
    path = save(tmp_path / "ct.dcm", dataset(_RAMP))
    guarded, here = read_image(path), read_image(path, decode_here=True)
    assert guarded.source_sha256 == here.source_sha256 and guarded.provenance == here.provenance
    assert (guarded.window, guarded.value_range, guarded.orientation) == (here.window, here.value_range, here.orientation)


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.4.100", "1.2.840.10008.1.2.4.102", "1.2.840.10008.1.2.4.107"])
@pytest.mark.parametrize("here", [True, False])
def test_video_is_refused_by_its_name(syntax: str, here: bool, tmp_path: Path) -> None:
    data = dataset(_RAMP)
    data.PixelData = encapsulate([b"\x00\x00\x00\x20ftypmp42" + bytes(100)])
    data["PixelData"].VR = "OB"
    data["PixelData"].is_undefined_length = True
    data.file_meta.TransferSyntaxUID = UID(syntax)
    path = save(tmp_path / "video.dcm", data)
    with pytest.raises(UnreadableImageError, match=r"transfer syntax (MPEG|HEVC).* is not read"):
        read_image(path, decode_here=here)


def test_what_a_decoder_says_against_a_frame_goes_with_the_picture(tmp_path: Path) -> None:
    data = dataset(_RAMP.astype(np.uint16))
    compress(data, JPEG2000Lossless)
    plain = read_image(save(tmp_path / "plain.dcm", data))
    assert "decoder_warning" not in plain.provenance
    data.BitsStored, data.HighBit = 15, 14
    told = read_image(save(tmp_path / "told.dcm", data))
    assert told.provenance["decoder_warning"] == "the compressed values have 16 bits, the header says 15"
