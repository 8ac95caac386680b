"""A sector ultrasound picture: scatterers, point spread of the transducer, envelope, log compression, scan conversion."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import scipy.ndimage

from medqdeg_desktop.engine.image import MedicalImage, Window, frozen, pixel_sha256
from medqdeg_desktop.engine.seeding import generator
from medqdeg_desktop.samples.shapes import Canvas, Phantom, Plane, over, smooth_field
from medqdeg_desktop.taxonomy import Modality


def ultrasound_sector(seed: int, *, size: int = 480, cysts: int | None = None) -> Phantom:
    """Liver-like tissue with 0 to 3 anechoic cysts (drawn by the seed where None), 75 degree sector, 8-bit grey.

    Speckle comes from complex Gaussian scatterers blurred by the point spread function, as in B-mode imaging: fully
    developed speckle has a Rayleigh envelope.
    """
    rng = generator(seed, "ultrasound-sector")
    count = int(rng.integers(0, 4)) if cysts is None else cysts
    rows, beams = 512, 384
    canvas = Canvas(512)
    echo = 1 + 0.25 * smooth_field(rng, 512, 60)
    echo = over(echo, 3.5, canvas.ellipse(0, -0.9, 1.3, 0.03, 2, 6))
    for _ in range(16):
        vessel = canvas.ellipse(
            rng.uniform(-0.9, 0.9), rng.uniform(-0.6, 0.9), rng.uniform(0.03, 0.12), rng.uniform(0.015, 0.03), rng.uniform(0, 180)
        )
        echo = over(echo, 2.4, vessel)
    echo = over(echo, 6.0, canvas.ellipse(0.1, 1.35, 1.4, 0.6, 3, 8) - canvas.ellipse(0.1, 1.39, 1.4, 0.6, 3, 8))
    centres: list[tuple[float, float, float]] = []
    while len(centres) < count:
        x, y, r = rng.uniform(-0.6, 0.6), rng.uniform(-0.35, 0.45), rng.uniform(0.09, 0.16)
        if all((x - u) ** 2 + (y - v) ** 2 > (r + q + 0.08) ** 2 for u, v, q in centres):
            centres.append((x, y, r))
    gain = np.ones((rows, 512), np.float32)
    _, depth = canvas.grid()
    for x, y, r in centres:
        echo = over(echo, 0.03, canvas.warped_ellipse(rng, x, y, r, r * 0.85, wobble=0.05))
        # Posterior enhancement: less attenuation behind fluid.
        gain += 0.9 * canvas.ellipse(x, y + 0.55, r * 0.8, 0.6, softness=40) * (depth > y + r * 0.8)
    strength = cv2.resize(np.clip(echo, 0, None) * gain, (beams, rows), interpolation=cv2.INTER_LINEAR)
    scatter = (rng.standard_normal((rows, beams)) + 1j * rng.standard_normal((rows, beams))) * np.sqrt(strength)
    # Axial resolution 1.2 samples, lateral 2.2 beams, widening with depth.
    envelope = np.abs(scipy.ndimage.gaussian_filter(scatter, (1.2, 2.2)))
    decibels = 20 * np.log10(envelope / np.percentile(envelope, 99.9) + 1e-4)
    grey = np.clip((decibels + 44) / 60, 0, 1).astype(np.float32) * 255
    picture = _scan_convert(grey, size)
    pixels = frozen(np.round(picture).astype(np.float32))
    image = MedicalImage(
        pixels=pixels,
        modality=Modality.ULTRASOUND,
        spacing=(160 / size, 160 / size),
        window=Window(127.5, 255),
        value_range=(0.0, 255.0),
        source_sha256=pixel_sha256(pixels),
        provenance={"source": f"phantom ultrasound_sector seed {seed}"},
    )
    return Phantom(image, {"region": "Abdomen", "cysts": count, "centres": [_on_screen(x, y) for x, y, _ in centres]})


# The sector: half its opening angle, where it begins, how far its apex lies above the picture, half the picture's width; lengths
# in units of the picture's height.
_HALF_ANGLE, _NEAR, _APEX, _HALF_WIDTH = float(np.deg2rad(37.5)), 0.12, 0.108, 0.62


def _on_screen(x: float, y: float) -> tuple[float, float]:
    """Where a point of the beam plane (-1 .. 1 across the beams and along them) lies in the picture (-1 .. 1)."""
    radius = _NEAR + (y + 1) / 2 * (0.98 + _APEX - _NEAR)
    return float(radius * np.sin(x * _HALF_ANGLE) / _HALF_WIDTH), float(2 * (radius * np.cos(x * _HALF_ANGLE) - _APEX) - 1)


def _scan_convert(beams: Plane, size: int) -> npt.NDArray[np.float64]:
    """Polar beams (depth, angle) onto the screen; black outside the sector."""
    y, x = np.meshgrid(np.linspace(0, 1, size), np.linspace(-_HALF_WIDTH, _HALF_WIDTH, size), indexing="ij")
    radius, angle = np.hypot(x, y + _APEX), np.arctan2(x, y + _APEX)
    depth = (radius - _NEAR) / (0.98 + _APEX - _NEAR)
    columns = (angle / _HALF_ANGLE + 1) / 2 * (beams.shape[1] - 1)
    inside = (np.abs(angle) <= _HALF_ANGLE) & (depth >= 0) & (depth <= 1)
    sampled = cv2.remap(beams, columns.astype(np.float32), (depth * (beams.shape[0] - 1)).astype(np.float32), cv2.INTER_LINEAR)
    return np.where(inside, sampled, 0)
