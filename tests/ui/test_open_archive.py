"""A ZIP is opened as a folder is: dropped, chosen or from the recent list; decisions in it are found again where they lie."""

from __future__ import annotations

import os
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hands import calibrate, drop, wait_for_picture
from pytestqt.qtbot import QtBot

from medqdeg_desktop.engine.reading import read_image
from medqdeg_desktop.study.store import Study
from medqdeg_desktop.ui.calibrate.places import Places
from medqdeg_desktop.ui.main_window import MainWindow

OpenWindow = Callable[..., MainWindow]


@pytest.fixture
def exam(ct_series: Path, tmp_path: Path) -> Path:
    """A ZIP of five CT slices under a patient's name, a note, and an entry that leads out of it."""
    path = tmp_path / "Doe^Jane 1970.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(ct_series.glob("*.dcm"))[:5]:
            archive.write(file, f"Doe^Jane/{file.name}")
        archive.writestr("Doe^Jane/letter.txt", "Dear colleague")
        archive.writestr("../../.bashrc", "echo hello")
    return path


def test_a_dropped_zip_is_a_series_whose_decisions_name_their_place_in_it(
    open_window: OpenWindow, exam: Path, shared_data: Path, data_home: Path, qtbot: QtBot, tmp_path: Path
) -> None:
    study = tmp_path / "study.medq"
    Study.create(study).close()
    window = open_window(study, shared_data / "dicom" / "ct" / "CT_small.dcm")
    workspace = calibrate(window)
    workspace.close_series()
    drop(window, exam)
    qtbot.waitUntil(lambda: workspace.opened is not None and workspace.opened.series.frame_count == 5, timeout=20_000)
    qtbot.waitUntil(lambda: workspace.settled, timeout=20_000)
    wait_for_picture(qtbot, workspace)
    (row,) = workspace.list.series.rows
    assert row.root == exam and "Doe" not in row.title + row.detail
    # What was refused is told with its archive: a reader's own file, on the reader's own screen.
    assert "2 files were refused, the first: Doe^Jane 1970.zip/" in window.banner.text.text()
    workspace.confirm_diagnostic()
    qtbot.waitUntil(lambda: bool(workspace.desk.kept.clean), timeout=10_000)
    shown = workspace.image
    menu = workspace.open_button.menu()
    menu.aboutToShow.emit()
    recent = " ".join(a.text() + a.toolTip() for a in menu.actions())
    assert "#1" in recent and "5 slices" in recent and "Doe" not in recent and ".zip" not in recent
    window.close()
    (data_home / "window.json").unlink()

    with Study.open(study) as kept:
        (record,) = kept.images()
        assert Path(record.path).parent == exam / "Doe^Jane"
        assert shown is not None and read_image(record.path, record.frame).source_sha256 == record.image_id == shown.source_sha256
        # A machine that remembers nothing opens the archive again, from what the study records.
        assert Places.recorded_roots(kept) == [exam]
    again = open_window(study)
    qtbot.waitUntil(lambda: len(calibrate(again).list.series.rows) == 1, timeout=20_000)
    wait_for_picture(qtbot, calibrate(again))
    assert calibrate(again).image.source_sha256 == shown.source_sha256  # type: ignore[union-attr]
    assert calibrate(again).desk.clean(calibrate(again).image) is not None, (
        "the decision stands on the picture that it was made on"
    )


def test_a_zip_that_is_cut_off_is_told_and_leaves_what_is_open(open_window: OpenWindow, exam: Path, qtbot: QtBot) -> None:
    window = open_window(exam)
    whole = exam.read_bytes()
    broken = exam.with_name("broken.zip")
    broken.write_bytes(whole[: len(whole) // 2])
    drop(window, broken)
    qtbot.waitUntil(lambda: "broken.zip: is a ZIP that is cut off" in window.banner.text.text(), timeout=20_000)
    assert len(calibrate(window).list.series.rows) == 1


def test_what_was_refused_is_named_without_asking_the_disk_on_the_thread_of_the_window(
    open_window: OpenWindow, exam: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> None:
    window = open_window(exam)
    asked: list[object] = []
    there = os.path.lexists

    def watched(path: str) -> bool:
        if threading.current_thread() is threading.main_thread():
            asked.append(path)
        return there(path)

    monkeypatch.setattr(os.path, "lexists", watched)
    folder = tmp_path / "letters"
    folder.mkdir()
    for number in range(20):
        (folder / f"{number}.txt").write_text("Dear colleague")
    drop(window, folder)
    qtbot.waitUntil(lambda: "20 files were refused, the first: 0.txt" in window.banner.text.text(), timeout=20_000)
    notices = calibrate(window).notices
    notices.failed(str(exam / "Doe^Jane" / "1.dcm"), exam, f"{exam / 'Doe^Jane' / '1.dcm'}: is cut off")
    notices.failed(str(folder / "a" / "1.dcm"), folder, "is cut off")
    assert list(notices._rows)[-2:] == [("Doe^Jane 1970.zip/Doe^Jane/1.dcm", "is cut off"), ("letters/a/1.dcm", "is cut off")]
    assert not asked
