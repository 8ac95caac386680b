"""The key of a server: stored, replaced, tested and deleted by ``medqdeg keys``, a command in a process of its own.

The window never holds a key but while it is typed: it goes to the command through a pipe, the field is emptied, and nothing
brings it back to the screen. A keyring may open a dialog of its own and wait for it: that keeps the command waiting, not the
window.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from PySide6.QtCore import Signal
from PySide6.QtGui import QHideEvent
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLineEdit, QMessageBox, QPushButton, QVBoxLayout, QWidget

from medqdeg_desktop.eval.keys import key_name
from medqdeg_desktop.ui.jobs import Job, Jobs, JobState
from medqdeg_desktop.ui.labels import label, set_role


class KeyRow(QWidget):
    """``changed`` when a key was stored or deleted: what was found out with the one before holds no more."""

    changed = Signal()

    def __init__(self, jobs: Jobs, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._jobs = jobs
        self._urls: tuple[str, ...] = ()
        self._plain: tuple[str, ...] = ()
        self._states: list[dict[str, Any]] = []
        self._working: Job | None = None
        self._looking: Job | None = None
        #: Which of several servers; there is mostly one.
        self.server = QComboBox()
        self.server.setAccessibleName(self.tr("Server whose key it is"))
        self.state = label(role="muted", wraps=True)
        self.field = QLineEdit()
        self.field.setEchoMode(QLineEdit.EchoMode.Password)
        self.field.setAccessibleName(self.tr("Key"))
        self.store = QPushButton()
        self.test = QPushButton(self.tr("Test"))
        self.delete = QPushButton(self.tr("Delete…"))
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self.field, 1)
        for button in (self.store, self.test, self.delete):
            row.addWidget(button)
        row.addStretch(0)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addWidget(label(self.tr("Key"), "section"))
        column.addWidget(self.server)
        column.addLayout(row)
        column.addWidget(self.state)
        self.server.activated.connect(self._show)
        self.field.textChanged.connect(self._enable)
        self.field.returnPressed.connect(self._on_store)
        self.store.clicked.connect(self._on_store)
        self.test.clicked.connect(self._on_test)
        self.delete.clicked.connect(self._on_delete)
        self._show()

    def ask_about(self, urls: Collection[str], plain: Collection[str] = ()) -> None:
        """Servers whose keys are looked for; ``plain`` are hosts that a person allowed to be spoken to without encryption."""
        self._plain = tuple(plain)
        if tuple(urls) != self._urls:
            self._urls, self._states = tuple(urls), []
            self.forget()
            self._show()
            self._look()

    def forget(self) -> None:
        """What was typed is gone, and cannot be brought back by undoing."""
        self.field.setText("")

    def hideEvent(self, event: QHideEvent) -> None:
        self.forget()
        super().hideEvent(event)

    # -- what is known ---------------------------------------------------------------------------------------------

    def _look(self, then: str = "", role: str = "muted") -> None:
        # What is still being found out about other servers holds no more.
        self._looking = None
        if not self._urls:
            return
        job = Job(self.tr("looking for keys"), ["keys", "list", "--json", *self._urls], tells=False, shown=False)
        job.ended.connect(partial(self._on_looked, job, then, role))
        self._looking = job
        self._jobs.add(job)

    def _on_looked(self, job: Job, then: str, role: str) -> None:
        if job is not self._looking:
            return
        self._looking = None
        if job.state is JobState.DONE:
            self._states = json.loads(job.output)["keys"]
            chosen = self.server.currentText()
            self.server.clear()
            self.server.addItems([str(state["name"]) for state in self._states])
            self.server.setCurrentIndex(max(0, self.server.findText(chosen)))
        self._show()
        if then or job.state is JobState.FAILED:
            self._say(then or job.error, role if then else "error")

    @property
    def _current(self) -> dict[str, Any] | None:
        index = self.server.currentIndex()
        return self._states[index] if 0 <= index < len(self._states) else None

    @property
    def _url(self) -> str:
        """The address of the current server; several can share one key."""
        now = self._current
        return next((url for url in self._urls if now is not None and key_name(url) == now["name"]), "")

    def _show(self) -> None:
        now = self._current
        self.server.setVisible(len(self._states) > 1)
        stored = now is not None and now["where"] == "keyring"
        self.store.setText(self.tr("Replace") if stored else self.tr("Store"))
        self.delete.setVisible(stored)
        can_keep = now is None or bool(now["keyring"])
        for widget in (self.field, self.store):
            widget.setVisible(can_keep)
        self.test.setVisible(can_keep or (now is not None and now["where"] == "environment"))
        self.field.setPlaceholderText(
            self.tr("Another key, to replace the stored one") if stored else self.tr("Paste the key here")
        )
        if now is None:
            self._say(self.tr("Looking for its key…") if self._urls else "")
        else:
            self._say(*self._words(now))
            name = now["name"]
            self.test.setToolTip(
                self.tr("Asks {0} for its list of models with this key; no image and no question is sent").format(name)
            )
        self._enable()

    def _words(self, now: dict[str, Any]) -> tuple[str, str]:
        """Where the key is, in a sentence, and the role of the sentence."""
        name, ring, variable, trouble = now["name"], now["keyring"], now["variable"], now["trouble"]
        if now["where"] == "keyring":
            return self.tr("The key of {0} is in {1}.").format(name, ring), "muted"
        if now["where"] == "environment":
            words = self.tr("The key of {0} comes from the variable {1}, which goes before the keyring.")
            return words.format(name, variable), "muted"
        here = now["where"] == "not needed"
        needless = self.tr("A server on this machine mostly needs no key.")
        if trouble:
            words = self.tr(
                "No key can be kept: {0}. Start the program with the variable {1} set instead, which serves for one session."
            ).format(trouble, variable)
            return (f"{needless} {words}", "muted") if here else (words, "warn")
        if here:
            return f"{needless} {self.tr('One that is stored here is used.')}", "muted"
        words = self.tr("No key of {0} is known. One that is stored goes into {1} and is never shown again.")
        return words.format(name, ring), "warn"

    # -- what is done ----------------------------------------------------------------------------------------------

    def _on_store(self) -> None:
        now, typed = self._current, self.field.text().strip()
        if now is None or not typed or not self.store.isEnabled():
            return
        self.forget()
        self._run(self.tr("storing a key"), ["keys", "set", str(now["name"])], self._on_kept, given=typed.encode())

    def _on_delete(self) -> None:
        now = self._current
        if now is None:
            return
        text = self.tr("Delete the key of {0} from {1}? It cannot be read back.").format(now["name"], now["keyring"])
        buttons = QMessageBox.StandardButton.Ok | QMessageBox.StandardButton.Cancel
        asked = QMessageBox.question(self, self.tr("Delete a key"), text, buttons, QMessageBox.StandardButton.Cancel)
        if asked == QMessageBox.StandardButton.Ok:
            self._run(self.tr("deleting a key"), ["keys", "delete", str(now["name"])], self._on_kept)

    def _on_kept(self, job: Job) -> None:
        done = job.state is JobState.DONE
        self._look("" if done else job.error, "error")
        if done:
            self.changed.emit()

    def _on_test(self) -> None:
        host = urlsplit(self._url).hostname or ""
        plain = ["--allow-plain-http", host] if host in self._plain else []
        self._run(self.tr("testing a key"), ["keys", "test", self._url, *plain], self._on_tested)

    def _on_tested(self, job: Job) -> None:
        self._enable()
        if job.state is JobState.DONE:
            self._say(job.output.strip(), "")
        elif job.state is JobState.FAILED:
            self._say(job.error, "error")

    def _run(self, title: str, arguments: list[str], then: Callable[[Job], None], given: bytes = b"") -> None:
        job = Job(title, arguments, tells=False, shown=False, given=given)
        self._working = job
        job.ended.connect(partial(self._on_ended, job, then))
        self._jobs.add(job)
        self._say("…")
        self._enable()

    def _on_ended(self, job: Job, then: Callable[[Job], None]) -> None:
        if job is self._working:
            self._working = None
            then(job)

    def _enable(self) -> None:
        now, idle = self._current, self._working is None
        self.field.setEnabled(idle and now is not None)
        self.store.setEnabled(idle and now is not None and bool(self.field.text().strip()))
        self.test.setEnabled(idle and now is not None and now["where"] in ("keyring", "environment"))
        self.delete.setEnabled(idle)

    def _say(self, text: str, role: str = "muted") -> None:
        self.state.setText(text)
        set_role(self.state, role)
