"""Every screen of the window, one after the other, at one size: a picture of each, and what is cut off on it.

    QT_SCALE_FACTOR=2 python tests/ui/screens.py FOLDER WIDTH HEIGHT [PATIENCE [STUDY IMAGE ...]]

writes one PNG a screen into FOLDER, of made pictures only, prints a line for everything that is cut off and ends with status 1
where there is any. PATIENCE is how many seconds a screen has to fill. A dense display is asked for before Qt starts, therefore
a process of its own.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import platformdirs
from hands import calibrate
from PySide6.QtCore import QEvent, Qt
from PySide6.QtWidgets import QAbstractButton, QAbstractScrollArea, QApplication, QDialog, QLabel, QToolButton, QWidget

from medqdeg_desktop.ui import theme
from medqdeg_desktop.ui.calibrate.reading.pages import ReadingPages
from medqdeg_desktop.ui.evaluate.action_list import TABS
from medqdeg_desktop.ui.main_window import MainWindow

Way = str | Callable[[MainWindow], None]


def _pages(window: MainWindow) -> ReadingPages:
    pages = calibrate(window).pages
    assert pages is not None
    return pages


#: Name of a screen, and what leads to it from the one before: actions, or what a button of that screen does.
WAYS: tuple[tuple[str, tuple[Way, ...]], ...] = (
    ("calibrate", ("window.calibrate",)),
    ("calibrate-parameters", ("calibrate.drawer",)),
    ("calibrate-wipe", ("calibrate.drawer", "calibrate.wipe")),
    ("calibrate-difference", ("calibrate.difference",)),
    ("calibrate-single", ("calibrate.single",)),
    ("calibrate-sheet", ("calibrate.side_by_side", "calibrate.sheet")),
    ("calibrate-sweep", ("calibrate.sweep",)),
    ("writing", ("calibrate.step_back", "calibrate.write")),
    ("reader-study", ("calibrate.write", "calibrate.reader_study")),
    ("reader-study-design", (lambda window: _pages(window)._on_design_wanted(),)),
    ("profiles", (lambda window: _pages(window)._on_profiles_wanted(),)),
    ("review", (lambda window: calibrate(window).toggle_reader_study(), "window.review")),
    ("review-large", ("review.large",)),
    ("doubles", ("review.grid", "review.doubles")),
    ("generate", ("doubles.back", "window.generate")),
    ("evaluate", ("window.evaluate",)),
    *((f"evaluate-{words.lower()}", (f"evaluate.tab_{n}",)) for n, words in enumerate(TABS, 1)),
    ("evaluate-add", ("evaluate.add",)),
    ("explore", ("evaluate.step_back", "window.explore")),
    ("help", ("window.help",)),
    ("palette", ("window.calibrate", "window.palette")),
    ("keys", ("window.keys",)),
    ("keys-editor", ("window.edit_keys",)),
)


def settle(until: Callable[[], bool] = lambda: False, seconds: float = 0.4) -> None:
    """Lets the window work for ``seconds``, or until something is there."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and not until():
        QApplication.processEvents()
        time.sleep(0.005)
    QApplication.sendPostedEvents(None, QEvent.Type.LayoutRequest)


def cut_off(top: QWidget) -> Iterator[str]:
    """A line for every label and button of ``top`` that does not show all of itself and all of its words."""
    for widget in (*top.findChildren(QLabel), *top.findChildren(QAbstractButton)):
        text = widget.text()
        if not widget.isVisible() or not text:
            continue
        name = f"{type(widget).__name__} {text[:60]!r}"
        shown = widget.visibleRegion().boundingRect()
        area = _scroll_area(widget, top)
        sideways = area is not None and area.horizontalScrollBarPolicy() is not Qt.ScrollBarPolicy.ScrollBarAlwaysOff
        if area is None and shown != widget.rect():
            yield f"{name}: {shown.width()} x {shown.height()} of {widget.width()} x {widget.height()} to be seen"
        elif not sideways and not shown.isEmpty() and shown.width() < widget.width():
            yield f"{name}: cut at {shown.width()} of {widget.width()} in what scrolls up and down alone"
        yield from (f"{name}: {reason}" for reason in _short_of_room(widget))


def _short_of_room(widget: QLabel | QAbstractButton) -> Iterator[str]:
    if isinstance(widget, QAbstractButton):
        if isinstance(widget, QToolButton) and widget.toolButtonStyle() is Qt.ToolButtonStyle.ToolButtonIconOnly:
            return
        wanted = widget.fontMetrics().horizontalAdvance(widget.text().replace("&", ""))
        if widget.width() < wanted:
            yield f"{widget.width()} wide for words of {wanted}"
        return
    if widget.wordWrap():
        if widget.heightForWidth(widget.width()) > widget.height() + 1:
            yield f"{widget.height()} high for words of {widget.heightForWidth(widget.width())}"
    elif widget.sizeHint().width() > widget.width() + 1:
        yield f"{widget.width()} wide for words of {widget.sizeHint().width()}"


def _scroll_area(widget: QWidget, top: QWidget) -> QAbstractScrollArea | None:
    at = widget.parentWidget()
    while at is not None and at is not top:
        if isinstance(at, QAbstractScrollArea):
            return at
        at = at.parentWidget()
    return None


def look_at_all(window: MainWindow, folder: Path, patience: float) -> list[str]:
    """Goes through all screens; the lines of ``cut_off`` with the name of the screen before them."""
    found = []
    for name, ways in WAYS:
        for way in ways:
            if isinstance(way, str):
                window._on_action_chosen(way)
            else:
                way(window)
            settle(seconds=0.3 * patience)
        settle(seconds=patience)
        dialogs = [w for w in window.findChildren(QDialog) if w.isVisible()]
        top: QWidget = dialogs[-1] if dialogs else window
        if not top.grab().save(str(folder / f"{name}.png")):
            found.append(f"{name}: no picture could be written")
        found += [f"{name}: {line}" for line in cut_off(top)]
        if top is not window and top.width() > window.width():
            found.append(f"{name}: {top.width()} wide over a window of {window.width()}")
        for dialog in dialogs:
            dialog.close()
    return found


def main(folder: Path, width: int, height: int, patience: float = 1.0, targets: Sequence[Path] = ()) -> int:
    from evaluated import build

    application = QApplication(sys.argv[:1])
    theme.apply(application)
    with tempfile.TemporaryDirectory(prefix="screens-") as scratch:
        platformdirs.user_data_dir = lambda *args, **kwargs: scratch  # type: ignore[assignment]
        if not targets:
            made = build(Path(scratch) / "made")
            targets = [made.study, *sorted(made.items.parent.glob("*.png"))]
        window = MainWindow(targets)
        window.preferences.set("tour_seen", True)
        window.resize(width, height)
        window.show()
        settle(lambda: window.session.is_open and calibrate(window).live.confirmable is not None, 20)
        found = look_at_all(window, folder, patience)
        window.close()
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    place, across, down, *rest = sys.argv[1:]
    sys.exit(main(Path(place), int(across), int(down), float(rest[0]) if rest else 1.0, [Path(p) for p in rest[1:]]))
