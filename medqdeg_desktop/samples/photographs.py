"""Photograph-like pictures in RGB uint8, made from shading and pigment: dermoscopic lesion, endoscopic lumen, ocular fundus."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from medqdeg_desktop.engine.image import MedicalImage, frozen, pixel_sha256
from medqdeg_desktop.engine.seeding import generator
from medqdeg_desktop.samples.shapes import Canvas, Phantom, Plane, over, smooth_field
from medqdeg_desktop.taxonomy import Modality

Colour = tuple[float, float, float]


Rgb = npt.NDArray[np.floating[Any]]


def _mix(base: Rgb, colour: Colour, coverage: npt.NDArray[np.floating[Any]]) -> Rgb:
    mixed: Rgb = base + coverage[..., None] * (np.asarray(colour, np.float32) - base)
    return mixed


def _photograph(rgb: Rgb, modality: Modality, spacing: float | None, source: str, rng: np.random.Generator) -> MedicalImage:
    noisy = rgb + rng.normal(0, 1.5, rgb.shape)
    pixels = frozen(np.clip(np.round(noisy), 0, 255).astype(np.uint8))
    return MedicalImage(
        pixels=pixels,
        modality=modality,
        unit="RGB",
        spacing=(spacing, spacing) if spacing else None,
        source_sha256=pixel_sha256(pixels),
        provenance={"source": f"phantom {source}"},
    )


def dermoscopy(seed: int, *, size: int = 512, symmetric: bool | None = None) -> Phantom:
    """A pigmented lesion on skin, 12 mm field; ``symmetric`` or not, drawn by the seed where None."""
    rng = generator(seed, "dermoscopy")
    even = bool(rng.integers(0, 2)) if symmetric is None else symmetric
    canvas = Canvas(size)
    x, y = canvas.grid()
    skin: Rgb = np.asarray((214, 168, 146), np.float32) * (1 + 0.03 * smooth_field(rng, size, size * 60 / 512)[..., None])
    skin = skin * (1 - 0.03 * np.clip(smooth_field(rng, size, size * 7 / 512), 0, None)[..., None])
    cx, cy, r = rng.uniform(-0.1, 0.1), rng.uniform(-0.1, 0.1), rng.uniform(0.38, 0.5)
    lesion = canvas.warped_ellipse(rng, cx, cy, r, r * (0.95 if even else 0.72), rng.uniform(0, 180), 0.02 if even else 0.12)
    soft = cv2.GaussianBlur(lesion, (0, 0), size * (0.012 if even else 0.008))
    rgb = _mix(skin, (142, 88, 62), soft * 0.9)
    # Pigment network: dark lines on a honeycomb of about 0.3 mm.
    net = np.abs(np.sin(34 * (x + 0.05 * smooth_field(rng, size, size * 70 / 512))) * np.sin(34 * (0.5 * x + 0.87 * y)))
    rgb = _mix(rgb, (96, 56, 42), np.clip(0.6 - net, 0, 1).astype(np.float32) * soft * 0.8)
    if not even:
        for colour in ((58, 36, 34), (102, 112, 128), (168, 74, 60)):
            spot = canvas.warped_ellipse(rng, cx + rng.uniform(-0.25, 0.25), cy + rng.uniform(-0.2, 0.2), 0.17, 0.12, wobble=0.15)
            rgb = _mix(rgb, colour, cv2.GaussianBlur(spot, (0, 0), size * 0.014) * soft * 0.85)
    for _ in range(int(rng.integers(2, 7))):
        a, b = rng.uniform(-1, 1, 2), rng.uniform(-1, 1, 2)
        middle = (a + b) / 2 + rng.uniform(-0.3, 0.3, 2)
        t = np.linspace(0, 1, 60)[:, None]
        curve = (1 - t) ** 2 * a + 2 * t * (1 - t) * middle + t**2 * b
        hair = np.zeros((size, size), np.uint8)
        cv2.polylines(hair, [np.round((curve + 1) / 2 * size * 8).astype(np.int32)], False, 255, 2, cv2.LINE_AA, 3)
        rgb = _mix(rgb, (62, 42, 34), hair.astype(np.float32) / 255 * 0.75)
    rgb = rgb * (1 - 0.25 * (x * x + y * y)[..., None] / 2)
    image = _photograph(rgb.astype(np.float32), Modality.DERMOSCOPY, 12 / size, f"dermoscopy seed {seed}", rng)
    return Phantom(image, {"subject": "Skin lesion", "symmetric": even})


def endoscopy(seed: int, *, size: int = 512, polyps: int | None = None) -> Phantom:
    """A colonic lumen lit from the tip, with 0 to 2 polyps (drawn by the seed where None), in the usual octagonal mask."""
    rng = generator(seed, "endoscopy")
    count = int(rng.integers(0, 3)) if polyps is None else polyps
    canvas = Canvas(size)
    x, y = canvas.grid()
    lx, ly = rng.uniform(-0.18, 0.18), rng.uniform(-0.18, 0.18)
    u, v = x - lx, y - ly
    wobble = 1 + 0.07 * np.cos(3 * np.arctan2(v, u) + rng.uniform(0, 6)) + 0.03 * smooth_field(rng, size, size * 70 / 512)
    radius = np.hypot(u, v) * wobble
    # A tube seen along its axis: depth ~ 1 / radius, brightness falls with the square of depth.
    depth = 0.28 / np.clip(radius, 0.05, None)
    light = 1 / (0.35 + depth**1.6)
    phase = 9.0 * np.log(np.clip(depth, 0.1, None)) + rng.uniform(0, 6) + 0.4 * smooth_field(rng, size, size * 120 / 512)
    folds = np.clip(np.sin(phase), -0.2, 1) ** 3
    light = light * (1 + 0.30 * folds) * (1 - 0.35 * np.clip(-np.cos(phase), 0, 1) * np.clip(depth, 0, 1.2))
    tissue: Rgb = np.asarray((222, 122, 98), np.float32) * (1 + 0.05 * smooth_field(rng, size, size * 30 / 512))[..., None]
    vessels = np.clip(0.9 - np.abs(smooth_field(rng, size, size * 34 / 512) * 5), 0, 1) * np.clip(radius - 0.3, 0, 1)
    tissue = _mix(tissue.astype(np.float32), (150, 48, 52), (vessels * 0.55).astype(np.float32))
    rgb: Rgb = tissue * np.clip(light, 0.02, 1.25)[..., None]
    placed = 0
    centres: list[tuple[float, float, float]] = []
    while placed < count:
        angle, distance, r = rng.uniform(0, 2 * np.pi), rng.uniform(0.42, 0.6), rng.uniform(0.12, 0.18)
        px, py = lx + distance * np.cos(angle), ly + distance * np.sin(angle)
        if max(abs(px), abs(py)) > 0.68 or any(np.hypot(px - a, py - b) < r + q + 0.05 for a, b, q in centres):
            continue
        centres.append((px, py, r))
        body = canvas.warped_ellipse(rng, px, py, r, r * 0.85, float(np.rad2deg(angle)), 0.05)
        shadow = cv2.GaussianBlur(canvas.ellipse(px + 0.03, py + 0.05, r * 1.1, r), (0, 0), size * 0.02)
        rgb = rgb * (1 - 0.5 * (shadow * (1 - body))[..., None])
        dome = np.sqrt(np.clip(1 - ((x - px) ** 2 + (y - py) ** 2) / (r * r), 0, 1))
        lit = np.clip(0.45 + 0.55 * dome - 0.35 * ((x - px) + (y - py)) / r * 0.5, 0.2, 1.15).astype(np.float32)
        colour = np.asarray((214, 96, 82), np.float32) * (lit * (1 + 0.06 * smooth_field(rng, size, size * 8 / 512)))[..., None]
        rgb = rgb * (1 - body[..., None]) + colour * body[..., None]
        rgb = _mix(
            rgb.astype(np.float32), (255, 248, 240), canvas.ellipse(px - r * 0.35, py - r * 0.4, r * 0.16, r * 0.09, 30, 4)
        )
        placed += 1
    for _ in range(14):
        angle, distance = rng.uniform(0, 2 * np.pi), rng.uniform(0.35, 0.9)
        glint = canvas.ellipse(
            lx + distance * np.cos(angle),
            ly + distance * np.sin(angle),
            rng.uniform(0.008, 0.03),
            0.006,
            float(np.rad2deg(angle)) + 90,
            3,
        )
        rgb = _mix(rgb.astype(np.float32), (255, 250, 245), glint * 0.9)
    mask = ((np.abs(x) < 0.96) & (np.abs(y) < 0.96) & (np.abs(x) + np.abs(y) < 1.62)).astype(np.float32)
    rgb = rgb * cv2.GaussianBlur(mask, (0, 0), 1.0)[..., None]
    image = _photograph(rgb.astype(np.float32), Modality.ENDOSCOPY, None, f"endoscopy seed {seed}", rng)
    return Phantom(image, {"organ": "Colon", "polyps": count, "centres": [(x, y) for x, y, _ in centres]})


def fundus(seed: int, *, size: int = 512, eye: str | None = None, cup: float = 0.45) -> Phantom:
    """A fundus photograph, 45 degree field; ``eye`` "right" (disc on the right of the picture), "left", or drawn by the seed.

    ``cup`` is the cup-to-disc ratio, 0.2 to 0.9; from about 0.65 on it is called enlarged.
    """
    rng = generator(seed, "fundus")
    which = str(rng.choice(["right", "left"])) if eye is None else eye
    nasal = 1 if which == "right" else -1
    canvas = Canvas(size)
    x, y = canvas.grid()
    rgb: Rgb = (
        np.asarray((196, 92, 40), np.float32)
        * (1 + 0.05 * smooth_field(rng, size, size * 80 / 512) + 0.03 * smooth_field(rng, size, size * 9 / 512))[..., None]
    )
    dx, dy = nasal * 0.42, rng.uniform(-0.06, 0.04)
    fovea = np.exp(-((x + nasal * 0.12) ** 2 + (y - 0.03) ** 2) / 0.035)
    rgb = rgb * (1 - 0.42 * fovea[..., None])
    vessels: Plane = np.zeros((size, size), np.float32)
    for up in (-1, 1):
        for k in range(3):
            vessels = _grow(vessels, rng, (dx, dy), up * (0.9 + 0.35 * k) * np.pi / 2, nasal, 0.022 - 0.003 * k, 0, size)
    rgb = _mix(rgb.astype(np.float32), (110, 22, 18), np.clip(vessels, 0, 1) * 0.82)
    disc = canvas.ellipse(dx, dy, 0.135, 0.15, softness=size * 8 / 512)
    rgb = _mix(rgb, (250, 206, 132), disc * 0.92)
    rgb = _mix(
        rgb,
        (255, 238, 190),
        canvas.ellipse(dx + 0.01 * nasal, dy, 0.06 * cup / 0.45, 0.07 * cup / 0.45, softness=size * 10 / 512) * 0.9,
    )
    rgb = _mix(rgb, (120, 24, 20), np.clip(vessels, 0, 1) * disc * 0.6)
    radius = np.hypot(x, y)
    rgb = rgb * np.clip(1.12 - 0.45 * radius**2, 0, None)[..., None] * np.clip((0.965 - radius) * size / 2, 0, 1)[..., None]
    image = _photograph(rgb.astype(np.float32), Modality.FUNDUS, None, f"fundus seed {seed}", rng)
    return Phantom(image, {"organ": "Retina", "eye": which, "cup": cup, "centres": [(dx, dy)]})


def _grow(
    vessels: Plane,
    rng: np.random.Generator,
    start: tuple[float, float],
    angle: float,
    nasal: int,
    width: float,
    depth: int,
    size: int,
) -> Plane:
    """One vessel from the disc along an arcade, with side branches; widths in units of half the field."""
    px, py = start
    points = [(px, py)]
    heading = angle
    for step in range(70 if depth == 0 else 28):
        # Arcades leave the disc steeply and turn towards the temporal side.
        target = np.pi if nasal > 0 else 0.0
        turn = np.arctan2(np.sin(target - heading), np.cos(target - heading))
        heading += 0.020 * turn * (depth == 0) + rng.normal(0, 0.07)
        px, py = px + 0.02 * np.cos(heading), py + 0.02 * np.sin(heading)
        points.append((px, py))
        if depth < 2 and step % 11 == 8:
            side = heading + rng.choice([-1, 1]) * rng.uniform(0.5, 0.9)
            vessels = _grow(vessels, rng, (px, py), float(side), nasal, width * 0.6, depth + 1, size)
    layer = np.zeros((size, size), np.uint8)
    path = np.round((np.asarray(points) + 1) / 2 * size * 8).astype(np.int32)
    for k in range(len(path) - 1):
        thickness = max(1, round(width * size * (1 - 0.6 * k / len(path)) / 2))
        cv2.line(layer, path[k].tolist(), path[k + 1].tolist(), 255, thickness, cv2.LINE_AA, 3)
    soft = cv2.GaussianBlur(layer.astype(np.float32) / 255, (0, 0), max(0.6, width * size / 14))
    return over(vessels, 1.0, soft.astype(np.float32))
