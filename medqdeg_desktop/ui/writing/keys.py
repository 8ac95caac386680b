"""What the keys of writing do: handlers of ``actions.WRITING`` that only pass a wish on to the desk, the form or the glass."""

from __future__ import annotations

from abc import abstractmethod

from medqdeg_desktop.ui.calibrate.study_mode import CalibrateModes
from medqdeg_desktop.ui.writing.desk import WritingDesk
from medqdeg_desktop.ui.writing.panel import WritingPanel
from medqdeg_desktop.ui.writing.region_layer import RegionLayer


class WritingKeys(CalibrateModes):
    """Base of the workspace that writes; the class above makes the parts and connects them."""

    @abstractmethod
    def _made(self) -> tuple[WritingDesk, WritingPanel, RegionLayer]:
        """Desk, panel and glass, built when first asked for."""

    @abstractmethod
    def _show_tool(self) -> None:
        """The buttons follow the tool in hand."""

    @abstractmethod
    def _show_facts(self) -> None:
        """Facts and list say what the desk says now."""

    @abstractmethod
    def _show_picture_of_question(self, number: int) -> None:
        """Brings a picture of the question to the screen."""

    def submit_question(self) -> None:
        desk, panel, layer = self._made()
        layer.close_corners()
        panel.form.skill.settle()
        desk.type(panel.form.words)
        desk.submit()
        panel.form.focus_words()

    def begin_question(self) -> None:
        desk, panel, _ = self._made()
        desk.begin()
        panel.form.focus_words()

    def take_picture(self) -> None:
        self._made()[0].take_picture()

    def add_picture(self) -> None:
        self._made()[0].add_picture()

    def go_to_picture(self) -> None:
        """The question's picture; with several, the one after that which is shown."""
        desk, _, _ = self._made()
        if desk.draft is not None:
            number = desk.picture_number
            several = len(desk.draft.pictures)
            self._show_picture_of_question(0 if number is None else (number + 1) % several if desk.exactly_shown else number)

    def focus_words(self) -> None:
        self._made()[1].form.focus_words()

    def focus_skill(self) -> None:
        self._made()[1].form.focus_skill()

    def choose_answer(self, number: int) -> None:
        self._made()[1].form.choose_answer(number)

    def draw_region(self, kind: str) -> None:
        """Takes a drawing tool up, or puts it away."""
        desk, _, layer = self._made()
        if desk.draft is None or not desk.editable:
            return
        if desk.frozen and desk.picture_number is None:
            self.said.emit(self.tr("Go to the question's picture first (Alt+G), or take this one (Alt+P)"))
            self._show_tool()
            return
        self.comparison.measure_with(None)
        layer.draw_with("" if layer.tool == kind else kind)
        hint = {
            "box": self.tr("Box: drag over the picture; Shift keeps it square"),
            "ellipse": self.tr("Ellipse: drag over the picture; Shift keeps it round"),
            "contour": self.tr("Contour: drag around it, or click its corners and the first one again"),
        }
        self.said.emit(hint[kind] if layer.tool else "")
        self._show_tool()

    def delete_region(self) -> None:
        self._made()[0].set_region(None)

    def toggle_regions(self) -> None:
        layer = self._made()[2]
        layer.set_regions_shown(not layer.regions_shown)
        self.said.emit(self.tr("Regions shown") if layer.regions_shown else self.tr("Regions hidden (V shows them)"))

    def take_up(self) -> None:
        self._made()[0].take_up()

    def discard_question(self) -> None:
        self._made()[0].discard()

    def step_question(self, by: int) -> None:
        self._show_facts()
        self._made()[1].list.step(by)
