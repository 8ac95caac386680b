"""Phantoms hold what their truth says, in the units their modality has."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import scipy.ndimage
import scipy.stats

from medqdeg_desktop.samples import ct, mr, photographs, radiograph, tissue, ultrasound
from medqdeg_desktop.samples.shapes import Canvas, Phantom

ALL: list[Callable[[int], Phantom]] = [
    ct.ct_abdomen,
    mr.mr_head,
    radiograph.chest_radiograph,
    ultrasound.ultrasound_sector,
    tissue.tissue_section,
    photographs.dermoscopy,
    photographs.endoscopy,
    photographs.fundus,
]


@pytest.mark.parametrize("make", ALL, ids=lambda f: f.__name__)
def test_the_same_seed_gives_the_same_bytes_and_another_seed_another_picture(make: Callable[[int], Phantom]) -> None:
    first, again, other = make(7).image, make(7).image, make(8).image
    assert first.source_sha256 == again.source_sha256
    assert np.array_equal(first.pixels, again.pixels)
    assert first.source_sha256 != other.source_sha256
    assert not first.pixels.flags.writeable


@pytest.mark.parametrize("size", [128, 256])
def test_an_ellipse_covers_the_area_of_its_half_axes(size: int) -> None:
    coverage = Canvas(size).ellipse(0.1, -0.2, 0.5, 0.3, angle=25)
    area = float(coverage.sum()) * (2 / size) ** 2
    assert area == pytest.approx(np.pi * 0.5 * 0.3, rel=0.01)


def test_ct_values_are_hounsfield_units_of_air_fat_water_like_tissue_and_bone() -> None:
    image = ct.ct_abdomen(3).image
    hu = image.pixels
    assert image.unit == "HU"
    assert np.median(hu[:20, :20]) == pytest.approx(-1000, abs=5)
    histogram, edges = np.histogram(hu, bins=np.arange(-200, 300, 10))
    fat = edges[:-1][edges[:-1] < -50][np.argmax(histogram[edges[:-1] < -50])]
    assert -125 <= fat <= -85
    assert hu.max() > 400


@pytest.mark.parametrize("lesions", [0, 1, 2, 3])
def test_the_liver_shows_as_many_hypodense_lesions_as_stated(lesions: int) -> None:
    phantom = ct.ct_abdomen(11, lesions=lesions)
    smooth = scipy.ndimage.gaussian_filter(phantom.image.pixels, 2.5)
    # Liver 108 HU, lesions 25 to 50 HU: dark holes that the closed liver region surrounds.
    liver = (smooth > 75) & (smooth < 145)
    labels, _ = scipy.ndimage.label(liver)
    organ = labels == np.argmax(np.bincount(labels[:, : labels.shape[1] // 2].ravel())[1:]) + 1
    holes = scipy.ndimage.binary_fill_holes(organ) & ~organ & (smooth < 75)
    found, count = scipy.ndimage.label(holes)
    sizes = scipy.ndimage.sum_labels(holes, found, range(1, count + 1))
    assert phantom.truth["liver lesions"] == lesions
    assert int(np.sum(np.asarray(sizes) > 60)) == lesions


def test_slices_of_one_ct_seed_share_their_anatomy_and_not_their_noise() -> None:
    a, b = ct.ct_abdomen(5, size=256).image.pixels, ct.ct_abdomen(5, size=256, z=0.02).image.pixels
    body = a > -500
    assert np.corrcoef(a[body], b[body])[0, 1] > 0.95
    # Two slices with independent noise of SD 9 differ by SD 9 * sqrt(2) at least.
    assert float(np.std((a - b)[:20, :20])) == pytest.approx(9 * np.sqrt(2), rel=0.15)


def test_mr_background_is_rayleigh_as_the_magnitude_of_complex_noise_is() -> None:
    pixels = mr.mr_head(2).image.pixels
    corner = np.concatenate([pixels[:24, :24].ravel(), pixels[:24, -24:].ravel()])
    # Rayleigh: mean / SD = sqrt(pi / (4 - pi)) = 1.913.
    assert corner.mean() / corner.std() == pytest.approx(np.sqrt(np.pi / (4 - np.pi)), rel=0.08)


@pytest.mark.parametrize(("side", "sign"), [("right", -1), ("left", 1)])
def test_the_mr_lesion_lies_on_the_stated_side_in_radiological_convention(side: str, sign: int) -> None:
    with_lesion = mr.mr_head(4, lesion=side).image.pixels
    inner = with_lesion[60:-60, 60:-60]
    bright = scipy.ndimage.gaussian_filter(inner, 1.0) > 840
    _, x = scipy.ndimage.center_of_mass(bright)
    assert np.sign(x - inner.shape[1] / 2) == sign


def test_ultrasound_speckle_has_the_contrast_of_developed_speckle() -> None:
    pixels = ultrasound.ultrasound_sector(9, cysts=0).image.pixels
    patch = pixels[180:300, 200:280]
    # The log-compressed envelope of developed speckle has an SD of 5.57 dB; 60 dB span 255 grey levels, and the tissue
    # pattern and the scan conversion move it by a fifth.
    assert patch.std() * 60 / 255 == pytest.approx(5.57, rel=0.2)


def test_tissue_is_magenta_with_darker_bluish_nuclei_and_physical_spacing() -> None:
    image = tissue.tissue_section(1).image
    red, green, blue = (image.pixels[..., k].astype(float) for k in range(3))
    assert image.pixels.dtype == np.uint8
    assert image.spacing == (0.0005, 0.0005)
    assert np.median(green) < np.median(red)
    nuclei = red < np.percentile(red, 4)
    assert blue[nuclei].mean() > red[nuclei].mean() + 15
