"""Reports on paper: A4 across, their words and tables laid out by Qt's rich text, their charts painted as lines and letters.

Works without a display: where no Qt application runs, one is started on the offscreen platform.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Set
from pathlib import Path
from typing import Final

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QMarginsF, QRect, QRectF, QSizeF, Qt
from PySide6.QtGui import (
    QAbstractTextDocumentLayout,
    QColor,
    QFont,
    QGuiApplication,
    QPageLayout,
    QPageSize,
    QPainter,
    QPdfWriter,
    QPyTextObject,
    QTextBlock,
    QTextBlockFormat,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
    QTextFormat,
)

from medqdeg_desktop.calibration.evidence import Evidence
from medqdeg_desktop.calibration.evidence import html as evidence_html
from medqdeg_desktop.chart.figure import Figure
from medqdeg_desktop.engine import atomic
from medqdeg_desktop.errors import MedqdegError
from medqdeg_desktop.eval.report import Report, html
from medqdeg_desktop.ui import theme
from medqdeg_desktop.ui.charts.painting import paint

_DPI: Final = 960
_SCALE: Final = _DPI / 96  #: layout is in CSS pixels
_MARGIN_MM: Final = 12.0
_FOOT: Final = 24.0
_UNDER_HEADING: Final = 96.0  #: room that a heading needs below it on its page
_PLACE: Final = re.compile(r"\[\[figure ([^\]]+)\]\]")
_FIGURE: Final = QTextFormat.ObjectTypes.UserObject + 1
_NAME: Final = QTextFormat.Property.UserProperty + 1


def print_report(report: Report, path: Path) -> Path:
    """Writes ``report`` as PDF to ``path``, whole or not at all; MedqdegError where the disk refuses."""
    figures = {figure.name: figure for figure in report.figures}
    return print_pages(lambda: html(report, template="print.html.j2"), figures, report.study_name, path)


def print_evidence(evidence: Evidence, path: Path) -> Path:
    """Writes the evidence of a calibration as PDF to ``path``, whole or not at all; MedqdegError where the disk refuses."""
    return print_pages(
        lambda: evidence_html(evidence, template="calibration_print.html.j2"), evidence.charts, evidence.title, path
    )


def print_pages(words: Callable[[], str], figures: Mapping[str, Figure], title: str, path: Path) -> Path:
    """Writes the text that ``words`` gives, with ``figures`` where it names them, as numbered pages to ``path``."""
    application = _application()
    theme.load_fonts()
    data = QByteArray()
    buffer = QBuffer(data)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    writer = QPdfWriter(buffer)
    writer.setTitle(title)
    writer.setCreator("MedQ-Deg Desktop")
    margins = QMarginsF(_MARGIN_MM, _MARGIN_MM, _MARGIN_MM, _MARGIN_MM)
    size = QPageSize(QPageSize.PageSizeId.A4)
    writer.setPageLayout(QPageLayout(size, QPageLayout.Orientation.Landscape, margins, QPageLayout.Unit.Millimeter))
    writer.setResolution(_DPI)
    area = writer.pageLayout().paintRectPixels(_DPI)
    page = QSizeF(area.width() / _SCALE, area.height() / _SCALE - _FOOT)
    document = _document(words(), figures, page)
    painter = QPainter(writer)
    painter.scale(_SCALE, _SCALE)
    pages = document.pageCount()
    for number in range(pages):
        if number:
            writer.newPage()
        _paint_page(painter, document, page, number, pages, title)
    painter.end()
    buffer.close()
    try:
        atomic.write_bytes(path, bytes(data.data()))
    except OSError as error:
        raise MedqdegError(f"{path}: {error.strerror or error}") from None
    del application
    return path


def _application() -> QGuiApplication:
    """The application that runs, or one without a display; its owner must keep it while it prints."""
    running = QGuiApplication.instance()
    if isinstance(running, QGuiApplication):
        return running
    # Asked for explicitly, so that a display that is named but not there cannot end the process.
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    return QGuiApplication([])


class _FigureObject(QPyTextObject):
    """A figure as one large letter of the text."""

    def __init__(self, figures: Mapping[str, Figure], page: QSizeF, parent: QTextDocument) -> None:
        super().__init__(parent)
        self._figures = figures
        self._page = page

    def _scale(self, figure: Figure) -> float:
        # A pixel is left, so that what fits a page exactly is not pushed to the next one by rounding.
        return min(1.0, self._page.width() / figure.width, (self._page.height() - 24) / figure.height)

    def intrinsicSize(self, document: QTextDocument, position: int, format: QTextFormat) -> QSizeF:  # noqa: N802 - Qt's
        figure = self._figures[str(format.property(_NAME))]
        scale = self._scale(figure)
        return QSizeF(figure.width * scale, figure.height * scale)

    def drawObject(  # noqa: N802 - Qt's name
        self,
        painter: QPainter,
        rect: QRectF | QRect,
        document: QTextDocument,
        position: int,
        format: QTextFormat,
    ) -> None:
        figure = self._figures[str(format.property(_NAME))]
        painter.save()
        painter.translate(QRectF(rect).topLeft())
        scale = self._scale(figure)
        painter.scale(scale, scale)
        paint(painter, figure, "light", background=False)
        painter.restore()


def _document(text: str, figures: Mapping[str, Figure], page: QSizeF) -> QTextDocument:
    """The text in pages. A heading that would stand alone at the foot of one is moved, and what follows is laid out anew."""
    moved: set[int] = set()
    while True:
        document = _laid_out(text, figures, page, moved)
        alone = next((n for n in _alone(document, page.height()) if n not in moved), None)
        if alone is None:
            return document
        moved.add(alone)


def _laid_out(text: str, figures: Mapping[str, Figure], page: QSizeF, moved: Set[int]) -> QTextDocument:
    """``moved`` are the numbers of the headings that begin a page."""
    document = QTextDocument()
    font = theme.font(12)
    font.setHintingPreference(QFont.HintingPreference.PreferNoHinting)
    document.setDefaultFont(font)
    document.setDocumentMargin(0)
    document.setHtml(text)
    document.documentLayout().registerHandler(_FIGURE, _FigureObject(figures, page, document))
    _put_figures(document, figures)
    lines = QTextBlockFormat()
    lines.setPageBreakPolicy(QTextFormat.PageBreakFlag.PageBreak_AlwaysBefore)
    for number, heading in enumerate(_headings(document)):
        if number in moved:
            QTextCursor(heading).mergeBlockFormat(lines)
    document.setPageSize(page)
    return document


def _headings(document: QTextDocument) -> Iterator[QTextBlock]:
    block = document.begin()
    while block.isValid():
        if block.blockFormat().headingLevel():
            yield block
        block = block.next()


def _alone(document: QTextDocument, page: float) -> Iterator[int]:
    """Numbers of the headings under which less than a few lines stand on the same page."""
    layout = document.documentLayout()
    for number, heading in enumerate(_headings(document)):
        following = heading.next()
        if not following.isValid():
            continue
        foot = layout.blockBoundingRect(heading).bottom()
        # The line, not its block: a block may begin on one page with its first line on the next.
        below = layout.blockBoundingRect(following).top() + following.layout().lineAt(0).y()
        end = (int((foot - 1) // page) + 1) * page
        if below >= end or end - foot < _UNDER_HEADING:
            yield number


def _put_figures(document: QTextDocument, figures: Mapping[str, Figure]) -> None:
    """Puts each figure where its name stands in the text."""
    block = document.begin()
    while block.isValid():
        found = _PLACE.search(block.text())
        if found and found.group(1) in figures:
            cursor = QTextCursor(block)
            cursor.movePosition(QTextCursor.MoveOperation.EndOfBlock, QTextCursor.MoveMode.KeepAnchor)
            cursor.removeSelectedText()
            letter = QTextCharFormat()
            letter.setObjectType(_FIGURE)
            letter.setProperty(_NAME, found.group(1))
            cursor.insertText("\N{OBJECT REPLACEMENT CHARACTER}", letter)
            lines = QTextBlockFormat()
            lines.setTopMargin(8)
            cursor.mergeBlockFormat(lines)
        block = block.next()


def _paint_page(painter: QPainter, document: QTextDocument, page: QSizeF, number: int, pages: int, title: str) -> None:
    painter.save()
    top = number * page.height()
    clip = QRectF(0, top, page.width(), page.height())
    painter.translate(0, -top)
    painter.setClipRect(clip)
    context = QAbstractTextDocumentLayout.PaintContext()
    context.clip = clip
    document.documentLayout().draw(painter, context)
    painter.restore()
    painter.setFont(theme.font(10))
    painter.setPen(QColor("#57606a"))
    foot = QRectF(0, page.height() + _FOOT - 14, page.width(), 14)
    painter.drawText(foot, Qt.AlignmentFlag.AlignLeft, f"{title}. Research software, not for diagnosis.")
    painter.drawText(foot, Qt.AlignmentFlag.AlignRight, f"{number + 1} / {pages}")
