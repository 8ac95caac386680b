"""The left side of Evaluate: the runs, and what can be done with the one that is chosen."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from medqdeg_desktop.ui.evaluate.run_list import RunList
from medqdeg_desktop.ui.evaluate.state import RunRow
from medqdeg_desktop.ui.labels import label
from medqdeg_desktop.ui.problem_list import ProblemList


class RunsPanel(QWidget):
    """Signals say what was pressed; the workspace does it."""

    add_clicked = Signal()
    stop_clicked = Signal()
    go_on_clicked = Signal()
    drop_clicked = Signal()
    freeze_clicked = Signal()
    report_clicked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFixedWidth(292)
        self.runs = RunList()
        self.runs.setMinimumHeight(140)
        self.add = QPushButton(self.tr("Add a model…"))
        self.stop = QPushButton(self.tr("Stop"))
        self.go_on = QPushButton(self.tr("Continue"))
        self.drop = QPushButton(self.tr("Take off the list"))
        self.freeze = QPushButton(self.tr("Freeze…"))
        self.freeze.setToolTip(self.tr("Close the run for good: no further answers, no other reading; its hash goes on record"))
        self.report = QPushButton(self.tr("Write the report…"))
        self.facts = label(role="small", wraps=True)
        self.log_head = label(role="section")
        self.log = ProblemList()
        self.log.setMaximumHeight(180)
        self.log.horizontalHeader().hide()
        self.log.horizontalHeader().resizeSection(0, 112)
        self.add.clicked.connect(self.add_clicked)
        self.stop.clicked.connect(self.stop_clicked)
        self.go_on.clicked.connect(self.go_on_clicked)
        self.drop.clicked.connect(self.drop_clicked)
        self.freeze.clicked.connect(self.freeze_clicked)
        self.report.clicked.connect(self.report_clicked)
        doing = QHBoxLayout()
        doing.setSpacing(8)
        for button in (self.stop, self.go_on, self.freeze, self.drop):
            doing.addWidget(button, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 12, 0, 12)
        column.setSpacing(8)
        column.addLayout(_inset(label(self.tr("Runs"), "section")))
        column.addWidget(self.runs, 1)
        column.addLayout(_inset(self.facts))
        column.addLayout(_inset(self.log_head))
        column.addWidget(self.log)
        inner = QVBoxLayout()
        inner.setContentsMargins(12, 0, 12, 0)
        inner.setSpacing(8)
        inner.addLayout(doing)
        inner.addWidget(self.add)
        inner.addWidget(self.report)
        column.addLayout(inner)
        self.show_row(None)

    def show_row(self, row: RunRow | None) -> None:
        """What can be done with ``row``, and what went wrong in it."""
        state = row.state if row is not None else ""
        self.stop.setVisible(row is not None and row.active)
        self.stop.setEnabled(state != "stopping")
        self.go_on.setVisible(row is not None and not row.active and state in ("stopped", "failed", "part"))
        self.freeze.setVisible(row is not None and row.freezable)
        self.facts.setText(facts_of(row))
        self.facts.setVisible(bool(self.facts.text()))
        self.drop.setVisible(row is not None and not row.active and not row.answered)
        log = row.job.log if row is not None and row.job is not None else []
        count = row.job.problem_count if row is not None and row.job is not None else 0
        self.log_head.setText(self.tr("Problems: {0:,}").format(count) if count == len(log) else self.tr("Log"))
        for part in (self.log_head, self.log):
            part.setVisible(bool(log))
        if len(log) != self.log.count() or not log:
            self.log.show_rows(log)

    def allow_report(self, allowed: bool, why_not: str = "") -> None:
        """``why_not`` is told by the greyed button."""
        self.report.setEnabled(allowed)
        self.report.setToolTip("" if allowed else why_not)


def facts_of(row: RunRow | None) -> str:
    """The log of a run in a few lines: since when, frozen by whom and why, and what failed, by kind."""
    if row is None or row.standing is None:
        return f"No answers yet: {row.error}" if row is not None and row.error else ""
    run = row.standing.run
    lines = [f"Run {run.run_id[:8]}, begun {_moment(run.started_at)}"]
    if run.finished_at:
        lines.append(f"All answered {_moment(run.finished_at)}")
    if run.frozen_at:
        closed = row.standing.freezing
        lines.append(f"Frozen {_moment(run.frozen_at)}{f' by {closed.by}' if closed else ''}")
        if closed is not None and closed.reason:
            lines.append(f"Reason: {closed.reason}")
        lines.append("Final: another reading makes another run")
    if not row.answered and not row.active:
        lines.append(f"No answers yet{f': {row.error}' if row.error else ''}")
    if row.failures:
        lines.append("Failed: " + ", ".join(f"{count:,} {kind.replace('_', ' ')}" for kind, count in row.failures.items()))
    return "\n".join(lines)


def _moment(text: str) -> str:
    return text[:16].replace("T", " ")


def _inset(widget: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setContentsMargins(12, 0, 12, 0)
    row.addWidget(widget)
    return row
