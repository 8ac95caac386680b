"""Closing a run for good: which run, told apart from the others by all that a person knows it by, and why."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from PySide6.QtCore import Qt
from PySide6.QtGui import QIcon, QKeyEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QDialogButtonBox,
    QHeaderView,
    QLineEdit,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from medqdeg_desktop.study.run_names import mode_note
from medqdeg_desktop.ui.evaluate.state import RunRow
from medqdeg_desktop.ui.labels import label

#: The column with the number of answers.
_ANSWERS: Final = 4


class FreezeDialog(QDialog):
    """``chosen`` is the run to close and ``reason`` why; the button works once there is a reason."""

    def __init__(self, rows: Sequence[RunRow], current: RunRow, reader: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Freeze a run"))
        self._rows = [row for row in rows if row.freezable and row.standing is not None]
        self.runs = self._table()
        self.runs.selectRow(self._rows.index(current))
        self.why = QLineEdit()
        self.why.setPlaceholderText(self.tr("Why, for the record: such as the paper that its figures go into"))
        self.why.setAccessibleName(self.tr("Reason for freezing"))
        note = label(
            self.tr(
                "A frozen run takes no further answers and is never read otherwise again; this cannot be taken back. The hash of"
                " its answers goes on record with your name ({0}), the time and the reason."
            ).format(reader),
            "muted",
            wraps=True,
        )
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        self.freeze = self.buttons.button(QDialogButtonBox.StandardButton.Ok)
        self.freeze.setText(self.tr("Freeze for good"))
        self.freeze.setAutoDefault(False)
        self.buttons.button(QDialogButtonBox.StandardButton.Cancel).setDefault(True)
        for button in self.buttons.buttons():
            button.setIcon(QIcon())
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.setSpacing(12)
        column.addWidget(self.runs, 1)
        column.addWidget(self.why)
        column.addWidget(note)
        column.addWidget(self.buttons)
        self.resize(860, 360)
        self.why.textChanged.connect(self._tell)
        self.runs.itemSelectionChanged.connect(self._tell)
        self.why.setFocus()
        self._tell()

    @property
    def chosen(self) -> RunRow:
        return self._rows[self.runs.currentRow()]

    @property
    def reason(self) -> str:
        return self.why.text().strip()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        # Enter behind the reason goes on to the button; to the default one, Cancel, it would lose what was typed.
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.why.hasFocus():
            self.freeze.setFocus()
            return
        super().keyPressEvent(event)

    def _table(self) -> QTableWidget:
        heads = [
            self.tr("Model"),
            self.tr("Asked"),
            self.tr("Set"),
            self.tr("Begun"),
            self.tr("Answers"),
            self.tr("Run"),
        ]
        table = QTableWidget(len(self._rows), len(heads))
        table.setHorizontalHeaderLabels(heads)
        table.setAccessibleName(self.tr("Runs that can be frozen"))
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        table.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        table.setShowGrid(False)
        table.setTabKeyNavigation(False)
        table.verticalHeader().hide()
        for number, row in enumerate(self._rows):
            assert row.standing is not None
            run = row.standing.run
            words = (
                run.label,
                mode_note(run.mode, run.trials),
                Path(run.dataset_path).name,
                run.started_at[:16].replace("T", " "),
                f"{row.answered:,}",
                run.run_id[:8],
            )
            for place, text in enumerate(words):
                cell = QTableWidgetItem(text)
                if place == _ANSWERS:
                    cell.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                cell.setToolTip({0: run.name, 2: run.dataset_path, 5: run.run_id}.get(place, text))
                table.setItem(number, place, cell)
        header = table.horizontalHeader()
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setHighlightSections(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        for place in (0, 2):
            header.setSectionResizeMode(place, QHeaderView.ResizeMode.Stretch)
        return table

    def _tell(self) -> None:
        self.freeze.setEnabled(bool(self.reason) and 0 <= self.runs.currentRow() < len(self._rows))
