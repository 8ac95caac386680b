"""A picture that its decoder has repaired in silence is marked; one that is whole never is."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from dicom_files import dataset, save
from PIL import Image
from pydicom import dcmread
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import JPEG2000Lossless, JPEGBaseline8Bit, RLELossless
from scipy.ndimage import gaussian_filter

from medqdeg_desktop.bank.render import read_source
from medqdeg_desktop.bank.views import View
from medqdeg_desktop.engine.errors import UnreadableImageError
from medqdeg_desktop.engine.reading import read_image, read_series, scan
from medqdeg_desktop.engine.reading.damage import damage
from medqdeg_desktop.engine.reading.guard import HereDecoder
from medqdeg_desktop.taxonomy import Modality


def _tissue(seed: int, side: int = 256) -> npt.NDArray[np.uint16]:
    rng = np.random.default_rng(seed)
    return (1000 + 4000 * np.abs(gaussian_filter(rng.normal(size=(side, side)), 4)) + rng.normal(0, 20, (side, side))).astype(
        np.uint16
    )


def jpeg2000(path: Path, change: Callable[[bytes], bytes], **elements: object) -> Path:
    """A CT slice in JPEG 2000, lossless, whose code stream went through ``change``."""
    data = dataset(_tissue(len(elements)), **elements)
    data.compress(JPEG2000Lossless)
    (code,) = generate_frames(data.PixelData, number_of_frames=1)
    data.PixelData = encapsulate([change(code.rstrip(b"\0"))])
    return save(path, data)


def jpeg(path: Path, change: Callable[[bytes], bytes]) -> Path:
    """A grey picture in baseline JPEG, changed in the same way."""
    pixels = (_tissue(3) // 20).clip(0, 255).astype(np.uint8)
    sink = io.BytesIO()
    Image.fromarray(pixels).save(sink, "JPEG", quality=90)
    if path.suffix == ".jpg":
        path.write_bytes(change(sink.getvalue()))
        return path
    data = dataset(pixels, Modality="US", RescaleSlope=None, RescaleIntercept=None)
    data.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    data.PixelData = encapsulate([change(sink.getvalue())])
    data["PixelData"].VR = "OB"
    return save(path, data)


def whole(code: bytes) -> bytes:
    return code


def overwritten(code: bytes) -> bytes:
    """Four kilobytes in the middle are somebody else's."""
    middle = len(code) // 2
    return code[:middle] + np.random.default_rng(0).bytes(4096) + code[middle + 4096 :]


def zeroed(code: bytes) -> bytes:
    """A sector of the disk was never written."""
    middle = len(code) // 2
    return code[:middle] + bytes(512) + code[middle + 512 :]


def zeros_at(code: bytes, share: float) -> bytes:
    at = int(len(code) * share)
    return code[:at] + bytes(512) + code[at + 512 :]


