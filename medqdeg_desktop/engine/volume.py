"""A series degraded slice by slice, as one acquisition: what the patient or the scanner did is the same in every slice, noise is
not.

One seed serves the whole series. Movement, rotation, sampling masks, shading and signs come from streams of the seed that do not
know the slice; noise comes from streams named with the frame's index (see ``Degradation.prepare``). A slice rendered alone is
therefore the slice of the volume, byte for byte, in any order and by any number of workers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from medqdeg_desktop.engine.degradation import Parameters, Prepared, check_suits, parameters_at
from medqdeg_desktop.engine.errors import DegradationError
from medqdeg_desktop.engine.image import MedicalImage


def degrade_series(
    frames: Iterable[MedicalImage],
    name: str,
    severity: float = 0.0,
    *,
    seed: int = 0,
    overrides: Parameters | None = None,
    force: bool = False,
) -> Iterator[MedicalImage]:
    """Each of ``frames`` degraded, one at a time, so that memory does not grow with the series.

    Raises DegradationError where the frames do not belong to one series: another value range or modality than the first frame's
    (strengths are fractions of the series' range), or an index that came before (its noise would repeat).
    """
    first: MedicalImage | None = None
    seen: set[int] = set()
    for frame in frames:
        if first is None:
            first = frame
            if not force:
                check_suits(name, frame.modality)
            parameters_at(name, severity, frame.modality, seed, overrides)
        if (frame.value_range, frame.modality) != (first.value_range, first.modality):
            raise DegradationError(
                f"frame {frame.frame}: value range {frame.value_range} and modality {frame.modality} differ from those of frame "
                f"{first.frame}, {first.value_range} and {first.modality}; they are not one series"
            )
        if frame.frame in seen:
            raise DegradationError(f"frame {frame.frame} comes twice in the series; its noise would repeat")
        seen.add(frame.frame)
        yield frame.with_pixels(Prepared(name, frame, seed).at(severity, overrides))
