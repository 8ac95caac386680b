"""Small pictures of every type at its levels, made one by one off the window's thread. Qt-free."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from medqdeg_desktop.engine.degradation import Prepared
from medqdeg_desktop.engine.image import MedicalImage
from medqdeg_desktop.errors import MedqdegError
from medqdeg_desktop.taxonomy import Level
from medqdeg_desktop.ui.calibrate.decisions import calibration_seed

_log = logging.getLogger(__name__)

SIDE = 320


@dataclass(frozen=True, slots=True)
class SheetCell:
    """One picture of the sheet: ``severity`` is None where neither a reader nor a profile says where the level lies.

    ``level`` is None in a sweep, where the severity alone says what is shown.
    """

    type_name: str
    level: Level | None
    severity: float | None


class SheetRender:
    """``on_picture(cell, image)`` is called on a thread of its own for each cell; a new sheet overtakes the one before."""

    def __init__(self, on_picture: Callable[[SheetCell, MedicalImage], None]) -> None:
        self._on_picture = on_picture
        self._sheet = 0
        self._lock = threading.Lock()

    def start(self, image: MedicalImage, cells: Sequence[SheetCell]) -> None:
        """Renders ``cells`` on the area-averaged proxy of ``image``, whose noise looks like the full picture made small."""
        with self._lock:
            self._sheet += 1
            sheet = self._sheet
        threading.Thread(target=self._render, args=(sheet, image, list(cells)), name="contact-sheet", daemon=True).start()

    def stop(self) -> None:
        """Nothing more is delivered once this has returned, save a picture under way."""
        with self._lock:
            self._sheet += 1

    def _render(self, sheet: int, image: MedicalImage, cells: list[SheetCell]) -> None:
        small = image.proxy(SIDE)
        prepared: Prepared | None = None
        for cell in cells:
            if self._sheet != sheet:
                return
            if cell.severity is None:
                continue
            try:
                if cell.severity == 0:
                    self._on_picture(cell, small)
                    continue
                if prepared is None or prepared.degradation.name != cell.type_name:
                    prepared = Prepared(cell.type_name, small, calibration_seed(image, cell.type_name))
                pixels = prepared.at(cell.severity)
            except MedqdegError as error:
                _log.warning("contact sheet: %s", error)
                continue
            except Exception:
                _log.exception("contact sheet: %s at %s", cell.type_name, cell.level)
                continue
            if self._sheet == sheet:
                self._on_picture(cell, small.with_pixels(pixels))
