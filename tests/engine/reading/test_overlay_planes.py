from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pydicom
import pytest
from dicom_files import dataset, save
from pydicom.dataset import Dataset
from pydicom.pixels import compress
from pydicom.uid import ExplicitVRBigEndian, JPEGLSLossless, RLELossless

from medqdeg_desktop.engine.display import to_display
from medqdeg_desktop.engine.image import MedicalImage
from medqdeg_desktop.engine.reading import read_image, read_series

_PIXELS = np.arange(20 * 30, dtype=np.uint16).reshape(20, 30)
_DRAWING = np.random.default_rng(5).random((7, 11)) < 0.5


def with_plane(
    data: Dataset,
    drawing: npt.NDArray[np.bool_],
    *,
    group: int = 0x6000,
    origin: tuple[int, int] = (1, 1),
    frames: int | None = None,
    first: int | None = None,
) -> Dataset:
    """``data`` with a plane in ``group``; ``drawing`` is (rows, columns) or (frames, rows, columns)."""
    packed = np.packbits(drawing.ravel(), bitorder="little").tobytes()
    values: list[tuple[int, str, Any]] = [
        (0x0010, "US", drawing.shape[-2]),
        (0x0011, "US", drawing.shape[-1]),
        (0x0040, "CS", "G"),
        (0x0050, "SS", list(origin)),
        (0x0100, "US", 1),
        (0x0102, "US", 0),
        (0x3000, "OW", packed + b"\0" * (len(packed) % 2)),
    ]
    if frames is not None:
        values.append((0x0015, "IS", frames))
    if first is not None:
        values.append((0x0051, "US", first))
    for element, vr, value in values:
        data.add_new((group, element), vr, value)
    return data


def drawn(image: MedicalImage) -> npt.NDArray[np.bool_]:
    assert image.overlay is not None
    assert set(np.unique(image.overlay)) <= {0, 255} and image.overlay.shape == image.shape
    return image.overlay > 0


@pytest.mark.parametrize("name", ["mr/examples_overlay.dcm", "xray/MG_OutOfBoundsOverlay.dcm"])
def test_planes_of_real_files_lie_where_pydicoms_bits_say(name: str, shared_data: Path) -> None:
    path = shared_data / "dicom" / name
    header = pydicom.dcmread(path)
    expected = np.zeros((header.Rows, header.Columns), bool)
    for group in (0x6000, 0x6002):
        if (group, 0x3000) not in header:
            continue
        top, left = header[group, 0x0050].value
        for row, column in np.argwhere(header.overlay_array(group)):
            at = row + top - 1, column + left - 1
            if 0 <= at[0] < header.Rows and 0 <= at[1] < header.Columns:
                expected[at] = True
    assert expected.any()
    np.testing.assert_array_equal(drawn(read_image(path)), expected)


def test_two_planes_are_drawn_at_their_origins_and_cut_at_the_edges(tmp_path: Path) -> None:
    data = with_plane(dataset(_PIXELS), _DRAWING, origin=(3, 25))
    path = save(tmp_path / "two.dcm", with_plane(data, _DRAWING, group=0x6004, origin=(-2, -3)))
    image = read_image(path)
    expected = np.zeros(_PIXELS.shape, bool)
    expected[2:9, 24:30] |= _DRAWING[:, :6]
    expected[:4, :7] |= _DRAWING[3:, 4:]
    np.testing.assert_array_equal(drawn(image), expected)
    assert image.provenance["overlay_planes"] == "6000, 6004"


@pytest.mark.parametrize(
    "frames,first,holders",
    [(None, None, (0, 1, 2, 3)), (2, 2, (1, 2)), (None, 3, (2,)), (2, None, (0, 1))],
)
def test_a_plane_of_several_frames_belongs_to_the_frames_it_names(
    frames: int | None, first: int | None, holders: tuple[int, ...], tmp_path: Path
) -> None:
    pixels = np.repeat(_PIXELS[None], 4, axis=0)
    # 77 bits a frame: the second frame begins in the middle of a byte.
    drawings = np.stack([_DRAWING, ~_DRAWING]) if frames else _DRAWING
    data = with_plane(dataset(pixels, NumberOfFrames=4), drawings, frames=frames, first=first)
    path = save(tmp_path / "loop.dcm", data)
    series = read_series(path)
    stacked = data.overlay_array(0x6000).reshape(-1, 7, 11).astype(bool)
    for index in range(4):
        image = series.frame(index)
        if index not in holders:
            assert image.overlay is None
            continue
        which = 0 if len(stacked) == 1 else index - holders[0]
        np.testing.assert_array_equal(drawn(image)[:7, :11], stacked[which])
        assert not drawn(image)[7:].any()


