"""Where a frame lies in a pane: zoom, centre and turn as a value that linked panes share, and the arithmetic of placing it.

Qt-free. The viewport is kept in terms of the frame (fractions of it and device pixels an image column), never of the pane:
a pane may be resized any number of times and the view stays where the reader put it. The frame is placed upright on a sheet as
large as the pane will be once the sheet is turned; what lies on whole pixels upright lies on whole pixels turned.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from medqdeg_desktop.engine.image import MedicalImage
from medqdeg_desktop.ui.viewer.turn import UPRIGHT, Turn

_SMALLEST = 1 / 32
_LARGEST = 64.0


@dataclass(frozen=True, slots=True)
class Viewport:
    """``zoom``: device pixels an image column, None: the frame fits. ``centre``: (row, column) in fractions of the frame."""

    zoom: float | None = None
    centre: tuple[float, float] = (0.5, 0.5)
    turn: Turn = UPRIGHT

    def fitted(self) -> Viewport:
        return Viewport(turn=self.turn)

    def turned(self, turn: Turn) -> Viewport:
        """Flipped or turned once more, as it is seen; what was in the middle stays there."""
        return replace(self, turn=self.turn.then(turn))

    def upright(self) -> Viewport:
        return replace(self, turn=UPRIGHT)

    def at_zoom(self, zoom: float) -> Viewport:
        return replace(self, zoom=min(max(zoom, _SMALLEST), _LARGEST))


@dataclass(frozen=True, slots=True)
class Placement:
    """A frame of ``rows`` x ``columns`` put on a sheet, and the sheet turned into a pane.

    scale_x, scale_y    device pixels an image column and row.
    left, top           where the frame's corner lies on the sheet, whose size is (width, height).
    """

    rows: int
    columns: int
    scale_x: float
    scale_y: float
    left: int
    top: int
    width: int
    height: int
    turn: Turn = UPRIGHT

    def to_frame(self, x: float, y: float) -> tuple[float, float]:
        """(row, column) in frame coordinates under the device pixel (x, y) of the pane; pixel k covers [k, k + 1)."""
        x, y = self.turn.to_sheet(x, y, (self.width, self.height))
        return ((y - self.top) / self.scale_y, (x - self.left) / self.scale_x)

    def to_pane(self, row: float, column: float) -> tuple[float, float]:
        """Device pixel (x, y) of a frame position."""
        x, y = self.left + column * self.scale_x, self.top + row * self.scale_y
        return self.turn.to_pane(x, y, (self.width, self.height))

    @property
    def pane(self) -> tuple[int, int]:
        """(width, height) of the pane in device pixels."""
        return self.turn.size((self.width, self.height))

    @property
    def middle(self) -> tuple[float, float]:
        """The pane's own middle."""
        width, height = self.pane
        return width / 2, height / 2

    def corner(self, left: int, top: int, right: int, bottom: int) -> tuple[int, int]:
        """Where the upper left corner of a part of the sheet comes to lie on the pane."""
        sheet = (self.width, self.height)
        (x0, y0), (x1, y1) = self.turn.to_pane(left, top, sheet), self.turn.to_pane(right, bottom, sheet)
        return int(min(x0, x1)), int(min(y0, y1))


def placement_of(viewport: Viewport, image: MedicalImage, pane: tuple[int, int]) -> Placement:
    """Where ``image`` lies on a pane of (width, height) device pixels; a proxy lies where its full frame does."""
    shape = image.full_shape or image.shape
    aspect = 1.0
    if image.spacing and min(image.spacing) > 0:
        aspect = image.spacing[0] / image.spacing[1]
        # A proxy's spacing is that of its own pixels; rounding of its size must not move the picture.
        aspect *= (image.shape[0] / shape[0]) / (image.shape[1] / shape[1])
    return place(viewport, shape, aspect, pane)


def place(viewport: Viewport, shape: tuple[int, int], aspect: float, pane: tuple[int, int]) -> Placement:
    """``shape`` (rows, columns) with pixels ``aspect`` times as high as wide on a pane of (width, height) device pixels.

    The corner falls on a whole device pixel, so that 1:1 shows each stored pixel as itself.
    """
    rows, columns = shape
    width, height = viewport.turn.size((max(1, pane[0]), max(1, pane[1])))
    zoom = viewport.zoom or min(width / columns, height / (rows * aspect))
    scale_x, scale_y = zoom, zoom * aspect
    row, column = viewport.centre
    left = round(width / 2 - column * columns * scale_x)
    top = round(height / 2 - row * rows * scale_y)
    return Placement(rows, columns, scale_x, scale_y, left, top, width, height, viewport.turn)


def zoomed_about(viewport: Viewport, placement: Placement, factor: float, x: float, y: float) -> Viewport:
    """``viewport`` magnified by ``factor`` with what lies under the device pixel (x, y) staying there."""
    new = viewport.at_zoom(placement.scale_x * factor)
    assert new.zoom is not None
    row, column = placement.to_frame(x, y)
    ratio = placement.scale_x / new.zoom
    centre_row, centre_column = placement.to_frame(*placement.middle)
    return replace(
        new,
        centre=_inside(
            (row + (centre_row - row) * ratio) / placement.rows,
            (column + (centre_column - column) * ratio) / placement.columns,
        ),
    )


def panned(viewport: Viewport, placement: Placement, dx: float, dy: float) -> Viewport:
    """``viewport`` moved by (dx, dy) device pixels; a fitted frame stays fitted until it is moved."""
    dx, dy = placement.turn.way_on_sheet(dx, dy)
    row = viewport.centre[0] - dy / (placement.rows * placement.scale_y)
    column = viewport.centre[1] - dx / (placement.columns * placement.scale_x)
    return replace(viewport, zoom=viewport.zoom or placement.scale_x, centre=_inside(row, column))


def _inside(row: float, column: float) -> tuple[float, float]:
    return (min(max(row, 0.0), 1.0), min(max(column, 0.0), 1.0))
