"""A frontal chest radiograph: line integrals through ellipsoids, exponential attenuation, detector noise, log amplification."""

from __future__ import annotations

import numpy as np

from medqdeg_desktop.engine.image import MedicalImage, Window, frozen, pixel_sha256
from medqdeg_desktop.engine.seeding import generator
from medqdeg_desktop.samples.shapes import Canvas, Phantom, Plane, smooth_field
from medqdeg_desktop.taxonomy import Modality

# Linear attenuation in 1/cm near 60 keV effective energy (NIST XCOM, rounded): soft tissue .20, aerated lung .05, bone .48.
_SOFT, _LUNG, _BONE = 0.20, 0.05, 0.48


def chest_radiograph(seed: int, *, size: int = 768, opacity: str | None = None, heart: float = 1.0) -> Phantom:
    """Postero-anterior chest, 12-bit, patient's right on the left of the screen.

    ``opacity``: "right", "left" (a round opacity in that lung), "none", or drawn by the seed where None.
    ``heart`` scales the width of the cardiac silhouette: at 1 it takes less than half of the chest's inner width, at 1.3 more.
    """
    rng = generator(seed, "chest-radiograph")
    side = str(rng.choice(["right", "left", "none"])) if opacity is None else opacity
    canvas = Canvas(size)
    x, y = canvas.grid()
    half_width_cm = 20.0

    def thickness(cx: float, cy: float, a: float, b: float, depth_cm: float, angle: float = 0) -> Plane:
        """Chord in cm through an ellipsoid with half axes a, b (of the field) and depth_cm / 2."""
        c, s = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
        u, v = ((x - cx) * c + (y - cy) * s) / a, (-(x - cx) * s + (y - cy) * c) / b
        return (depth_cm * np.sqrt(np.clip(1 - u * u - v * v, 0, None))).astype(np.float32)

    body = 24 * np.clip(1 - (np.abs(x) / 0.93) ** 5, 0, None) * np.clip(1 - (np.abs(y - 0.35) / 1.5) ** 8, 0, None)
    shoulders = thickness(-0.62, -0.72, 0.34, 0.3, 8) + thickness(0.62, -0.72, 0.34, 0.3, 8)
    line = _SOFT * (0.72 * body + 0.5 * shoulders).astype(np.float32)
    lungs = {}
    for lr, name in ((-1, "right"), (1, "left")):
        lung = thickness(lr * 0.4, -0.06, 0.32, 0.68, 15, lr * 7)
        base = np.clip((0.5 + (0.05 if lr > 0 else 0) - y + 0.5 * (x - lr * 0.38) ** 2) * 24, 0, 1)
        lung = (lung * base).astype(np.float32)
        lungs[name] = lung
        line -= (_SOFT - _LUNG) * 0.78 * lung
        for _ in range(46):
            # Vessels radiate from the hilum and thin out.
            theta, reach = rng.uniform(-1.35, 1.35), rng.uniform(0.08, 0.42)
            vx, vy = lr * (0.17 + reach * np.cos(theta) * 0.7), 0.0 + reach * np.sin(theta) * 1.1
            width = 0.0135 * (1 - reach / 0.5)
            line += (
                0.045
                * thickness(float(vx), float(vy), 0.07, width + 0.003, 1.2, float(np.rad2deg(np.arctan2(vy, vx))))
                * (lung > 0.5)
            )
    silhouette = thickness(0.15 * heart, 0.27, 0.29 * heart, 0.25, 7, 30) + thickness(-0.07, 0.2, 0.14, 0.24, 3.5)
    line += (_SOFT - _LUNG) * 0.75 * silhouette
    line += _SOFT * 0.5 * (thickness(0.08, -0.28, 0.09, 0.14, 4) + thickness(0.0, 0.0, 0.13, 1.6, 4))
    line += (_BONE - _SOFT) * thickness(0, 0.0, 0.055, 4.0, 1.7)
    for k in range(16):
        line += (_BONE - _SOFT) * 0.35 * (np.abs((y + 1.0 - k * 0.125) % 2.0) < 0.008) * (np.abs(x) < 0.052)
    # Ribs: elliptic arcs, denser at the edge of the chest where they turn along the beam.
    for k in range(9):
        level = -0.68 + 0.15 * k
        for lr in (-1, 1):
            arc = level + 0.34 * ((x * lr - 0.02) / 0.8) ** 2 + 0.10 * (x * lr)
            profile = np.clip(1 - ((y - arc) / 0.022) ** 2, 0, None)
            extent = (x * lr > 0.04) * (x * lr < 0.74 - 0.02 * max(0, 3 - k))
            line += (_BONE - _SOFT) * 0.85 * (profile * extent * (0.55 + 0.9 * np.clip(x * lr - 0.3, 0, None))).astype(np.float32)
    for lr in (-1, 1):
        line += (
            (_BONE - _SOFT)
            * 1.1
            * np.clip(1 - ((y + 0.72 - 0.16 * np.abs(x)) / 0.024) ** 2, 0, None)
            * ((x * lr > 0.07) * (x * lr < 0.62))
        )
    centres = []
    if side != "none":
        lr = -1 if side == "right" else 1
        centres.append((lr * rng.uniform(0.34, 0.46), rng.uniform(-0.25, 0.15)))
        line += 0.11 * thickness(*centres[0], 0.075, 0.07, 3.5)
    line += 0.012 * smooth_field(rng, size, 14) * (body > 1)
    photons = 20000 * np.exp(-np.clip(line, 0, None))
    detected = rng.poisson(photons).astype(np.float32) + rng.normal(0, 3, photons.shape).astype(np.float32)
    stored = 4095 * np.clip(1 - np.log(np.clip(detected, 1, None) / 40) / np.log(20000 / 40), 0, 1)
    pixels = frozen(np.round(stored).astype(np.float32))
    low, high = float(np.percentile(pixels, 2)), float(np.percentile(pixels, 99.5))
    spacing = 2 * half_width_cm * 10 / size
    image = MedicalImage(
        pixels=pixels,
        modality=Modality.XRAY,
        spacing=(spacing, spacing),
        window=Window((low + high) / 2, high - low),
        value_range=(low, high),
        orientation=("R", "L", "H", "F"),
        source_sha256=pixel_sha256(pixels),
        provenance={"source": f"phantom chest_radiograph seed {seed}"},
    )
    return Phantom(image, {"region": "Chest", "round opacity": side, "heart": heart, "centres": centres})
