"""An axial abdomen in Hounsfield units: body, fat, liver with lesions, spleen, kidneys, spine, aorta, stomach gas, table."""

from __future__ import annotations

import numpy as np

from medqdeg_desktop.engine.image import MedicalImage, Window, frozen, pixel_sha256
from medqdeg_desktop.engine.seeding import generator
from medqdeg_desktop.samples.shapes import Canvas, Phantom, Plane, over, smooth_field
from medqdeg_desktop.taxonomy import Modality

#: Half the height of the imaged body in mm: ``z`` runs from -1 (towards the head) to 1 (towards the feet).
HALF_HEIGHT_MM = 100.0


#: Radii of small lesions (drawn where nothing is said) and of large ones, and how far their middles lie from z = 0.
_SMALL, _SMALL_DEPTH = (0.035, 0.07), 0.12
_LARGE, _LARGE_DEPTH = (0.06, 0.095), 0.06
#: A lesion of which less shows in a slice is not counted there: 4 mm of radius, two pixels of a picture of 200.
_SEEN = 0.02


def ct_abdomen(
    seed: int,
    *,
    size: int = 512,
    lesions: int | None = None,
    large_lesions: bool = False,
    small_kidney: str = "none",
    z: float = 0.0,
) -> Phantom:
    """Portal-venous abdomen, 400 mm field of view, seen from the feet (patient's right on the left of the screen).

    ``z`` in -1 .. 1 moves the slice: the same anatomy, cut elsewhere, so that several calls make a volume to scroll.

    Values in HU; typical tissue values after Hounsfield scale tables (fat -100, muscle 55, enhanced liver 110, enhanced
    kidney 170, cortical bone 700). ``lesions`` hypodense liver lesions (drawn by the seed where None, 0 to 3), of 14 to 28 mm,
    or ``large_lesions`` of 24 to 38 mm, all of which meet z = 0; the truth counts those that this slice shows.
    ``small_kidney``: "right" or "left" is shrunken to two thirds or less of the other's length, with "none" both are alike.
    """
    rng = generator(seed, "ct-abdomen")
    # Texture and noise differ from slice to slice, the anatomy must not.
    texture = generator(seed, f"ct-abdomen texture {z:.4f}")
    canvas = Canvas(size)
    count = int(rng.integers(0, 4)) if lesions is None else lesions
    a, b = rng.uniform(0.78, 0.86), rng.uniform(0.58, 0.66)
    hu = np.full((size, size), -1000, np.float32)
    skin = canvas.warped_ellipse(rng, 0, 0.02, a, b, wobble=0.012)
    hu = over(hu, -105 + 6 * smooth_field(texture, size, 24), skin)
    wall = canvas.warped_ellipse(rng, 0, 0.03, a - 0.09, b - 0.085, wobble=0.012)
    hu = over(hu, 55 + 8 * smooth_field(texture, size, 10), wall)
    cavity = canvas.warped_ellipse(rng, 0, -0.02, a - 0.15, b - 0.15, wobble=0.015)
    hu = over(hu, -95 + 14 * smooth_field(texture, size, 14), cavity)
    # Bowel loops with contents between water and soft tissue.
    for _ in range(9):
        x, y = rng.uniform(-0.42, 0.5), rng.uniform(-0.28, 0.22)
        r = rng.uniform(0.05, 0.09)
        loop = canvas.warped_ellipse(rng, x, y, r * rng.uniform(0.9, 1.5), r, rng.uniform(0, 180)) * cavity
        hu = over(hu, rng.uniform(10, 60), loop)
        hu = over(hu, rng.uniform(20, 45), canvas.ellipse(x, y, r * 0.6, r * 0.55) * loop)
    # Patient's right is on the left of the picture: liver left, spleen and stomach right.
    angle, outline = rng.uniform(15, 35), int(rng.integers(1 << 32))
    here = _cut(z, -0.15, 0.95)
    whole = canvas.warped_ellipse(generator(outline), -0.34, -0.06, 0.36, 0.33, angle, 0.08) * cavity
    liver = canvas.warped_ellipse(generator(outline), -0.34, -0.06, 0.36 * here, 0.33 * here, angle, 0.08) * cavity
    hu = over(hu, 108 + 7 * smooth_field(texture, size, 9), liver)
    for _ in range(12):
        x, y = rng.uniform(-0.6, -0.1), rng.uniform(-0.3, 0.2)
        vessel = canvas.ellipse(x, y, rng.uniform(0.012, 0.045), rng.uniform(0.008, 0.014), rng.uniform(0, 180)) * liver
        hu = over(hu, 150, vessel)
    drawn = 0
    centres: list[tuple[float, float, float]] = []
    seen: list[tuple[float, float]] = []
    tries = 0
    radii, depth = (_LARGE, _LARGE_DEPTH) if large_lesions else (_SMALL, _SMALL_DEPTH)
    while drawn < count:
        x, y, r = rng.uniform(-0.55, -0.16), rng.uniform(-0.24, 0.14), rng.uniform(*radii)
        # Where there is no room for large ones, smaller ones find it: half the size at the least.
        tries += 1
        r *= max(0.5, 0.99 ** max(0, tries - 100))
        apart = all((x - u) ** 2 + (y - v) ** 2 > (r + q + 0.03) ** 2 for u, v, q in centres)
        inside = float((whole * canvas.ellipse(x, y, r, r)).sum()) > 0.97 * float(canvas.ellipse(x, y, r, r).sum())
        if apart and inside:
            # A sphere whose centre lies off the slice shows as a smaller disc; 200 mm are one unit of the canvas.
            off = (z - rng.uniform(-depth, depth)) * HALF_HEIGHT_MM / 200
            radius = float(np.sqrt(max(r * r - off * off, 1e-8)))
            lesion = canvas.warped_ellipse(rng, x, y, radius, radius * rng.uniform(0.8, 1.0), wobble=0.05)
            hu = over(hu, rng.uniform(25, 50), lesion * liver * (radius > 0.004))
            centres.append((x, y, r))
            if radius > _SEEN:
                seen.append((x, y))
            drawn += 1
    spleen = (
        canvas.warped_ellipse(rng, 0.56, 0.1, 0.12 * _cut(z, -0.3, 0.7), 0.22 * _cut(z, -0.3, 0.7), rng.uniform(10, 30), 0.07)
        * wall
    )
    hu = over(hu, 122 + 6 * smooth_field(texture, size, 9), spleen)
    stomach = (
        canvas.warped_ellipse(rng, 0.33, -0.22, 0.22 * _cut(z, -0.3, 0.8), 0.16 * _cut(z, -0.3, 0.8), rng.uniform(-30, 10), 0.06)
        * cavity
    )
    hu = over(hu, 45, stomach)
    hu = over(hu, rng.uniform(5, 25), canvas.ellipse(0.33, -0.2, 0.18, 0.12) * stomach)
    hu = over(hu, -950, canvas.ellipse(0.33, -0.28, 0.14, 0.055) * stomach)
    shrunken = generator(seed, "ct-abdomen kidney").uniform(0.52, 0.66)
    for side in (-1, 1):
        x, y = side * rng.uniform(0.33, 0.37), 0.27
        k = shrunken if small_kidney == ("right" if side < 0 else "left") else 1.0
        here = k * _cut(z, 0.2, 0.6)
        kidney = canvas.warped_ellipse(rng, x, y, 0.1 * here, 0.13 * here, side * 20, 0.04) * wall
        hu = over(hu, 175, kidney)
        inner = canvas.ellipse(x - side * 0.02 * k, y, 0.055 * k, 0.08 * k, side * 20)
        hu = over(hu, 120, inner * kidney * (abs(z - 0.2) < 0.45))
        hu = over(hu, -60, canvas.ellipse(x - side * 0.06 * k, y, 0.04 * k, 0.035 * k) * kidney * (abs(z - 0.2) < 0.25))
        psoas = canvas.ellipse(side * 0.15, 0.3, 0.075, 0.095, side * -20)
        hu = over(hu, 58, psoas)
    hu = _spine(canvas, hu, rng, texture)
    hu = over(hu, 170, canvas.ellipse(0.045, 0.13, 0.045, 0.045))
    hu = over(hu, 140, canvas.warped_ellipse(rng, -0.08, 0.13, 0.05, 0.035))
    for _ in range(5):
        angle = rng.uniform(0.15, 0.85) * np.pi * rng.choice([-1, 1])
        x, y = np.cos(angle) * (a - 0.12), np.sin(angle) * (b - 0.115) + 0.03
        hu = over(hu, rng.uniform(300, 600), canvas.ellipse(float(x), float(y), 0.035, 0.018, float(np.rad2deg(angle)) + 90))
    table = canvas.ellipse(0, 1.75, 1.6, 1.0) - canvas.ellipse(0, 1.765, 1.6, 1.0)
    hu = over(hu, -150, np.clip(table, 0, 1).astype(np.float32) * (hu < -500))
    hu += texture.normal(0, 9, hu.shape).astype(np.float32)
    pixels = frozen(np.round(np.clip(hu, -1024, 3071)).astype(np.float32))
    spacing = 400 / size
    image = MedicalImage(
        pixels=pixels,
        modality=Modality.CT,
        unit="HU",
        spacing=(spacing, spacing),
        window=Window(40, 400),
        value_range=(-160.0, 240.0),
        orientation=("R", "L", "A", "P"),
        source_sha256=pixel_sha256(pixels),
        provenance={"source": f"phantom ct_abdomen seed {seed}"},
    )
    larger = {"right": "left", "left": "right"}.get(small_kidney, "none")
    return Phantom(image, {"region": "Abdomen", "liver lesions": len(seen), "larger kidney": larger, "centres": seen})