def holed(code: bytes) -> bytes:
    """A part in the middle is lost."""
    return code[: len(code) // 2] + code[len(code) // 2 + 700 :]


def closed(code: bytes) -> bytes:
    """Cut off in the middle, and closed as if that were all."""
    return code[: len(code) // 2] + b"\xff\xd9"


def cut(code: bytes) -> bytes:
    return code[: len(code) // 2]


@pytest.mark.parametrize("change", [overwritten, zeroed])
def test_jpeg_2000_that_was_overwritten_is_shown_and_marked(tmp_path: Path, change: Callable[[bytes], bytes]) -> None:
    right, wrong = (read_image(jpeg2000(tmp_path / f"{c.__name__}.dcm", c), decode_here=True) for c in (whole, change))
    assert "damaged" not in right.provenance
    assert wrong.provenance["damaged"].startswith("tile 1 of 1: ")
    assert (wrong.pixels != right.pixels).any(), "it would have passed for a picture"


@pytest.mark.parametrize(("change", "reason"), [(holed, "are missing"), (cut, "are missing"), (closed, "are missing")])
def test_jpeg_2000_that_lacks_bytes_is_refused_with_what_lacks(
    tmp_path: Path, change: Callable[[bytes], bytes], reason: str
) -> None:
    with pytest.raises(UnreadableImageError, match=f"pixel data cannot be decoded .*{reason}"):
        read_image(jpeg2000(tmp_path / "a.dcm", change), decode_here=True)


def test_a_sector_of_zeros_in_a_jpeg_is_told_from_a_blank_picture(tmp_path: Path) -> None:
    found = [read_image(jpeg(tmp_path / f"{n}.jpg", partial(zeros_at, share=n / 40))) for n in range(8, 36)]
    assert all("damaged" in image.provenance for image in found)
    # Blank blocks under a table of the picture's own are zeros as well.
    sink = io.BytesIO()
    Image.new("L", (1024, 1024), 128).save(sink, "JPEG", optimize=True)
    assert sink.getvalue().count(bytes(128)) and damage(sink.getvalue()) == ""
    for colour in ("white", "black", "#808080", "red"):
        for options in ({}, {"optimize": True}, {"progressive": True}, {"quality": 100}, {"restart_marker_blocks": 4}):
            sink = io.BytesIO()
            Image.new("RGB", (512, 512), colour).save(sink, "JPEG", **options)
            assert damage(sink.getvalue()) == ""


def test_what_encoders_and_cameras_write_around_a_whole_jpeg_is_no_damage() -> None:
    pixels = (_tissue(3) // 20).clip(0, 255).astype(np.uint8)
    for options in ({}, {"progressive": True}):
        sink = io.BytesIO()
        Image.fromarray(pixels).save(sink, "JPEG", quality=90, **options)
        code = sink.getvalue()
        for zeros in (3, 9, 15):
            padded = code[:-2] + bytes(zeros) + code[-2:]
            np.testing.assert_array_equal(Image.open(io.BytesIO(padded)), Image.open(io.BytesIO(code)))
            assert damage(padded) == "", "zeros up to a whole word before the end"
        assert "extraneous" in damage(code[:-2] + b"\x15" * 9 + code[-2:]), "yet what is no padding is data that nobody read"
        assert damage(code + bytes(512) + code) == "", "a preview behind the picture"


@pytest.mark.parametrize("name", ["a.dcm", "a.jpg"])
@pytest.mark.parametrize("change", [holed, closed])
def test_a_jpeg_that_its_decoder_fills_up_with_grey_is_marked(
    tmp_path: Path, change: Callable[[bytes], bytes], name: str
) -> None:
    assert "damaged" not in read_image(jpeg(tmp_path / f"whole-{name}", whole)).provenance
    found = read_image(jpeg(tmp_path / name, change))
    assert found.provenance["damaged"] == "premature end of data segment" and found.shape == (256, 256)


def test_what_a_decoder_says_aloud_is_heard_also_of_jpeg_lossless(shared_data: Path, tmp_path: Path) -> None:
    data = dcmread(shared_data / "dicom" / "derived_syntaxes_ct" / "jpeg_lossless_sv1.dcm")
    (code,) = generate_frames(data.PixelData, number_of_frames=1)
    middle = len(code) // 2
    for size, expected in ((0, ""), (64, "extraneous bytes before marker")):
        data.PixelData = encapsulate([code[:middle] + np.random.default_rng(2).bytes(size) + code[middle + size :]])
        data.save_as(tmp_path / "a.dcm")
        told = read_image(tmp_path / "a.dcm", decode_here=True).provenance.get("damaged", "")
        assert expected in told and bool(told) == bool(size)


def test_a_cut_across_a_stack_tells_of_the_damaged_slice(tmp_path: Path) -> None:
    for number in range(4):
        place = {"ImagePositionPatient": [0, 0, 2 * number], "InstanceNumber": number}
        jpeg2000(tmp_path / f"{number}.dcm", overwritten if number == 1 else whole, **place)
    series = read_series(tmp_path)
    assert "damaged" in series.frame(1).provenance and "damaged" not in series.frame(2).provenance
    assert series.cut("coronal").frame(0).provenance["damaged"].startswith("slice 2: tile 1 of 1")


def test_no_degraded_set_is_made_of_a_damaged_picture(tmp_path: Path) -> None:
    path = str(jpeg2000(tmp_path / "a.dcm", overwritten))
    with pytest.raises(UnreadableImageError, match="its data are damaged, parts of it may be made up"):
        read_source(View(path, Modality.CT))
    assert read_source(View(str(jpeg2000(tmp_path / "b.dcm", whole)), Modality.CT)).shape == (256, 256)


def test_a_decoder_that_panics_costs_a_line_also_in_a_worker(tmp_path: Path) -> None:
    data = dataset(_tissue(0, 64))
    data.compress(RLELossless)
    (code,) = generate_frames(data.PixelData, number_of_frames=1)
    (second,) = struct.unpack_from("<L", code, 8)
    # Stretch after stretch of three bytes, one of which crosses the end of the frame's 4,096.
    data.PixelData = encapsulate([code[:second] + b"\x02abc" * 2000])
    found = scan(save(tmp_path / "a.dcm", data), decoder=HereDecoder())
    with pytest.raises(UnreadableImageError, match="cannot be decoded"):
        found.series[0].frame(0)


def test_no_frame_of_the_sample_files_is_called_damaged_that_is_not(shared_data: Path) -> None:
    checked = 0
    for path in sorted((shared_data / "dicom").rglob("*")):
        if not path.is_file() or path.name == "DICOMDIR":
            continue
        data = dcmread(path, force=True)
        syntax = data.file_meta.get("TransferSyntaxUID")
        if "PixelData" not in data or syntax is None or not syntax.is_encapsulated or syntax == RLELossless:
            continue
        frames = list(generate_frames(data.PixelData, number_of_frames=int(data.get("NumberOfFrames", 1) or 1)))
        for code in frames[:3]:
            assert damage(code) == "", path.name
            checked += 1
    for path in [*shared_data.glob("png/**/*.jpg"), *shared_data.glob("qa/**/*.jpg")]:
        assert damage(path.read_bytes()) == "", path.name
        checked += 1
    assert checked > 40
