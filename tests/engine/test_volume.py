"""A series degraded as one acquisition: shared movement, noise of its own in each slice, slices equal to single renders."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sample_frames import as_frame, phantom

from medqdeg_desktop.engine.degradation import degrade, registry
from medqdeg_desktop.engine.errors import DegradationError
from medqdeg_desktop.engine.volume import degrade_series
from medqdeg_desktop.taxonomy import Modality

#: Types whose cause is random in every slice anew.
NOISE = {"gaussian_noise", "low_dose"}


def _series(modality: Modality, count: int = 4) -> list:  # type: ignore[type-arg]
    return [as_frame(phantom(modality, 96), index) for index in range(count)]


@pytest.mark.parametrize(
    ("name", "modality"),
    [
        (name, modality)
        for name in sorted(registry())
        for modality in (Modality.CT, Modality.MRI)
        if registry()[name].type.suits(modality)
    ],
)
def test_slices_share_the_realisation_and_noise_does_not_repeat(name: str, modality: Modality) -> None:
    frames = _series(modality)
    out = [frame.pixels for frame in degrade_series(frames, name, 0.6, seed=5)]
    if name in NOISE:
        changes = [(pixels - frame.pixels).ravel() for pixels, frame in zip(out, frames, strict=True)]
        for other in changes[1:]:
            # A ray that gets no photon in any slice leaves a streak that they share.
            assert abs(np.corrcoef(changes[0], other)[0, 1]) < 0.2
    else:
        # The same slice four times over: the same result four times over.
        for pixels in out[1:]:
            np.testing.assert_array_equal(pixels, out[0])


@pytest.mark.parametrize("name", ["gaussian_noise", "object_movement", "undersampling_artifact"])
def test_a_slice_rendered_alone_is_the_slice_of_the_volume_in_any_order(name: str) -> None:
    frames = _series(Modality.MRI)
    volume = {frame.frame: frame.pixels for frame in degrade_series(reversed(frames), name, 0.6, seed=5)}
    for frame in frames:
        np.testing.assert_array_equal(volume[frame.frame], degrade(frame, name, 0.6, seed=5).pixels)


def test_slices_are_made_one_at_a_time() -> None:
    asked: list[int] = []

    def frames():  # type: ignore[no-untyped-def]
        for frame in _series(Modality.CT):
            asked.append(frame.frame)
            yield frame

    slices = degrade_series(frames(), "gaussian_blur", 0.5)
    next(slices)
    assert asked == [0]


def test_frames_of_two_series_are_refused() -> None:
    first, second, *_ = _series(Modality.CT)
    with pytest.raises(DegradationError, match="frame 1: value range"):
        list(degrade_series([first, replace(second, value_range=(0.0, 9.0))], "gaussian_noise", 0.5))
    with pytest.raises(DegradationError, match="frame 0 comes twice"):
        list(degrade_series([first, first], "gaussian_noise", 0.5))
    with pytest.raises(DegradationError, match="defined on MRI"):
        list(degrade_series([first], "ghosting_artifact", 0.5))
