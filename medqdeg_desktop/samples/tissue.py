"""Haematoxylin and eosin stained tissue, drawn in optical density: glands, stroma, nuclei; Beer-Lambert gives the colour."""

from __future__ import annotations

import cv2
import numpy as np

from medqdeg_desktop.engine.image import MedicalImage, frozen, pixel_sha256
from medqdeg_desktop.engine.seeding import generator
from medqdeg_desktop.samples.shapes import Canvas, Phantom, Plane, over, smooth_field
from medqdeg_desktop.taxonomy import Modality

# Unit optical-density vectors of the two stains for red, green, blue (Ruifrok and Johnston 2001).
_HAEMATOXYLIN = np.array([0.65, 0.70, 0.29], np.float32)
_EOSIN = np.array([0.07, 0.99, 0.11], np.float32)


def tissue_section(seed: int, *, size: int = 512, glands: int | None = None) -> Phantom:
    """Glandular tissue at 0.5 um a pixel (20x), RGB uint8; ``glands`` 1 to 4, drawn by the seed where None."""
    rng = generator(seed, "tissue-section")
    count = int(rng.integers(1, 5)) if glands is None else glands
    canvas = Canvas(size)
    x, y = canvas.grid()
    fibres = np.sin(18 * (x * 0.6 + y) + 2.5 * smooth_field(rng, size, size * 90 / 512)) * 0.5 + 0.5 * smooth_field(
        rng, size, size * 7 / 512
    )
    eosin = np.clip(0.42 + 0.1 * fibres + 0.06 * smooth_field(rng, size, size * 40 / 512), 0.05, None).astype(np.float32)
    haematoxylin = np.clip(0.05 + 0.015 * smooth_field(rng, size, size * 20 / 512), 0, None).astype(np.float32)
    gaps = np.clip((smooth_field(rng, size, size * 46 / 512) - 1.25) * 3, 0, 1).astype(np.float32)
    eosin *= 1 - 0.9 * gaps
    centres: list[tuple[float, float, float]] = []
    tries = 0
    while len(centres) < count and tries < 4000:
        tries += 1
        cx, cy, r = rng.uniform(-0.65, 0.65), rng.uniform(-0.65, 0.65), rng.uniform(0.2, 0.3)
        if all((cx - u) ** 2 + (cy - v) ** 2 > (r + q + 0.06) ** 2 for u, v, q in centres):
            centres.append((cx, cy, r))
    nuclei: list[tuple[float, float, float, float, float]] = []
    for cx, cy, r in centres:
        stretch, tilt = rng.uniform(0.75, 1.0), rng.uniform(0, 180)
        gland = canvas.ellipse(cx, cy, r, r * stretch, tilt)
        lumen = canvas.warped_ellipse(rng, cx, cy, r * 0.5, r * stretch * 0.45, tilt, 0.08)
        eosin = over(eosin, 0.34 + 0.03 * smooth_field(rng, size, size * 12 / 512), gland)
        haematoxylin = over(haematoxylin, 0.14, gland)
        eosin, haematoxylin = over(eosin, 0.02, lumen), over(haematoxylin, 0.01, lumen)
        cells = int(2 * np.pi * r * 0.8 / 0.042)
        for k in range(cells):
            angle = 2 * np.pi * (k + rng.uniform(-0.2, 0.2)) / cells
            ring = r * rng.uniform(0.74, 0.86)
            u, v = np.cos(angle) * ring, np.sin(angle) * ring * stretch
            c, s = np.cos(np.deg2rad(tilt)), np.sin(np.deg2rad(tilt))
            nx, ny = cx + u * c - v * s, cy + u * s + v * c
            nuclei.append((nx, ny, rng.uniform(0.022, 0.03), rng.uniform(0.013, 0.018), float(np.rad2deg(angle)) + tilt))
    for _ in range(150):
        nx, ny = rng.uniform(-1, 1, 2)
        if all((nx - u) ** 2 + (ny - v) ** 2 > (q * 1.06) ** 2 for u, v, q in centres):
            nuclei.append((float(nx), float(ny), rng.uniform(0.02, 0.034), rng.uniform(0.008, 0.014), rng.uniform(0, 180)))
    haematoxylin = _draw_nuclei(haematoxylin, nuclei, rng, size)
    density = haematoxylin[..., None] * _HAEMATOXYLIN * 1.15 + eosin[..., None] * _EOSIN
    density = cv2.GaussianBlur(density.astype(np.float32), (0, 0), 0.7)
    rgb = 246 * np.exp(-np.log(10) * density * 0.62) + rng.normal(0, 1.2, density.shape)
    pixels = frozen(np.clip(np.round(rgb), 0, 255).astype(np.uint8))
    image = MedicalImage(
        pixels=pixels,
        modality=Modality.HISTOPATHOLOGY,
        unit="RGB",
        spacing=(0.0005, 0.0005),
        source_sha256=pixel_sha256(pixels),
        provenance={"source": f"phantom tissue_section seed {seed}"},
    )
    return Phantom(image, {"stain": "H&E", "glands": len(centres), "centres": [(x, y) for x, y, _ in centres]})


def _draw_nuclei(
    density: Plane, nuclei: list[tuple[float, float, float, float, float]], rng: np.random.Generator, size: int
) -> Plane:
    """Nuclei as filled ellipses with chromatin texture and a darker rim; drawn at eight times sub-pixel precision."""
    fill = np.zeros((size, size), np.uint8)
    rim = np.zeros((size, size), np.uint8)
    for nx, ny, a, b, angle in nuclei:
        centre = (round((nx + 1) / 2 * size * 8), round((ny + 1) / 2 * size * 8))
        axes = (max(8, round(a * size / 2 * 8)), max(8, round(b * size / 2 * 8)))
        shade = int(rng.integers(150, 255))
        cv2.ellipse(fill, centre, axes, angle, 0, 360, shade, -1, cv2.LINE_AA, 3)
        cv2.ellipse(rim, centre, axes, angle, 0, 360, 255, 1, cv2.LINE_AA, 3)
    coverage = fill.astype(np.float32) / 255
    texture = np.clip(1 + 0.22 * smooth_field(rng, size, size * 3.2 / 512), 0.4, 1.6)
    return (density * (1 - coverage) + (0.85 * texture) * coverage + 0.16 * rim.astype(np.float32) / 255).astype(np.float32)
