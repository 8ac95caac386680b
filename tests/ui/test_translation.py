"""The window speaks another language when it is given one: every text is handed to Qt's translators, and all can be extracted."""

from __future__ import annotations

import ast
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hands import calibrate, choose, set_level
from PySide6.QtCore import QLocale, QTranslator
from PySide6.QtWidgets import QAbstractButton, QApplication, QLabel, QWidget
from pytestqt.qtbot import QtBot

import medqdeg_desktop.ui
from medqdeg_desktop.errors import MedqdegError
from medqdeg_desktop.study.store import Study
from medqdeg_desktop.taxonomy import DEGRADATION_TYPES, LEVEL_ANCHORS, Category, Level
from medqdeg_desktop.ui import translation, vocabulary
from medqdeg_desktop.ui.action_table import TABLE
from medqdeg_desktop.ui.actions import CONTEXT
from medqdeg_desktop.ui.keys_sheet import KeysSheet
from medqdeg_desktop.ui.main_window import MainWindow
from medqdeg_desktop.ui.palette import Palette

OpenWindow = Callable[..., MainWindow]
_SOURCES = sorted(Path(medqdeg_desktop.ui.__file__).parent.rglob("*.py"))
#: Calls whose words a person reads, and that take them as they are.
_SHOWN = {
    "setText", "setToolTip", "setPlaceholderText", "setAccessibleName", "setAccessibleDescription", "setStatusTip", "QLabel",
    "QPushButton", "QCheckBox", "QRadioButton", "QGroupBox", "setInformativeText", "addTab", "setPrefix", "setSuffix",
    "setSpecialValueText", "setHeaderLabels", "setHorizontalHeaderLabels",
}  # fmt: skip
_NAMES = {"MedQ-Deg"}


class Bracketing(QTranslator):
    """A language in which every text stands in brackets."""

    def translate(self, context: str, text: str, disambiguation: str | None = None, n: int = -1) -> str:  # type: ignore[override]
        return f"⟦{text}⟧"

    def isEmpty(self) -> bool:  # noqa: N802
        return False


@pytest.fixture
def bracketed(qapp: QApplication) -> Iterator[None]:
    translator = Bracketing()
    qapp.installTranslator(translator)
    yield
    qapp.removeTranslator(translator)


def test_rail_palette_keys_and_tool_tips_are_in_the_language_of_the_window(bracketed: None, open_window: OpenWindow) -> None:
    window = open_window()
    assert all(button.text().startswith("⟦") for button in window.rail._buttons.values())
    assert all(made.text().startswith("⟦") and made.toolTip().startswith("⟦") for made in window._bound.values())
    window.show_palette()
    palette = window.findChild(Palette)
    assert palette is not None
    palette.field.setText("⟦slices")
    assert palette.list.topLevelItemCount() > 3
    for row in range(palette.list.topLevelItemCount()):
        item = palette.list.topLevelItem(row)
        assert item is not None and item.text(0).startswith("⟦")
    palette.close()
    window.show_keys()
    sheet = window.findChild(KeysSheet)
    assert sheet is not None
    words = "".join(label.text() for label in sheet.findChildren(QLabel))
    for text in ("Previous slice", "Slices", "Mouse over a picture", "Wheel", "Window presets of the modality"):
        assert f"⟦{text}⟧" in words and f">{text}<" not in words
    sheet.close()


@pytest.mark.parametrize("screen", ["generate", "evaluate", "review"])
def test_the_words_of_an_empty_screen_are_all_translated(bracketed: None, open_window: OpenWindow, screen: str) -> None:
    window = open_window()
    window.go_to(screen)
    QApplication.processEvents()
    words: list[QWidget] = [*window.stack.currentWidget().findChildren(QLabel)]
    words += window.stack.currentWidget().findChildren(QAbstractButton)
    shown = [w.text() for w in words if w.isVisible() and w.text()]  # type: ignore[attr-defined]
    assert shown
    assert not [text for text in shown if any(c.isalpha() for c in text) and "⟦" not in text]


