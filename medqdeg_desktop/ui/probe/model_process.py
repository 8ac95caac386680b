"""The model's process as the window sees it: off, loading, ready, failed or gone; and lines that are still meant for it."""

from __future__ import annotations

import importlib.util
import logging
import signal
import threading
from collections.abc import Mapping
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal

from medqdeg_desktop.eval.probe import LIVE, Probe
from medqdeg_desktop.ui.hop import Hop

_log = logging.getLogger(__name__)


class State(StrEnum):
    """``MISSING``: the extra that runs models is not installed. ``FAILED``: never got ready. ``DIED``: was ready and is gone."""

    OFF = "off"
    MISSING = "missing"
    LOADING = "loading"
    READY = "ready"
    FAILED = "failed"
    DIED = "died"


def local_models_run_here() -> bool:
    """Whether the extra ``local`` is installed; looked for, not imported."""
    return all(importlib.util.find_spec(name) is not None for name in ("torch", "transformers"))


class ModelProcess(QObject):
    """One model at a time. ``answered`` carries the lines of the present process, never those of one that was given up."""

    changed = Signal()
    answered = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._hop = Hop(self)
        self._probe: Probe | None = None
        self._ending: list[threading.Thread] = []
        self.state = State.OFF
        self.folder: Path | None = None
        self.reason = ""
        self.facts: dict[str, Any] = {}

    def start(self, folder: Path, *, trust_remote_code: bool = False) -> None:
        """Loads ``folder`` in a process of its own, in the place of the one before."""
        self._give_up()
        self.folder, self.reason, self.facts = folder, "", {}
        if not local_models_run_here():
            self._become(State.MISSING)
            return
        # Lines name the process they come from: a number on a thread, resolved before the process can say anything.
        self._become(State.LOADING)
        came_from: list[Probe] = []
        started = threading.Event()

        def on_line(line: dict[str, Any]) -> None:
            started.wait()
            self._hop.post(partial(self._on_line, came_from[0], line))

        try:
            probe = Probe(folder, on_line, trust_remote_code=trust_remote_code)
        except OSError as error:
            self.reason = f"{folder}: no process could be started ({error.strerror or error})"
            self._become(State.FAILED)
            return
        came_from.append(probe)
        self._probe = probe
        started.set()

    def refuse(self, folder: Path, reason: str) -> None:
        """What can be seen of ``folder`` without loading it stands in the way; a missing extra goes before all else."""
        self._give_up()
        self.folder, self.reason, self.facts = folder, reason, {}
        self._become(State.FAILED if local_models_run_here() else State.MISSING)

    def stop(self) -> None:
        """Ends the process; nothing is kept of it."""
        self._give_up()
        self._become(State.OFF)

    def ask(self, picture: Mapping[str, Any], question: str, options: Mapping[str, str], slot: str = LIVE) -> int:
        """Puts a question; the id that its answer will carry. Only while ``READY``."""
        assert self._probe is not None
        return self._probe.ask_about(picture, question, options, slot=slot)

    def forget(self) -> None:
        """What waits is not asked any more."""
        if self._probe is not None:
            self._probe.forget()

    def close(self) -> None:
        """The window closes: no process is left when this returns."""
        self._hop.close()
        self._give_up()
        for thread in self._ending:
            thread.join(timeout=5)

    def _become(self, state: State) -> None:
        self.state = state
        self.changed.emit()

    def _give_up(self) -> None:
        probe, self._probe = self._probe, None
        if probe is not None:
            # Waiting for a process to go is nothing for the window's thread.
            ending = threading.Thread(target=probe.close, kwargs={"timeout": 0.0}, name="probe-end", daemon=True)
            ending.start()
            self._ending = [thread for thread in self._ending if thread.is_alive()] + [ending]

    def _on_line(self, probe: Probe, line: dict[str, Any]) -> None:
        if probe is not self._probe:
            return
        if "ready" in line:
            self.facts = line
            self._become(State.READY)
        elif "ended" in line:
            was_ready = self.state is State.READY
            # It has ended, but its thread still waits for lines to send.
            self._give_up()
            self.reason = _reason(line)
            self._become(State.DIED if was_ready else State.FAILED)
        elif line.get("id") is None:
            _log.warning("the model's process complains: %s", line.get("error"))
        else:
            self.answered.emit(line)


def _reason(line: Mapping[str, Any]) -> str:
    """Why the process ended, in one line."""
    words = str(line.get("error") or "").removeprefix("Error: ")
    status = int(line["ended"])
    if words:
        return words
    if status < 0:
        try:
            return f"ended by {signal.Signals(-status).name}"
        except ValueError:
            return f"ended by signal {-status}"
    return f"ended with status {status}"
