"""Random damage to small files of every kind: an image or a refusal in one line, nothing else, and soon."""

from __future__ import annotations

import time
from pathlib import Path

import nibabel
import numpy as np
import pytest
from dicom_files import dataset, enhanced, save
from PIL import Image
from pydicom.uid import DeflatedExplicitVRLittleEndian, RLELossless

from medqdeg_desktop.engine.errors import UnreadableImageError
from medqdeg_desktop.engine.reading.guard import GuardedDecoder

_ROUNDS = 15


def _seeds(folder: Path) -> list[Path]:
    pixels = np.arange(400, dtype=np.uint16).reshape(20, 20)
    compressed, deflated = dataset(pixels), dataset(pixels)
    compressed.compress(RLELossless)
    deflated.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    paths = [
        save(folder / "plain.dcm", dataset(pixels, WindowCenter=40, WindowWidth=400)),
        save(folder / "rle.dcm", compressed),
        save(folder / "deflated.dcm", deflated),
        save(folder / "enhanced.dcm", enhanced([0.0, 5.0])),
    ]
    for name in ("v.nii", "v.nii.gz"):
        nibabel.save(nibabel.Nifti1Image(pixels.reshape(10, 10, 4), np.eye(4)), folder / name)
        paths.append(folder / name)
    picture = Image.fromarray((pixels % 256).astype(np.uint8))
    for suffix in ("png", "jpg", "tif", "bmp"):
        picture.save(folder / f"p.{suffix}")
        paths.append(folder / f"p.{suffix}")
    return paths


@pytest.mark.parametrize("kind", range(10))
def test_random_damage_never_ends_in_anything_but_an_image_or_a_refusal(kind: int, tmp_path: Path) -> None:
    seed = _seeds(tmp_path)[kind]
    raw = np.frombuffer(seed.read_bytes(), np.uint8)
    rng = np.random.default_rng(kind)
    decoder = GuardedDecoder(children=1)
    try:
        decoder.warm_up()
        (first,) = decoder.process_ids()
        for round_number in range(_ROUNDS):
            damaged = raw.copy()
            # Headers are short: half of the rounds hit the first 600 bytes alone.
            reach = len(raw) if round_number % 2 else min(len(raw), 600)
            places = rng.integers(0, reach, rng.integers(1, 12))
            damaged[places] = rng.integers(0, 256, len(places))
            path = tmp_path / f"damaged-{round_number}{seed.suffix}"
            path.write_bytes(damaged[: rng.integers(reach // 2, len(raw) + 1)].tobytes())
            started = time.monotonic()
            (found,) = decoder.describe([str(path)])
            if isinstance(found, UnreadableImageError):
                assert found.reason and "\n" not in str(found)
                continue
            try:
                frame = decoder.frame(str(path), 0)
                assert frame.pixels.size and frame.pixels.dtype in (np.float32, np.uint8)
            except UnreadableImageError as error:
                assert error.reason and "\n" not in str(error)
            assert time.monotonic() - started < 10
        assert decoder.process_ids() == [first], "the decoder itself died of a damaged file"
    finally:
        decoder.close()
