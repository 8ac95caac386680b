"""The real window with a reader at its keys, in a process of its own that a test may kill at any moment.

    python reading_window.py STUDY NOTES

Works through the adjustment of the newest protocol. NOTES gets a line ``shown KEY`` when a trial stands on the screen, and
``kept KEY`` once the next one does; ``finished`` when all is answered and locked.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from hands import press
from PySide6.QtCore import QObject, Qt, QTimer
from PySide6.QtWidgets import QApplication
from reading_hands import Steady, click, respond, study_pages

from medqdeg_desktop.calibration.trials import ADJUST
from medqdeg_desktop.ui import theme
from medqdeg_desktop.ui.application import share_processors
from medqdeg_desktop.ui.main_window import MainWindow


class Reader(QObject):
    """Looks at the window every few milliseconds and does what comes next, as a quick reader would."""

    def __init__(self, window: MainWindow, notes: Path) -> None:
        super().__init__(window)
        self._window, self._reader, self._last = window, Steady(), ""
        # Each line is one write: what was written stays when the process is killed.
        self._notes = os.open(notes, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        # Set again only after each look: a key that is pressed turns the loop of events, and no look begins inside another.
        self._clock = QTimer(self, singleShot=True, interval=4)
        self._clock.timeout.connect(self._on_time)
        self._clock.start()

    def _note(self, line: str) -> None:
        os.write(self._notes, f"{line}\n".encode())

    def _kept(self) -> None:
        if self._last:
            self._note(f"kept {self._last}")
            self._last = ""

    def _on_time(self) -> None:
        if self._window.session.is_open and self._window.isActiveWindow():
            self._look()
        self._clock.start()

    def _look(self) -> None:
        pages = study_pages(self._window)
        page = pages.reading
        if pages.currentWidget() is page:
            if page.shown is None or page.shown.trial.key == self._last or not page.panel.primary.isEnabled():
                return
            self._kept()
            self._last = page.shown.trial.key
            self._note(f"shown {self._last}")
            respond(self._window, page, self._reader, mouse=len(self._last) % 2 == 0)
            return
        self._kept()
        card = pages.home.cards[0] if pages.home.cards else None
        if card is None:
            return
        if ADJUST in card.buttons:
            click(card.buttons[ADJUST])
            pages.home.cards = []  # those that come next are read after this
        elif any(stage.stage == ADJUST and stage.locked for stage in card.state.stages):
            self._note("finished")
            press(self._window, Qt.Key.Key_Q, Qt.KeyboardModifier.ControlModifier)


def main(study: Path, notes: Path) -> int:
    share_processors()
    application = QApplication(sys.argv[:1])
    theme.apply(application)
    window = MainWindow([study])
    window.show()
    Reader(window, notes)
    return application.exec()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
