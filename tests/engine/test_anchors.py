"""What was measured on the published example pictures, asked for by parameter and by level, each by an estimator of its own.

By parameter: the recovered value, set explicitly, is what the picture shows. By level: the default L1 and L2 lie there too, but
for brightness on MR and ultrasound, where tissue is dark and a gentler offset was chosen.
Tolerances: 5 % for brightness offset, contrast slope, noise sigma, blur sigma and angle; 15 % for motion length and exposure.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
import scipy.optimize
from sample_frames import colour, colour_texture, grey, texture

from medqdeg_desktop.engine.degradation import degrade
from medqdeg_desktop.engine.image import MedicalImage
from medqdeg_desktop.engine.severity_path import L1_SEVERITY, L2_SEVERITY
from medqdeg_desktop.taxonomy import Modality

Plane = npt.NDArray[np.floating]  # type: ignore[type-arg]
L1_THEN_L2 = (L1_SEVERITY, L2_SEVERITY)


@pytest.mark.parametrize("modality", [Modality.MRI, Modality.ULTRASOUND, Modality.XRAY, Modality.ENDOSCOPY])
@pytest.mark.parametrize("published", [-75, -113])
def test_the_published_brightness_offsets_can_be_set_on_every_modality(modality: Modality, published: float) -> None:
    image = grey(texture(64, 64), modality)
    out = degrade(image, "adjust_brightness", overrides={"offset": published / 255}).pixels
    assert (out - image.pixels).mean() == pytest.approx(published, rel=0.05)


@pytest.mark.parametrize("published", [0.65, 0.30])
def test_the_published_contrast_can_be_set(published: float) -> None:
    image = grey(texture(64, 64), Modality.ULTRASOUND)
    out = degrade(image, "reduce_contrast", overrides={"factor": published}).pixels
    assert np.polyfit(image.pixels.ravel(), out.ravel(), 1)[0] == pytest.approx(published, rel=0.05)


@pytest.mark.parametrize("published", [12.2, 20.3])
def test_the_published_noise_can_be_set(published: float) -> None:
    image = grey(np.full((512, 512), 128.0), Modality.XRAY)
    out = degrade(image, "gaussian_noise", overrides={"sigma": published / 255}).pixels
    assert out.std() == pytest.approx(published, rel=0.05)


@pytest.mark.parametrize("published", [3.0, 7.0])
def test_the_published_blur_can_be_set(published: float) -> None:
    out = degrade(grey(_point(483, 516), Modality.ENDOSCOPY), "gaussian_blur", overrides={"sigma": published / 483}).pixels
    assert _spread(out) == pytest.approx((published, published), rel=0.05)


@pytest.mark.parametrize(
    ("modality", "side", "length", "angle"),
    [
        (Modality.ENDOSCOPY, 513, 7, 45),
        (Modality.ENDOSCOPY, 513, 11, 45),
        (Modality.XRAY, 1024, 13, 162),
        (Modality.XRAY, 1024, 41, 165),
    ],
)
def test_the_published_motion_can_be_set(modality: Modality, side: int, length: float, angle: float) -> None:
    overrides = {"length": length / side, "angle_deg": angle}
    out = degrade(grey(_point(side, side), modality), "motion_blur", overrides=overrides).pixels.astype(float)
    assert math.sqrt(12) * _spread(out)[0] == pytest.approx(length, rel=0.15)
    y, x = np.indices(out.shape) - side // 2
    covariance = np.cov(np.stack([x.ravel(), -y.ravel()]), aweights=np.maximum(out, 0).ravel())
    direction = math.degrees(0.5 * math.atan2(2 * covariance[0, 1], covariance[0, 0] - covariance[1, 1])) % 180
    assert direction == pytest.approx(angle, rel=0.05)


@pytest.mark.parametrize("published", [18.05, -153.1])
def test_the_published_rotation_can_be_set(published: float) -> None:
    assert _turned_by(degrade(_spot(), "object_rotation", overrides={"angle_deg": published}).pixels) == pytest.approx(
        published, rel=0.05
    )


@pytest.mark.parametrize("published", [1.45, 2.36])
def test_the_published_exposure_can_be_set(published: float) -> None:
    u = np.linspace(0, 1, 400)
    image = grey(255 * u[None, :], Modality.ENDOSCOPY)
    out = degrade(image, "exposure", overrides={"exponent": published}).pixels[0] / 255
    assert _exponent(u, out) == pytest.approx(published, rel=0.15)


@pytest.mark.parametrize(("severity", "published"), list(zip(L1_THEN_L2, (75, 113), strict=True)))
def test_brightness_offset(severity: float, published: float) -> None:
    image = colour(np.clip(colour_texture(64, 64), 120, 140))
    offset = degrade(image, "adjust_brightness", severity).pixels.astype(float) - image.pixels
    unclipped = offset[(offset + image.pixels > 0) & (offset + image.pixels < 255)]
    assert abs(unclipped.mean()) == pytest.approx(published, rel=0.05)


@pytest.mark.parametrize(("severity", "published"), list(zip(L1_THEN_L2, (0.65, 0.30), strict=True)))
def test_contrast_slope(severity: float, published: float) -> None:
    image = grey(texture(64, 64), Modality.ULTRASOUND)
    out = degrade(image, "reduce_contrast", severity).pixels
    assert np.polyfit(image.pixels.ravel(), out.ravel(), 1)[0] == pytest.approx(published, rel=0.05)


@pytest.mark.parametrize(("severity", "published"), list(zip(L1_THEN_L2, (12.2, 20.3), strict=True)))
def test_noise_sigma(severity: float, published: float) -> None:
    image = grey(np.full((512, 512), 128.0), Modality.XRAY)
    assert degrade(image, "gaussian_noise", severity).pixels.std() == pytest.approx(published, rel=0.05)


def _point(rows: int, columns: int) -> Plane:
    pixels = np.zeros((rows, columns))
    pixels[rows // 2, columns // 2] = 1000.0
    return pixels


def _spread(picture: Plane) -> tuple[float, float]:
    """Standard deviations of a blurred point along its long and its short axis, in pixels."""
    weights = picture.astype(float) / picture.sum()
    y, x = np.indices(picture.shape)
    y, x = y - (weights * y).sum(), x - (weights * x).sum()
    moments = np.array([[(weights * x * x).sum(), (weights * x * y).sum()], [(weights * x * y).sum(), (weights * y * y).sum()]])
    short, long = np.linalg.eigvalsh(moments)
    return math.sqrt(max(long, 0)), math.sqrt(max(short, 0))


@pytest.mark.parametrize(("severity", "published"), list(zip(L1_THEN_L2, (3.0, 7.0), strict=True)))
def test_blur_sigma_on_483_rows(severity: float, published: float) -> None:
    image = grey(_point(483, 516), Modality.ENDOSCOPY)
    assert _spread(degrade(image, "gaussian_blur", severity).pixels) == pytest.approx((published, published), rel=0.05)


@pytest.mark.parametrize(
    ("modality", "side", "severity", "published"),
    [
        (Modality.ENDOSCOPY, 513, L1_SEVERITY, 7),
        (Modality.ENDOSCOPY, 513, L2_SEVERITY, 11),
        (Modality.XRAY, 1024, L1_SEVERITY, 13),
        (Modality.XRAY, 1024, L2_SEVERITY, 41),
    ],
)
def test_motion_length(modality: Modality, side: int, severity: float, published: float) -> None:
    image = grey(_point(side, side), modality)
    long, short = _spread(degrade(image, "motion_blur", severity, seed=1).pixels)
    assert math.sqrt(12) * long == pytest.approx(published, rel=0.15)
    assert short < 0.2 * long


def _spot() -> MedicalImage:
    """A spot 80 pixels to the right of the centre: its direction is the angle."""
    y, x = np.mgrid[:257, :257] - 128.0
    return grey(200 * np.exp(-((x - 80) ** 2 + y**2) / 50), Modality.XRAY)


def _turned_by(out: Plane) -> float:
    y, x = np.mgrid[:257, :257] - 128.0
    return math.degrees(math.atan2(-(out * y).sum(), (out * x).sum()))


@pytest.mark.parametrize(("severity", "published"), list(zip(L1_THEN_L2, (18.05, 153.1), strict=True)))
def test_rotation_angle(severity: float, published: float) -> None:
    assert abs(_turned_by(degrade(_spot(), "object_rotation", severity).pixels)) == pytest.approx(published, rel=0.05)


def _exponent(u: Plane, shown: Plane) -> float:
    """The power of u that fits ``shown`` best."""
    fit = scipy.optimize.minimize_scalar(lambda e: np.sum((u**e - shown) ** 2), bounds=(0.05, 20), method="bounded")
    return float(fit.x)


PUBLISHED_CURVES = ((1.45, 0.035), (2.36, 0.105))
"""Exponent and offset of u^exponent - offset, fitted to the published X-ray example at L1 and L2."""


@pytest.mark.parametrize(("severity", "published"), list(zip(L1_THEN_L2, PUBLISHED_CURVES, strict=True)))
def test_exposure_exponent_of_display_frames(severity: float, published: tuple[float, float]) -> None:
    u = np.linspace(0, 1, 400)
    image = grey(255 * u[None, :], Modality.ENDOSCOPY)
    exponents = [_exponent(u, degrade(image, "exposure", severity, seed=k).pixels[0] / 255) for k in range(8)]
    for exponent in exponents:
        assert max(exponent, 1 / exponent) == pytest.approx(published[0], rel=0.15)
    assert min(exponents) < 1 < max(exponents)


@pytest.mark.parametrize(("severity", "published"), list(zip(L1_THEN_L2, PUBLISHED_CURVES, strict=True)))
def test_exposure_of_a_radiograph_darkens_as_the_published_example(severity: float, published: tuple[float, float]) -> None:
    u = np.linspace(0, 1, 400)
    image = grey(255 * u[None, :], Modality.XRAY)
    shown = [degrade(image, "exposure", severity, seed=k).pixels[0] / 255 for k in range(8)]
    darker = next(s for s in shown if s.mean() < u.mean())
    recovered = np.clip(u ** published[0] - published[1], 0, 1)
    assert _exponent(u, darker) == pytest.approx(_exponent(u, recovered), rel=0.15)
