"""Labels that no skill matches, a row each with the nearest skill filled in: a person says which it is, or leaves it."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QGridLayout, QScrollArea, QVBoxLayout, QWidget

from medqdeg_desktop.bank.unmapped import Unmapped, unmapped_labels
from medqdeg_desktop.study.store import Study
from medqdeg_desktop.ui.labels import label
from medqdeg_desktop.ui.writing.skill_box import SkillBox


def read_unmapped(study: Path) -> list[Unmapped]:
    """The labels of ``study`` that wait for a person; for a thread that may wait for the disk."""
    with Study.open(study, read_only=True) as opened:
        return unmapped_labels(opened)


class SkillsDialog(QDialog):
    """``assigned`` is what the rows say: (source, label) to skill, without the rows that were left empty."""

    def __init__(self, found: list[Unmapped], parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Labels without a skill"))
        self._found = found
        self.boxes: list[SkillBox] = []
        note = label(
            self.tr(
                "The nearest of the thirty skills stands in each row; an empty row is left as it is. What you decide goes into"
                " this site's own table, so that the next import finds it."
            ),
            "muted",
            wraps=True,
        )
        page = QWidget()
        grid = self._grid = QGridLayout(page)
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(8)
        grid.setColumnStretch(0, 1)
        grid.setColumnMinimumWidth(1, 280)
        for column, words in enumerate((self.tr("Label, and what is asked under it"), self.tr("Skill"))):
            grid.addWidget(label(words, "section"), 0, column)
        for row, one in enumerate(found, 1):
            self._add_row(row, one)
        grid.setRowStretch(len(found) + 1, 1)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(page)
        self.told = label("", "warn", wraps=True)
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        self.buttons.button(QDialogButtonBox.StandardButton.Ok).setText(self.tr("Give the questions these skills"))
        for button in self.buttons.buttons():
            button.setIcon(QIcon())
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        column_layout = QVBoxLayout(self)
        column_layout.addWidget(note)
        column_layout.addWidget(scroll, 1)
        column_layout.addWidget(self.told)
        column_layout.addWidget(self.buttons)
        self.resize(760, min(180 + 76 * max(1, len(found)), 640))
        self._tell()

    @property
    def assigned(self) -> dict[tuple[str, str], str]:
        return {
            (one.source, one.label): box.text().strip() for one, box in zip(self._found, self.boxes, strict=True) if box.is_skill
        }

    def _add_row(self, row: int, one: Unmapped) -> None:
        words = label(self.tr("{0}   {1:,} in {2}").format(one.label, one.items, one.source))
        words.setWordWrap(True)
        examples = label("\n".join(f"“{_short(question)}”" for question in one.examples[:2]), "small", wraps=True)
        both = QVBoxLayout()
        both.setSpacing(0)
        both.addWidget(words)
        both.addWidget(examples)
        box = SkillBox()
        box.setAccessibleName(self.tr("Skill of {0}").format(one.label))
        box.setText(one.suggestion)
        box.setCursorPosition(0)
        box.changed.connect(self._tell)
        self.boxes.append(box)
        self._grid.addLayout(both, row, 0)
        self._grid.addWidget(box, row, 1, Qt.AlignmentFlag.AlignTop)

    def _tell(self) -> None:
        """What keeps the button from working, or what it will cost."""
        wrong = next((box.text() for box in self.boxes if box.text().strip() and not box.is_skill), "")
        given = self.assigned
        again = sum(one.reviewed for one in self._found if (one.source, one.label) in given)
        if wrong:
            text = self.tr("{0!r} is none of the thirty skills yet").format(wrong)
        elif again:
            text = self.tr(
                "{0:,} of these questions were decided in review: they become new versions and are asked again"
            ).format(again)
        else:
            text = ""
        self.told.setText(text)
        self.buttons.button(QDialogButtonBox.StandardButton.Ok).setEnabled(bool(given) and not wrong)


def _short(question: str, most: int = 90) -> str:
    words = " ".join(question.split())
    return words if len(words) <= most else f"{words[: most - 1]}…"
