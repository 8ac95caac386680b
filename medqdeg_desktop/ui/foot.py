"""The foot of the window: study and reader, when the last decision was kept, the running job, that nothing leaves the machine."""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QWidget

_SAID_FOR_MS = 6000


class Foot(QWidget):
    """Always visible, whatever the workspace."""

    reader_clicked = Signal()
    stop_clicked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.study = QPushButton()
        self.study.setProperty("role", "quiet")
        self.study.setToolTip(self.tr("Change reader"))
        self.study.clicked.connect(self.reader_clicked)
        self.kept = _muted()
        self.said = _muted()
        self.job = _muted()
        self.stop = QPushButton(self.tr("Stop"))
        self.stop.clicked.connect(self.stop_clicked)
        self.offline = _muted(self.tr("offline"))
        self.offline.setToolTip(self.tr("The window never opens a network connection."))
        row = QHBoxLayout(self)
        row.setContentsMargins(4, 2, 12, 2)
        row.setSpacing(12)
        row.addWidget(self.study)
        row.addWidget(self.kept)
        row.addWidget(self.said)
        row.addStretch(1)
        row.addWidget(self.job)
        row.addWidget(self.stop)
        row.addWidget(self.offline)
        self.setFixedHeight(34)
        self._timer = QTimer(self, singleShot=True, interval=_SAID_FOR_MS)
        self._timer.timeout.connect(self.said.clear)
        self.tell_job("")

    def name_study(self, study: str, reader: str) -> None:
        self.study.setText(f"{study}  ·  {reader}" if study else self.tr("No study"))
        self.study.setAccessibleName(self.tr("Study {0}, reader {1}").format(study, reader))

    def tell_kept(self, clock: str) -> None:
        """``clock`` is HH:MM:SS of this machine's time; empty while nothing has been decided."""
        self.kept.setText(self.tr("kept {0}").format(clock) if clock else self.tr("nothing to keep yet"))

    def say(self, text: str) -> None:
        """A line that goes away by itself."""
        self.said.setText(text)
        self._timer.start()

    def tell_job(self, text: str) -> None:
        self.job.setText(text)
        self.job.setVisible(bool(text))
        self.stop.setVisible(bool(text))


def _muted(text: str = "") -> QLabel:
    label = QLabel(text)
    label.setProperty("role", "small")
    return label
