"""PNG, JPEG, TIFF, BMP and WebP."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from medqdeg_desktop.engine.display import to_display
from medqdeg_desktop.engine.errors import UnreadableImageError
from medqdeg_desktop.engine.image import Window
from medqdeg_desktop.engine.reading import read_image, read_series
from medqdeg_desktop.taxonomy import Modality

_RNG = np.random.default_rng(7)
_GREY = _RNG.integers(0, 256, (12, 20)).astype(np.uint8)
_RGB = _RNG.integers(0, 256, (12, 20, 3)).astype(np.uint8)


@pytest.mark.parametrize("suffix", ["png", "tif", "bmp"])
@pytest.mark.parametrize("pixels", [_GREY, _RGB], ids=["grey", "colour"])
def test_lossless_files_come_back_as_they_were(suffix: str, pixels: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / f"picture.{suffix}"
    Image.fromarray(pixels).save(path)
    image = read_image(path)
    np.testing.assert_array_equal(image.pixels, pixels)
    np.testing.assert_array_equal(to_display(image), pixels)
    assert image.modality is None and image.orientation is None and image.spacing is None
    assert image.value_range == (0, 255) and image.unit == ("RGB" if pixels.ndim == 3 else "")


@pytest.mark.parametrize("suffix", ["jpg", "webp"])
def test_lossy_files_decode_as_pillow_decodes_them(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"picture.{suffix}"
    Image.fromarray(_RGB).save(path)
    np.testing.assert_array_equal(read_image(path).pixels, np.asarray(Image.open(path)))


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_sixteen_bit_grey_is_not_clipped(suffix: str, tmp_path: Path) -> None:
    deep = _RNG.integers(0, 65536, (40, 50)).astype(np.uint16)
    cv2.imwrite(str(tmp_path / f"deep.{suffix}"), deep)
    image = read_image(tmp_path / f"deep.{suffix}")
    np.testing.assert_array_equal(image.pixels, deep)
    assert image.value_range == pytest.approx(tuple(np.percentile(deep, (0.1, 99.9))))
    assert image.window is not None and image.window.low == pytest.approx(image.value_range[0])


def test_sixteen_bit_colour_is_rounded_to_eight(tmp_path: Path) -> None:
    deep = _RNG.integers(0, 65536, (12, 20, 3)).astype(np.uint16)
    cv2.imwrite(str(tmp_path / "deep.png"), deep[..., ::-1])
    image = read_image(tmp_path / "deep.png")
    np.testing.assert_array_equal(image.pixels, np.rint(deep / 257).astype(np.uint8))
    assert "16-bit" in image.provenance["bits"]


def test_the_pages_of_a_tiff_are_frames(tmp_path: Path) -> None:
    pages = [Image.fromarray(_GREY + np.uint8(i)) for i in range(3)]
    pages[0].save(tmp_path / "pages.tif", save_all=True, append_images=pages[1:])
    series = read_series(tmp_path / "pages.tif")
    assert series.frame_count == 3
    np.testing.assert_array_equal(series.frame(2).pixels, _GREY + np.uint8(2))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_cameras_orientation_is_applied_and_recorded(orientation: int, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(_GREY).save(tmp_path / "photo.tif", exif=exif)
    Image.fromarray(_GREY).save(tmp_path / "photo.png", exif=exif)
    turned = {
        1: _GREY,
        2: _GREY[:, ::-1],
        3: _GREY[::-1, ::-1],
        4: _GREY[::-1],
        5: _GREY.T,
        6: np.rot90(_GREY, -1),
        7: _GREY[::-1, ::-1].T,
        8: np.rot90(_GREY, 1),
    }[orientation]
    image = read_image(tmp_path / "photo.png")
    np.testing.assert_array_equal(image.pixels, turned)
    assert ("exif_orientation" in image.provenance) == (orientation > 1)
    assert read_series(tmp_path / "photo.png").shape == turned.shape


def test_three_equal_channels_become_grey(tmp_path: Path) -> None:
    Image.fromarray(np.repeat(_GREY[..., None], 3, -1)).save(tmp_path / "g.png")
    image = read_image(tmp_path / "g.png")
    assert image.pixels.dtype == np.float32 and "equal" in image.provenance["colour"]
    np.testing.assert_array_equal(image.pixels, _GREY)


def test_transparency_is_laid_on_black(tmp_path: Path) -> None:
    alpha = np.full((12, 20, 1), 255, np.uint8)
    alpha[0, 0] = 0
    Image.fromarray(np.concatenate([_RGB, alpha], -1)).save(tmp_path / "a.png")
    image = read_image(tmp_path / "a.png")
    np.testing.assert_array_equal(image.pixels[0, 0], 0)
    np.testing.assert_array_equal(image.pixels[1:], _RGB[1:])


@pytest.mark.parametrize("mode", ["1", "P", "LA", "CMYK", "I", "F"])
def test_other_pixel_modes_are_read(mode: str, tmp_path: Path) -> None:
    source = Image.fromarray(_GREY if mode in ("1", "LA", "I", "F") else _RGB).convert(mode)
    path = tmp_path / "m.tif"
    source.save(path)
    image = read_image(path)
    expected = source.convert("RGB") if mode in ("P", "CMYK") else source.convert("L" if mode in ("1", "LA") else mode)
    np.testing.assert_array_equal(image.pixels, np.asarray(expected))


def test_a_picture_of_ct_has_no_hu_and_says_which_window_is_assumed(tmp_path: Path) -> None:
    Image.fromarray(_GREY).save(tmp_path / "ct.png")
    image = read_image(tmp_path / "ct.png", modality=Modality.CT)
    assert image.unit == "" and image.value_range == (0, 255) and image.window == Window(127.5, 255)
    assert image.provenance["assumed_window"] == "W400 L40"


def test_the_content_and_not_the_name_tells_the_format(tmp_path: Path) -> None:
    Image.fromarray(_GREY).save(tmp_path / "x.png")
    (tmp_path / "x.png").rename(tmp_path / "x.dcm")
    assert read_image(tmp_path / "x.dcm").provenance["format"] == "PNG"


def test_a_picture_with_too_many_pixels_is_refused_from_its_header(tmp_path: Path) -> None:
    header = struct.pack(">IIBBBBB", 60000, 60000, 8, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b"")]
    body = b"".join(struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in chunks)
    (tmp_path / "bomb.png").write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    with pytest.raises(UnreadableImageError, match=r"more than [0-9,]+ pixels"):
        read_image(tmp_path / "bomb.png")


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif"])
def test_a_cut_off_picture_is_refused_with_one_line(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"cut.{suffix}"
    Image.fromarray(np.repeat(_RGB, 20, 0)).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(UnreadableImageError) as caught:
        read_image(path)
    assert "\n" not in str(caught.value) and path.name in str(caught.value)
