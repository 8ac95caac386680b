"""Frames of every modality for the tests of degradations: the phantoms of the product at a small size, and made patterns."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import numpy.typing as npt
import scipy.ndimage

from medqdeg_desktop.engine.image import MedicalImage, Window, frozen, pixel_sha256
from medqdeg_desktop.samples.ct import ct_abdomen
from medqdeg_desktop.samples.mr import mr_head
from medqdeg_desktop.samples.photographs import dermoscopy, endoscopy, fundus
from medqdeg_desktop.samples.radiograph import chest_radiograph
from medqdeg_desktop.samples.tissue import tissue_section
from medqdeg_desktop.samples.ultrasound import ultrasound_sector
from medqdeg_desktop.taxonomy import Modality


@cache
def phantom(modality: Modality, size: int = 192, number: int = 1) -> MedicalImage:
    """Phantom ``number`` of ``modality`` (the sample study has 0, 1 and 2); a layered pattern for OCT, of which there is none."""
    makers = {
        Modality.CT: ct_abdomen,
        Modality.MRI: mr_head,
        Modality.XRAY: chest_radiograph,
        Modality.ULTRASOUND: ultrasound_sector,
        Modality.DERMOSCOPY: dermoscopy,
        Modality.HISTOPATHOLOGY: tissue_section,
        Modality.ENDOSCOPY: endoscopy,
        Modality.FUNDUS: fundus,
    }
    if modality in makers:
        image: MedicalImage = makers[modality](number, size=size).image
        return image
    depth = np.linspace(0, 1, size)[:, None]
    layers = 40 + 90 * (np.sin(40 * depth + 2 * np.sin(np.linspace(0, 3, size))) > 0.3) * (depth > 0.3)
    return grey(scipy.ndimage.gaussian_filter(layers, 1.0), Modality.OCT)


def grey(
    pixels: npt.NDArray[np.floating],  # type: ignore[type-arg]
    modality: Modality | None = Modality.ULTRASOUND,
    *,
    value_range: tuple[float, float] = (0.0, 255.0),
    spacing: tuple[float, float] | None = None,
    unit: str = "",
    inverted: bool = False,
) -> MedicalImage:
    """A grey frame of ``pixels`` with a window that spans its range."""
    low, high = value_range
    values = frozen(np.asarray(pixels, np.float32))
    return MedicalImage(
        values,
        modality,
        unit,
        spacing,
        Window((low + high) / 2, high - low),
        value_range,
        inverted,
        source_sha256=pixel_sha256(values),
    )


def colour(pixels: npt.NDArray[np.uint8], modality: Modality | None = Modality.ENDOSCOPY) -> MedicalImage:
    """An RGB frame of ``pixels``."""
    return MedicalImage(frozen(pixels), modality, "RGB", source_sha256=pixel_sha256(pixels))


def texture(rows: int, columns: int, seed: int = 0, *, smooth: float = 3.0) -> npt.NDArray[np.float32]:
    """A smooth random pattern with values from 20 to 235."""
    field = scipy.ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal((rows, columns)), smooth, mode="reflect")
    spread = np.ptp(field) or 1.0
    return (20 + 215 * (field - field.min()) / spread).astype(np.float32)


def colour_texture(rows: int, columns: int, seed: int = 0) -> npt.NDArray[np.uint8]:
    """Three smooth random patterns as RGB."""
    return np.stack([np.rint(texture(rows, columns, seed + k)) for k in range(3)], axis=-1).astype(np.uint8)


def as_frame(image: MedicalImage, index: int) -> MedicalImage:
    """``image`` as the frame ``index`` of its series."""
    return replace(image, frame=index)