def test_names_of_degradations_are_translated_on_the_screen_and_in_nothing_that_is_kept(
    bracketed: None, open_window: OpenWindow, ct_series: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    window = open_window(ct_series)
    workspace = calibrate(window)
    panel = workspace.panel
    choose(qtbot, workspace, "sparse_view")
    assert panel.types.box.currentText() == "⟦Sparse view⟧"
    assert panel._anchor.text().startswith("⟦") and panel.rows[Level.L1].decide.toolTip() == f"⟦{LEVEL_ANCHORS[Level.L1]}⟧"
    panel.drawer.header.setChecked(True)
    words = {label.text() for label in panel.drawer.findChildren(QLabel)}
    assert "⟦Views⟧" in words
    set_level(qtbot, window, Level.L1, 0.3)
    panel.rejected.emit("damaged data")
    qtbot.waitUntil(lambda: bool(workspace.desk.kept.clean), timeout=10_000)
    path = workspace.session.path
    assert path is not None
    window.close()
    with Study.open(path) as study:
        assert "⟦" not in repr(study.settings("Reader 1")) + repr(study.clean_decisions("Reader 1"))
        assert [s.type for s in study.settings("Reader 1")] == ["sparse_view"]


def test_no_words_go_to_a_widget_without_being_marked() -> None:
    bare = []
    for path in _SOURCES:
        for call in (node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)):
            name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
            if name in _SHOWN:
                texts = [c.value for a in call.args for c in _constants(a) if isinstance(c.value, str)]
                bare += [
                    f"{path.name}:{call.lineno}: {text!r}"
                    for text in texts
                    if sum(c.isalpha() for c in text) > 2 and text not in _NAMES
                ]
    assert not bare


def _constants(argument: ast.expr) -> Iterator[ast.Constant]:
    """Literal words that are the argument itself, or parts of it when it is an f-string or a list."""
    if isinstance(argument, ast.Constant):
        yield argument
    elif isinstance(argument, ast.JoinedStr):
        yield from (part for part in argument.values if isinstance(part, ast.Constant))
    elif isinstance(argument, ast.List | ast.Tuple):
        for element in argument.elts:
            yield from _constants(element)


def test_all_texts_are_extracted_and_a_translation_is_found_by_its_language(
    tmp_path: Path, data_home: Path, qapp: QApplication, open_window: OpenWindow
) -> None:
    source = tmp_path / "window_de.ts"
    translation.write_source(source)
    tree = ElementTree.parse(source)
    table = next(c for c in tree.iter("context") if c.findtext("name") == CONTEXT)
    extracted = {m.findtext("source") for m in table.iter("message")}
    assert {a.text for a in TABLE} | {a.group for a in TABLE} - {""} <= extracted
    assert len(list(tree.iter("message"))) > 900
    published = next(c for c in tree.iter("context") if c.findtext("name") == vocabulary.CONTEXT)
    words = {m.findtext("source") for m in published.iter("message")}
    assert {kind.label for kind in DEGRADATION_TYPES} | set(Category) | set(LEVEL_ANCHORS.values()) <= words

    for message in table.iter("message"):
        if message.findtext("source") == "Calibrate":
            done = message.find("translation")
            assert done is not None
            done.text = "Eichen"
            del done.attrib["type"]
    tree.write(source, encoding="utf-8", xml_declaration=True)
    translation.write_source(source)
    assert "Eichen" in source.read_text(encoding="utf-8"), "what is translated stays"

    folder = data_home / "translations"
    folder.mkdir(parents=True)
    compiler = Path(sys.executable).parent / "pyside6-lrelease"
    subprocess.run([compiler, source, "-qm", folder / "window_de.qm"], check=True, capture_output=True)
    assert not translation.install(qapp, QLocale("fr_FR"))
    before = set(qapp.findChildren(QTranslator))
    assert translation.install(qapp, QLocale("de_AT"))
    try:
        window = open_window()
        assert window.rail._buttons["calibrate"].text() == "Eichen"
        assert window.rail._buttons["review"].text() == "Review", "what has no translation stays English"
    finally:
        for translator in set(qapp.findChildren(QTranslator)) - before:
            qapp.removeTranslator(translator)
            translator.deleteLater()


def test_a_source_that_cannot_be_written_is_told_in_one_line(tmp_path: Path, qtbot: QtBot) -> None:
    with pytest.raises(MedqdegError, match="lupdate could not write it"):
        translation.write_source(tmp_path / "no such folder" / "window_de.ts")
