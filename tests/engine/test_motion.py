"""Rotation and movement against scipy, exact quarter turns, and k-space written out."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import scipy.ndimage
from sample_frames import as_frame, colour, colour_texture, grey, phantom, texture

from medqdeg_desktop.engine.degradation import degrade
from medqdeg_desktop.engine.degradations.motion import course, drawn_events
from medqdeg_desktop.engine.rigid import inverse_map, pixel_mm
from medqdeg_desktop.taxonomy import Modality

Plane = npt.NDArray[np.floating]  # type: ignore[type-arg]


def _rotated(pixels: Plane, degrees: float, row_mm: float, column_mm: float, fill: float) -> Plane:
    """Counter-clockwise about the centre, through millimetres, by scipy's affine_transform."""
    angle = np.deg2rad(degrees)
    # Screen coordinates (row down, column right): the inverse of a counter-clockwise turn.
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    scale = np.diag([row_mm, column_mm])
    matrix = np.linalg.inv(scale) @ turn @ scale
    centre = (np.array(pixels.shape) - 1) / 2
    out: Plane = scipy.ndimage.affine_transform(
        pixels.astype(float), matrix, centre - matrix @ centre, order=1, mode="grid-constant", cval=fill
    )
    return out


@pytest.mark.parametrize("degrees", [18.05, -153.1, 7.0, 90.0, 180.0])
@pytest.mark.parametrize("spacing", [(1.0, 1.0), (2.0, 0.8)])
def test_rotation_agrees_with_scipy_in_millimetres(degrees: float, spacing: tuple[float, float]) -> None:
    image = grey(texture(101, 130), spacing=spacing)
    turned = degrade(image, "object_rotation", overrides={"angle_deg": degrees}).pixels
    np.testing.assert_allclose(turned, _rotated(image.pixels, degrees, *spacing, fill=0.0), atol=0.35)


def test_quarter_turns_move_pixels_without_resampling_them() -> None:
    image = grey(texture(64, 64))
    np.testing.assert_array_equal(degrade(image, "object_rotation", overrides={"angle_deg": 90}).pixels, np.rot90(image.pixels))
    half = degrade(colour(colour_texture(50, 70)), "object_rotation", overrides={"angle_deg": 180}).pixels
    np.testing.assert_array_equal(half, colour_texture(50, 70)[::-1, ::-1])


def test_rotation_of_colour_is_rounded() -> None:
    image = colour(colour_texture(80, 80))
    turned = degrade(image, "object_rotation", overrides={"angle_deg": 18}).pixels
    expected = np.stack([_rotated(image.pixels[..., k], 18, 1, 1, 0) for k in range(3)], axis=-1)
    # OpenCV interpolates 8 bits with weights of 1/32768 and rounds once.
    assert np.abs(turned - expected).max() < 0.6


@pytest.mark.parametrize(
    ("modality", "unit", "corner"), [(Modality.CT, "HU", -1000.0), (Modality.MRI, "", 0.0), (Modality.XRAY, "", 0.0)]
)
def test_bared_corners_hold_what_surrounds_the_patient(modality: Modality, unit: str, corner: float) -> None:
    image = grey(np.full((64, 64), 100.0), modality, unit=unit)
    assert degrade(image, "object_rotation", overrides={"angle_deg": 45}).pixels[0, 0] == corner


def test_bared_corners_of_a_slide_show_its_glass_and_those_of_a_photograph_are_black() -> None:
    pixels = np.full((80, 80, 3), (150, 60, 140), np.uint8)
    pixels[:24] = (238, 232, 240)
    slide = degrade(colour(pixels, Modality.HISTOPATHOLOGY), "object_rotation", overrides={"angle_deg": 45}).pixels
    assert tuple(slide[0, 0]) == (238, 232, 240)
    photograph = degrade(colour(pixels, Modality.ENDOSCOPY), "object_rotation", overrides={"angle_deg": 45}).pixels
    assert tuple(photograph[0, 0]) == (0, 0, 0)
    inverted = grey(np.full((64, 64), 500.0), Modality.XRAY, value_range=(0.0, 1000.0), inverted=True)
    assert degrade(inverted, "object_rotation", overrides={"angle_deg": 45}).pixels[0, 0] == 1000, "shown black"
    low = degrade(grey(np.full((64, 64), 90.0)), "object_rotation", overrides={"angle_deg": 45, "fill": "high"}).pixels
    assert low[0, 0] == 255


def test_rotation_errs_to_both_sides_by_seed_and_both_levels_turn_the_same_way() -> None:
    image = phantom(Modality.MRI, 96)
    for seed in range(6):
        small = degrade(image, "object_rotation", 0.3, seed=seed).pixels
        matches = [
            np.abs(small - degrade(image, "object_rotation", overrides={"angle_deg": angle}).pixels).max() for angle in (18, -18)
        ]
        assert min(matches) == 0
    signs = {float(degrade(image, "object_rotation", 0.3, seed=seed).pixels[10, 40]) for seed in range(8)}
    assert len(signs) == 2