def test_planes_of_big_endian_files_are_read_word_by_word(tmp_path: Path) -> None:
    data = with_plane(dataset(_PIXELS), _DRAWING)
    data.PixelData = _PIXELS.astype(">u2").tobytes()
    packed = np.frombuffer(data[0x6000, 0x3000].value, "<u2")
    data[0x6000, 0x3000].value = packed.astype(">u2").tobytes()
    data.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
    path = tmp_path / "big.dcm"
    pydicom.dcmwrite(path, data, little_endian=False, implicit_vr=False)
    np.testing.assert_array_equal(drawn(read_image(path))[:7, :11], _DRAWING)


@pytest.mark.parametrize("syntax", [None, RLELossless])
@pytest.mark.parametrize("high,bit", [(11, 12), (11, 15), (15, 0)])
@pytest.mark.parametrize("kind", ["<u2", "<i2"])
def test_planes_in_unused_bits_of_the_pixels_are_taken_out_of_them(
    high: int, bit: int, kind: str, syntax: str | None, tmp_path: Path
) -> None:
    rng = np.random.default_rng(9)
    values = rng.integers(-2048 if kind == "<i2" else 0, 2048, _PIXELS.shape)
    drawing = rng.random(_PIXELS.shape) < 0.5
    words = ((values & 0xFFF) << (high - 11)) | (drawing.astype(np.int64) << bit)
    data = dataset(words.astype(np.uint16), BitsStored=12, HighBit=high, PixelRepresentation=int(kind == "<i2"))
    data.add_new((0x6000, 0x0100), "US", 16)
    data.add_new((0x6000, 0x0102), "US", bit)
    if syntax:
        # The encoder holds that all bits are values.
        data.BitsStored, data.HighBit = 16, 15
        compress(data, syntax, words.astype(np.uint16).view(kind))
        data.BitsStored, data.HighBit = 12, high
    image = read_image(save(tmp_path / "embedded.dcm", data))
    np.testing.assert_array_equal(drawn(image), drawing)
    np.testing.assert_array_equal(image.pixels, values - 1024)


def test_planes_in_bits_that_a_codec_does_not_keep_are_said_to_be_left_out(tmp_path: Path) -> None:
    data = dataset(_PIXELS, BitsStored=12, HighBit=11)
    data.add_new((0x6000, 0x0100), "US", 16)
    data.add_new((0x6000, 0x0102), "US", 12)
    compress(data, JPEGLSLossless)
    series = read_series(save(tmp_path / "jls.dcm", data))
    assert series.frame(0).overlay is None
    assert "overlay planes in bits of compressed pixels are left out" in series.warnings


@pytest.mark.parametrize(
    "element,value,reason",
    [
        (0x0010, 4000, "its 10 bytes cannot hold 1 x 4000 x 11 bits"),
        (0x0011, 0, "7 rows and 0 columns"),
        (0x0015, 900_000, "cannot hold 900000 x 7 x 11 bits"),
        (0x0050, [1], "its origin is no pair of numbers"),
    ],
)
def test_a_broken_plane_costs_a_warning_and_not_the_picture(element: int, value: Any, reason: str, tmp_path: Path) -> None:
    data = with_plane(dataset(_PIXELS), _DRAWING, frames=1)
    data[0x6000, element].value = value
    series = read_series(save(tmp_path / "broken.dcm", data))
    assert any("overlay plane 6000 is left out" in w and reason in w for w in series.warnings), series.warnings
    image = series.frame(0)
    assert image.overlay is None
    np.testing.assert_array_equal(image.pixels, _PIXELS.astype(np.float32) - 1024)


def test_planes_are_no_part_of_the_pixels_unless_a_picture_with_them_is_asked_for(tmp_path: Path) -> None:
    plain = read_image(save(tmp_path / "plain.dcm", dataset(_PIXELS)))
    image = read_image(save(tmp_path / "drawn.dcm", with_plane(dataset(_PIXELS), _DRAWING)))
    assert image.source_sha256 == plain.source_sha256
    np.testing.assert_array_equal(to_display(image), to_display(plain))
    burned = to_display(image, overlay=True)
    np.testing.assert_array_equal(burned, np.where(drawn(image), 255, to_display(plain)))
