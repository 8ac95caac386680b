"""The narrow panel on the left: the open series, how far a folder is read, and the button that opens more."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from medqdeg_desktop.ui.calibrate.open_menu import OpenMenu
from medqdeg_desktop.ui.calibrate.series_list import SeriesList


class SidePanel(QWidget):
    """``menu`` is that of the open button."""

    def __init__(self, series: SeriesList, menu: OpenMenu, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFixedWidth(216)
        self.open_button = QPushButton(self.tr("Open…"))
        self.menu = menu
        menu.setParent(self.open_button, menu.windowFlags())
        self.open_button.setMenu(menu)
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
