"""The filters at the left of Explore: what there is of each value, its share of this set, and its share as published."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHeaderView, QTreeWidget, QTreeWidgetItem, QWidget

from medqdeg_desktop.shipped import shipped
from medqdeg_desktop.ui import theme
from medqdeg_desktop.ui import tokens as t
from medqdeg_desktop.ui.explore.catalogue import FACETS, Catalogue, published_share, shown_value

_VALUE = Qt.ItemDataRole.UserRole
_FEW = 12

_SHEET = f"""
QTreeView::item {{ padding: 0 4px; }}
QHeaderView::section {{ padding: 4px; font-size: {t.SMALL}px; }}
QTreeView::indicator {{ width: 14px; height: 14px; border: 1px solid {t.EDGE}; border-radius: 3px; background: {t.RAISED}; }}
QTreeView::indicator:checked {{ background: {t.ACCENT}; image: url(@check@); }}
QTreeView::indicator:disabled {{ border-color: {t.LINE}; background: {t.PANEL}; }}
"""


class Filters(QTreeWidget):
    """Values to tick, grouped by field. ``changed`` when the choice has changed."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(self.tr("Filters"))
        self.setColumnCount(4)
        self.setHeaderLabels([self.tr("Filter"), self.tr("count"), self.tr("here"), "MedQ-Deg"])
        self.setStyleSheet(_SHEET.replace("@check@", shipped("icons/check.svg").as_posix()))
        for column, told in (
            (1, self.tr("Pictures that match with the other filters as they are")),
            (2, self.tr("Share of this dataset")),
            (3, self.tr("Share in the published MedQ-Deg, where it is printed")),
        ):
            self.headerItem().setToolTip(column, told)
            self.headerItem().setTextAlignment(column, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.setUniformRowHeights(True)
        self.setIndentation(10)
        self.setTextElideMode(Qt.TextElideMode.ElideRight)
        header = self.header()
        header.setStretchLastSection(False)
        header.setMinimumSectionSize(40)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        for column, width in ((1, 60), (2, 56), (3, 74)):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.Fixed)
            header.resizeSection(column, width)
        self._rows: dict[tuple[str, str], QTreeWidgetItem] = {}
        self._filling = False
        self.itemChanged.connect(self._on_item_changed)

    @property
    def chosen(self) -> dict[str, frozenset[str]]:
        """The ticked values of each field; a field without a tick does not filter."""
        ticked: dict[str, set[str]] = {}
        for (name, value), row in self._rows.items():
            if row.checkState(0) is Qt.CheckState.Checked:
                ticked.setdefault(name, set()).add(value)
        return {name: frozenset(values) for name, values in ticked.items()}

    def choose(self, chosen: dict[str, frozenset[str]]) -> None:
        """Ticks exactly ``chosen``; ``changed`` follows once."""
        self._filling = True
        for (name, value), row in self._rows.items():
            wanted = value in chosen.get(name, ())
            row.setCheckState(0, Qt.CheckState.Checked if wanted else Qt.CheckState.Unchecked)
        self._filling = False
        self.changed.emit()

    def fill(self, catalogue: Catalogue | None) -> None:
        """The values of another dataset, none ticked."""
        self._filling = True
        self.clear()
        self._rows = {}
        for name, facet in catalogue.facets.items() if catalogue is not None else ():
            head = QTreeWidgetItem([FACETS[name]])
            head.setFont(0, theme.font(t.SMALL, strong=True))
            head.setFlags(Qt.ItemFlag.ItemIsEnabled)
            self.addTopLevelItem(head)
            head.setFirstColumnSpanned(True)
            for value in facet.values:
                ours, theirs = catalogue.share(name, value) if catalogue else None, published_share(name, value)
                label = shown_value(name, value)
                row = QTreeWidgetItem(head, [label, "", _percent(ours), _percent(theirs)])
                row.setData(0, _VALUE, (name, value))
                row.setToolTip(0, label)
                row.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsUserCheckable | Qt.ItemFlag.ItemIsSelectable)
                row.setCheckState(0, Qt.CheckState.Unchecked)
                for column in (1, 2, 3):
                    row.setTextAlignment(column, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                    row.setForeground(column, self.palette().placeholderText())
                self._rows[name, value] = row
            head.setExpanded(name != "source" or len(facet.values) <= _FEW)
        self._filling = False

    def scroll_to(self, name: str) -> None:
        """Brings a field into sight."""
        for (field, _), row in self._rows.items():
            if field == name:
                self.scrollToItem(row.parent(), QTreeWidget.ScrollHint.PositionAtTop)
                return

    def show_counts(self, counts: dict[str, dict[str, int]]) -> None:
        """How many pictures each value would show."""
        self._filling = True
        for (name, value), row in self._rows.items():
            count = counts.get(name, {}).get(value, 0)
            row.setText(1, f"{count:,}")
            row.setDisabled(count == 0 and row.checkState(0) is Qt.CheckState.Unchecked)
        self._filling = False

    def _on_item_changed(self, item: QTreeWidgetItem, column: int) -> None:
        if not self._filling and column == 0 and item.data(0, _VALUE) is not None:
            self.changed.emit()


def _percent(share: float | None) -> str:
    if share is None:
        return ""
    return f"{share * 100:.1f} %" if share < 0.0995 else f"{share * 100:.0f} %"
