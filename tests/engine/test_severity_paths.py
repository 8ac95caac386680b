"""Severity: parameters strictly monotone, the picture measurably worse, L1 and L2 apart and of one realisation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sample_frames import grey, phantom

from medqdeg_desktop.engine.degradation import Prepared, degrade, registry
from medqdeg_desktop.engine.image import MedicalImage
from medqdeg_desktop.engine.severity_path import L1_SEVERITY, L2_SEVERITY, SeverityPath
from medqdeg_desktop.taxonomy import GEOMETRY_CHANGING, Modality

CELLS = [(name, modality) for name in sorted(registry()) for modality in Modality if registry()[name].type.suits(modality)]
STEPS = np.linspace(0, 1, 21)
#: By how much PSNR may rise from one step to the next, in dB.
RISE = 0.3


def _psnr(image: MedicalImage, pixels: npt.NDArray[np.generic]) -> float:
    """PSNR in dB over the value range, of what the range shows."""
    low, high = image.value_range
    a, b = (np.clip(np.asarray(p, np.float64), low, high) for p in (image.pixels, pixels))
    error = float(np.mean((a - b) ** 2))
    return min(120.0, 10 * np.log10((high - low) ** 2 / error)) if error > 0 else 120.0


@pytest.mark.parametrize(("name", "modality"), CELLS)
def test_every_parameter_on_the_path_is_strictly_monotone(name: str, modality: Modality) -> None:
    degradation = registry()[name]
    known = {p.name: p for p in degradation.parameters(modality)}
    whole = np.linspace(0.02, 1, 50)
    values = [degradation.path(float(s), modality) for s in whole]
    for parameter in values[0]:
        course = np.array([float(v[parameter]) for v in values])
        steps = np.diff(course) * np.sign(course[-1] - course[0])
        if known[parameter].kind == "int":
            # Whole numbers are strictly monotone where a step of severity is worth one of them.
            assert (steps >= 0).all()
            assert len(set(course)) > 12
        else:
            assert (steps > 0).all()
        assert known[parameter].checked(values[-1][parameter]) == values[-1][parameter]


@pytest.mark.parametrize(("name", "modality"), CELLS)
def test_the_picture_gets_worse_along_the_slider_and_from_l1_to_l2(name: str, modality: Modality) -> None:
    _assert_gets_worse(name, phantom(modality), seeds=(1, 2))


@pytest.mark.parametrize(("name", "modality"), CELLS)
def test_so_it_does_on_the_other_pictures_of_the_sample_study(name: str, modality: Modality) -> None:
    for number in (0, 2):
        _assert_gets_worse(name, phantom(modality, 128, number), seeds=(number,))


def _assert_gets_worse(name: str, image: MedicalImage, seeds: tuple[int, ...], picture: str = "") -> None:
    for seed in seeds:
        prepared = Prepared(name, image, seed)
        if name in GEOMETRY_CHANGING:
            # A turned picture is no worse by PSNR the further it is turned; what has to grow is how far anatomy moved.
            assert _psnr(image, prepared.at(L1_SEVERITY)) < 45
            continue
        course = [_psnr(image, prepared.at(float(s))) for s in STEPS[1:]]
        rises = np.diff(course)
        assert rises.max() <= RISE, f"{name} {picture} seed {seed}: {np.round(course, 2)}"
        assert _psnr(image, prepared.at(L2_SEVERITY)) < _psnr(image, prepared.at(L1_SEVERITY)) - 0.5


#: Every picture of these folders, or every so many-th slice of a series.
SHARED = [
    ("png/dermoscopy", Modality.DERMOSCOPY, 1),
    ("png/endoscopy", Modality.ENDOSCOPY, 1),
    ("png/fundus", Modality.FUNDUS, 1),
    ("png/us", Modality.ULTRASOUND, 1),
    ("png/xray", Modality.XRAY, 1),
    ("png/pathology", Modality.HISTOPATHOLOGY, 1),
    ("png/oct", Modality.OCT, 1),
    ("dicom/ct", Modality.CT, 1),
    ("dicom/ct_series_uncompressed", Modality.CT, 8),
    ("dicom/mr", Modality.MRI, 1),
    ("dicom/mr_series_t1ce", Modality.MRI, 8),
    ("dicom/us", Modality.ULTRASOUND, 1),
    ("dicom/xray", Modality.XRAY, 1),
    ("dicom/sm", Modality.HISTOPATHOLOGY, 1),
]


@pytest.mark.parametrize(("folder", "modality", "every"), SHARED)
def test_real_pictures_get_worse_along_the_slider(shared_data: Path, folder: str, modality: Modality, every: int) -> None:
    from medqdeg_desktop.engine.reading import read_image

    paths = sorted(path for path in (shared_data / folder).iterdir() if path.is_file())[::every]
    assert paths
    for path in paths:
        image = read_image(path, modality=modality).proxy(160)
        image = MedicalImage(image.pixels, modality, image.unit, image.spacing, image.window, image.value_range)
        for name in sorted(registry()):
            if registry()[name].type.suits(modality):
                _assert_gets_worse(name, image, seeds=(3,), picture=path.name)


@pytest.mark.parametrize("modality", [Modality.CT, Modality.MRI, Modality.XRAY])
@pytest.mark.parametrize("name", sorted(GEOMETRY_CHANGING))
def test_rotation_and_movement_carry_a_landmark_further_with_every_step(name: str, modality: Modality) -> None:
    y, x = np.mgrid[:257, :257] - 128.0
    away = x - 60, y
    air = -1000.0 if modality is Modality.CT else 0.0
    unit = "HU" if modality is Modality.CT else ""
    spot = 200 * np.exp(-(away[0] ** 2 + away[1] ** 2) / 30) + air
    image = grey(spot, modality, value_range=(air, 255.0), spacing=(1.0, 1.0), unit=unit)
    for seed in (1, 2):
        course = []
        for s in STEPS[1:]:
            light = degrade(image, name, float(s), seed=seed).pixels.astype(np.float64) - air
            # Ripples of k-space reach over the whole frame; what is brighter than a fiftieth is the spot and its doubles.
            light[light < 0.02 * light.max()] = 0
            course.append(np.sqrt((light * (away[0] ** 2 + away[1] ** 2)).sum() / light.sum()))
        assert (np.diff(course) > 0).all(), np.round(course, 3)


@pytest.mark.parametrize(("name", "modality"), CELLS)
def test_both_levels_of_one_seed_are_one_realisation(name: str, modality: Modality) -> None:
    """What L1 changes, L2 changes further in the same places; another seed changes other places, where places are random."""
    image = phantom(modality)
    low, high = image.value_range

    def change(seed: int, severity: float) -> npt.NDArray[np.float64]:
        pixels = Prepared(name, image, seed).at(severity)
        return (np.clip(np.asarray(pixels, np.float64), low, high) - np.asarray(image.pixels, np.float64).clip(low, high)).ravel()

    # A bubble that grows carries its rim outwards, and fewer views leave other streaks: one realisation, other pixels.
    if name not in GEOMETRY_CHANGING | {"bubble", "sparse_view"}:
        small, large = change(1, L1_SEVERITY), change(1, L2_SEVERITY)
        # The cosine of the angle between the two changes; that of independent realisations is near 0.
        assert small @ large / np.sqrt((small @ small) * (large @ large)) > 0.2
    degradation = registry()[name]
    assert degradation.drawn_parameters(1, modality) == degradation.drawn_parameters(1, modality)


@given(st.floats(0, 1), st.floats(0, 1))
def test_a_path_never_falls_between_its_points(first: float, second: float) -> None:
    for path in (
        SeverityPath(1.0, 2.5, 7.0, 28.0, "log"),
        SeverityPath(0.0, 18.0, 150.0, 180.0),
        SeverityPath(1.0, 0.65, 0.3, 0.03),
    ):
        direction = np.sign(path.worst - path.neutral)
        a, b = sorted((first, second))
        assert direction * (path(b) - path(a)) >= 0


def test_a_path_goes_through_its_points_exactly_and_joins_smoothly() -> None:
    path = SeverityPath(0.0, 0.29, 0.44, 0.85)
    assert [path(s) for s in (0.0, L1_SEVERITY, L2_SEVERITY, 1.0)] == [0.0, 0.29, 0.44, 0.85]
    for knot in (L1_SEVERITY, L2_SEVERITY):
        before, after = ((path(knot) - path(knot - 1e-6)) / 1e-6, (path(knot + 1e-6) - path(knot)) / 1e-6)
        assert before == pytest.approx(after, rel=1e-3)


@pytest.mark.parametrize("values", [(0.0, 0.2, 0.2, 0.5), (0.0, 0.3, 0.2, 0.5), (1.0, 0.5, 0.7, 0.1)])
def test_a_path_that_turns_back_is_refused(values: tuple[float, float, float, float]) -> None:
    with pytest.raises(ValueError, match="strictly monotone"):
        SeverityPath(*values)
    with pytest.raises(ValueError, match="positive"):
        SeverityPath(0.0, 1.0, 2.0, 3.0, "log")
