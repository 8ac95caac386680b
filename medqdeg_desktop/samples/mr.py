"""A T1-weighted axial head, acquired in k-space: object on a fine grid, receive phase, noise on the samples, magnitude."""

from __future__ import annotations

import numpy as np
import scipy.fft

from medqdeg_desktop.engine.image import MedicalImage, Window, frozen, pixel_sha256
from medqdeg_desktop.engine.seeding import generator
from medqdeg_desktop.samples.shapes import Canvas, Phantom, over, smooth_field
from medqdeg_desktop.taxonomy import Modality


def mr_head(seed: int, *, size: int = 256, lesion: str | None = None, large_ventricle: str = "none") -> Phantom:
    """Axial head, 230 mm field of view; patient's right on the left of the screen.

    The object is drawn at twice the matrix and its spectrum is cut to ``size`` x ``size`` samples, so that partial volume and
    the truncation of real scans are there; complex white noise on the samples makes the magnitude Rician.
    ``lesion``: "right", "left", "none", or drawn by the seed where None. ``large_ventricle``: the lateral ventricle of that side
    is clearly wider than the other's, with "none" both are alike. Unit: arbitrary signal, 0 to about 1000.
    """
    rng = generator(seed, "mr-head")
    side = str(rng.choice(["right", "left", "none"])) if lesion is None else lesion
    canvas = Canvas(2 * size)
    n = canvas.size
    a, b = rng.uniform(0.62, 0.67), rng.uniform(0.78, 0.83)
    signal = np.zeros((n, n), np.float32)
    signal = over(signal, 900, canvas.warped_ellipse(rng, 0, 0, a, b, wobble=0.008))
    signal = over(signal, 60, canvas.warped_ellipse(rng, 0, 0, a - 0.045, b - 0.045, wobble=0.006))
    signal = over(signal, 480, canvas.ellipse(0, 0, a - 0.075, b - 0.075))
    signal = over(signal, 60, canvas.ellipse(0, 0, a - 0.1, b - 0.1))
    brain = canvas.warped_ellipse(rng, 0, 0.005, a - 0.125, b - 0.125, wobble=0.006)
    # Cortex: grey matter whose border to white matter is folded.
    folds = smooth_field(rng, n, n * 30 / 512) + 0.6 * smooth_field(rng, n, n * 14 / 512)
    depth = canvas.ellipse(0, 0.005, a - 0.125, b - 0.125, softness=n * 0.17)
    white = np.clip((depth - 0.62 + 0.11 * folds) * 14, 0, 1).astype(np.float32) * brain
    sulci = np.clip((0.60 - depth + 0.10 * folds) * 10 - 1.2, 0, 1).astype(np.float32) * brain
    signal = over(signal, 520, brain)
    signal = over(signal, 180, sulci * 0.8)
    signal = over(signal, 720, white)
    fissure = canvas.ellipse(0, -0.45, 0.008, 0.24, softness=3) + canvas.ellipse(0, 0.5, 0.008, 0.2, softness=3)
    signal = over(signal, 170, np.clip(fissure, 0, 1) * brain)
    dilated = generator(seed, "mr-head ventricle").uniform(1.7, 2.1)
    for lr in (-1, 1):
        # A dilated ventricle grows away from the midline, and less in length than in width.
        k = dilated if large_ventricle == ("right" if lr < 0 else "left") else 1.0
        long = 1 + 0.25 * (k - 1)
        front, back = lr * (0.085 + 0.035 * (k - 1)), lr * (0.12 + 0.03 * (k - 1))
        signal = over(signal, 130, canvas.ellipse(front, -0.17, 0.05 * k, 0.135 * long, lr * -18, 3) * brain)
        signal = over(signal, 130, canvas.ellipse(back, 0.2, 0.04 * k, 0.14 * long, lr * 22, 3) * brain)
        signal = over(signal, 540, canvas.ellipse(lr * 0.1, 0.01, 0.055, 0.085, lr * -12, 3) * brain)
        signal = over(signal, 560, canvas.ellipse(lr * 0.24, -0.03, 0.04, 0.12, lr * -10, 3) * brain)
    centres = []
    if side != "none":
        lr = -1 if side == "right" else 1
        x, y, r = lr * rng.uniform(0.24, 0.34), rng.uniform(-0.3, 0.3), rng.uniform(0.07, 0.11)
        centres.append((x, y))
        oedema = canvas.warped_ellipse(rng, x, y, r * 1.5, r * 1.35, wobble=0.08) * brain
        signal = over(signal, 430, oedema * 0.8)
        signal = over(signal, 950, canvas.warped_ellipse(rng, x, y, r, r * 0.92, wobble=0.07) * brain)
        signal = over(signal, 330, canvas.warped_ellipse(rng, x, y, r * 0.55, r * 0.5, wobble=0.1) * brain)
    signal *= 1 + 0.02 * smooth_field(rng, n, n * 6 / 512) * (signal > 100)
    shading = np.exp(0.05 * smooth_field(rng, n, n / 2))
    phase = np.exp(1j * (0.6 * smooth_field(rng, n, n / 2) + rng.uniform(0, 2 * np.pi))).astype(np.complex64)
    spectrum = scipy.fft.fftshift(scipy.fft.fft2(signal * shading * phase))
    keep = slice(n // 2 - size // 2, n // 2 - size // 2 + size)
    samples = spectrum[keep, keep] / 4
    noise = 9.0 * size
    samples = samples + (rng.normal(0, noise, samples.shape) + 1j * rng.normal(0, noise, samples.shape)) / np.sqrt(1.0)
    magnitude = np.abs(scipy.fft.ifft2(scipy.fft.ifftshift(samples)))
    pixels = frozen(np.round(magnitude).astype(np.float32))
    low, high = (float(v) for v in np.percentile(pixels, (0.1, 99.9)))
    image = MedicalImage(
        pixels=pixels,
        modality=Modality.MRI,
        spacing=(230 / size, 230 / size),
        window=Window(450, 900),
        value_range=(low, high),
        orientation=("R", "L", "A", "P"),
        source_sha256=pixel_sha256(pixels),
        provenance={"source": f"phantom mr_head seed {seed}"},
    )
    truth = {"region": "Head", "enhancing lesion": side, "larger ventricle": large_ventricle, "centres": centres}
    return Phantom(image, truth)
