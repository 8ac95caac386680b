"""Original and degraded picture of one frame, moved, turned, zoomed, windowed and probed as one.

The panes are linked by giving both the same viewport and window, never by connecting them to each other: there is nothing that
could run away. ``SeriesView`` holds the state; this widget changes it and says so.
"""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QWidget

from medqdeg_desktop.engine.image import MedicalImage, Window
from medqdeg_desktop.ui.viewer.convention import RADIOLOGICAL, Convention
from medqdeg_desktop.ui.viewer.measures import Measure, MeasureKind, region_span
from medqdeg_desktop.ui.viewer.notes import ViewNotes
from medqdeg_desktop.ui.viewer.overlay import Overlay
from medqdeg_desktop.ui.viewer.pane import ImagePane
from medqdeg_desktop.ui.viewer.picture import difference, value_at
from medqdeg_desktop.ui.viewer.series_view import Layout, SeriesView
from medqdeg_desktop.ui.viewer.turn import Turn
from medqdeg_desktop.ui.viewer.viewport import Viewport, panned, zoomed_about


class Comparison(QWidget):
    """Two linked panes in one of four layouts."""

    scrolled = Signal(int)
    view_changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.left_pane = ImagePane(self.tr("Original picture"))
        self.right_pane = ImagePane(self.tr("Degraded picture"))
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2)
        row.addWidget(self.left_pane, 1)
        row.addWidget(self.right_pane, 1)
        self.original_name = self.tr("Original")
        self.view = SeriesView()
        self.layout_mode = Layout.SIDE_BY_SIDE
        self._original: MedicalImage | None = None
        self._degraded: MedicalImage | None = None
        self._difference: tuple[tuple[object, ...], tuple[MedicalImage, Window | None]] | None = None
        self._preview = False
        self._name = ""
        self._showing_original = False
        self._curtain = 0.5
        self._tool: MeasureKind | None = None
        self._measure: Measure | None = None
        self._closing = False
        self._pointer: tuple[float, float] | None = None
        self._tells_values = True
        self.convention = RADIOLOGICAL
        self._notes = ViewNotes(self)
        for pane in (self.left_pane, self.right_pane):
            pane.scrolled.connect(self.scrolled)
            pane.zoomed.connect(self._on_zoomed)
            pane.panned.connect(self._on_panned)
            pane.window_dragged.connect(self._on_window_dragged)
            pane.pointed.connect(self._on_pointed)
            pane.left_alone.connect(self._on_left_alone)
            pane.curtain_moved.connect(self._on_curtain_moved)
            pane.drawn.connect(self._on_drawn)

    # -- what to show -----------------------------------------------------------------------------------------

    def show_series(self, view: SeriesView) -> None:
        """Takes over the view of another series; the pictures follow by ``show_original``."""
        self.view = view
        self.measure_with(None)
        self.refresh()

    def show_original(self, image: MedicalImage | None) -> None:
        """Another frame. The degraded picture of the old one stays until ``show_degraded`` brings the new one."""
        self._original = image
        if image is None:
            self._degraded = None
        self.tell("")
        self.refresh()

    def tell(self, text: str) -> None:
        """Why there is no picture, in its place."""
        self.right_pane.tell(text)
        self.left_pane.tell(text)

    def show_degraded(self, image: MedicalImage | None, name: str, *, preview: bool) -> None:
        self._degraded, self._name, self._preview = image, name, preview
        self.refresh()

    def set_layout_mode(self, layout: Layout) -> None:
        self.layout_mode = layout
        self.left_pane.setVisible(layout is Layout.SIDE_BY_SIDE)
        self.refresh()

    def show_only_original(self, showing: bool) -> None:
        """Flicker: the original where the degraded picture is, at the very same place."""
        self._showing_original = showing
        self.refresh()

    def set_busy(self, busy: bool) -> None:
        self.right_pane.set_busy(busy)

    def refresh(self) -> None:
        """Hands the state to the panes; each repaints only if something changed."""
        original, degraded = self._original, self._degraded or self._original
        view = self.view
        window = view.window
        self.left_pane.show_image(original)
        viewport = self._viewport
        self.left_pane.show_as(viewport, window, view.inverted)
        right, under, inverted, exact = degraded, None, view.inverted, False
        if self._showing_original:
            right = original
        elif self.layout_mode is Layout.WIPE:
            under = original
        elif self.layout_mode is Layout.DIFFERENCE and original is not None and degraded is not None:
            right, window = self._difference_of(original, degraded)
            inverted, exact = False, True
        wipes = self.layout_mode is Layout.WIPE and not self._showing_original
        self.right_pane.set_curtain(self._curtain if wipes else None)
        self.right_pane.show_image(right, under)
        self.right_pane.show_as(viewport, window, inverted, exact=exact)
        self._write()

    @property
    def _viewport(self) -> Viewport:
        """The view's own, with the turn that is seen."""
        return replace(self.view.viewport, turn=self.turn)

    @property
    def turn(self) -> Turn:
        """How the picture lies on the screen: as the convention has it, then as the reader turned it."""
        own = self.view.viewport.turn
        return own if self._original is None else self.convention.turn(self._original).then(own)

    def _difference_of(self, original: MedicalImage, degraded: MedicalImage) -> tuple[MedicalImage, Window | None]:
        window = self.view.shown_window(original)
        if original.frame != degraded.frame and self._difference is not None:
            return self._difference[1]  # the new frame's degraded picture is on its way
        key = (original, degraded, window)
        if self._difference is None or any(a is not b for a, b in zip(self._difference[0], key, strict=True)):
            self._difference = key, difference(original, degraded, window)
        return self._difference[1]

    # -- keys and menus ---------------------------------------------------------------------------------------

    def fit(self) -> None:
        self.view.viewport = self.view.viewport.fitted()
        self._changed()

    def zoom_one_to_one(self) -> None:
        """One image column on one device pixel."""
        self.view.viewport = self.view.viewport.at_zoom(1.0)
        self._changed()

    def turn_by(self, turn: Turn) -> None:
        """Flips or turns what is seen once more."""
        self.view.viewport = self.view.viewport.turned(turn)
        self._changed()

    def show_upright(self) -> None:
        """Neither flipped nor turned by the reader."""
        self.view.viewport = self.view.viewport.upright()
        self._changed()

    def follow_convention(self, convention: Convention) -> None:
        """From which side cuts are seen, from now on."""
        self.convention = convention
        self.refresh()

    @property
    def tool(self) -> MeasureKind | None:
        """What a drag of the left button draws."""
        return self._tool

    def measure_with(self, tool: MeasureKind | None) -> None:
        """A drag of the left button draws on both panes; None puts the tool away and clears."""
        self._tool = tool
        self._closing = False
        for pane in (self.left_pane, self.right_pane):
            pane.set_drawing(tool is not None)
        self._draw(None)

    def zoom_by(self, factor: float) -> None:
        placement = self.right_pane.placement()
        if placement is not None:
            self._on_zoomed_at(self.right_pane, factor, *placement.middle)

    def set_tells_values(self, tells: bool) -> None:
        """Whether the value under the pointer, and how the file has stored the picture, is written over the pictures; not where a
        reader should judge by eye alone."""
        self._tells_values = tells
        self._write()

    # -- what the panes tell ----------------------------------------------------------------------------------

    def _on_zoomed(self, factor: float, x: float, y: float) -> None:
        pane = self.sender()
        if isinstance(pane, ImagePane):
            self._on_zoomed_at(pane, factor, x, y)

    def _on_zoomed_at(self, pane: ImagePane, factor: float, x: float, y: float) -> None:
        placement = pane.placement()
        if placement is not None:
            self.view.viewport = zoomed_about(self.view.viewport, placement, factor, x, y)
            self._changed()

    def _on_panned(self, dx: float, dy: float) -> None:
        pane = self.sender()
        placement = pane.placement() if isinstance(pane, ImagePane) else None
        if placement is not None:
            self.view.viewport = panned(self.view.viewport, placement, dx, dy)
            self._changed()

    def _on_window_dragged(self, dx: float, dy: float) -> None:
        if self._original is not None:
            self.view.drag_window(self._original, dx, dy)
            self._changed()

    def _on_curtain_moved(self, fraction: float) -> None:
        self._curtain = fraction
        self.refresh()

    def _on_drawn(self, x0: float, y0: float, x1: float, y1: float) -> None:
        pane = self.sender()
        placement = pane.placement() if isinstance(pane, ImagePane) else None
        if placement is None or self._tool is None:
            return
        start, end = placement.to_frame(x0, y0), placement.to_frame(x1, y1)
        begun = x0 == x1 and y0 == y1
        last = self._measure
        if self._tool is MeasureKind.ANGLE and last is not None and (self._closing if not begun else not self._closing):
            # The first drag drew one arm; this press, and a drag from it, places the end of the other.
            self._closing = True
            self._draw(replace(last, third=end))
            return
        self._closing = False
        measure = Measure(self._tool, start, end)
        if self._tool is MeasureKind.REGION and self._original is not None:
            measure = replace(measure, span=region_span(measure, self._original))
        self._draw(measure)

    def _draw(self, measure: Measure | None) -> None:
        self._measure = measure
        for each in (self.left_pane, self.right_pane):
            each.show_measure(measure)

    def _on_pointed(self, x: float, y: float) -> None:
        pane = self.sender()
        placement = pane.placement() if isinstance(pane, ImagePane) else None
        self._pointer = placement.to_frame(x, y) if placement is not None else None
        self._write()

    def _on_left_alone(self) -> None:
        self._pointer = None
        self._write()

    def _changed(self) -> None:
        self.refresh()
        self.view_changed.emit()

    # -- what is written over the pictures --------------------------------------------------------------------

    def _write(self) -> None:
        side = self.layout_mode is Layout.SIDE_BY_SIDE
        left, right = self.left_pane.overlay, self.right_pane.overlay
        before = _written(left), (*_written(right), right.mark, right.show_scale)
        left.title = self.original_name
        if self._showing_original:
            right.title = self.tr("Original")
        elif self.layout_mode is Layout.WIPE:
            right.title = self.tr("Original | {0}").format(self._name)
        elif self.layout_mode is Layout.DIFFERENCE:
            right.title = self.tr("{0} − original").format(self._name)
        else:
            right.title = self._name
        right.mark = self.tr("Preview") if self._preview and not self._showing_original else ""
        reading = self._reading()
        left.reading, right.reading = (reading, "") if side else ("", reading)
        right.show_scale = not side
        left.probe, right.probe = self._probes()
        turn, blind = self.view.viewport.turn, not self._tells_values
        self._notes.write(self._original, self.convention, turn, (left, right), blind=blind)
        after = _written(left), (*_written(right), right.mark, right.show_scale)
        if before[0] != after[0]:
            self.left_pane.update()
            self.left_pane.setAccessibleDescription(" ".join((*left.notes, left.unknown_why)))
        if before[1] != after[1]:
            self.right_pane.update()
            self.right_pane.setAccessibleDescription(right.probe)

    def _reading(self) -> str:
        image = self._original
        placement = self.right_pane.placement()
        if image is None or placement is None:
            return ""
        window = self.view.shown_window(image)
        shows_difference = self.layout_mode is Layout.DIFFERENCE and not self._showing_original
        if shows_difference and self._degraded is not None and self._difference is not None:
            # Mid-grey is no difference; black and white lie half the window from it. Colours differ by up to 255.
            shown = self._difference[1][1]
            half = shown.width / 2 if shown is not None else 255.0
            unit = "" if image.unit == "RGB" else image.unit
            text = self.tr("difference ±{0} {1}").format(f"{half:.{_digits(2 * half)}f}", unit).rstrip()
        elif window is not None:
            text = f"W {window.width:.{_digits(window.width)}f}  L {window.center:.{_digits(window.width)}f}"
        else:
            text = "" if image.is_rgb else self.tr("VOI LUT")
        if self.view.inverted and not shows_difference:
            text += self.tr("  inverted")
        zoom = "1:1" if placement.scale_x == 1 else f"{placement.scale_x * 100:.0f} %"
        fitted = self.tr("fit ") if self.view.viewport.zoom is None else ""
        spacing = f"  {_length(image.spacing[1])}" if image.spacing else ""
        return "\n".join(line for line in (text, f"{fitted}{zoom}{spacing}") if line)

    def _probes(self) -> tuple[str, str]:
        original = self._original
        if original is None or self._pointer is None or not self._tells_values:
            return "", ""
        row, column = self._pointer
        value = value_at(original, original.shape, row, column)
        if value is None:
            return "", ""
        unit = "" if original.unit == "RGB" else original.unit
        place_text = f"{int(column)}, {int(row)}"
        left = f"{place_text}   {_value_text(value, original, unit)}"
        degraded = self._degraded
        if degraded is None:
            return left, left if self.layout_mode is not Layout.SIDE_BY_SIDE else ""
        after = value_at(degraded, original.shape, row, column)
        if after is None:
            return left, ""
        right = _value_text(after, original, unit)
        if len(after) == 1:
            change = after[0] - value[0]
            digits = _digits(original.value_range[1] - original.value_range[0])
            right += f"  ({change:+.{digits}f})"
        if self.layout_mode is not Layout.SIDE_BY_SIDE:
            right = f"{left}  →  {right}"
        return left, right


def _written(overlay: Overlay) -> tuple[object, ...]:
    return overlay.title, overlay.reading, overlay.probe, overlay.notes, overlay.unknown_why


def _length(millimetres: float) -> str:
    """A pixel's size in the unit that people say it in."""
    return f"{millimetres:.3g} mm" if millimetres >= 0.01 else f"{1000 * millimetres:.3g} µm"


def _digits(span: float) -> int:
    """Decimals worth showing for values that span ``span``."""
    return 0 if span >= 50 else 1 if span >= 5 else 3


def _value_text(value: tuple[float, ...], image: MedicalImage, unit: str) -> str:
    if len(value) == 3:
        return "R {:.0f}  G {:.0f}  B {:.0f}".format(*value)
    digits = _digits(image.value_range[1] - image.value_range[0])
    return f"{value[0]:.{digits}f} {unit}".rstrip()
