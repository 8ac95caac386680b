"""The window as a whole: opening, dropping, what goes wrong, and that it never freezes."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hands import calibrate, drag_slider, drop, press, settle, wait_for_picture
from PySide6.QtCore import QMimeData, QPoint, Qt, QTimer
from PySide6.QtGui import QDragEnterEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit
from pytestqt.qtbot import QtBot

from medqdeg_desktop.study.store import Study
from medqdeg_desktop.taxonomy import DEGRADATION_TYPES
from medqdeg_desktop.ui.calibrate.file_notices import UnreadFiles
from medqdeg_desktop.ui.help_page import HelpPage
from medqdeg_desktop.ui.keys_sheet import KeysSheet
from medqdeg_desktop.ui.main_window import MainWindow
from medqdeg_desktop.ui.palette import Palette
from medqdeg_desktop.ui.preferences import Preferences
from medqdeg_desktop.ui.workspace import RAIL

OpenWindow = Callable[..., MainWindow]


# -- opening ------------------------------------------------------------------------------------------------------


def test_the_first_start_shows_the_sample_study_and_makes_a_study_to_keep_decisions_in(
    open_window: OpenWindow, qtbot: QtBot, data_home: Path
) -> None:
    window = open_window()
    workspace = calibrate(window)
    wait_for_picture(qtbot, workspace)
    assert (data_home / "study.medq").is_file()
    assert workspace.image is not None and str(workspace.image.modality) == "CT"
    qtbot.waitUntil(lambda: len({r.series.modality for r in workspace.list.series.rows}) >= 3, timeout=20_000)
    assert not window.banner.isVisible()


def test_files_and_folders_are_opened_by_dropping_them(
    open_window: OpenWindow, qtbot: QtBot, shared_data: Path, tmp_path: Path
) -> None:
    study = tmp_path / "empty.medq"
    Study.create(study).close()
    window = open_window(study, shared_data / "dicom" / "ct" / "CT_small.dcm")
    drop(window, shared_data / "dicom" / "mr_series_t1ce", shared_data / "png" / "pathology" / "ihc_colon.png")
    workspace = calibrate(window)
    qtbot.waitUntil(lambda: len(workspace.list.series.rows) == 3, timeout=15_000)
    qtbot.waitUntil(lambda: workspace.opened is not None and workspace.opened.series.frame_count == 26, timeout=10_000)
    wait_for_picture(qtbot, workspace)


def test_a_dropped_study_is_opened_as_a_study(open_window: OpenWindow, qtbot: QtBot, ct_series: Path, tmp_path: Path) -> None:
    window = open_window(ct_series)
    other = tmp_path / "other.medq"
    Study.create(other, name="The other one").close()
    drop(window, other)
    qtbot.waitUntil(lambda: window.session.path == other, timeout=10_000)
    assert window.foot.study.text().startswith("The other one")


def test_text_that_is_dragged_over_the_window_is_not_taken(open_window: OpenWindow, ct_series: Path) -> None:
    window = open_window(ct_series)
    mime = QMimeData()
    mime.setText("hello")
    enter = QDragEnterEvent(
        QPoint(5, 5), Qt.DropAction.CopyAction, mime, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    )
    enter.ignore()
    QApplication.sendEvent(window, enter)
    assert not enter.isAccepted()


def test_a_broken_file_costs_a_line_that_names_it(
    open_window: OpenWindow, qtbot: QtBot, ct_series: Path, shared_data: Path
) -> None:
    window = open_window(ct_series)
    told = []
    for name in ("no_pixel_data.dcm", "zero_bytes.png", "huge_claim.dcm"):
        window.banner.hide()
        window.show_images([shared_data / "malformed" / name])
        qtbot.waitUntil(window.banner.isVisible, timeout=20_000)
        text = window.banner.text.text()
        assert name in text and len(text) > len(name) + 20
        told.append(text)
    workspace = calibrate(window)
    assert workspace.image is not None, "what was open stays open"
    # The line goes with what it speaks of: another file is opened and can be read.
    window.show_images([shared_data / "dicom" / "ct" / "CT_small.dcm"])
    qtbot.waitUntil(lambda: not window.banner.isVisible(), timeout=20_000)
    wait_for_picture(qtbot, workspace)
    workspace.show_unread()
    (unread,) = window.findChildren(UnreadFiles)
    model = unread.list.model()
    listed = [model.index(row, 0).data() for row in range(model.rowCount())]
    assert listed == ["no_pixel_data.dcm", "zero_bytes.png", "huge_claim.dcm"]
    assert all(told[row].endswith(model.index(row, 1).data()) for row in range(3)), "the list has what the line said"
    unread.reject()


def test_the_line_on_a_folder_with_broken_files_stays_beside_its_good_ones_and_goes_with_another_series(
    open_window: OpenWindow, qtbot: QtBot, ct_series: Path, shared_data: Path
) -> None:
    window = open_window(ct_series)
    workspace = calibrate(window)
    good, broken = shared_data / "dicom" / "ct" / "CT_small.dcm", shared_data / "malformed" / "zero_bytes.png"
    window.show_images([good, broken])
    qtbot.waitUntil(window.banner.isVisible, timeout=20_000)
    qtbot.waitUntil(lambda: workspace.opened is not None and workspace.opened.root == good, timeout=10_000)
    wait_for_picture(qtbot, workspace)
    assert window.banner.isVisible() and "zero_bytes.png" in window.banner.text.text()
    press(window, Qt.Key.Key_PageUp, Qt.KeyboardModifier.ControlModifier)
    wait_for_picture(qtbot, workspace)
    assert workspace.opened is not None and workspace.opened.root == ct_series
    assert not window.banner.isVisible()


def test_a_whole_folder_of_broken_files_leaves_a_working_window(
    open_window: OpenWindow, qtbot: QtBot, ct_series: Path, shared_data: Path
) -> None:
    window = open_window(ct_series)
    window.show_images([shared_data / "malformed"])
    qtbot.waitUntil(window.banner.isVisible, timeout=60_000)
    workspace = calibrate(window)
    for row in range(len(workspace.list.series.rows)):
        workspace.list.setCurrentIndex(workspace.list.series.index(row))
        opened = workspace.opened
        assert opened is not None
        qtbot.waitUntil(
            lambda o=opened: workspace.image is not None or bool(workspace.store.error(o.series_id, o.view.frame)),
            timeout=30_000,
        )
    workspace.list.setCurrentIndex(workspace.list.series.index(0))
    wait_for_picture(qtbot, workspace)


def test_a_file_that_is_no_study_is_refused_by_name_and_the_open_one_stays(
    open_window: OpenWindow, qtbot: QtBot, ct_series: Path, tmp_path: Path
) -> None:
    window = open_window(ct_series)
    before = window.session.path
    wrong = tmp_path / "wrong.medq"
    wrong.write_bytes(b"not a database at all" * 100)
    window.open_study(wrong)
    qtbot.waitUntil(window.banner.isVisible, timeout=10_000)
    assert "wrong.medq" in window.banner.text.text()
    assert window.session.path == before and window.session.is_open


# -- window -------------------------------------------------------------------------------------------------------


def test_every_rail_entry_opens_by_its_key_and_by_mouse(open_window: OpenWindow, ct_series: Path) -> None:
    window = open_window(ct_series)
    for entry in RAIL:
        window.go_to(entry.entry_id)
        assert window.stack.currentWidget() is window.workspace(entry.entry_id)
        assert window.rail._buttons[entry.entry_id].isChecked()
    window.go_to("help")
    press(window, Qt.Key.Key_1, Qt.KeyboardModifier.ControlModifier)
    assert window.stack.currentWidget() is calibrate(window)


def test_the_palette_finds_an_action_and_does_it(open_window: OpenWindow, ct_series: Path, qtbot: QtBot) -> None:
    window = open_window(ct_series)
    press(window, Qt.Key.Key_K, Qt.KeyboardModifier.ControlModifier)
    palette = next(p for p in window.findChildren(Palette) if p.isVisible())
    QTest.keyClicks(palette.field, "invert")
    assert palette.list.topLevelItemCount() == 1
    QTest.keyClick(palette.field, Qt.Key.Key_Return)
    workspace = calibrate(window)
    assert workspace.opened is not None and workspace.opened.view.inverted


def test_f1_shows_the_keys_of_the_screen_and_help_shows_all(open_window: OpenWindow, ct_series: Path) -> None:
    window = open_window(ct_series)
    press(window, Qt.Key.Key_F1)
    sheet = next(s for s in window.findChildren(KeysSheet) if s.isVisible())
    assert "Calibrate" in sheet.windowTitle()
    sheet.close()
    window.go_to("help")
    page = window.workspace("help")
    assert isinstance(page, HelpPage) and page.isVisible()


def test_letters_typed_into_a_field_are_text_and_no_commands(open_window: OpenWindow, ct_series: Path) -> None:
    window = open_window(ct_series)
    workspace = calibrate(window)
    field = QLineEdit(workspace)
    field.show()
    field.setFocus()
    QTest.keyClicks(field, "wid 12")
    assert field.text() == "wid 12"
    assert str(workspace.comparison.layout_mode) == "side by side"


def test_size_layout_reader_and_study_survive_a_restart(
    open_window: OpenWindow, ct_series: Path, qtbot: QtBot, data_home: Path
) -> None:
    window = open_window(ct_series, size=(960, 651))
    press(window, "w")
    window.session.change_reader("Reader 7")
    qtbot.waitUntil(lambda: "Reader 7" in window.foot.study.text(), timeout=5000)
    window.close()
    again = open_window()
    wait_for_picture(qtbot, calibrate(again))
    assert again.session.reader == "Reader 7"
    assert str(calibrate(again).comparison.layout_mode) == "wipe"
    assert (again.width(), again.height()) == (960, 651)


def test_what_is_open_is_found_again_after_a_window_that_was_killed(
    open_window: OpenWindow, ct_series: Path, shared_data: Path, qtbot: QtBot, data_home: Path
) -> None:
    window = open_window(ct_series)
    workspace = calibrate(window)
    # The window is never closed: what stands in the file is what a kill would leave.
    file = data_home / "window.json"

    def kept_roots() -> list[str]:
        studies = Preferences(file).get("workspace.calibrate", {}).get("studies", {})
        return list(studies.get(str(window.session.path), {}).get("roots", []))

    qtbot.waitUntil(lambda: kept_roots() == [str(ct_series)], timeout=5000)
    assert Preferences(file).get("study") == str(window.session.path) and Preferences(file).get("current") == "calibrate"
    second = shared_data / "dicom" / "ct" / "CT_small.dcm"
    workspace.open_paths([second])
    qtbot.waitUntil(lambda: kept_roots() == [str(ct_series), str(second)], timeout=5000)
    workspace.close_series()
    qtbot.waitUntil(lambda: len(kept_roots()) == 1, timeout=5000)


def test_damaged_preferences_count_as_none(open_window: OpenWindow, ct_series: Path, data_home: Path) -> None:
    data_home.mkdir()
    (data_home / "window.json").write_text('{"geometry": 5, "workspace.calibrate": {"layout": 3, "studies": [1]}, "study":')
    window = open_window(ct_series)
    assert window.isVisible()
    (data_home / "other.json").write_text('{"geometry": 5, "workspace.calibrate": {"layout": 3, "studies": {"a": 1}}}')
    workspace = calibrate(window)
    workspace.restore_state(Preferences(data_home / "other.json").get("workspace.calibrate", {}))
    assert str(workspace.comparison.layout_mode) == "side by side"


def test_no_two_decisions_depend_on_the_mouse_alone(open_window: OpenWindow, ct_series: Path) -> None:
    """Everything that can be pressed has a name for a screen reader and is big enough to hit."""
    from PySide6.QtWidgets import QAbstractButton, QComboBox, QSlider

    window = open_window(ct_series)
    for kind in (QAbstractButton, QComboBox, QSlider):
        for widget in window.findChildren(kind):
            if widget.isVisible():
                name = widget.accessibleName() or getattr(widget, "text", str)() or widget.toolTip()
                assert name, f"{widget} has no name"
                assert widget.height() >= 26, f"{name} is {widget.height()} px high"


# -- never waiting ------------------------------------------------------------------------------------------------


class Heartbeat:
    """The largest gap between two turns of the event loop: by the clock, and by the processor time the window's thread took."""

    def __init__(self) -> None:
        self.gap = self.work = 0.0
        self._clock, self._busy = time.perf_counter(), time.thread_time()
        self._timer = QTimer(interval=0)
        self._timer.timeout.connect(self._beat)
        self._timer.start()

    def _beat(self) -> None:
        clock, busy = time.perf_counter(), time.thread_time()
        self.gap, self.work = max(self.gap, clock - self._clock), max(self.work, busy - self._busy)
        self._clock, self._busy = clock, busy

    def stop(self) -> tuple[float, float]:
        self._timer.stop()
        return self.gap, self.work


