"""Opening files and folders off the window's thread: series come into the list as they are found, refused files are named."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from medqdeg_desktop.engine.reading import Series, scan
from medqdeg_desktop.engine.reading.archives import told
from medqdeg_desktop.errors import MedqdegError
from medqdeg_desktop.ui.hop import Hop

_log = logging.getLogger(__name__)

_THUMBNAIL_PIXELS = 112


class Opener(QObject):
    """One scan at a time, in the order asked for.

    found       list of Series and the path that was opened; called again as a series grows.
    thumbnail   series id and uint8 pixels.
    progressed  files described, files found.
    finished    the paths, how many series they held, and the refused files: what a person calls each, and the reason.
    """

    found = Signal(object, object)
    thumbnail = Signal(str, object)
    progressed = Signal(int, int)
    finished = Signal(object, int, object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._hop = Hop(self)
        self._jobs: list[list[Path]] = []
        self._pictures: list[Series] = []
        self._condition = threading.Condition()
        self._closed = self._scanning = False
        self._turn = 0
        self._sample: threading.Thread | None = None
        self._threads = [
            threading.Thread(target=self._scan_jobs, name="scan", daemon=True),
            threading.Thread(target=self._make_pictures, name="thumbnails", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    @property
    def is_busy(self) -> bool:
        """Whether something is still being opened."""
        with self._condition:
            return self._scanning or bool(self._jobs)

    def open(self, paths: Sequence[Path]) -> None:
        with self._condition:
            self._jobs.append(list(paths))
            self._condition.notify_all()

    def drop(self) -> None:
        """Another study is there: what is still being opened belongs to the one before, and nothing more is told of it."""
        with self._condition:
            self._turn += 1
            self._jobs.clear()
            self._pictures.clear()

    def open_sample(self, folder: Path) -> None:
        """The built-in sample study: its real files at once, its phantoms, made in ``folder`` at the first start, when done."""
        self._sample = threading.Thread(target=self._make_sample, args=(folder, self._turn), name="sample", daemon=True)
        self._sample.start()

    def want_thumbnail(self, series: Series) -> None:
        with self._condition:
            self._pictures.append(series)
            self._condition.notify_all()

    def told_of(self, paths: Sequence[Path], count: int, refused: Sequence[tuple[str, str]]) -> str:
        """One sentence on the files that were refused beside ``count`` series."""
        name, reason = refused[0]
        if count == 0 and len(refused) == 1:
            # The file itself that was opened is told with its place, one below it by name.
            return f"{paths[0] if name == paths[0].name else name}: {reason}"
        if count == 0:
            return self.tr("{0}: no image that can be read; {1} files were refused, the first: {2}: {3}").format(
                paths[0], len(refused), name, reason
            )
        if len(refused) == 1:
            return self.tr("One file was refused: {0}: {1}").format(name, reason)
        return self.tr("{0} files were refused, the first: {1}: {2}").format(len(refused), name, reason)

    def close(self) -> None:
        with self._condition:
            self._closed = True
            self._condition.notify_all()
        self._hop.close()
        # A thread that still computes when the interpreter ends takes the process down with it.
        for thread in (*self._threads, *([self._sample] if self._sample is not None else [])):
            thread.join(timeout=5)

    # -- the other threads ------------------------------------------------------------------------------------

    def _scan_jobs(self) -> None:
        while (job := self._next_job()) is not None:
            turn, paths = job
            outdated = partial(self._outdated, turn)
            # What a person calls a file is asked of the disk (it may lie in an archive), hence here.
            count, refused = 0, list[tuple[str, str]]()
            for path in paths:
                try:
                    result = scan(path, watch=partial(self._watch, turn, path), cancelled=outdated)
                except MedqdegError as error:
                    refused.append((told(path), getattr(error, "reason", str(error))))
                    continue
                except Exception as error:
                    _log.exception("scan of %s", path)
                    refused.append((told(path), f"{type(error).__name__}: {error}"))
                    continue
                count += len(result.series)
                refused.extend((told(each.path), each.reason) for each in result.refused)
                self._tell(turn, partial(self.found.emit, result.series, path))
            with self._condition:
                self._scanning = bool(self._jobs)
            self._tell(turn, partial(self.finished.emit, paths, count, refused))

    def _outdated(self, turn: int) -> bool:
        return self._closed or turn != self._turn

    def _tell(self, turn: int, call: Callable[[], None]) -> None:
        """On the window's thread, if it still matters by then."""
        self._hop.post(lambda: call() if turn == self._turn else None)

    def _make_sample(self, folder: Path, turn: int) -> None:
        from medqdeg_desktop.samples.sample_study import build, real_files

        self.open(real_files())
        try:
            study = build(folder, copies=1, cancelled=partial(self._outdated, turn))
        except CancelledError:
            return
        except (MedqdegError, OSError) as error:
            self._tell(turn, partial(self.finished.emit, [folder], 0, [(str(folder), str(error))]))
            return
        if not self._outdated(turn):
            self.open([study.series, folder / "dicom"])

    def _watch(self, turn: int, path: Path, done: int, total: int, series: list[Series]) -> None:
        self._tell(turn, partial(self.progressed.emit, done, total))
        if done < total:
            self._tell(turn, partial(self.found.emit, series, path))

    def _make_pictures(self) -> None:
        while (series := self._next_picture()) is not None:
            try:
                pixels = series.thumbnail(_THUMBNAIL_PIXELS)
            except MedqdegError:
                continue  # opening the series tells the reason; the list keeps its empty square
            except Exception:
                _log.exception("thumbnail of %s", series.series_id)
                continue
            self._hop.post(partial(self.thumbnail.emit, series.series_id, pixels))

    def _next_job(self) -> tuple[int, list[Path]] | None:
        with self._condition:
            while not self._jobs and not self._closed:
                self._condition.wait()
            self._scanning = True
            return None if self._closed else (self._turn, self._jobs.pop(0))

    def _next_picture(self) -> Series | None:
        with self._condition:
            while not self._pictures and not self._closed:
                self._condition.wait()
            return None if self._closed else self._pictures.pop(0)
