"""Phantoms hold what their truth says, in the units their modality has."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
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


def holes_in_the_liver(hu: npt.NDArray[np.float32]) -> int:
    """Dark holes that the closed liver surrounds, by smoothing and thresholds: liver 108 HU, lesions 25 to 50 HU."""
    smooth = scipy.ndimage.gaussian_filter(hu, 2.5)
    liver = (smooth > 75) & (smooth < 145)
    labels, _ = scipy.ndimage.label(liver)
    organ = labels == np.argmax(np.bincount(labels[:, : labels.shape[1] // 2].ravel())[1:]) + 1
    holes = scipy.ndimage.binary_fill_holes(organ) & ~organ & (smooth < 75)
    found, count = scipy.ndimage.label(holes)
    sizes = scipy.ndimage.sum_labels(holes, found, range(1, count + 1))
    return int(np.sum(np.asarray(sizes) > 60))


@pytest.mark.parametrize("lesions", [0, 1, 2, 3])
@pytest.mark.parametrize("large", [False, True])
def test_the_liver_shows_as_many_hypodense_lesions_as_stated(lesions: int, large: bool) -> None:
    phantom = ct.ct_abdomen(11, lesions=lesions, large_lesions=large)
    assert phantom.truth["liver lesions"] == lesions == len(phantom.truth["centres"])
    assert holes_in_the_liver(phantom.image.pixels) == lesions


def test_a_lesion_that_lies_off_the_slice_is_not_counted_in_it() -> None:
    # Of the three lesions of this abdomen one ends before the middle slice.
    phantom = ct.ct_abdomen(0)
    assert phantom.truth["liver lesions"] == 2 == holes_in_the_liver(phantom.image.pixels)


def test_three_large_lesions_find_room_in_every_liver() -> None:
    assert {ct.ct_abdomen(seed, size=64, lesions=3, large_lesions=True).truth["liver lesions"] for seed in range(80)} == {3}


@pytest.mark.parametrize(("small", "larger"), [("right", "left"), ("left", "right"), ("none", "none")])
def test_the_larger_kidney_is_the_one_that_the_truth_names(small: str, larger: str) -> None:
    for seed in range(6):
        phantom = ct.ct_abdomen(seed, size=256, small_kidney=small)
        # Enhanced cortex, 175 HU, beside and below the spine's level; the right kidney lies on the left of the picture.
        cortex = np.abs(scipy.ndimage.gaussian_filter(phantom.image.pixels, 0.8) - 175) < 22
        right, left = (float(cortex[135:195, columns].sum()) for columns in (slice(60, 104), slice(152, 196)))
        assert phantom.truth["larger kidney"] == larger
        assert {"left": left / right > 1.5, "right": right / left > 1.5, "none": 0.75 < left / right < 1.33}[larger], seed


@pytest.mark.parametrize("large", ["right", "left", "none"])
def test_the_larger_ventricle_is_the_one_that_the_truth_names(large: str) -> None:
    for seed in range(6):
        phantom = mr.mr_head(seed, lesion="none", large_ventricle=large)
        # Cerebrospinal fluid is dark in T1; the midline's fissure is left out.
        fluid = scipy.ndimage.gaussian_filter(phantom.image.pixels, 1.0) < 300
        right, left = (float(fluid[70:180, columns].sum()) for columns in (slice(90, 126), slice(130, 166)))
        assert phantom.truth["larger ventricle"] == large
        assert {"left": left / right > 1.4, "right": right / left > 1.4, "none": 0.8 < left / right < 1.25}[large], seed


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
