"""A grid of panes that show one frame in several ways, moved, zoomed and windowed as one: they share one viewport and window."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtWidgets import QGridLayout, QWidget

from medqdeg_desktop.engine.image import MedicalImage
from medqdeg_desktop.ui.viewer.pane import ImagePane
from medqdeg_desktop.ui.viewer.series_view import SeriesView
from medqdeg_desktop.ui.viewer.viewport import panned, zoomed_about

Place = tuple[int, int]


class LinkedPanes(QWidget):
    """``panes`` by (row, column), all there from the start."""

    def __init__(self, rows: int, columns: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.view = SeriesView()
        self.panes: dict[Place, ImagePane] = {}
        self._original: MedicalImage | None = None
        self._pictures: dict[Place, MedicalImage | None] = {}
        self._showing_original = False
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(2)
        for row in range(rows):
            for column in range(columns):
                pane = ImagePane(self.tr("Picture {0}, {1}").format(row + 1, column + 1))
                pane.setMinimumSize(120, 120)
                pane.zoomed.connect(self._on_zoomed)
                pane.panned.connect(self._on_panned)
                pane.window_dragged.connect(self._on_window_dragged)
                self.panes[row, column] = pane
                grid.addWidget(pane, row, column)
                grid.setColumnStretch(column, 1)
            grid.setRowStretch(row, 1)

    def show_pictures(
        self, original: MedicalImage | None, pictures: Mapping[Place, MedicalImage | None], titles: Mapping[Place, str]
    ) -> None:
        """Another cell or another picture; the view stays where it is while the frame is the same."""
        before = self._original.source_sha256 if self._original is not None else ""
        if original is None or original.source_sha256 != before:
            self.view = SeriesView(frame=original.frame if original is not None else 0)
        self._original, self._pictures = original, dict(pictures)
        for place, pane in self.panes.items():
            pane.overlay.title = titles.get(place, "")
            pane.setAccessibleDescription(titles.get(place, ""))
        self.refresh()

    def refresh(self) -> None:
        for place, pane in self.panes.items():
            pane.show_image(self._original if self._showing_original else self._pictures.get(place))
            pane.show_as(self.view.viewport, self.view.window, self.view.inverted)

    def show_only_original(self, showing: bool) -> None:
        """The original at the very same place in every pane."""
        self._showing_original = showing
        self.refresh()

    def fit(self) -> None:
        self.view.viewport = self.view.viewport.fitted()
        self.refresh()

    def zoom_by(self, factor: float) -> None:
        placement = next(iter(self.panes.values())).placement()
        if placement is not None:
            self.view.viewport = zoomed_about(self.view.viewport, placement, factor, placement.width / 2, placement.height / 2)
            self.refresh()

    def invert(self) -> None:
        self.view.inverted = not self.view.inverted
        self.refresh()

    # -- what the panes tell ----------------------------------------------------------------------------------

    def _on_zoomed(self, factor: float, x: float, y: float) -> None:
        pane = self.sender()
        placement = pane.placement() if isinstance(pane, ImagePane) else None
        if placement is not None:
            self.view.viewport = zoomed_about(self.view.viewport, placement, factor, x, y)
            self.refresh()

    def _on_panned(self, dx: float, dy: float) -> None:
        pane = self.sender()
        placement = pane.placement() if isinstance(pane, ImagePane) else None
        if placement is not None:
            self.view.viewport = panned(self.view.viewport, placement, dx, dy)
            self.refresh()

    def _on_window_dragged(self, dx: float, dy: float) -> None:
        if self._original is not None:
            self.view.drag_window(self._original, dx, dy)
            self.refresh()
