"""A series in the list: what reading found, where it was opened from, and how it is being looked at."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from medqdeg_desktop.engine.reading import Series
from medqdeg_desktop.ui.viewer.series_view import SeriesView


@dataclass(slots=True)
class OpenSeries:
    """``severities``: where the reader left the slider of each type; ``type_name``: the last; ``root``: what was opened."""

    series: Series
    root: Path
    view: SeriesView = field(default_factory=SeriesView)
    severities: dict[str, float] = field(default_factory=dict)
    type_name: str = ""

    @property
    def series_id(self) -> str:
        return self.series.series_id

    @property
    def title(self) -> str:
        return self.series.label

    @property
    def warnings(self) -> tuple[str, ...]:
        return tuple(self.series.warnings)

    @property
    def detail(self) -> str:
        """Modality and number of slices, or the size of a single picture."""
        rows, columns = self.series.shape
        kind = str(self.series.modality) if self.series.modality else "unknown"
        count = self.series.frame_count
        return f"{kind} · {count} slices" if count > 1 else f"{kind} · {columns}×{rows}"
