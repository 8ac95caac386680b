"""The figures of a panel on the screen: the charts and the numbers of the report, with their intervals, before it is written."""

from __future__ import annotations

import math
from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QTabWidget,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from medqdeg_desktop.calibration.evidence import Evidence, assemble
from medqdeg_desktop.calibration.evidence_rows import Row
from medqdeg_desktop.ui import theme
from medqdeg_desktop.ui import tokens as t
from medqdeg_desktop.ui.charts.page import ChartPage
from medqdeg_desktop.ui.study_session import StudySession

#: Tables that are shown, with their tab's title; all of them are in the report.
_TABLES = ("agreement", "levels", "readers", "pairs", "confusion", "comparisons", "sessions")


class FiguresPage(QWidget):
    """``left`` goes back to the consensus."""

    left = Signal()

    def __init__(self, session: StudySession, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.evidence: Evidence | None = None
        self.title = QLabel()
        self.title.setFont(theme.font(t.HEADLINE, strong=True))
        self.said = QLabel()
        self.said.setWordWrap(True)
        self.said.setProperty("role", "muted")
        self.charts = ChartPage()
        self.charts.said.connect(self.said.setText)
        self.charts.warned.connect(self.said.setText)
        self.tables: dict[str, QTreeWidget] = {}
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        self.tabs.addTab(self.charts, self.tr("Charts"))
        titles = (
            self.tr("Agreement"), self.tr("Levels"), self.tr("Readers"), self.tr("Pairs"), self.tr("Blind ratings"),
            self.tr("Comparisons"), self.tr("Sessions"),
        )  # fmt: skip
        for name, title in zip(_TABLES, titles, strict=True):
            table = QTreeWidget()
            table.setRootIsDecorated(False)
            table.setUniformRowHeights(True)
            table.setAlternatingRowColors(True)
            table.setAccessibleName(title)
            self.tables[name] = table
            self.tabs.addTab(table, title)
        self.back = QPushButton(self.tr("Back to the consensus"))
        self.back.clicked.connect(self.left)
        head = QHBoxLayout()
        head.addWidget(self.title)
        head.addStretch(1)
        head.addWidget(self.back)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(24, 24, 24, 16)
        whole.setSpacing(12)
        whole.addLayout(head)
        whole.addWidget(self.said)
        whole.addWidget(self.tabs, 1)

    def show_protocol(self, protocol_id: str) -> None:
        reader = self._session.reader
        self.said.setText(self.tr("Computing the figures…"))
        self._session.submit(lambda study: assemble(study, protocol_id, reader), self._on_assembled, self.said.setText)

    def _on_assembled(self, evidence: Evidence) -> None:
        self.evidence = evidence
        self.title.setText(self.tr("Figures · {0}").format(evidence.title))
        note = self.tr("Fewer than five readers: the intervals describe this panel only.")
        self.said.setText(note if evidence.of_this_panel_only else "")
        self.charts.show_charts([partial(evidence.chart, name) for name in evidence.charts])
        for name, table in self.tables.items():
            rows = evidence.tables[name]
            _fill(table, rows)
            self.tabs.setTabVisible(self.tabs.indexOf(table), bool(rows))


def _fill(table: QTreeWidget, rows: list[Row]) -> None:
    table.clear()
    if not rows:
        return
    names = [n for n in rows[0] if not n.endswith(("_low", "_high")) and n not in ("low", "high")]
    table.setHeaderLabels([n.replace("_", " ") for n in names])
    for row in rows:
        item = QTreeWidgetItem([_text(row, name) for name in names])
        for column, name in enumerate(names):
            if isinstance(row[name], int | float) and not isinstance(row[name], bool):
                item.setTextAlignment(column, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        table.addTopLevelItem(item)
    table.header().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)


def _text(row: Row, name: str) -> str:
    """A value, and its interval where the row has one: ``value`` and ``severity`` own the plain ``low`` and ``high``."""
    plain = "low" in row and name in ("value", "severity", "share", "strength")
    low, high = (row["low"], row["high"]) if plain else (row.get(f"{name}_low"), row.get(f"{name}_high"))
    said = _number(row[name])
    return said if low is None or math.isnan(low) else f"{said}  ({_number(low)} to {_number(high)})"


def _number(value: object) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    return f"{value:.3f}" if isinstance(value, float) else str(value)
