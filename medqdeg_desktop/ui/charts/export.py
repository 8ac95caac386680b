"""A chart as a file: SVG and PDF for print (light), PNG as on the screen, CSV with the numbers behind it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QMarginsF, QSizeF, Qt
from PySide6.QtGui import QImage, QPageLayout, QPageSize, QPainter, QPdfWriter

from medqdeg_desktop.chart.figure import Figure, figure_csv
from medqdeg_desktop.chart.svg import Theme, svg
from medqdeg_desktop.engine import atomic
from medqdeg_desktop.errors import MedqdegError
from medqdeg_desktop.ui.charts.painting import paint

#: Suffix -> what it is good for, in the order of the menu.
FORMATS: Final[dict[str, str]] = {
    "svg": "SVG, for print",
    "pdf": "PDF, for print",
    "png": "PNG, as shown",
    "csv": "CSV, the numbers",
}
_PNG_SCALE: Final = 2.0
_POINTS_A_PIXEL: Final = 0.75  #: 96 CSS pixels an inch


def save(figure: Figure, path: Path) -> None:
    """Writes ``figure`` in the format of the path's suffix, whole or not at all; MedqdegError where that fails."""
    kind = path.suffix.casefold().removeprefix(".")
    if kind not in FORMATS:
        raise MedqdegError(f"{path}: charts are written as {', '.join(FORMATS)}")
    data = {
        "svg": lambda: svg(figure).encode(),
        "csv": lambda: figure_csv(figure).encode(),
        "png": lambda: png(figure),
        "pdf": lambda: pdf(figure),
    }[kind]()
    try:
        atomic.write_bytes(path, data)
    except OSError as error:
        raise MedqdegError(f"{path}: {error.strerror or error}") from None


def picture(figure: Figure, theme: Theme = "dark", scale: float = _PNG_SCALE) -> QImage:
    """``figure`` at ``scale`` device pixels for each of its own."""
    image = QImage(round(figure.width * scale), round(figure.height * scale), QImage.Format.Format_RGB32)
    image.setDevicePixelRatio(scale)
    image.fill(Qt.GlobalColor.black)
    painter = QPainter(image)
    paint(painter, figure, theme)
    painter.end()
    return image


def png(figure: Figure, theme: Theme = "dark") -> bytes:
    data = QByteArray()
    buffer = QBuffer(data)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    if not picture(figure, theme).save(buffer, "PNG"):  # type: ignore[call-overload]  # the stub wants bytes, the library a name
        raise MedqdegError(f"{figure.name}: the picture cannot be encoded")
    return bytes(data.data())


def pdf(figure: Figure) -> bytes:
    """One page as large as the chart, drawn as lines and letters."""
    data = QByteArray()
    buffer = QBuffer(data)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    writer = QPdfWriter(buffer)
    writer.setTitle(figure.title)
    size = QSizeF(figure.width * _POINTS_A_PIXEL, figure.height * _POINTS_A_PIXEL)
    page = QPageSize(size, QPageSize.Unit.Point, figure.name, QPageSize.SizeMatchPolicy.ExactMatch)
    writer.setPageLayout(QPageLayout(page, QPageLayout.Orientation.Portrait, QMarginsF()))
    writer.setResolution(960)
    painter = QPainter(writer)
    painter.scale(10, 10)
    paint(painter, figure, "light")
    painter.end()
    buffer.close()
    return bytes(data.data())
