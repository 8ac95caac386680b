"""The narrow panel on the left: the open series, how far a folder is read, and the button that opens more."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QMenu, QPushButton, QVBoxLayout, QWidget

from medqdeg_desktop.ui.calibrate.series_list import SeriesList


class SidePanel(QWidget):
    """``menu`` is that of the open button, filled by who opens."""

    def __init__(self, series: SeriesList, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFixedWidth(216)
        self.open_button = QPushButton(self.tr("Open…"))
        self.menu = QMenu(self.open_button)
        self.open_button.setMenu(self.menu)
        self.scanning = QLabel()
        self.scanning.setProperty("role", "small")
        self.scanning.setContentsMargins(12, 4, 12, 4)
        self.scanning.hide()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 8, 0, 8)
        column.setSpacing(8)
        column.addWidget(series, 1)
        column.addWidget(self.scanning)
        foot = QHBoxLayout()
        foot.setContentsMargins(8, 0, 8, 0)
        foot.addWidget(self.open_button)
        column.addLayout(foot)
