"""A model held ready in a process of its own, for a slider that moves: JSON lines in, option probabilities out.

    python -m medqdeg_desktop.eval.probe FOLDER [--trust-remote-code]

A line in: ``{"id": 7, "slot": "live", "question": TEXT, "options": {"A": TEXT, ...}}`` and the picture, either as it is
(``"png"`` in base64, or ``"path"`` of a file) or as what it is made from (``"source"``, see ``probe_pictures``). A slot holds
one request: a newer one takes its place, and what it replaced is never answered, so that a model slower than the hand always
works on the newest picture. The slot ``live`` is served before all others, which a curve over severity uses, one slot a point.
``{"forget": true}`` empties all slots (another image was opened); the end of the input ends the process.

A line out: ``{"ready": NAME, ...}`` once, then for each request that was reached ``{"id", "slot", "p", "top", "confidence",
"option_mass", "seconds"}`` or ``{"id", "slot", "error"}``. ``confidence`` is the expected C of ten trials. ``Probe`` is the
other end.

The process runs on one thread and at a lower priority than the window: whoever moves a slider goes first.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import hashlib
import io
import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from PIL import Image

from medqdeg_desktop.errors import MedqdegError
from medqdeg_desktop.eval.backends.base import Decoding, FatalError, PermanentError, Request
from medqdeg_desktop.eval.probe_pictures import Studio
from medqdeg_desktop.eval.prompts import prompt_text
from medqdeg_desktop.eval.questions import Question, QuestionImage
from medqdeg_desktop.statistics.votes import expected_confidence

LIVE: Final = "live"
TRIALS: Final = 10
#: Points of a curve that are asked together; a live request waits for one such batch at most.
_TOGETHER: Final = 4
#: Steps of courtesy (nice) of the model's process.
_LOWER: Final = 19
#: What numeric libraries read when they are loaded: the other cores belong to the window.
_ONE_THREAD: Final = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
_SPEAKING = threading.Lock()
Line = dict[str, Any]


class Mailbox:
    """One request a slot, the newest; ``take`` gives the live one alone, else up to four of the others, oldest slot first."""

    def __init__(self) -> None:
        self._slots: dict[str, Line] = {}
        self._closed = False
        self._changed = threading.Condition()

    def put(self, line: Line) -> None:
        with self._changed:
            self._slots[str(line.get("slot", LIVE))] = line
            self._changed.notify()

    def forget(self) -> None:
        with self._changed:
            self._slots.clear()

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify()

    def take(self) -> list[Line]:
        """Waits for requests; an empty list when the mailbox is closed, whatever is in it."""
        with self._changed:
            while not self._slots and not self._closed:
                self._changed.wait()
            if self._closed:
                return []
            names = [LIVE] if LIVE in self._slots else list(self._slots)[:_TOGETHER]
            return [self._slots.pop(name) for name in names]


@dataclass(frozen=True, slots=True)
class _Picture(QuestionImage):
    """A picture that came with the request rather than from a dataset."""

    data: bytes = b""

    def read(self) -> bytes:
        return self.data


def serve(folder: Path, lines: IO[str], out: IO[str], *, precision: str = "auto", trust_remote_code: bool = False) -> None:
    """Answers ``lines`` until they end. Raises FatalError where the folder is no model."""
    from medqdeg_desktop.eval.backends.local import LocalBackend

    started = time.monotonic()
    backend = LocalBackend(
        folder,
        Decoding("option"),
        "probe",
        precision=precision,
        batch_size=_TOGETHER,
        trust_remote_code=trust_remote_code,
    )
    mailbox = Mailbox()
    threading.Thread(target=_read, args=(lines, mailbox, out), daemon=True).start()
    _say(out, {"ready": folder.name, "precision": backend.facts["precision"], "seconds": time.monotonic() - started})
    asyncio.run(_serve(backend, mailbox, out))


def _read(lines: IO[str], mailbox: Mailbox, out: IO[str]) -> None:
    for text in lines:
        try:
            line = json.loads(text)
        except ValueError:
            _say(out, {"id": None, "error": "a line that is no JSON"})
            continue
        if line.get("forget"):
            mailbox.forget()
        else:
            mailbox.put(line)
    mailbox.close()


async def _serve(backend: Any, mailbox: Mailbox, out: IO[str]) -> None:
    studio = Studio()
    try:
        while batch := mailbox.take():
            began = time.monotonic()
            asked: list[tuple[Line, Request]] = []
            for line in batch:
                try:
                    asked.append((line, _request(line, studio)))
                except MedqdegError as error:
                    _say(out, _named(line) | {"error": str(error)})
                except (KeyError, TypeError, ValueError, OSError) as error:
                    _say(out, _named(line) | {"error": f"{type(error).__name__}: {error}"})
            if not asked:
                continue
            try:
                replies = await backend.answer([request for _, request in asked])
            except (PermanentError, FatalError, OSError) as error:
                for line, _ in asked:
                    _say(out, _named(line) | {"error": str(error)})
                continue
            for (line, _), (reply,) in zip(asked, replies, strict=True):
                _say(out, _named(line) | _answer(reply, time.monotonic() - began))
    finally:
        await backend.close()


def _request(line: Mapping[str, Any], studio: Studio) -> Request:
    options = {str(letter): str(text) for letter, text in line["options"].items()}
    if len(options) < 2:
        raise ValueError("a question needs at least two options")
    if "source" in line:
        data = studio.png(line)
    else:
        data = base64.b64decode(line["png"], validate=True) if "png" in line else Path(line["path"]).read_bytes()
    with Image.open(io.BytesIO(data)) as picture:
        picture.load()
    image = _Picture(Path("probe"), hashlib.sha256(data).hexdigest(), picture.width, picture.height, data=data)
    question = Question(str(line["id"]), str(line["id"]), "", str(line["question"]), options, "", (image,))
    return Request(question, prompt_text(question.text, options), options, (0,))


def _answer(reply: Any, seconds: float) -> Line:
    p = reply.probabilities
    confidence = float(expected_confidence([list(p.values())], TRIALS)[0])
    mass = reply.detail["option_mass"]
    return {"p": p, "top": reply.text, "confidence": confidence, "option_mass": mass, "seconds": seconds}


def _named(line: Mapping[str, Any]) -> Line:
    return {"id": line.get("id"), "slot": line.get("slot", LIVE)}


def _say(out: IO[str], line: Line) -> None:
    # The reading thread and the serving one both speak.
    with _SPEAKING:
        out.write(json.dumps(line) + "\n")
        out.flush()


class Probe:
    """The caller's end: starts the process, sends requests, hands each answer to ``on_line`` on a thread of its own.

    ``on_line`` gets the lines described above as dicts, and ``{"ended": EXIT STATUS, "error": LAST WORDS}`` when the process is
    gone. No call blocks on the model.
    """

    def __init__(self, folder: Path, on_line: Callable[[Line], None], *, trust_remote_code: bool = False) -> None:
        self._on_line = on_line
        consent = ["--trust-remote-code"] if trust_remote_code else []
        self._process = subprocess.Popen(
            [sys.executable, "-m", "medqdeg_desktop.eval.probe", str(folder), *consent],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            env=os.environ | _ONE_THREAD,
            # Elsewhere the process lowers itself; 0 is what other systems take here.
            creationflags=getattr(subprocess, "BELOW_NORMAL_PRIORITY_CLASS", 0),
        )
        self._outbox: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._last_id = 0
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._send, self._receive, self._complaints)]
        self._words: list[str] = []
        for thread in self._threads:
            thread.start()

    def ask(self, png: bytes, question: str, options: Mapping[str, str], *, slot: str = LIVE) -> int:
        """Puts a question about the picture in ``png``; returns the id that its answer will carry."""
        picture = {"png": base64.b64encode(png).decode("ascii")}
        return self.ask_about(picture, question, options, slot=slot)

    def ask_about(self, picture: Mapping[str, Any], question: str, options: Mapping[str, str], *, slot: str = LIVE) -> int:
        """As ``ask``, about a picture that is described: the fields of ``Studio`` or ``{"path": FILE}``."""
        self._last_id += 1
        self._put({"id": self._last_id, "slot": slot, **picture, "question": question, "options": dict(options)})
        return self._last_id

    def forget(self) -> None:
        """Drops what has not been reached yet."""
        self._put({"forget": True})

    def close(self, timeout: float = 2.0) -> None:
        """Ends the process; one that has not ended by itself in ``timeout`` seconds is killed, for it keeps nothing."""
        self._outbox.put(None)
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for thread in self._threads:
            thread.join()

    def _put(self, line: Line) -> None:
        self._outbox.put(json.dumps(line) + "\n")

    def _send(self) -> None:
        assert self._process.stdin is not None
        try:
            while (text := self._outbox.get()) is not None:
                self._process.stdin.write(text)
                self._process.stdin.flush()
            self._process.stdin.close()
        except OSError:
            # The process is gone; the receiving thread tells.
            return

    def _receive(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for text in lines:
                self._on_line(json.loads(text))
        status = self._process.wait()
        self._threads[2].join()
        self._on_line({"ended": status, "error": self._words[-1] if status and self._words else ""})

    def _complaints(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as lines:
            for text in lines:
                if text.strip():
                    self._words = [*self._words[-20:], text.strip()]


def main() -> None:
    """Serves the model in the folder named by the first argument."""
    parser = argparse.ArgumentParser(prog="python -m medqdeg_desktop.eval.probe", description=main.__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--trust-remote-code", action="store_true", help="run the code that the folder brings along")
    arguments = parser.parse_args()
    if hasattr(os, "nice"):
        os.nice(_LOWER)
    # What a model's own code prints goes where complaints go: between the answers it would end the conversation.
    with os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8") as answers:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        try:
            serve(arguments.folder, sys.stdin, answers, trust_remote_code=arguments.trust_remote_code)
        except MedqdegError as error:
            sys.exit(f"Error: {error}")


if __name__ == "__main__":
    main()
