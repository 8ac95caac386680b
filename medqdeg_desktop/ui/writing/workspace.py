"""Calibrate with a third mode: questions are written about what is open, with the clean picture alone in the viewer.

The series, the slices, the windows and their keys are those of Calibrate; levels cannot be set meanwhile. What is written lives
on the ``WritingDesk``; this class connects it to the viewer.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QTimer
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QApplication, QPushButton, QVBoxLayout, QWidget

from medqdeg_desktop.bank import region as regions
from medqdeg_desktop.bank.doubts import place_of
from medqdeg_desktop.bank.views import View
from medqdeg_desktop.bank.writing import shown
from medqdeg_desktop.bank.written_items import Standing
from medqdeg_desktop.engine.image import MedicalImage, Window
from medqdeg_desktop.engine.preview import PreviewResult
from medqdeg_desktop.ui.action_table import actions_of
from medqdeg_desktop.ui.actions import bind, give_keys
from medqdeg_desktop.ui.calibrate.open_series import OpenSeries
from medqdeg_desktop.ui.study_session import StudySession
from medqdeg_desktop.ui.viewer.series_view import Layout
from medqdeg_desktop.ui.writing.actions import CONTEXT, STILL_ACTING, TOGGLE, WRITING
from medqdeg_desktop.ui.writing.desk import WritingDesk
from medqdeg_desktop.ui.writing.keys import WritingKeys
from medqdeg_desktop.ui.writing.panel import WritingPanel
from medqdeg_desktop.ui.writing.places import find_open, view_of, words_of
from medqdeg_desktop.ui.writing.question_list import Where
from medqdeg_desktop.ui.writing.region_layer import RegionLayer

_OPENING_MS = 15_000
_FACTS_MS = 30


class WritingWorkspace(WritingKeys):
    """``toggle_writing`` puts the panel of questions in the place of the levels; it is built when first asked for."""

    def __init__(self, session: StudySession, parent: QWidget | None = None) -> None:
        self.desk_of_questions: WritingDesk | None = None
        self.writing_panel: WritingPanel | None = None
        self.layer: RegionLayer | None = None
        self.writing = False
        self._unseen_series = False
        self._writing_actions: dict[str, QAction] = {}
        self._layout_before = Layout.SIDE_BY_SIDE
        self._wanted_view: View | None = None
        self._giving_up: QTimer | None = None
        super().__init__(session, parent)
        self._facts_timer = QTimer(self, singleShot=True, interval=_FACTS_MS)
        self._facts_timer.timeout.connect(self._show_facts)
        self.write_button = QPushButton(self.tr("Write questions…"))
        self.write_button.setToolTip(self.tr("Questions with options, answer, skill and region about what is open  (Ctrl+I)"))
        self.write_button.clicked.connect(self.toggle_writing)
        holder = QVBoxLayout()
        holder.setContentsMargins(8, 0, 8, 0)
        holder.addWidget(self.write_button)
        beside = self.open_button.parentWidget()
        side = beside.layout() if beside is not None else None
        assert isinstance(side, QVBoxLayout)
        side.addLayout(holder)

    # -- in and out -------------------------------------------------------------------------------------------

    @property
    def acting(self) -> tuple[QWidget, str]:
        return (self, CONTEXT) if self.writing else super().acting

    def toggle_writing(self) -> None:
        """To the questions about what is open, or back to the levels."""
        if self.writing:
            self._end_writing()
            return
        if self.in_study:
            return
        desk, panel, layer = self._made()
        self.writing = True
        self._unseen_series = False
        self._layout_before = self.comparison.layout_mode
        if self.centre.currentWidget() is self.sheet:
            self.step_back()
        self.probe.put_away()
        self.comparison.measure_with(None)
        self.comparison.set_layout_mode(Layout.SINGLE)
        self.comparison.show_only_original(True)
        self.comparison.show_degraded(None, "", preview=False)
        self.panel.hide()
        panel.show()
        layer.show()
        layer.raise_()
        self.write_button.setText(self.tr("Back to the levels"))
        self._mode_changed()
        desk.reload()
        self._picture_shown()
        self._show_kind()
        panel.form.focus_words()

    def _end_writing(self) -> None:
        desk, panel, layer = self._made()
        desk.save()
        self.writing = False
        layer.draw_with("")
        layer.hide()
        panel.hide()
        self.panel.setVisible(self.opened is not None)
        self.comparison.show_only_original(False)
        self.set_layout(str(self._layout_before))
        self.write_button.setText(self.tr("Write questions…"))
        self._mode_changed()
        if self.image is not None:
            self.image_shown(self.image, new_series=self._unseen_series or not self.type_name)
        self.comparison.right_pane.setFocus()

    def toggle_reader_study(self) -> None:
        if self.writing:
            self._end_writing()
        super().toggle_reader_study()

    def _made(self) -> tuple[WritingDesk, WritingPanel, RegionLayer]:
        if self.desk_of_questions is None or self.writing_panel is None or self.layer is None:
            desk = self.desk_of_questions = WritingDesk(self.session, self)
            panel = self.writing_panel = WritingPanel(desk, self._described)
            panel.fill(self._writing_actions)
            panel.hide()
            self.row.addWidget(panel)
            layer = self.layer = RegionLayer(self.comparison.right_pane)
            layer.changed.connect(self._on_region_changed)
            layer.tool_ended.connect(self._on_tool_ended)
            panel.modality_chosen.connect(self._on_modality_chosen)
            panel.picture_wanted.connect(self._show_picture_of_question)
            desk.replaced.connect(self._on_question_replaced)
            desk.retold.connect(self._show_question)
            desk.listed.connect(self._show_question)
            desk.said.connect(self.said)
            desk.warned.connect(self.warned)
        return self.desk_of_questions, self.writing_panel, self.layer

    def _mode_changed(self) -> None:
        super()._mode_changed()
        still = {a.action_id for a in actions_of("calibrate") if a.group in STILL_ACTING}
        for name, action in self._free_actions.items():
            if self.writing:
                action.setEnabled(name in still)
        for act in actions_of(CONTEXT):
            if act.action_id in self._writing_actions:
                made = self._writing_actions[act.action_id]
                give_keys(made, act)
                made.setEnabled(self.writing)

    # -- the workspace ----------------------------------------------------------------------------------------

    def actions_bound(self, actions: dict[str, QAction]) -> None:
        super().actions_bound(actions)
        own = {action.action_id for action in WRITING}
        self._writing_actions = bind(self, [action for action in actions_of(CONTEXT) if action.action_id in own])
        for action in self._writing_actions.values():
            action.setEnabled(False)
        self.write_button.setToolTip(actions[TOGGLE.action_id].toolTip())

    def study_changed(self) -> None:
        super().study_changed()
        if self.desk_of_questions is not None:
            self.desk_of_questions.reload(forget=True)

    def reader_changed(self) -> None:
        if self.desk_of_questions is not None:
            # What is still on its way to the disk was typed by the reader before.
            self.desk_of_questions.save()
        super().reader_changed()
        if self.desk_of_questions is not None:
            self.desk_of_questions.reload(forget=True)

    def entered(self) -> None:
        super().entered()
        if self.writing and self.desk_of_questions is not None:
            self.desk_of_questions.reload()

    def left(self) -> None:
        super().left()
        if self.desk_of_questions is not None:
            self.desk_of_questions.save()

    def save_state(self) -> dict[str, object]:
        if self.desk_of_questions is not None:
            # Another study is about to be opened, or the window closes: what is typed belongs to this one.
            self.desk_of_questions.save()
        state = super().save_state()
        return state | {"layout": str(self._layout_before)} if self.writing else state

    def shut_down(self) -> None:
        if self._giving_up is not None:
            self._giving_up.stop()
        if self.desk_of_questions is not None:
            self.desk_of_questions.close()
        super().shut_down()

    # -- hooks of browsing ------------------------------------------------------------------------------------

    def series_shown(self, opened: OpenSeries | None) -> None:
        super().series_shown(opened)
        if self.writing:
            self.panel.hide()
            self._show_kind()
            self._picture_shown()

    def image_shown(self, image: MedicalImage, *, new_series: bool) -> None:
        if not self.writing:
            super().image_shown(image, new_series=new_series)
            return
        # Levels and degradations are told of the picture when they are in front again.
        self._unseen_series = self._unseen_series or new_series
        self._made()[2].forget_stroke()
        self._picture_shown()
        self._arrive()

    def view_changed(self) -> None:
        super().view_changed()
        if self.writing:
            self._picture_shown()

    def _render(self, *, final: bool) -> None:
        # Nothing is degraded while the clean picture is looked at.
        if not self.writing:
            super()._render(final=final)

    def _on_shown(self, result: PreviewResult) -> None:
        if not self.writing:
            super()._on_shown(result)

    # -- from the viewer to the desk --------------------------------------------------------------------------

    def _view_shown(self) -> View | None:
        """What is on the screen, as a question would freeze it."""
        opened, image = self.opened, self.image
        if opened is None or image is None or image.modality is None:
            return None
        path, frame, axis = view_of(opened, image.frame)
        return shown(image, Path(path), frame=frame, axis=axis, window=opened.view.window)

    def _picture_shown(self) -> None:
        desk, _, _ = self._made()
        # The key of the series stands for a patient who is not known: its slices are not independent of each other.
        desk.show_picture(self._view_shown(), f"series {self.opened.series_id}" if self.opened is not None else "")
        self._show_question()

    def _show_kind(self) -> None:
        if self.opened is not None and self.writing_panel is not None:
            series = self.opened.series
            self.writing_panel.show_kind(series.modality, known=series.file_modality is not None)

    def _described(self, view: View) -> str:
        return words_of(view, self.list.series.rows)

    # -- from the desk to the viewer --------------------------------------------------------------------------

    def _on_question_replaced(self) -> None:
        if self.layer is not None:
            self.layer.draw_with("")
            self._show_tool()
        desk, _, _ = self._made()
        if self.writing and desk.frozen and desk.draft is not None and not desk.exactly_shown:
            self._show_picture_of_question(0 if desk.draft.region is None else int(desk.draft.region.get("image", 0)))
        self._show_question()

    def _show_question(self) -> None:
        """The region follows the desk at once, facts and list as soon as the hand lets them: a drag of the window tells a lot."""
        desk, _, layer = self._made()
        if not self.writing:
            return
        own = None
        if desk.draft is not None and desk.draft.region is not None:
            own = desk.draft.region if int(desk.draft.region.get("image", 0)) == desk.picture_number else None
        layer.show_region(own, editable=desk.editable)
        has_region = desk.draft is not None and desk.draft.region is not None
        self._writing_actions["writing.region_delete"].setEnabled(has_region and desk.editable)
        if not self._facts_timer.isActive():
            self._facts_timer.start()

    def _show_facts(self) -> None:
        self._facts_timer.stop()
        desk, panel, layer = self._made()
        if not self.writing:
            return
        panel.show_facts()
        view = self._view_shown()
        places = place_of((view,)) if view is not None else ()
        current = desk.draft.item_id if desk.draft is not None else ""
        panel.list.fill(desk.written.values(), Where(places, self.session.reader), current)
        layer.show_others(self._other_regions(view, current))

    def _other_regions(self, view: View | None, current: str) -> list[dict[str, Any]]:
        """Regions of other questions on the frame shown, found by its place in the file or in the patient."""
        if view is None or self.opened is None or self.image is None:
            return []
        here = place_of((view,))[0]
        found: list[dict[str, Any]] = []
        elsewhere: list[dict[str, Any]] = []
        for one in self._made()[0].written.values():
            region = one.draft.region
            if region is None or one.item_id == current or one.standing is Standing.REMOVED:
                continue
            number = int(region.get("image", 0))
            (found if number < len(one.places) and one.places[number] == here else elsewhere).append(region)
        plane = self.opened.shown.plane(self.image.frame)
        return found + (regions.projected_all(elsewhere, plane) if plane is not None else [])

    def _show_picture_of_question(self, number: int) -> None:
        """Brings a picture of the question to the screen, in its window; a file that is not open is opened."""
        desk, _, _ = self._made()
        if desk.draft is None or number >= len(desk.draft.pictures):
            return
        self._wanted_view = desk.draft.pictures[number]
        if find_open(self._wanted_view, self.list.series.rows) is None:
            self.open_paths([Path(self._wanted_view.path)])
            self._giving_up = QTimer(self, singleShot=True, interval=_OPENING_MS)
            self._giving_up.timeout.connect(partial(setattr, self, "_wanted_view", None))
            self._giving_up.start()
        self._arrive()

    def _arrive(self) -> None:
        """One step nearer to the picture that is wanted: its series, its plane, its frame, its window."""
        view = self._wanted_view
        found = find_open(view, self.list.series.rows) if view is not None else None
        if view is None or found is None:
            return
        opened, axis, frame = found
        if self.opened is not opened:
            self.list.choose(opened.series_id)
        elif axis and opened.axis != axis:
            self.show_axis(axis)
        elif not axis and opened.cut is not None:
            self.show_axis(self._own_axis(opened))
        elif self.image is None or self.image.frame != frame or opened.view.frame != frame:
            if opened.view.frame != frame:
                self.show_frame(frame)
        else:
            self._wanted_view = None
            if opened.series.modality is not view.modality:
                self._on_modality_chosen(str(view.modality))
                self._wanted_view = view
                return
            opened.view.window = Window(*view.window) if view.window is not None else None
            self.comparison.refresh()
            self.view_changed()

    @staticmethod
    def _own_axis(opened: OpenSeries) -> str:
        from medqdeg_desktop.engine.reading.reformat import native_axis

        return native_axis(opened.series)

    # -- tools over the picture -------------------------------------------------------------------------------

    def step_back(self) -> None:
        """Escape: the drawing tool is put away, then the keyboard goes to the picture."""
        if not self.writing:
            super().step_back()
            return
        layer = self._made()[2]
        if layer.tool:
            layer.draw_with("")
            self._show_tool()
            return
        self.comparison.measure_with(None)
        focus = QApplication.focusWidget()
        if focus is not self.comparison.right_pane:
            self.comparison.right_pane.setFocus()

    def toggle_measure(self, kind: str) -> None:
        if self.layer is not None and self.writing:
            self.layer.draw_with("")
            self._show_tool()
        super().toggle_measure(kind)
        if self.layer is not None and self.writing:
            # A measuring tool needs the mouse that the regions would take.
            self.layer.setVisible(self.comparison.tool is None)

    def _on_tool_ended(self) -> None:
        self._show_tool()
        self.said.emit("")

    def _show_tool(self) -> None:
        if self.layer is None:
            return
        self.layer.setVisible(self.writing)
        for kind in regions.KINDS:
            action = self._writing_actions.get(f"writing.{kind}")
            if action is not None:
                action.setCheckable(True)
                action.setChecked(self.layer.tool == kind)

    def _on_region_changed(self, region: dict[str, Any] | None) -> None:
        """The hand has let go: the region is kept with its place in the patient."""
        desk, _, _ = self._made()
        if region is None or self.opened is None or self.image is None:
            desk.set_region(None)
            return
        number = desk.picture_number
        if number is None:
            # The tool was taken up on the question's picture, and another one has come under it since.
            self.said.emit(self.tr("The region was not kept: go to the question's picture first (Alt+G)"))
            self._show_question()
            return
        plain = {key: value for key, value in region.items() if key not in ("image", "patient")}
        on = plain | {"image": number} if number else plain
        desk.set_region(regions.located(on, self.opened.shown.plane(self.image.frame)))