def test_millimetres_are_those_of_the_patient_or_of_a_nominal_field() -> None:
    assert pixel_mm(grey(texture(20, 30), Modality.CT, spacing=(0.7, 0.9))) == (0.7, 0.9)
    assert pixel_mm(grey(texture(120, 300), Modality.CT)) == (2.0, 2.0)
    microscope = grey(texture(120, 120), Modality.HISTOPATHOLOGY, spacing=(0.0005, 0.0005))
    assert pixel_mm(microscope) == pytest.approx((2.0, 2.0))


def test_a_shift_in_millimetres_moves_by_its_pixels() -> None:
    matrix = inverse_map((10, 10), (2.0, 0.5), 0.0, (4.0, 1.0))
    np.testing.assert_allclose(matrix @ [5.0, 5.0, 1.0], [3.0, 3.0])


def _segments(seed: int, events: int, rows: int) -> list[tuple[npt.NDArray[np.bool_], tuple[float, float, float] | None]]:
    """Lines of k-space, in the order of ``np.fft``, and the pose they are measured in."""
    time = 0.5 + np.fft.fftfreq(rows)
    parts = []
    for begin, end, pose in course(drawn_events(seed)[:events], 0.003, 0.04):
        parts.append(((time >= begin) & (time < end), pose and (pose.rotation, pose.down, pose.right)))
    return parts


@pytest.mark.parametrize("events", [1, 2, 3, 8])
def test_movement_of_an_mr_frame_is_k_space_stitched_from_its_poses(events: int) -> None:
    image = phantom(Modality.MRI, 128)
    seed, rotation, shift = 4, 6.0, 5.0
    out = degrade(
        image, "object_movement", seed=seed, overrides={"rotation_deg": rotation, "shift_mm": shift, "events": events}
    ).pixels
    row_mm, column_mm = pixel_mm(image)
    stitched = np.zeros((128, 128), complex)
    covered = np.zeros(128, int)
    for lines, pose in _segments(seed, events, 128):
        moved = image.pixels.astype(float)
        if pose is not None:
            moved = _rotated(moved, rotation * pose[0], row_mm, column_mm, fill=0.0)
            step = (shift * pose[1] / row_mm, shift * pose[2] / column_mm)
            moved = scipy.ndimage.shift(moved, step, order=1, mode="grid-constant")
        stitched[lines] = np.fft.fft2(moved)[lines]
        covered += lines
    assert (covered == 1).all(), "every line is measured once"
    expected = np.abs(np.fft.ifft2(stitched))
    # Rotation and shift in one interpolation here, in two there: a difference of sharpness, not of place.
    error = np.sqrt(np.mean((out - expected) ** 2)) / np.ptp(image.pixels)
    assert error < 0.02
    assert np.sqrt(np.mean((out - image.pixels) ** 2)) / np.ptp(image.pixels) > 2 * error


def test_the_pose_at_the_centre_of_k_space_is_the_picture() -> None:
    for seed in range(20):
        for events in range(1, 9):
            parts = course(drawn_events(seed)[:events], 0.003, 0.04)
            assert [p for p in parts if p[0] <= 0.5 < p[1]] == [p for p in parts if p[2] is None]
            assert [p[0] for p in parts][1:] == [p[1] for p in parts][:-1]
            assert (parts[0][0], parts[-1][1], len(parts)) == (0.0, 1.0, events + 1)


def test_a_photograph_that_moved_keeps_its_mean_and_doubles_its_contours() -> None:
    pixels = np.full((120, 120, 3), 40, np.uint8)
    pixels[50:70, 50:70] = (200, 150, 120)
    moved = degrade(colour(pixels), "object_movement", seed=3, overrides={"rotation_deg": 0, "shift_mm": 80.0}).pixels
    assert moved.mean() == pytest.approx(pixels.mean(), rel=0.01)
    bright = moved[..., 0] > 60
    assert scipy.ndimage.label(bright)[1] >= 2


def test_a_moving_patient_moves_alike_in_all_slices() -> None:
    image = phantom(Modality.CT, 96)
    first = degrade(image, "object_movement", 0.6, seed=1).pixels
    np.testing.assert_array_equal(first, degrade(as_frame(image, 7), "object_movement", 0.6, seed=1).pixels)


def test_negative_values_of_a_standardised_mr_frame_keep_their_sign() -> None:
    pixels = (phantom(Modality.MRI, 96).pixels - 300) / 200
    image = grey(pixels, Modality.MRI, value_range=(float(pixels.min()), float(pixels.max())))
    out = degrade(image, "object_movement", 0.02, seed=1).pixels
    assert np.corrcoef(out.ravel(), pixels.ravel())[0, 1] > 0.99
    assert out.min() < -1
