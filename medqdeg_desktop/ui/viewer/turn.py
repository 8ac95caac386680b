"""The eight ways in which a picture can lie on the screen: flipped or not, and turned by quarters.

Qt-free. A turn belongs to the view: the frame is laid out upright on a sheet, and the sheet is turned into the pane. Pixels,
positions in the frame and everything that is kept stay those of the file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

import numpy.typing as npt

Letters = tuple[str, str, str, str]
"""(left, right, top, bottom) letters of orientation."""
_Side = TypeVar("_Side", int, float)
_NAMES = (
    ("none", "right by 90 degrees", "by 180 degrees", "left by 90 degrees"),
    ("flipped across", "flipped across, right by 90 degrees", "flipped down", "flipped across, left by 90 degrees"),
)


@dataclass(frozen=True, slots=True)
class Turn:
    """Left and right changed over where ``flipped``, then ``quarters`` (0 to 3) clockwise turns by 90 degrees."""

    quarters: int = 0
    flipped: bool = False

    def then(self, other: Turn) -> Turn:
        """This turn, and ``other`` of what it shows."""
        # A flip turns the sense of what was done before it.
        own = -self.quarters if other.flipped else self.quarters
        return Turn((own + other.quarters) % 4, self.flipped != other.flipped)

    @property
    def name(self) -> str:
        """As it is kept with a decision."""
        return _NAMES[self.flipped][self.quarters]

    def size(self, size: tuple[_Side, _Side]) -> tuple[_Side, _Side]:
        """(width, height) of a turned sheet; of the sheet, where that of the turned one is given."""
        return (size[1], size[0]) if self.quarters % 2 else size

    def to_pane(self, x: float, y: float, sheet: tuple[int, int]) -> tuple[float, float]:
        """Where the point (x, y) of a sheet of (width, height) comes to lie."""
        width, height = sheet
        if self.flipped:
            x = width - x
        if self.quarters == 1:
            return height - y, x
        if self.quarters == 2:
            return width - x, height - y
        return (y, width - x) if self.quarters == 3 else (x, y)

    def to_sheet(self, x: float, y: float, sheet: tuple[int, int]) -> tuple[float, float]:
        """The point of a sheet of (width, height) that has come to lie on (x, y)."""
        width, height = sheet
        if self.quarters == 1:
            x, y = y, height - x
        elif self.quarters == 2:
            x, y = width - x, height - y
        elif self.quarters == 3:
            x, y = width - y, x
        return (width - x if self.flipped else x), y

    def way_on_sheet(self, dx: float, dy: float) -> tuple[float, float]:
        """A way on the pane as a way on the sheet."""
        for _ in range(self.quarters):
            dx, dy = dy, -dx
        return (-dx if self.flipped else dx), dy

    def pixels(self, pixels: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """(rows, columns, ...) of a sheet as they come to lie: a view."""
        if self.flipped:
            pixels = pixels[:, ::-1]
        if self.quarters == 1:
            return pixels.swapaxes(0, 1)[:, ::-1]
        if self.quarters == 2:
            return pixels[::-1, ::-1]
        return pixels.swapaxes(0, 1)[::-1] if self.quarters == 3 else pixels

    def letters(self, letters: Letters) -> Letters:
        """What stands at the edges once the picture is turned."""
        left, right, top, bottom = letters
        if self.flipped:
            left, right = right, left
        for _ in range(self.quarters):
            left, right, top, bottom = bottom, top, left, right
        return left, right, top, bottom


UPRIGHT = Turn()
FLIP_ACROSS, FLIP_DOWN = Turn(0, True), Turn(2, True)
TURN_RIGHT, TURN_LEFT = Turn(1), Turn(3)
