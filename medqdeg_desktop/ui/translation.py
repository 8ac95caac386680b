"""Other languages: the source is English, a translation is one file in the data folder, found by the language of the system.

    python -m medqdeg_desktop.ui.translation window_de.ts

writes every text of the window into ``window_de.ts``, or brings that file up to date and keeps what is translated.
``pyside6-linguist`` edits it; ``pyside6-lrelease window_de.ts`` makes ``window_de.qm``, which goes into ``translations``
there. Texts in code are marked by ``tr``; the table of actions and the published vocabulary are data, whose texts are handed over
here.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QLocale, QTranslator

from medqdeg_desktop.errors import MedqdegError
from medqdeg_desktop.ui import vocabulary
from medqdeg_desktop.ui.actions import CONTEXT
from medqdeg_desktop.ui.preferences import data_folder

_PACKAGE = Path(__file__).parent


def install(application: QCoreApplication, locale: QLocale) -> bool:
    """Puts the user's translation for ``locale`` in force; whether there is one (``window_de_AT.qm``, else ``window_de.qm``)."""
    translator = QTranslator(application)
    found = translator.load(locale, "window", "_", str(data_folder() / "translations"), ".qm")
    return found and application.installTranslator(translator)


def table_texts() -> Iterator[str]:
    """Every text of the table of actions, once: names, groups, gestures and entries of the rail."""
    from medqdeg_desktop.ui.action_table import GESTURES, TABLE
    from medqdeg_desktop.ui.keys_sheet import GROUP_OF_GESTURES, GROUP_OF_THE_REST, PRESETS
    from medqdeg_desktop.ui.workspace import RAIL

    texts = [text for action in TABLE for text in (action.text, action.group)]
    texts += [text for gesture in GESTURES for text in gesture]
    texts += [GROUP_OF_GESTURES, GROUP_OF_THE_REST, PRESETS, *(entry.text for entry in RAIL)]
    yield from dict.fromkeys(text for text in texts if text)


def write_source(path: Path) -> None:
    """Writes or updates the translation source ``path`` (.ts). Raises MedqdegError where Qt's tool is missing or refuses."""
    tool = Path(sys.executable).parent / ("pyside6-lupdate.exe" if sys.platform == "win32" else "pyside6-lupdate")
    if not tool.exists():
        raise MedqdegError(f"{tool}: not found; Qt's lupdate comes with PySide6-Essentials")
    with tempfile.TemporaryDirectory() as scratch:
        table = Path(scratch) / "table.py"
        marked = [(CONTEXT, text) for text in table_texts()] + [(vocabulary.CONTEXT, text) for text in vocabulary.texts()]
        lines = (f"QCoreApplication.translate({context!r}, {text!r})" for context, text in marked)
        table.write_text("\n".join(lines) + "\n", encoding="utf-8")
        sources = [*sorted(_PACKAGE.rglob("*.py")), table]
        # No places in the code: they change with every line, the texts do not.
        done = subprocess.run(
            [tool, *sources, "-locations", "none", "-no-obsolete", "-ts", path], capture_output=True, text=True, check=False
        )
    if done.returncode != 0 or not path.exists():
        raise MedqdegError(f"{path}: lupdate could not write it: {(done.stderr or done.stdout).strip()}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m medqdeg_desktop.ui.translation FILE.ts")
    try:
        write_source(Path(sys.argv[1]))
    except MedqdegError as error:
        sys.exit(str(error))
