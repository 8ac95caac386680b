"""A folder that is still being read: the slice in front stays, and the middle is gone to only when all is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from medqdeg_desktop.engine.image import MedicalImage, Window, frozen
from medqdeg_desktop.engine.reading import Series, read_series
from medqdeg_desktop.samples.dicom_file import write_dicom
from medqdeg_desktop.taxonomy import Modality
from medqdeg_desktop.ui.calibrate.growing import GrowingSeries
from medqdeg_desktop.ui.calibrate.open_series import OpenSeries
from medqdeg_desktop.ui.viewer.series_view import SeriesView


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> list[Series]:
    """One series when 5, 12 and 30 of its slices have been found; the first ones lie in the middle of the body."""
    folder = tmp_path_factory.mktemp("growing")
    found = []
    order = [*range(20, 25), *range(10, 17), *range(10), *range(17, 20), *range(25, 30)]
    for number, place in enumerate(order):
        image = MedicalImage(frozen(np.full((8, 8), place, np.float32)), Modality.CT, "HU", (1.0, 1.0), Window(40, 400))
        path = folder / f"{place:03}.dcm"
        write_dicom(image, path, series="s", description="growing", z_mm=float(place), instance=place)
        if number + 1 in (5, 12, 30):
            found.append(read_series(folder, decode_here=True))
    return found


def place_in_front(opened: OpenSeries) -> str:
    return Path(opened.series.frames[opened.view.frame].path).stem


def opened_on(series: Series, frame: int) -> OpenSeries:
    return OpenSeries(series, Path(), SeriesView(frame=frame))


def test_the_slice_in_front_stays_while_others_are_found_and_the_middle_comes_at_the_end(parts: list[Series]) -> None:
    growing, opened = GrowingSeries(), opened_on(parts[0], parts[0].middle)
    before = place_in_front(opened)
    for series in parts[1:]:
        growing.grow(opened, series)
        assert place_in_front(opened) == before and opened.series.frame_count == series.frame_count
    assert growing.settled([opened]) == [opened]
    assert opened.view.frame == parts[2].middle == 15
    assert growing.settled([opened]) == []


def test_where_somebody_has_scrolled_nothing_moves_under_him(parts: list[Series]) -> None:
    growing, opened = GrowingSeries(), opened_on(parts[0], parts[0].middle)
    growing.grow(opened, parts[1])
    opened.view.frame += 2
    scrolled_to = place_in_front(opened)
    growing.grow(opened, parts[2])
    assert growing.settled([opened]) == [] and place_in_front(opened) == scrolled_to


def test_a_series_is_shown_where_it_was_left_another_day_once_its_slices_are_all_there(parts: list[Series]) -> None:
    growing, opened = GrowingSeries(), opened_on(parts[0], parts[0].middle)
    opened.wanted_frame = 27
    growing.grow(opened, parts[2])
    growing.settled([opened])
    assert opened.view.frame == 27
    # Its number may exist in the part found first, where it is another slice.
    growing, opened = GrowingSeries(), opened_on(parts[0], 3)
    opened.wanted_frame = 3
    growing.grow(opened, parts[2])
    assert place_in_front(opened) == "023"
    growing.settled([opened])
    assert opened.view.frame == 3 and place_in_front(opened) == "003"
