from __future__ import annotations

from pathlib import Path

from medqdeg_desktop.engine.reading import scan
from medqdeg_desktop.ui.calibrate.open_series import OpenSeries
from medqdeg_desktop.ui.calibrate.series_list import SeriesModel, differences
from medqdeg_desktop.ui.viewer.series_view import SeriesView


def test_series_of_one_label_are_told_apart_by_what_differs(shared_data: Path) -> None:
    folder = shared_data / "dicom"
    found = [s for name in ("ct_series_j2k", "ct_series_uncompressed") for s in scan(folder / name).series]
    rows = [OpenSeries(s, folder, SeriesView()) for s in found]
    # One series in two encodings has one identifier: here it stands for two that only look alike.
    rows[1].series.series_id = "other"
    assert rows[0].title == rows[1].title and rows[0].detail == rows[1].detail
    assert differences(rows) == {rows[0].series_id: "JPEG 2000", "other": "uncompressed"}
    model = SeriesModel()
    model.add(rows[:1])
    assert model.detail_of(rows[0]) == rows[0].detail, "nothing to tell it from"
    model.add(rows[1:])
    assert [model.detail_of(row).removeprefix(row.detail) for row in rows] == [
        " · JPEG 2000",
        " · uncompressed",
    ]


def test_series_that_differ_in_size_or_step_say_that_first(tmp_path: Path) -> None:
    from medqdeg_desktop.samples.ct import ct_abdomen
    from medqdeg_desktop.samples.dicom_file import write_dicom

    image = ct_abdomen(0).image
    for step in (2.0, 5.0):
        for index in range(3):
            path = tmp_path / f"{step:g}-{index}.dcm"
            write_dicom(image, path, series=f"s{step:g}", description="abdomen", z_mm=step * index, instance=index)
    rows = [OpenSeries(s, tmp_path, SeriesView()) for s in scan(tmp_path).series]
    assert sorted(differences(rows).values()) == ["every 2 mm", "every 5 mm"]