def _cut(z: float, centre: float, half_height: float) -> float:
    """Size of an ellipsoid's section at ``z`` relative to its largest section; tiny where the slice misses it."""
    return float(np.sqrt(max(1 - ((z - centre) / half_height) ** 2, 1e-5)))


def _spine(canvas: Canvas, hu: Plane, rng: np.random.Generator, texture: np.random.Generator) -> Plane:
    body = canvas.warped_ellipse(rng, 0, 0.29, 0.115, 0.09, wobble=0.03)
    hu = over(hu, 650, body)
    hu = over(hu, 210 + 30 * smooth_field(texture, canvas.size, 5), canvas.warped_ellipse(rng, 0, 0.29, 0.1, 0.075, wobble=0.03))
    arch = canvas.ellipse(0, 0.42, 0.085, 0.075)
    hu = over(hu, 600, arch)
    hu = over(hu, 600, canvas.ellipse(0, 0.5, 0.025, 0.07))
    for side in (-1, 1):
        hu = over(hu, 550, canvas.ellipse(side * 0.14, 0.41, 0.07, 0.022, side * -15))
    hu = over(hu, -60, canvas.ellipse(0, 0.415, 0.055, 0.05))
    return over(hu, 25, canvas.ellipse(0, 0.415, 0.045, 0.04))
