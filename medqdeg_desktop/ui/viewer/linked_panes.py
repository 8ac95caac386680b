"""Any number of panes moved, zoomed and windowed as one: the levels of an item side by side, or a grid of types and levels.

The panes are never connected to each other; all are given the same viewport and window whenever one of them is moved.
"""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QWidget

from medqdeg_desktop.engine.image import MedicalImage, Window
from medqdeg_desktop.ui.viewer.pane import ImagePane
from medqdeg_desktop.ui.viewer.series_view import SeriesView
from medqdeg_desktop.ui.viewer.viewport import panned, zoomed_about


class PaneLink:
    """The view that several panes share. ``view`` may be replaced; ``refresh`` then shows it."""

    def __init__(self) -> None:
        self.view = SeriesView()
        self.panes: list[ImagePane] = []

    def add(self, pane: ImagePane) -> None:
        """``pane`` follows the view from now on and changes it for the others."""
        self.panes.append(pane)
        pane.zoomed.connect(lambda factor, x, y: self._zoom(pane, factor, x, y))
        pane.panned.connect(lambda dx, dy: self._pan(pane, dx, dy))
        pane.window_dragged.connect(lambda dx, dy: self._drag_window(pane, dx, dy))

    def clear(self) -> None:
        """The panes go; the view stays."""
        self.panes = []

    def refresh(self) -> None:
        """Hands the view to the panes; each repaints only if something changed."""
        for pane in self.panes:
            pane.show_as(self.view.viewport, self.view.window, self.view.inverted)

    def set_window(self, window: Window | None) -> None:
        self.view.window = window
        self.refresh()

    def invert(self) -> None:
        self.view.inverted = not self.view.inverted
        self.refresh()

    def fit(self) -> None:
        self.view.viewport = self.view.viewport.fitted()
        self.refresh()

    def one_to_one(self) -> None:
        """One image column on one device pixel."""
        self.view.viewport = self.view.viewport.at_zoom(1.0)
        self.refresh()

    def zoom_by(self, factor: float) -> None:
        """About the middle of the first pane that shows something."""
        for pane in self.panes:
            placement = pane.placement()
            if placement is not None:
                self._zoom(pane, factor, *placement.middle)
                return

    def _zoom(self, pane: ImagePane, factor: float, x: float, y: float) -> None:
        placement = pane.placement()
        if placement is not None:
            self.view.viewport = zoomed_about(self.view.viewport, placement, factor, x, y)
            self.refresh()

    def _pan(self, pane: ImagePane, dx: float, dy: float) -> None:
        placement = pane.placement()
        if placement is not None:
            self.view.viewport = panned(self.view.viewport, placement, dx, dy)
            self.refresh()

    def _drag_window(self, pane: ImagePane, dx: float, dy: float) -> None:
        if pane.image is not None:
            self.view.drag_window(pane.image, dx, dy)
            self.refresh()


class LinkedPanes(QWidget):
    """A row of linked panes, one for each of ``names``."""

    scrolled = Signal(int)

    def __init__(self, names: Sequence[str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.link = PaneLink()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2)
        self.panes = [ImagePane(name) for name in names]
        for pane in self.panes:
            pane.scrolled.connect(self.scrolled)
            self.link.add(pane)
            row.addWidget(pane, 1)

    def show_images(self, images: Sequence[MedicalImage | None]) -> None:
        """One picture a pane; None leaves it black."""
        for pane, image in zip(self.panes, images, strict=True):
            pane.show_image(image)
            pane.update()
        self.link.refresh()