def test_scrolling_and_dragging_never_freeze_the_window(open_window: OpenWindow, ct_series: Path, qtbot: QtBot) -> None:
    window = open_window(ct_series)
    workspace = calibrate(window)
    gaps, work = [], []
    for _ in range(4):
        beat = Heartbeat()
        for step in range(20):
            workspace.step_frame(1 if step < 10 else -1)
            qtbot.wait(5)
        for severity in range(0, 1000, 50):
            workspace.panel.slider.setValue(severity)
            qtbot.wait(5)
        gap, busy = beat.stop()
        gaps.append(gap)
        work.append(busy)
    # Other programs may take the processor from any single run; what the window itself does is there in every one.
    assert min(gaps) < 0.25, f"event loop gaps {gaps}"
    assert sorted(work)[1] < 0.1, f"work in one turn {work}"


@pytest.mark.parametrize("name", [t.name for t in DEGRADATION_TYPES if t.general])
def test_every_general_type_renders_on_a_real_slice_by_the_slider(
    open_window: OpenWindow, ct_series: Path, qtbot: QtBot, name: str
) -> None:
    workspace = calibrate(open_window(ct_series))
    workspace.choose_type(name)
    drag_slider(workspace, 0.6, steps=4)
    settle(qtbot, workspace)
    result = workspace.live.confirmable
    assert result is not None and workspace.image is not None
    assert (result.pixels != workspace.image.pixels).mean() > 0.01


