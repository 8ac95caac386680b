from __future__ import annotations

import json
from pathlib import Path

import pytest
from pytestqt.modeltest import ModelTester

from medqdeg_desktop.engine.image import Window
from medqdeg_desktop.engine.reading import read_series
from medqdeg_desktop.study.records import CleanDecision, Profile, ProfileCell, Setting
from medqdeg_desktop.taxonomy import DEGRADATION_TYPES, Level, Modality
from medqdeg_desktop.ui.calibrate.kept import KeptDecisions, types_for
from medqdeg_desktop.ui.calibrate.open_series import OpenSeries
from medqdeg_desktop.ui.calibrate.places import Places
from medqdeg_desktop.ui.calibrate.series_list import SeriesModel
from medqdeg_desktop.ui.viewer.series_view import SeriesView

T, CT = "sparse_view", Modality.CT


def setting(level: Level, severity: float, image: str = "a", at: str = "2026-01-01T00:00:00.000000Z") -> Setting:
    return Setting("R", T, CT, level, severity, 1, {}, False, 0, image, 0, None, (0, 1), "", {}, f"e{at}{image}", at)


def profile(l1: float, l2: float | None = None) -> Profile:
    cells = [ProfileCell(T, CT, Level.L1, l1, 1, {})]
    if l2 is not None:
        cells.append(ProfileCell(T, CT, Level.L2, l2, 1, {}))
    return Profile("p", "1.0.0", "default", tuple(cells))


def test_marks_prefer_this_picture_then_another_then_the_profile() -> None:
    kept = KeptDecisions.of([setting(Level.L1, 0.2, "a"), setting(Level.L1, 0.4, "b")], [], [profile(0.1, 0.9)])
    assert [(m.level, m.severity, m.kind) for m in kept.marks("a", T, CT)] == [
        (Level.L1, 0.2, "here"),
        (Level.L2, 0.9, "default"),
    ]
    assert kept.marks("c", T, CT)[0].kind == "elsewhere"


def test_of_other_pictures_the_newest_setting_is_shown() -> None:
    older, newer = "2026-01-01T00:00:00.000000Z", "2026-01-02T00:00:00.000000Z"
    kept = KeptDecisions.of([setting(Level.L1, 0.7, "b", newer), setting(Level.L1, 0.3, "a", older)], [], [])
    assert kept.marks("c", T, CT)[0].severity == 0.7


def test_a_published_profile_comes_before_the_shipped_one_cell_by_cell() -> None:
    kept = KeptDecisions.of([], [], [profile(0.5), profile(0.1, 0.9)])
    assert [m.severity for m in kept.marks("a", T, CT)] == [0.5, 0.9]
    assert kept.marks("a", "bubble", CT) == []


def test_the_newest_decision_of_any_kind_is_the_last() -> None:
    clean = CleanDecision("R", "a", 0, None, "diagnostic", "", "e", "2026-01-03T00:00:00.000000Z")
    kept = KeptDecisions.of([setting(Level.L1, 0.2)], [clean], [])
    assert kept.last_decision is clean
    assert KeptDecisions().last_decision is None
    assert kept.levels_kept(T, CT) == {Level.L1}


@pytest.mark.parametrize("modality", [None, *Modality])
def test_types_are_split_into_those_that_suit_and_the_rest(modality: Modality | None) -> None:
    suiting, others = types_for(modality)
    assert sorted(suiting + others) == sorted(t.name for t in DEGRADATION_TYPES)
    by_name = {t.name: t for t in DEGRADATION_TYPES}
    if modality is not None:
        assert all(by_name[n].suits(modality) for n in suiting) and not any(by_name[n].suits(modality) for n in others)
    specific = [not by_name[n].general for n in suiting]
    assert specific == sorted(specific, reverse=True), "the modality's own types come first"


def test_places_come_back_from_json_and_nonsense_is_left_out(shared_data: Path) -> None:
    folder = shared_data / "dicom" / "ct_series_uncompressed"
    series = read_series(folder)
    opened = OpenSeries(series, folder, SeriesView(7, Window(50, 350), True), {"low_dose": 0.4}, "low_dose")
    places = Places()
    places.remember("s.medq", [opened], opened)
    again = Places.of(json.loads(json.dumps(places.studies)))
    assert again.roots("s.medq") == [folder] and again.current("s.medq") == series.series_id
    back = again.restored("s.medq", series, folder)
    assert (back.view, back.severities, back.type_name) == (opened.view, opened.severities, "low_dose")
    state = again.studies["s.medq"]["series"][series.series_id]
    state |= {"frame": 999, "window": [1, -5], "severities": {"low_dose": 7, "exposure": "x"}, "inverted": "yes"}
    fresh = again.restored("s.medq", series, folder)
    assert fresh.view == SeriesView(series.middle) and fresh.severities == {}
    assert Places.of(["nonsense"]).roots("s.medq") == []


def test_the_list_model_keeps_qts_rules(shared_data: Path, qtmodeltester: ModelTester) -> None:
    model = SeriesModel()
    qtmodeltester.check(model)
    paths = [shared_data / "dicom" / "ct" / "CT_small.dcm", shared_data / "png" / "pathology" / "ihc_colon.png"]
    rows = [OpenSeries(read_series(p), p) for p in paths]
    model.add(rows)
    model.set_thumbnail(rows[0].series_id, rows[0].series.thumbnail(64))
    model.remove(rows[0].series_id)
    assert model.rowCount() == 1 and model.row_of(rows[1].series_id) == 0
    model.clear()
    assert model.rowCount() == 0
