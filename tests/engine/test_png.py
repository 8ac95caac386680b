"""The PNG encoder: exact for every shape, readable by others, deterministic, and never half written."""

from __future__ import annotations

import io
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from medqdeg_desktop.engine import atomic, png
from medqdeg_desktop.engine.errors import EngineError, UnreadableImageError

SHAPES = [(1, 1), (1, 7), (5, 1), (2, 3, 3), (512, 512), (300, 257, 3)]


@pytest.mark.parametrize("shape", SHAPES)
def test_pillow_and_opencv_read_back_exactly_what_was_written(shape: tuple[int, ...]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    data = png.encode(pixels)
    with Image.open(io.BytesIO(data)) as picture:
        assert picture.mode == ("RGB" if len(shape) == 3 else "L")
        np.testing.assert_array_equal(np.asarray(picture), pixels)
    by_opencv = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(by_opencv[..., ::-1] if len(shape) == 3 else by_opencv, pixels)
    np.testing.assert_array_equal(png.decode(data), pixels)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.booleans(), st.integers(0, 2**32 - 1))
def test_every_size_survives_the_round_trip(rows: int, columns: int, colour: bool, seed: int) -> None:
    shape = (rows, columns, 3) if colour else (rows, columns)
    pixels = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    with Image.open(io.BytesIO(png.encode(pixels))) as picture:
        np.testing.assert_array_equal(np.asarray(picture), pixels)


def test_a_view_that_is_not_contiguous_is_written_as_it_looks() -> None:
    wide = np.arange(64 * 64, dtype=np.uint8).reshape(64, 64)
    view = wide[::2, ::-1]
    np.testing.assert_array_equal(png.decode(png.encode(view)), view)


def test_the_same_pixels_give_the_same_bytes_and_nothing_but_three_chunks() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (64, 48, 3), dtype=np.uint8)
    data = png.encode(pixels)
    assert data == png.encode(pixels.copy())
    kinds, at = [], 8
    while at < len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        assert int.from_bytes(data[at + 8 + length : at + 12 + length], "big") == zlib.crc32(kind + body)
        kinds.append(kind)
        at += 12 + length
    assert kinds == [b"IHDR", b"IDAT", b"IEND"]


@pytest.mark.parametrize(
    "pixels",
    [np.zeros((4, 4), np.float32), np.zeros((4, 4, 4), np.uint8), np.zeros((0, 4), np.uint8), np.zeros(4, np.uint8)],
)
def test_anything_but_8_bit_grey_or_rgb_is_refused(pixels: np.ndarray) -> None:
    with pytest.raises(EngineError):
        png.encode(pixels)


@pytest.mark.parametrize("data", [b"", b"no picture", png.encode(np.zeros((4, 4), np.uint8))[:40]])
def test_bytes_that_are_no_png_are_refused_by_name(data: bytes) -> None:
    with pytest.raises(UnreadableImageError, match=r"broken\.png"):
        png.decode(data, "broken.png")


def test_a_failed_write_keeps_the_old_file_and_leaves_nothing_behind(tmp_path: Path) -> None:
    target = tmp_path / "a.png"
    target.write_bytes(b"old")
    with pytest.raises(RuntimeError), atomic.opened(target) as file:
        file.write(b"half of the new")
        raise RuntimeError("power cut")
    assert target.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]


def test_what_a_killed_writer_left_is_cleared_and_finished_files_stay(tmp_path: Path) -> None:
    (tmp_path / f"{atomic.TEMPORARY}77-a.png").write_bytes(b"half")
    png.write(tmp_path / "a.png", np.zeros((2, 2), np.uint8))
    assert atomic.clear_leftovers(tmp_path) == 1
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]


def test_an_error_of_the_disk_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="missing"):
        png.write(tmp_path / "missing" / "a.png", np.zeros((2, 2), np.uint8))
