"""A series in the list: what reading found, where it was opened from, and how it is being looked at."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from medqdeg_desktop.engine.reading import Series
from medqdeg_desktop.engine.reading.reformat import could_be_cut, native_axis
from medqdeg_desktop.taxonomy import Modality
from medqdeg_desktop.ui.viewer.series_view import SeriesView


@dataclass(slots=True)
class OpenSeries:
    """A series and its views.

    series      as it was opened: its own slices.
    root        what was opened.
    view        the view of what is shown.
    severities  where the reader left the slider of each type; ``type_name``: the last type.
    wanted_frame    the slice at which it was left another day, to be gone to once all slices are known.
    cut         the stack along another axis, while that is shown: it holds the whole stack in memory.
    """

    series: Series
    root: Path
    view: SeriesView = field(default_factory=SeriesView)
    severities: dict[str, float] = field(default_factory=dict)
    type_name: str = ""
    cut: Series | None = None
    wanted_frame: int | None = None
    _views: dict[str, SeriesView] = field(default_factory=dict)

    @property
    def series_id(self) -> str:
        return self.series.series_id

    @property
    def shown(self) -> Series:
        """What is on the screen: the series, or its cut."""
        return self.cut or self.series

    @property
    def axis(self) -> str:
        """The body axis that the frames shown lie across; "" where unknown."""
        return native_axis(self.shown)

    @property
    def is_overview(self) -> bool:
        """Whether this is a whole slide, of which a region is to be chosen."""
        return self.series.slide is not None and not self.series.axis

    @property
    def can_be_cut(self) -> bool:
        return could_be_cut(self.series)

    @property
    def own_view(self) -> SeriesView:
        """The view of the series' own slices, whichever axis is shown."""
        return self.view if self.cut is None else self._views.get("", self.view)

    def show_cut(self, cut: Series | None) -> None:
        """Shows ``cut``, or the series' own slices (None): where each was left, in the window of the one before."""
        before = self.view
        self._views["" if self.cut is None else self.axis] = before
        self.cut = cut
        view = self._views.get("" if cut is None else self.axis)
        if view is None or view.frame >= self.shown.frame_count:
            view = SeriesView(frame=self.shown.middle)
        view.window, view.inverted = before.window, before.inverted
        self.view = view

    def take_for(self, modality: Modality | None) -> None:
        """The reader says what the pictures are."""
        self.series = self.series.with_modality(modality)
        if self.cut is not None:
            self.cut = self.cut.with_modality(modality)

    @property
    def title(self) -> str:
        return self.shown.label

    @property
    def warnings(self) -> tuple[str, ...]:
        return tuple(self.series.warnings)

    @property
    def detail(self) -> str:
        """Modality and number of slices, or the size of a single picture."""
        rows, columns = self.shown.shape
        if self.is_overview and self.series.slide is not None:
            return f"{self.series.slide.columns:,}×{self.series.slide.rows:,}"
        kind = str(self.series.modality) if self.series.modality else "unknown"
        count = self.shown.frame_count
        return f"{kind} · {count} slices" if count > 1 else f"{kind} · {columns}×{rows}"
