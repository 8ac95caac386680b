"""Texts that are too long for their place: the middle of a path is left out, and the whole of it stands in the tool tip."""

from __future__ import annotations

from PySide6.QtCore import QRect, Qt
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from medqdeg_desktop.ui.labels import ElidedComboBox, WrappedLabel, label

PATH = (
    "/data/radiology/projects/2026/degraded_sets/abdomen/site_a/reviewed/liver_study_of_november/ward_set_of_the_second_reading"
)


def shown(made: QLabel) -> str:
    """What is painted: the text of Qt's own label."""
    return QLabel.text(made)


def test_a_path_is_elided_in_its_middle_and_whole_in_the_tool_tip_while_words_break(qtbot: QtBot) -> None:
    panel = QWidget()
    panel.setFixedWidth(260)
    column = QVBoxLayout(panel)
    made = label("", wraps=True)
    assert isinstance(made, WrappedLabel)
    column.addWidget(made)
    qtbot.addWidget(panel)
    panel.show()
    text = f"No answers yet: {PATH}: no such folder\nand a second line"
    made.setText(text)
    qtbot.waitUntil(lambda: "…" in shown(made), timeout=5000)
    assert made.text() == text == made.toolTip()
    assert shown(made).startswith("No answers yet: /data/") and "reading: no such folder\nand a second line" in shown(made)
    assert made.width() <= 260 and panel.width() == 260
    widest = max(made.fontMetrics().horizontalAdvance(word) for word in shown(made).split())
    assert widest <= made.contentsRect().width()
    panel.setFixedWidth(1400)
    qtbot.waitUntil(lambda: shown(made) == text, timeout=5000)
    assert made.toolTip() == ""
    for width in (300, 299, 298, 900, 260):
        panel.setFixedWidth(width)
    qtbot.waitUntil(lambda: "…" in shown(made) and made.width() < 260, timeout=5000)
    made.setText("short")
    assert (shown(made), made.toolTip()) == ("short", "")


def test_a_label_keeps_the_width_that_its_whole_text_wishes_for(qtbot: QtBot) -> None:
    page = QWidget()
    column = QVBoxLayout(page)
    made = WrappedLabel(f"{PATH} {PATH}")
    column.addWidget(made, 0, Qt.AlignmentFlag.AlignLeft)
    qtbot.addWidget(page)
    page.resize(500, 200)
    page.show()
    widths = []
    for _ in range(20):
        qtbot.wait(1)
        widths.append(made.width())
    assert widths[-1] == widths[5] > 300, "nothing shrinks step by step"


def test_a_choice_without_room_shows_both_ends_of_its_text(qtbot: QtBot) -> None:
    box = ElidedComboBox()
    box.addItem("medqdeg-reference (bfloat16, 2026-11-21 06:16)")
    qtbot.addWidget(box)
    box.setFixedWidth(160)
    box.show()
    qtbot.waitUntil(lambda: box.toolTip() == box.currentText(), timeout=5000)
    narrow = box.grab().toImage()
    box.setFixedWidth(500)
    qtbot.waitUntil(lambda: box.grab().toImage() is not None and box.toolTip() == "", timeout=5000)
    # The last signs of the text stand before the arrow in the narrow box as well.
    end = narrow.copy(QRect(100, 4, 30, narrow.height() - 8))
    colours = {end.pixel(x, y) for x in range(end.width()) for y in range(end.height())}
    assert len(colours) > 5
