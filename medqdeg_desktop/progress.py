"""How long work tells where it stands, to a terminal, to a program that reads JSON lines, or to nobody.

A job calls ``update``, ``problem``, ``note`` and ``finish`` of the ``Progress`` it is given. JSON lines have one object a line on
standard error with the key ``event``: ``progress`` (job, done, total, rate, seconds_left, message), ``problem`` (job, where,
reason), ``note`` (job, where, text) and ``finish`` (job and the job's own figures).
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any, TextIO


class Progress:
    """Listens and says nothing; base of the two that speak."""

    def __init__(self, job: str) -> None:
        self.job = job
        self._started = time.monotonic()
        self._first: int | None = None

    def update(self, done: int, total: int, message: str = "", **figures: Any) -> None:
        """``done`` of ``total`` units are complete (and, where they are kept, committed).

        A job whose units differ in size gives its own ``seconds_left`` among the figures, None while it does not know.
        """

    def problem(self, where: str, reason: str) -> None:
        """Something was left out or went wrong at ``where`` (file, row, item) and work goes on."""

    def note(self, where: str, text: str) -> None:
        """Something is worth knowing; nothing was left out and nothing went wrong."""

    def finish(self, **figures: Any) -> None:
        """The job is complete."""

    def _rate(self, done: int) -> float:
        if self._first is None:
            # What a resumed job finds done already says nothing about its speed.
            self._first = done
            self._started = time.monotonic()
        elapsed = time.monotonic() - self._started
        return (done - self._first) / elapsed if elapsed > 0 else 0.0


class TerminalProgress(Progress):
    """One line that is rewritten, at most ten times a second; plain lines where the stream is no terminal."""

    def __init__(self, job: str, stream: TextIO | None = None) -> None:
        super().__init__(job)
        self._stream = stream or sys.stderr
        self._next = 0.0
        self._live = self._stream.isatty()

    def update(self, done: int, total: int, message: str = "", **figures: Any) -> None:
        rate = self._rate(done)
        now = time.monotonic()
        if now < self._next and done < total:
            return
        self._next = now + (0.1 if self._live else 5.0)
        seconds = figures.get("seconds_left", (total - done) / rate if rate > 0 else None)
        left = f", {_duration(seconds)} left" if seconds is not None and done < total else ""
        text = f"{self.job}: {done:,}/{total:,}{left}{' ' + message if message else ''}"
        self._stream.write(f"\r\x1b[K{text}" if self._live else f"{text}\n")
        self._stream.flush()

    def problem(self, where: str, reason: str) -> None:
        clear = "\r\x1b[K" if self._live else ""
        self._stream.write(f"{clear}{where}: {reason}\n")
        self._stream.flush()

    def note(self, where: str, text: str) -> None:
        self.problem(where, text)

    def finish(self, **figures: Any) -> None:
        if self._live:
            self._stream.write("\r\x1b[K")
            self._stream.flush()


class JsonProgress(Progress):
    """One JSON object a line, at most twenty progress lines a second; problems and the end are never held back."""

    def __init__(self, job: str, stream: TextIO | None = None) -> None:
        super().__init__(job)
        self._stream = stream or sys.stderr
        self._next = 0.0

    def update(self, done: int, total: int, message: str = "", **figures: Any) -> None:
        rate = self._rate(done)
        now = time.monotonic()
        if now < self._next and done < total:
            return
        self._next = now + 0.05
        left = figures.pop("seconds_left", (total - done) / rate if rate > 0 else None)
        self._say("progress", done=done, total=total, rate=rate, seconds_left=left, message=message, **figures)

    def problem(self, where: str, reason: str) -> None:
        self._say("problem", where=where, reason=reason)

    def note(self, where: str, text: str) -> None:
        self._say("note", where=where, text=text)

    def finish(self, **figures: Any) -> None:
        self._say("finish", **figures)

    def _say(self, event: str, **fields: Any) -> None:
        self._stream.write(json.dumps({"event": event, "job": self.job, **fields}, allow_nan=False) + "\n")
        self._stream.flush()


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
