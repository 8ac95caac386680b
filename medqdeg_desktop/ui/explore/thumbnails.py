"""Small pictures of a dataset, decoded off the window's thread and kept as long as there is room."""

from __future__ import annotations

import logging
import os
import threading
from collections import OrderedDict
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, QSize, Qt, Signal
from PySide6.QtGui import QImage, QImageReader

from medqdeg_desktop.ui.hop import Hop

_log = logging.getLogger(__name__)

_ROOM_BYTES = 96 << 20
_WAITING_AT_MOST = 400


class Thumbnails(QObject):
    """``picture(path)`` gives what is there and asks for what is not; ``arrived`` says that one has come.

    The newest request is served first, and what has waited behind too many others is forgotten: what is on the screen now
    matters more than what was scrolled past. A file that cannot be read stays in the cache as an empty picture.
    """

    arrived = Signal(object)

    def __init__(self, side: int, ratio: float, parent: QObject | None = None) -> None:
        """``side`` in logical pixels, on a screen with ``ratio`` device pixels to each: what is shown is then never scaled."""
        super().__init__(parent)
        self._side, self._ratio = round(side * ratio), ratio
        self._hop = Hop(self)
        self._kept: OrderedDict[Path, QImage] = OrderedDict()
        self._bytes = 0
        self._waiting: OrderedDict[Path, None] = OrderedDict()
        self._changed = threading.Condition()
        self._closed = False
        self._threads = [
            threading.Thread(target=self._work, name=f"thumbnails-{n}", daemon=True) for n in range(min(2, os.cpu_count() or 1))
        ]
        for thread in self._threads:
            thread.start()

    def picture(self, path: Path) -> QImage | None:
        """The small picture, an empty one where the file cannot be read, or None while it is on its way."""
        kept = self._kept.get(path)
        if kept is not None:
            self._kept.move_to_end(path)
            return kept
        with self._changed:
            self._waiting[path] = None
            self._waiting.move_to_end(path)
            while len(self._waiting) > _WAITING_AT_MOST:
                self._waiting.popitem(last=False)
            self._changed.notify()
        return None

    def forget(self) -> None:
        """Another dataset: nothing of the old one is waited for or kept."""
        with self._changed:
            self._waiting.clear()
        self._kept.clear()
        self._bytes = 0

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(timeout=5)
        self._hop.close()

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._closed:
                    self._changed.wait()
                if self._closed:
                    return
                path, _ = self._waiting.popitem(last=True)
            self._hop.post(partial(self._on_read, path, self._read(path)))

    def _read(self, path: Path) -> QImage:
        picture = read_small(path, self._side)
        picture.setDevicePixelRatio(self._ratio)
        return picture

    def _on_read(self, path: Path, picture: QImage) -> None:
        if path not in self._kept:
            self._kept[path] = picture
            self._bytes += picture.sizeInBytes()
            while self._bytes > _ROOM_BYTES and len(self._kept) > 1:
                _, old = self._kept.popitem(last=False)
                self._bytes -= old.sizeInBytes()
        self.arrived.emit(path)


def read_small(path: Path, side: int) -> QImage:
    """The picture at ``path`` shrunk to fit a square of ``side`` pixels; an empty one where it cannot be read."""
    reader = QImageReader(str(path))
    size = reader.size()
    if size.isValid() and max(size.width(), size.height()) > side:
        # Scaled while it is read, which other threads need not wait for.
        reader.setScaledSize(size.scaled(QSize(side, side), Qt.AspectRatioMode.KeepAspectRatio))
    picture = reader.read()
    if picture.isNull():
        _log.info("%s: %s", path, reader.errorString())
        return picture
    return picture.convertToFormat(QImage.Format.Format_RGB32)
