"""Which run a tab shows: the one chosen in the list of runs, until another is chosen in the tab."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtWidgets import QWidget

from medqdeg_desktop.eval.wording import model_words
from medqdeg_desktop.ui.labels import ElidedComboBox

Json = dict[str, Any]


class RunChoice(ElidedComboBox):
    """The runs of the results by name; ``currentData`` is a run's id.

    A run that was wanted before it had results is shown once it has some.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(self.tr("Model"))
        self._wanted = ""
        self.activated.connect(self._on_activated)

    def show_models(self, models: Sequence[Json]) -> None:
        """Other runs, or others of their names; the wanted one is shown, else what was shown before, else the first."""
        entries = [(model_words(model, models), model["run_id"]) for model in models]
        if entries != [(self.itemText(i), self.itemData(i)) for i in range(self.count())]:
            before = self.currentData()
            self.clear()
            for words, run_id in entries:
                self.addItem(words, run_id)
            self.setCurrentIndex(max(0, self.findData(before)))
        self.choose(self._wanted)

    def choose(self, run_id: str) -> bool:
        """``run_id`` is wanted; whether another run is shown now."""
        self._wanted = run_id
        at = self.findData(run_id)
        if at < 0 or at == self.currentIndex():
            return False
        self.setCurrentIndex(at)
        return True

    def _on_activated(self) -> None:
        self._wanted = str(self.currentData())
