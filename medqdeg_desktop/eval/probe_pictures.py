"""Pictures for the live probe, made in the model's own process, exactly as ``generate`` makes them: the file read anew, the
degradation at full size from native values, one window, 8 bits, PNG.

The window's process therefore sends a few words for each place of the slider and computes nothing. The last image and the state
prepared on it are kept: a slider asks for one type on one image many times.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medqdeg_desktop.engine import png
from medqdeg_desktop.engine.degradation import Prepared
from medqdeg_desktop.engine.display import to_display
from medqdeg_desktop.engine.image import MedicalImage, Window
from medqdeg_desktop.engine.reading import read_image
from medqdeg_desktop.errors import MedqdegError
from medqdeg_desktop.taxonomy import Modality


class ProbePictureError(MedqdegError):
    """A picture that cannot be made as it is asked for."""


@dataclass(frozen=True, slots=True)
class Source:
    """A frame on disk as ``read_image`` takes it. ``sha256``: of the pixels that are on the screen, "" where nobody looks."""

    path: str
    frame: int | None = None
    axis: str = ""
    modality: str = ""
    sha256: str = ""

    def read(self) -> MedicalImage:
        """The clean image; UnreadableImageError, or ProbePictureError where the file is another than the one looked at."""
        # This process is expendable: no second one stands between it and the file.
        modality = Modality(self.modality) if self.modality else None
        image = read_image(Path(self.path), self.frame, modality=modality, axis=self.axis, decode_here=True)
        if self.sha256 and image.source_sha256 != self.sha256:
            raise ProbePictureError(f"{Path(self.path).name}: not the picture that is on the screen; open it again")
        return image


class Studio:
    """Makes the PNG of one request after the other.

    A request names ``source`` (see Source), ``window`` (center, width; absent: the image's own), and, for a degraded picture,
    ``degradation``, ``severity`` in 0 to 1, ``seed`` and ``overrides``.
    """

    def __init__(self) -> None:
        self._source: Source | None = None
        self._image: MedicalImage | None = None
        self._prepared: Prepared | None = None

    def png(self, line: Mapping[str, Any]) -> bytes:
        """PNG bytes. Raises MedqdegError, or KeyError, TypeError and ValueError for a request that makes no sense."""
        image = self._read(Source(**line["source"]))
        window = Window(*line["window"]) if line.get("window") and not image.is_rgb else None
        severity, overrides = float(line.get("severity", 0.0)), dict(line.get("overrides") or {})
        if line.get("degradation") and (severity > 0 or overrides):
            prepared = self._prepare(image, str(line["degradation"]), int(line["seed"]))
            image = image.with_pixels(prepared.at(severity, overrides))
        return png.encode(to_display(image, window))

    def _read(self, source: Source) -> MedicalImage:
        if self._image is None or source != self._source:
            self._image = self._prepared = None
            self._image = source.read()
            self._source = source
        return self._image

    def _prepare(self, image: MedicalImage, name: str, seed: int) -> Prepared:
        held = self._prepared
        if held is None or (held.degradation.name, held.seed) != (name, seed):
            held = self._prepared = Prepared(name, image, seed)
        return held
