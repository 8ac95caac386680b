"""How a series is being looked at: the state that scrolling, zooming and windowing change and that no widget recomputes."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import StrEnum

from medqdeg_desktop.engine.image import MedicalImage, Window
from medqdeg_desktop.ui.viewer.viewport import Viewport


class Layout(StrEnum):
    """How original and degraded picture are laid beside or over each other."""

    SIDE_BY_SIDE = "side by side"
    SINGLE = "single"
    WIPE = "wipe"
    DIFFERENCE = "difference"


@dataclass(slots=True)
class SeriesView:
    """One per series, kept while the study is open. ``window`` None means the file's own."""

    frame: int = 0
    window: Window | None = None
    inverted: bool = False
    viewport: Viewport = field(default_factory=Viewport)

    def shown_window(self, image: MedicalImage) -> Window | None:
        """The window in force for ``image``; None for colour and where a VOI LUT is in force."""
        if image.is_rgb:
            return None
        if self.window is None and image.voi_lut is not None:
            return None
        return self.window or image.window

    def drag_window(self, image: MedicalImage, dx: float, dy: float) -> None:
        """Width grows to the right, level downwards, both in proportion to the present width (logical pixels)."""
        if image.is_rgb:
            return
        window = self.window or image.window or range_window(image)
        lo, hi = image.value_range
        floor = max((hi - lo) / 4096, 1e-6)
        width = min(max(window.width * math.exp(dx * 0.006), floor), (hi - lo) * 8 or 8.0)
        # The centre moves by the old width, so that a diagonal drag does not run away.
        self.window = Window(window.center + dy * window.width * 0.004, width)


def range_window(image: MedicalImage) -> Window:
    """The window over the whole range of the series."""
    lo, hi = image.value_range
    return Window((lo + hi) / 2, max(hi - lo, 1e-6))