def test_hundreds_of_slider_events_slices_and_resizes_leave_the_view_where_it_was(
    open_window: OpenWindow, ct_series: Path, qtbot: QtBot
) -> None:
    window = open_window(ct_series)
    workspace = calibrate(window)
    assert workspace.opened is not None
    workspace.zoom_by(1.7)
    viewport = workspace.opened.view.viewport
    top_level = len(QApplication.topLevelWidgets())
    for step in range(600):
        workspace.panel.slider.setValue((step * 37) % 1000)
        if step % 10 == 0:
            workspace.step_frame(1 if step % 400 < 200 else -1)
        if step % 10 == 5:
            window.resize(1200 + step % 300, 760 + step % 90)
        QApplication.processEvents()
    settle(qtbot, workspace)
    assert workspace.opened.view.viewport == viewport
    assert workspace.live.confirmable is not None
    assert workspace.live.confirmable.severity == pytest.approx(((599 * 37) % 1000) / 1000)
    assert len(QApplication.topLevelWidgets()) == top_level


def test_a_slice_that_cannot_be_decoded_says_so_in_its_place_and_the_next_one_is_shown(
    open_window: OpenWindow, tmp_path: Path, qtbot: QtBot
) -> None:
    from medqdeg_desktop.samples.ct import ct_abdomen
    from medqdeg_desktop.samples.dicom_file import write_dicom

    image = ct_abdomen(0).image
    for index in range(3):
        write_dicom(image, tmp_path / f"{index}.dcm", series="s", description="abdomen", z_mm=index * 3.0, instance=index)
    window = open_window(tmp_path)
    workspace = calibrate(window)
    # The file is lost while it is in the list.
    workspace.store.forget(workspace.opened.series_id if workspace.opened else "")
    path = workspace.opened.series.frames[2].path if workspace.opened else ""
    Path(path).write_bytes(Path(path).read_bytes()[:2000])
    workspace.show_frame(2)
    qtbot.waitUntil(lambda: workspace.image is None, timeout=10_000)
    pane = workspace.comparison.right_pane
    assert pane.image is None and pane.accessibleDescription().startswith("This picture cannot be shown.\nPixel data are cut off")
    assert str(tmp_path) not in pane.accessibleDescription(), "the place of a file is told in the banner alone"
    assert not workspace.panel.isVisible() and workspace.live.confirmable is None
    press(window, Qt.Key.Key_Up)
    wait_for_picture(qtbot, workspace)
    assert workspace.image is not None and workspace.image.frame == 1
    assert workspace.panel.isVisible() and pane.accessibleDescription() != "This picture cannot be shown."
    assert not window.banner.isVisible(), "the line on the other slice is gone with it"
