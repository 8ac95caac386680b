"""Calibrate with its two modes: free calibration, and the reader study, which takes the whole workspace and its keys over."""

from __future__ import annotations

import threading
from importlib import import_module
from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QPushButton, QStackedLayout, QVBoxLayout, QWidget

from medqdeg_desktop.ui.calibrate.workspace import CalibrateWorkspace
from medqdeg_desktop.ui.study_session import StudySession

if TYPE_CHECKING:
    from medqdeg_desktop.ui.calibrate.reading.pages import ReadingPages

_ALWAYS = "calibrate.reader_study"
#: What takes long to load of the study's pages: statistics. It is loaded aside once the window stands, and not on the way there.
_SLOW = "medqdeg_desktop.calibration.evidence"
_LOADED_AFTER_MS = 3000


def _load_aside() -> None:
    threading.Thread(target=import_module, args=(_SLOW,), name="load statistics").start()


class CalibrateModes(CalibrateWorkspace):
    """Free calibration as it was; ``toggle_reader_study`` puts the study's pages, built when first asked for, in its place."""

    def __init__(self, session: StudySession, parent: QWidget | None = None) -> None:
        self.pages: ReadingPages | None = None
        self._free_actions: dict[str, QAction] = {}
        super().__init__(session, parent)
        self.free = QWidget()
        self.free.setLayout(self.row)
        self._modes = QStackedLayout(self)
        self._modes.addWidget(self.free)
        self.study_button = QPushButton(self.tr("Reader study…"))
        self.study_button.setToolTip(self.tr("Several readers, written anchors, consensus  (Ctrl+R)"))
        self.study_button.clicked.connect(self.toggle_reader_study)
        beside = self.open_button.parentWidget()
        side = beside.layout() if beside is not None else None
        assert isinstance(side, QVBoxLayout)
        holder = QVBoxLayout()
        holder.setContentsMargins(8, 0, 8, 0)
        holder.addWidget(self.study_button)
        side.addLayout(holder)
        QTimer.singleShot(_LOADED_AFTER_MS, self, _load_aside)

    @property
    def acting(self) -> tuple[QWidget, str]:
        if not self.in_study:
            return self, self.context
        assert self.pages is not None
        page = self.pages.currentWidget()
        return page, getattr(page, "context", "")

    @property
    def in_study(self) -> bool:
        """Whether the reader study is in front."""
        return self.pages is not None and self._modes.currentWidget() is self.pages

    def toggle_reader_study(self) -> None:
        """To the front page of the reader study, or back to free calibration; a running session is left only by its pause."""
        if not self.in_study:
            self._cine.stop()
            # No model's answer stands beside a blind trial.
            self.probe.put_away()
            pages = self._made_pages()
            self._modes.setCurrentWidget(pages)
            pages.go_home("")
            self._mode_changed()
        elif self.pages is not None and self.pages.currentWidget() is not self.pages.reading:
            self._modes.setCurrentWidget(self.free)
            self._mode_changed()
            self._take_focus()

    def toggle_probe(self) -> None:
        if not self.in_study:
            super().toggle_probe()

    def _made_pages(self) -> ReadingPages:
        if self.pages is None:
            from medqdeg_desktop.ui.calibrate.reading.pages import ReadingPages

            self.pages = ReadingPages(self.session, lambda: list(self.list.series.rows))
            self.pages.left.connect(self.toggle_reader_study)
            self.pages.acting_changed.connect(self.acting_changed)
            self._modes.addWidget(self.pages)
        return self.pages

    def _mode_changed(self) -> None:
        """Keys of free calibration sleep while the study is in front: two meanings of a key would cancel each other."""
        for name, action in self._free_actions.items():
            action.setEnabled(not self.in_study or name == _ALWAYS)
        self.acting_changed.emit()

    # -- the workspace ----------------------------------------------------------------------------------------

    def actions_bound(self, actions: dict[str, QAction]) -> None:
        self._free_actions = actions
        super().actions_bound(actions)

    def study_changed(self) -> None:
        super().study_changed()
        if self.pages is not None:
            self.pages.study_changed()

    def reader_changed(self) -> None:
        super().reader_changed()
        if self.pages is not None:
            self.pages.study_changed()

    def shut_down(self) -> None:
        if self.pages is not None:
            self.pages.close_down()
        super().shut_down()
