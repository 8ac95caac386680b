"""Help: how levels are set in two minutes, all keys from the table of actions, and about."""

from __future__ import annotations

import platform
import sqlite3

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QLabel, QScrollArea, QVBoxLayout, QWidget

from medqdeg_desktop import __version__
from medqdeg_desktop.taxonomy import LEVEL_ANCHORS, Level
from medqdeg_desktop.ui import tokens as t
from medqdeg_desktop.ui.action_table import actions_of
from medqdeg_desktop.ui.actions import Action, said
from medqdeg_desktop.ui.keys_sheet import keys_html
from medqdeg_desktop.ui.study_session import StudySession
from medqdeg_desktop.ui.vocabulary import in_words
from medqdeg_desktop.ui.workspace import RAIL, Workspace

_SHAPE = {Level.L0: "●", Level.L1: "▲", Level.L2: "■"}


class HelpPage(Workspace):
    """Text that can be selected; nothing to set. Keys stand in as many columns as the window has room for."""

    context = "help"

    def __init__(self, session: StudySession, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(40, 24, 40, 40)
        column.setSpacing(12)
        column.addWidget(_label(self.tr("Setting levels"), "headline"))
        column.addWidget(_text(self._steps()))
        for entry in RAIL:
            if actions_of(entry.entry_id):
                column.addWidget(_label(self.tr("Keys: {0}").format(said(entry.text)), "title"))
                column.addWidget(_Keys(actions_of(entry.entry_id), gestures=entry.entry_id == "calibrate"))
        column.addWidget(_label(self.tr("Keys: everywhere"), "title"))
        column.addWidget(_Keys(actions_of("window"), gestures=False))
        column.addWidget(_label(self.tr("About"), "title"))
        column.addWidget(_text(self._about()))
        column.addStretch(1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setWidget(page)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(area)

    def _steps(self) -> str:
        anchors = "".join(
            f'<tr><td style="color:{t.LEVEL_COLOUR[level]}; padding-right: 8px">{_SHAPE[level]}</td>'
            f'<td style="padding-right: 12px; font-weight: 600">{level}</td><td>{in_words(LEVEL_ANCHORS[level])}</td></tr>'
            for level in Level
        )
        return (
            f"<table>{anchors}</table>"
            + "<ol style='margin-top: 12px'>"
            + "".join(
                f"<li>{line}</li>"
                for line in (
                    self.tr("Open a file or a folder: drop it on the window, or Ctrl+O."),
                    self.tr("Confirm the clean picture as diagnostic, or reject it with a reason."),
                    self.tr("Choose a degradation; move the slider until the picture matches the words of L1, and set L1."),
                    self.tr("Go on until it matches the words of L2, and set L2. Hold Space to see the original."),
                    self.tr("Each decision is kept at once; the foot says when. Ctrl+Z takes the last one back."),
                )
            )
            + "</ol>"
        )

    def _about(self) -> str:
        import numpy
        import PySide6

        return self.tr(
            "MedQ-Deg Desktop {0}. Research software for benchmarks: not for diagnosis.<br>"
            "The window opens no network connection.<br>"
            "Python {1}, Qt {2}, NumPy {3}, SQLite {4}. Font: Inter, SIL Open Font License 1.1."
        ).format(__version__, platform.python_version(), PySide6.__version__, numpy.__version__, sqlite3.sqlite_version)


def _label(text: str, role: str) -> QLabel:
    label = QLabel(text)
    label.setProperty("role", role)
    return label


def _text(html: str) -> QLabel:
    label = QLabel(html)
    label.setTextFormat(Qt.TextFormat.RichText)
    label.setWordWrap(True)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label


class _Keys(QLabel):
    """A table of keys keeps its lines whole: a narrow window takes fewer columns instead."""

    def __init__(self, actions: tuple[Action, ...], *, gestures: bool) -> None:
        super().__init__()
        self.setTextFormat(Qt.TextFormat.RichText)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._forms: list[tuple[str, int]] = []
        for count in (3, 2, 1):
            html = keys_html(actions, gestures=gestures, count=count)
            self.setText(html)
            self._forms.append((html, self.sizeHint().width()))

    def minimumSizeHint(self) -> QSize:
        return QSize(self._forms[-1][1], super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        fitting = (html for html, width in self._forms if width <= self.width())
        html = next(fitting, self._forms[-1][0])
        if html != self.text():
            self.setText(html)
