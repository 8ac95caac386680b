"""A whole slide in the window: the overview with its frame, a region opened, degraded, kept, and found again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile
from hands import calibrate, choose, press, set_level, wait_for_picture
from PIL import Image
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from medqdeg_desktop.taxonomy import Level
from medqdeg_desktop.ui.background import Background
from medqdeg_desktop.ui.calibrate.region_opener import RegionOpener
from medqdeg_desktop.ui.calibrate.workspace import CalibrateWorkspace
from medqdeg_desktop.ui.main_window import MainWindow

OpenWindow = Callable[..., MainWindow]


@pytest.fixture
def slide(tmp_path: Path) -> Path:
    """4096 x 2048 at 0.25 µm: purple on white on the left, white on the right; every pixel tells its block."""
    rng = np.random.default_rng(1)
    whole = rng.integers(225, 256, (2048, 4096, 3)).astype(np.uint8)
    whole[:, :2048] = np.clip(rng.normal((150, 90, 160), 25, (2048, 2048, 3)), 0, 255).astype(np.uint8)
    path = tmp_path / "section.tif"
    with tifffile.TiffWriter(path) as file:
        for level in range(3):
            size = 2**level
            file.write(
                whole[::size, ::size],
                tile=(256, 256),
                photometric="rgb",
                subfiletype=bool(level),
                metadata=None,
                resolution=(1e4 / 0.25 / size,) * 2,
                resolutionunit="CENTIMETER",
            )
    return path


@pytest.fixture
def phantom(tmp_path: Path) -> Path:
    path = tmp_path / "grey.png"
    Image.fromarray(np.full((64, 64), 90, np.uint8)).save(path)
    return path


def open_slide(open_window: OpenWindow, slide: Path, other: Path, qtbot: QtBot) -> tuple[MainWindow, CalibrateWorkspace]:
    window = open_window(other)
    workspace = calibrate(window)
    workspace.open_paths([slide])
    qtbot.waitUntil(lambda: workspace.centre.currentWidget() is workspace.slide_page, timeout=20_000)
    qtbot.waitUntil(lambda: workspace.slide_page.overview.image is not None, timeout=20_000)
    return window, workspace


def test_a_damaged_memory_of_a_region_is_forgotten(qtbot: QtBot, tmp_path: Path) -> None:
    background = Background()
    asked: list[str] = []
    slide = SimpleNamespace(paths=["s.svs"], region=lambda region: asked.append(region.text))
    row = SimpleNamespace(series=slide, root=tmp_path, is_overview=True)
    opener = RegionOpener(background)
    with qtbot.waitSignal(opener.found, timeout=5000):
        opener.reopen([row], {tmp_path: ["region 1,2,x,4,1", "region 1,2,0,4,1", "region 1,2,3,4,1"]})  # type: ignore[list-item]
    background.close()
    assert asked == ["region 1,2,3,4,1"]


def test_a_region_chosen_on_the_overview_is_opened_degraded_kept_and_found_again(
    open_window: OpenWindow, slide: Path, phantom: Path, qtbot: QtBot
) -> None:
    window, workspace = open_slide(open_window, slide, phantom, qtbot)
    study = window.session.path
    assert study is not None
    page = workspace.slide_page
    assert not workspace.panel.isVisible(), "an overview is not degraded"
    page.magnification.setCurrentIndex(1)
    page.size_choice.setCurrentIndex(0)
    assert page.magnification.currentText() == "0.5 µm"
    pane = page.overview
    placement = pane.placement()
    assert placement is not None
    ratio = pane.devicePixelRatioF()
    x, y = placement.to_pane(placement.rows * 0.5, placement.columns * 0.25)
    QTest.mouseClick(pane, Qt.MouseButton.LeftButton, pos=QPoint(round(x / ratio), round(y / ratio)))
    region = page.region
    assert region is not None and (region.width, region.height, region.downsample) == (512, 512, 2.0)
    assert abs(region.x + 512 - 1024) < 20 and abs(region.y + 512 - 1024) < 20
    assert page.told.text() == "512 × 512 pixels  ·  0.26 × 0.26 mm  ·  of a slide of 4,096 × 2,048"
    press(window, Qt.Key.Key_Right)
    assert page.region is not None and page.region.x == pytest.approx(region.x + 256, abs=1)
    press(window, Qt.Key.Key_Left)
    press(window, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: workspace.opened is not None and bool(workspace.opened.series.axis), timeout=20_000)
    wait_for_picture(qtbot, workspace)
    image = workspace.image
    assert image is not None and image.spacing == pytest.approx((0.0005, 0.0005))
    assert np.asarray(image.pixels).mean((0, 1)) == pytest.approx((150, 90, 160), abs=3)
    assert workspace.panel.isVisible()
    choose(qtbot, workspace, "gaussian_blur")
    set_level(qtbot, window, Level.L1, 0.4)
    setting = next(iter(workspace.desk.kept.settings.values()))
    assert workspace.opened is not None
    assert setting.provenance["axis"] == workspace.opened.series.axis
    window.close()

    again = open_window(study)
    second = calibrate(again)
    qtbot.waitUntil(lambda: second.opened is not None and bool(second.opened.series.axis), timeout=20_000)
    wait_for_picture(qtbot, second)
    assert second.image is not None and second.image.source_sha256 == image.source_sha256


def test_the_frame_stays_on_the_slide_and_follows_magnification(
    open_window: OpenWindow, slide: Path, phantom: Path, qtbot: QtBot
) -> None:
    _, workspace = open_slide(open_window, slide, phantom, qtbot)
    page = workspace.slide_page
    for index in range(page.magnification.count()):
        page.magnification.setCurrentIndex(index)
        for at in ((0.0, 0.0), (1.0, 1.0), (0.5, 0.5)):
            page.overview.moved.emit(*at)
            region = page.region
            assert region is not None
            assert region.x >= 0 and region.x + region.width * region.downsample <= 4096
            assert region.y >= 0 and region.y + region.height * region.downsample <= 2048
