"""Two profiles, picture beside picture: cells that differ, the most different first, and what each profile makes of a picture."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QSplitter,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from medqdeg_desktop.calibration import profile_comparison as work
from medqdeg_desktop.calibration.profile_comparison import CellPair, interval_of
from medqdeg_desktop.calibration.profiles import read_profile
from medqdeg_desktop.calibration.protocol import LEVELS
from medqdeg_desktop.engine.image import MedicalImage
from medqdeg_desktop.study.records import Profile, ProfileCell
from medqdeg_desktop.taxonomy import Level
from medqdeg_desktop.ui import theme
from medqdeg_desktop.ui import tokens as t
from medqdeg_desktop.ui.action_table import actions_of
from medqdeg_desktop.ui.actions import bind
from medqdeg_desktop.ui.background import Background
from medqdeg_desktop.ui.calibrate.open_series import OpenSeries
from medqdeg_desktop.ui.calibrate.reading.actions import PROFILES_CONTEXT
from medqdeg_desktop.ui.calibrate.reading.linked_panes import LinkedPanes, Place
from medqdeg_desktop.ui.study_session import StudySession
from medqdeg_desktop.ui.vocabulary import type_words

_SIDES: Final = (0, 1)


class ProfilesPage(QWidget):
    """``left`` goes home."""

    left = Signal()
    context = PROFILES_CONTEXT

    def __init__(self, session: StudySession, open_series: Callable[[], list[OpenSeries]], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._open_series = open_series
        self._background = Background(self)
        self.profiles: dict[str, Profile] = {}
        self.pairs: list[CellPair] = []
        title = QLabel(self.tr("Compare two profiles"))
        title.setFont(theme.font(t.HEADLINE, strong=True))
        self.choices = tuple(QComboBox() for _ in _SIDES)
        for box, name in zip(self.choices, (self.tr("First profile"), self.tr("Second profile")), strict=True):
            box.setAccessibleName(name)
            box.setMinimumWidth(200)
            box.currentIndexChanged.connect(self._on_profiles_chosen)
        self.open = QPushButton(self.tr("Add a file…"))
        self.open.setToolTip(self.tr("A profile as JSON, from another site"))
        self.open.clicked.connect(self.choose_file)
        self.back = QPushButton(self.tr("Back"))
        self.back.clicked.connect(self.left)
        self.said = QLabel()
        self.said.setWordWrap(True)
        self.said.setProperty("role", "muted")
        self.table = QTreeWidget()
        self.table.setRootIsDecorated(False)
        self.table.setUniformRowHeights(True)
        self.table.setAllColumnsShowFocus(True)
        self.table.currentItemChanged.connect(self._on_cell_chosen)
        self.heads = tuple(QLabel() for _ in _SIDES)
        self.panes = LinkedPanes(len(LEVELS), len(_SIDES))
        self.parameters = QLabel()
        self.parameters.setWordWrap(True)
        self.parameters.setProperty("role", "small")
        bind(self, actions_of(PROFILES_CONTEXT))
        head = QHBoxLayout()
        head.addWidget(title)
        head.addSpacing(16)
        for widget in (*self.choices, self.open):
            head.addWidget(widget)
        head.addStretch(1)
        head.addWidget(self.back)
        right = QWidget()
        column = QVBoxLayout(right)
        column.setContentsMargins(12, 0, 0, 0)
        heads = QHBoxLayout()
        for label in self.heads:
            label.setProperty("role", "small")
            heads.addWidget(label, 1)
        column.addLayout(heads)
        column.addWidget(self.panes, 1)
        column.addWidget(self.parameters)
        self.split = QSplitter()
        self.split.addWidget(self.table)
        self.split.addWidget(right)
        self.split.setStretchFactor(1, 1)
        self.split.setSizes([560, 720])
        whole = QVBoxLayout(self)
        whole.setContentsMargins(24, 24, 24, 16)
        whole.setSpacing(12)
        whole.addLayout(head)
        whole.addWidget(self.said)
        whole.addWidget(self.split, 1)

    def close_down(self) -> None:
        self._background.close()

    # -- choosing ---------------------------------------------------------------------------------------------

    def fill(self) -> None:
        """Offers the profiles of the study; files that were added stay."""
        self.table.setFocus()
        self._session.submit(work.profiles_of, self._on_profiles, self.said.setText)

    def _on_profiles(self, found: dict[str, Profile]) -> None:
        added = {name: p for name, p in self.profiles.items() if name.startswith(self.tr("file: "))}
        chosen = [box.currentText() for box in self.choices]
        self.profiles = {**found, **added}
        names = list(self.profiles)
        for number, (box, before) in enumerate(zip(self.choices, chosen, strict=True)):
            box.blockSignals(True)
            box.clear()
            box.addItems(names)
            # At first: what the product ships against the draft, else the newest of the study.
            first = names.index("default") if number == 0 else names.index("draft") if "draft" in names else 0
            box.setCurrentIndex(names.index(before) if before in names else first)
            box.blockSignals(False)
        self._on_profiles_chosen()

    def choose_file(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, self.tr("A severity profile"), "", self.tr("Profiles (*.json)"))
        if name:
            self.add_file(Path(name))

    def add_file(self, path: Path) -> None:
        """Reads a profile from ``path`` and takes it as the second."""
        self._background.run("file", lambda: read_profile(path), partial(self._on_file_read, path), self.said.setText)

    def _on_file_read(self, path: Path, profile: Profile) -> None:
        name = self.tr("file: ") + f"{path.name}, {profile.version}"
        self.profiles[name] = profile
        for box in self.choices:
            if box.findText(name) < 0:
                box.blockSignals(True)
                box.addItem(name)
                box.blockSignals(False)
        self.choices[1].setCurrentText(name)
        self._on_profiles_chosen()

    @property
    def chosen(self) -> tuple[Profile, Profile]:
        first, second = (self.profiles[box.currentText()] for box in self.choices)
        return first, second

    def _on_profiles_chosen(self, *_: object) -> None:
        if any(box.currentText() not in self.profiles for box in self.choices):
            return
        first, second = self.chosen
        for number, (label, box) in enumerate(zip(self.heads, self.choices, strict=True), 1):
            label.setText(f"{number}   {box.currentText()}")
        self.pairs = work.cell_pairs(first, second)
        both = sum(pair.in_both for pair in self.pairs)
        if not self.pairs:
            said = self.tr("The two mean the same in every cell.")
        else:
            said = self.tr("{0} cells differ, the most different first; {1} are in one profile only.").format(
                both, len(self.pairs) - both
            )
        self.said.setText(said)
        self._fill_table()

    def _fill_table(self) -> None:
        self.table.blockSignals(True)
        self.table.clear()
        columns = [f"{level}, {side}" for level in LEVELS for side in (1, 2)]
        self.table.setHeaderLabels([self.tr("Cell"), *columns, self.tr("Difference")])
        for pair in self.pairs:
            texts = [f"{type_words(pair.type)} · {pair.modality}"]
            texts += [_severity(pair.levels.get(level, (None, None))[side]) for level in LEVELS for side in _SIDES]
            texts.append(f"{pair.largest:.2f}" if math.isfinite(pair.largest) else self.tr("one only"))
            row = QTreeWidgetItem(texts)
            for number, (level, side) in enumerate(((level, side) for level in LEVELS for side in _SIDES), 1):
                row.setToolTip(number, self._said_of(pair.levels.get(level, (None, None))[side], level, side))
            self.table.addTopLevelItem(row)
        header = self.table.header()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setStretchLastSection(True)
        self.table.blockSignals(False)
        # The first that there is something to look at on: not every modality has a built-in picture.
        open_now = {one.series.modality for one in self._open_series()}
        can_show = (n for n, pair in enumerate(self.pairs) if pair.modality in open_now or work.has_picture(pair.modality))
        first = self.table.topLevelItem(next(can_show, 0))
        if first is not None:
            self.table.setCurrentItem(first)
        self._show_cell()

    def _said_of(self, cell: ProfileCell | None, level: Level, side: int) -> str:
        if cell is None:
            return self.tr("{0} is not in the {1} profile").format(level, (self.tr("first"), self.tr("second"))[side])
        interval = interval_of(cell)
        limits = self.tr(", 95 % interval {0:.2f} to {1:.2f}").format(*interval) if interval else ""
        return self.tr("{0}: severity {1:.3f}{2}\n{3}").format(level, cell.severity, limits, cell.basis)

    # -- showing ----------------------------------------------------------------------------------------------

    def _on_cell_chosen(self, *_: object) -> None:
        self._show_cell()

    def current(self) -> CellPair | None:
        item = self.table.currentItem()
        index = self.table.indexOfTopLevelItem(item) if item is not None else -1
        return self.pairs[index] if 0 <= index < len(self.pairs) else None

    def _show_cell(self) -> None:
        pair = self.current()
        if pair is None:
            self.panes.show_pictures(None, {}, {})
            self.parameters.clear()
            return
        lines = []
        for level in pair.levels:
            told = [f"{name} {_value(a)} → {_value(b)}" for name, (a, b) in pair.parameters(level).items()]
            cells = " → ".join(_with_interval(cell) for cell in pair.levels[level])
            lines.append(f"{level}:  {cells}.  {', '.join(told) or self.tr('The same parameters.')}")
        self.parameters.setText("\n".join(lines))
        shown = [s for s in self._open_series() if s.series.modality is pair.modality]
        self._background.run("pictures", partial(_drawn, pair, shown), partial(self._on_drawn, pair), self._on_not_drawn)

    def _on_not_drawn(self, text: str) -> None:
        self.panes.show_pictures(None, {}, {})
        self.said.setText(text)

    def _on_drawn(self, pair: CellPair, made: tuple[MedicalImage, dict[Place, MedicalImage | None]]) -> None:
        original, pictures = made
        titles = {}
        for row, level in enumerate(LEVELS):
            for side in _SIDES:
                cell = pair.levels.get(level, (None, None))[side]
                told = f"{cell.severity:.2f}" if cell is not None else self.tr("not in this profile")
                titles[row, side] = f"{level} · {told}"
        self.panes.show_pictures(original, pictures, titles)

    # -- keys -------------------------------------------------------------------------------------------------

    def step_cell(self, by: int) -> None:
        item = self.table.currentItem()
        index = self.table.indexOfTopLevelItem(item) + by if item is not None else 0
        following = self.table.topLevelItem(min(max(index, 0), self.table.topLevelItemCount() - 1))
        if following is not None:
            self.table.setCurrentItem(following)

    def swap(self) -> None:
        """The first profile is the second and the other way round."""
        texts = [box.currentText() for box in self.choices]
        for box, text in zip(self.choices, reversed(texts), strict=True):
            box.blockSignals(True)
            box.setCurrentText(text)
            box.blockSignals(False)
        self._on_profiles_chosen()

    def hold_original(self, held: bool) -> None:
        self.panes.show_only_original(held)

    def fit(self) -> None:
        self.panes.fit()

    def zoom_by(self, factor: float) -> None:
        self.panes.zoom_by(factor)

    def invert(self) -> None:
        self.panes.invert()

    def go_back(self) -> None:
        self.left.emit()


def _drawn(pair: CellPair, shown: list[OpenSeries]) -> tuple[MedicalImage, dict[Place, MedicalImage | None]]:
    """The picture of an open series of the modality as it stands there, else the built-in one, under both profiles."""
    image = shown[0].series.frame(shown[0].own_view.frame) if shown else work.picture_for(pair.modality)
    made = work.pictures(image, pair)
    return image, {(row, side): made.get((level, side)) for row, level in enumerate(LEVELS) for side in _SIDES}


def _severity(cell: ProfileCell | None) -> str:
    return f"{cell.severity:.2f}" if cell is not None else "–"


def _with_interval(cell: ProfileCell | None) -> str:
    interval = interval_of(cell)
    return f"{_severity(cell)} ({interval[0]:.2f} to {interval[1]:.2f})" if interval else _severity(cell)


def _value(value: Any) -> str:
    return "–" if value is None else f"{value:.3g}" if isinstance(value, float) else str(value)
