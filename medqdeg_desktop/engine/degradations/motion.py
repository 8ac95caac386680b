"""Rotation of the frame, and movement of the patient while it is acquired.

* object_rotation: the content turned by ``angle_deg`` about the centre, in millimetres where pixels are not square; bared corners
  get air (-1000 HU), the dark end of the range, the glass of a slide, or black. In the clinic: a tilted patient, a turned probe
  or camera, a plate put in sideways. Published levels: +18 and -153 degrees.
* object_movement: the patient holds still, then moves ``events`` times, by up to ``rotation_deg`` and ``shift_mm``.
  MRI: each phase-encoding line is measured in the pose of its time, and the lines are stitched in k-space (Shaw et al., 2018);
  the pose that holds the centre of k-space is the one the picture is in. Outlines repeat along the phase-encoding direction.
  Elsewhere: the frame is the mean of the poses over the exposure, weighted by how long each was held, which doubles contours.
  Source of the levels: TorchIO's default of 10 degrees and 10 mm is already severe; 2 and 5 of each were chosen.

Every slice of a series moves alike: nothing here depends on the frame's index. Example: ``degrade(image, "object_movement",
overrides={"rotation_deg": 3, "shift_mm": 2, "events": 2})``.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from medqdeg_desktop.engine import fourier
from medqdeg_desktop.engine.background import background_colour, background_value
from medqdeg_desktop.engine.degradation import Degradation, Parameter, Parameters, ParameterValue, register
from medqdeg_desktop.engine.image import MedicalImage, Pixels
from medqdeg_desktop.engine.rigid import inverse_map, pixel_mm, warped
from medqdeg_desktop.engine.seeding import generator
from medqdeg_desktop.engine.severity_path import SeverityPath
from medqdeg_desktop.engine.working import Float32, magnitude, native, working_pixels
from medqdeg_desktop.taxonomy import Modality

_ANGLE: Final = SeverityPath(0.0, 18.0, 150.0, 180.0)
_ROTATION: Final = SeverityPath(0.0, 2.0, 5.0, 20.0)
_SHIFT: Final = SeverityPath(0.0, 2.0, 5.0, 20.0)


@dataclass(frozen=True, slots=True)
class FrameState:
    """The frame with the size of its pixels in mm and the colours that can fill bared corners."""

    pixels: Pixels
    mm: tuple[float, float]
    fills: dict[str, float | tuple[int, int, int]]


@register
class ObjectRotation(Degradation):
    """In-plane rotation about the centre of the frame.

    Clinic: a tilted patient, a turned probe or camera, a plate put in sideways.

    Model: bilinear rotation about the centre, in millimetres where pixels are not square; bared corners get air, the dark end
    of the range, or the glass of a slide.

    Source: MedQ-Deg's example is turned by 18 and -153 degrees.
    """

    name = "object_rotation"

    def parameters(self, modality: Modality | None) -> tuple[Parameter, ...]:
        return (
            Parameter("angle_deg", "Rotation", "°", -180.0, 180.0, 0.0, help="Counter-clockwise on screen."),
            Parameter(
                "fill",
                "Corners",
                default="background",
                kind="choice",
                choices=("background", "low", "high"),
                help="Background: air on CT, black, or the glass of a slide; low and high: the ends of the value range.",
            ),
        )

    def path(self, severity: float, modality: Modality | None) -> dict[str, ParameterValue]:
        return {"angle_deg": _ANGLE(severity)}

    def realised(self, on_path: Parameters, seed: int, modality: Modality | None) -> dict[str, ParameterValue]:
        signed = dict(on_path)
        if "angle_deg" in signed and generator(seed, "sign").integers(2):
            signed["angle_deg"] = -float(signed["angle_deg"])
        return signed

    def prepare(self, image: MedicalImage, seed: int) -> FrameState:
        if image.is_rgb:
            return FrameState(
                image.pixels,
                pixel_mm(image),
                {"background": background_colour(image), "low": (0, 0, 0), "high": (255, 255, 255)},
            )
        low, high = image.value_range
        return FrameState(
            working_pixels(image), pixel_mm(image), {"background": background_value(image), "low": low, "high": high}
        )

    def apply(self, state: FrameState, parameters: Parameters, seed: int) -> Pixels:
        rows, columns = state.pixels.shape[:2]
        matrix = inverse_map((rows, columns), state.mm, float(parameters["angle_deg"]))
        return warped(state.pixels, matrix, border=cv2.BORDER_CONSTANT, fill=state.fills[str(parameters["fill"])])


_SURROUNDED: Final = frozenset({Modality.CT, Modality.MRI, Modality.ULTRASOUND})
_MOST_EVENTS: Final = 8
_SAMPLES: Final = 24
"""Moments at which the pose is looked up over one exposure; a change of pose takes about two of them."""


@dataclass(frozen=True, slots=True)
class Pose:
    """A pose relative to the reference at full strength: rotation, and a displacement (down, right), as fractions of the
    maximum."""

    rotation: float
    down: float
    right: float


@dataclass(frozen=True, slots=True)
class Event:
    """A change of pose: before (-1) or after (+1) the middle of the acquisition, how far off (0 to 1), and the pose beyond it."""

    side: int
    delay: float
    pose: Pose


Segment = tuple[float, float, Pose | None]
"""Begin and end as fractions of the acquisition, and the pose held between them; None is the reference pose."""


def drawn_events(seed: int) -> tuple[Event, ...]:
    """The patient of this realisation. Sides alternate, so that two events always leave the reference in the middle."""
    draw = generator(seed, "movement")
    side = 1 if draw.integers(2) else -1
    events = []
    for k in range(_MOST_EVENTS):
        turn, way = draw.uniform(0.6, 1.0, 2)
        sign = 1 if draw.integers(2) else -1
        direction = draw.uniform(0, 2 * math.pi)
        pose = Pose(sign * float(turn), float(way) * math.sin(direction), float(way) * math.cos(direction))
        events.append(Event(side * (-1) ** k, float(draw.random()), pose))
    return tuple(events)


def course(events: tuple[Event, ...], nearest: float, furthest: float) -> list[Segment]:
    """The poses held from 0 to 1, with the reference at 0.5; events happen ``nearest`` to ``furthest`` away from there."""
    moments = sorted(((0.5 + e.side * (nearest + (furthest - nearest) * e.delay), e.pose) for e in events), key=lambda m: m[0])
    segments: list[Segment] = []
    begin = 0.0
    for moment, pose in moments:
        if moment < 0.5:
            segments.append((begin, moment, pose))
            begin = moment
    current: Pose | None = None
    for moment, pose in moments:
        if moment > 0.5:
            segments.append((begin, moment, current))
            begin, current = moment, pose
    return [*segments, (begin, 1.0, current)]


@dataclass(frozen=True, slots=True)
class MovementState:
    """The working frame with what stays the same while the strength changes.

    pixels      (rows, columns[, 3]) float32.
    mm          (row, column) size of a pixel.
    events      the realisation.
    lines       number of measured lines of an MR frame, 0 elsewhere.
    outside     what moves in over the edge where air or darkness surrounds the patient; None where the scene goes on, which is
                mirrored at the edge then.
    """

    pixels: Float32
    mm: tuple[float, float]
    events: tuple[Event, ...]
    lines: int
    rgb: bool
    outside: float | None


@register
class ObjectMovement(Degradation):
    """Sudden changes of the patient's pose during the acquisition.

    Clinic: a patient who coughs, startles or settles during the scan or the exposure.

    Model: MR: each phase-encode line is measured in the pose of its time and the lines are stitched in k-space (Shaw and
    others, 2018); outlines repeat along phase encode. Elsewhere: the mean of the poses over the exposure, each weighted by how
    long it was held; contours double.

    Source: TorchIO's default of 10 degrees and 10 mm is severe; 2 and 5 of each were chosen.
    """

    name = "object_movement"
    proxy_side = 512

    def parameters(self, modality: Modality | None) -> tuple[Parameter, ...]:
        return (
            Parameter("rotation_deg", "Rotation", "°", 0.0, 45.0, 0.0, help="Largest rotation of a pose."),
            Parameter(
                "shift_mm", "Shift", "mm", 0.0, 100.0, 0.0, help="Largest displacement; the frame counts as 240 mm if unknown."
            ),
            Parameter("events", "Movements", "", 1, _MOST_EVENTS, 2, kind="int", help="How often the patient moves."),
        )

    def path(self, severity: float, modality: Modality | None) -> dict[str, ParameterValue]:
        return {"rotation_deg": _ROTATION(severity), "shift_mm": _SHIFT(severity)}

    def prepare(self, image: MedicalImage, seed: int) -> MovementState:
        lines = (image.full_shape or image.shape)[0] if image.modality is Modality.MRI else 0
        outside = background_value(image) if image.modality in _SURROUNDED and not image.is_rgb else None
        return MovementState(working_pixels(image), pixel_mm(image), drawn_events(seed), lines, image.is_rgb, outside)

    def apply(self, state: MovementState, parameters: Parameters, seed: int) -> Pixels:
        rotation, shift = float(parameters["rotation_deg"]), float(parameters["shift_mm"])
        events = state.events[: int(parameters["events"])]
        render = _stitched if state.lines else _exposed
        return native(render(state, rotation, shift, events), state.rgb)


def _posed(state: MovementState, rotation: float, shift: float, pose: Pose) -> Float32:
    matrix = inverse_map(state.pixels.shape[:2], state.mm, rotation * pose.rotation, (shift * pose.down, shift * pose.right))
    if state.outside is None:
        return np.asarray(warped(state.pixels, matrix, border=cv2.BORDER_REFLECT), np.float32)
    return np.asarray(warped(state.pixels, matrix, border=cv2.BORDER_CONSTANT, fill=state.outside), np.float32)


def _stitched(state: MovementState, rotation: float, shift: float, events: tuple[Event, ...]) -> Float32:
    """Magnitude picture of k-space lines measured in different poses; phase encoding runs along rows.

    The change of a line is that of its pose. As in ``kspace.weighted_image``: changes alike at k and -k are the real part of the
    picture, opposite ones the imaginary part, and half of the spectrum of a real frame holds both.
    """
    rows = state.pixels.shape[0]
    # On a proxy the lines at hand are the central ones of the full measurement: each keeps its own time.
    times = 0.5 + fourier.fftfreq(rows, 1 / rows) / state.lines
    half = rows // 2 + 1
    shape = (half, *state.pixels.shape[1:])
    alike: npt.NDArray[Any] = np.zeros(shape, np.complex64)
    opposite: npt.NDArray[Any] = np.zeros(shape, np.complex64)
    for begin, end, pose in course(events, 0.003, 0.04):
        measured = ((times >= begin) & (times < end)).astype(np.float32)
        if pose is None or not measured.any():
            continue
        mirrored = measured[-np.arange(half)]
        change = fourier.rfft(_posed(state, rotation, shift, pose) - state.pixels, axis=0, overwrite_x=True, workers=1)
        factors = (half, *(1,) * (state.pixels.ndim - 1))
        alike += change * ((measured[:half] + mirrored) / 2).reshape(factors)
        opposite += change * ((measured[:half] - mirrored) * np.complex64(-0.5j)).reshape(factors)
    real = fourier.irfft(alike, n=rows, axis=0, overwrite_x=True, workers=1)
    imaginary = fourier.irfft(opposite, n=rows, axis=0, overwrite_x=True, workers=1)
    # Zero signal is 0, or the least value of a frame that was shifted below it: the magnitude must not fold it over.
    floor = np.float32(min(float(state.pixels.min()), 0.0))
    return magnitude(real + (state.pixels - floor), imaginary) + floor


def _exposed(state: MovementState, rotation: float, shift: float, events: tuple[Event, ...]) -> Float32:
    """Mean over the exposure of the frame in the pose of each moment."""
    weights: dict[Pose | None, float] = {}
    segments = course(events, 0.12, 0.34)
    for k in range(_SAMPLES):
        pose = _pose_at((k + 0.5) / _SAMPLES, segments)
        weights[pose] = weights.get(pose, 0.0) + 1 / _SAMPLES
    mean = state.pixels * np.float32(weights.pop(None, 0.0))
    for pose, weight in weights.items():
        assert pose is not None
        mean = np.asarray(cv2.scaleAdd(_posed(state, rotation, shift, pose), weight, mean), np.float32)
    return mean.reshape(state.pixels.shape)


def _pose_at(time: float, segments: list[Segment]) -> Pose | None:
    """The pose held at ``time``, or one between two poses while the patient moves from one to the next."""
    half = 1.0 / _SAMPLES
    still = Pose(0.0, 0.0, 0.0)
    for (_, moment, old), (_, _, new) in itertools.pairwise(segments):
        if abs(time - moment) < half:
            a, b, t = old or still, new or still, (time - moment) / (2 * half) + 0.5
            return Pose(
                a.rotation + t * (b.rotation - a.rotation), a.down + t * (b.down - a.down), a.right + t * (b.right - a.right)
            )
    return next(pose for begin, end, pose in segments if begin <= time <= end)
