"""Regions kept as data: drawn on finished pictures where asked, sharp at every level, refused where they cannot be drawn."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from bank_samples import here, item_line, picture, tree, write_lines
from PIL import Image
from skimage.draw import ellipse_perimeter, line

from medqdeg_desktop.bank.dataset import Dataset
from medqdeg_desktop.bank.errors import DatasetError
from medqdeg_desktop.bank.generate import generate
from medqdeg_desktop.bank.importing import import_items
from medqdeg_desktop.bank.plan import Asked
from medqdeg_desktop.bank.planning import preview
from medqdeg_desktop.bank.region import RegionError, drawn, located, outline, problem, projected, projected_all
from medqdeg_desktop.engine import png
from medqdeg_desktop.engine.image import Pixels
from medqdeg_desktop.engine.reading import read_series
from medqdeg_desktop.engine.reading.geometry import FramePlane
from medqdeg_desktop.study.store import Study

BOX = {"kind": "box", "at": [10, 12, 30, 25]}
ELLIPSE = {"kind": "ellipse", "at": [10, 12, 40, 32]}
CONTOUR = {"kind": "contour", "points": [[8, 8], [30, 10], [25, 30]]}
TRIANGLE = np.concatenate([np.stack(line(*ends), axis=1) for ends in ((8, 8, 10, 30), (10, 30, 30, 25), (30, 25, 8, 8))])
GREY = np.full((60, 70), 90, np.uint8)


def changed(before: Pixels, after: Pixels) -> np.ndarray:
    return np.argwhere((after != before[..., None]).any(axis=-1))


def greenness(picture: Pixels) -> np.ndarray:
    """By how much green stands out in each pixel; grey has 0."""
    return picture[..., 1].astype(int) - picture[..., 0]


def distance_to(points: np.ndarray, curve: np.ndarray) -> float:
    """The largest distance of any of ``points`` to its nearest point of ``curve``."""
    return float(np.sqrt(((points[:, None] - curve[None]) ** 2).sum(-1)).min(axis=1).max())


def test_a_box_is_drawn_on_its_edges_and_nowhere_else() -> None:
    after = drawn(GREY, BOX)
    expected = np.zeros(GREY.shape, bool)
    expected[12, 10:31] = expected[25, 10:31] = expected[12:26, 10] = expected[12:26, 30] = True
    green = greenness(after) > 150
    np.testing.assert_array_equal(green, expected)
    assert distance_to(changed(GREY, after), np.argwhere(expected)) <= 1.5


@pytest.mark.parametrize(
    ("region", "curve"),
    [
        (ELLIPSE, np.stack(ellipse_perimeter(22, 25, 10, 15), axis=1)),
        (CONTOUR, TRIANGLE),
    ],
)
def test_an_outline_follows_the_curve_that_another_library_draws(region: dict, curve: np.ndarray) -> None:
    marked = changed(GREY, drawn(GREY, region))
    assert distance_to(marked, curve) <= 2
    assert distance_to(curve, marked) <= 1.5


def test_colour_is_kept_and_the_picture_given_is_left_alone() -> None:
    colour = picture(1, colour=True)
    before = colour.copy()
    after = drawn(colour, BOX)
    np.testing.assert_array_equal(colour, before)
    np.testing.assert_array_equal(after[0:10], colour[0:10])
    assert drawn(GREY, BOX | {"image": 1}) is GREY


@pytest.mark.parametrize(
    ("region", "reason"),
    [
        ({}, "kind None"),
        ({"kind": "arrow", "at": [1, 2, 3, 4]}, "kind 'arrow'"),
        ({"kind": "box", "at": [5, 5, 5, 9]}, "is not \\[left"),
        ({"kind": "box", "at": [1, 2, 3]}, "without at"),
        ({"kind": "box"}, "without at"),
        ({"kind": "box", "at": [0, 0, "x", 1]}, "without at"),
        ({"kind": "ellipse", "at": [0, 0, float("nan"), 1]}, "without at"),
        ({"kind": "contour", "points": [[1, 1], [2, 2]]}, "three points"),
        ({"kind": "contour", "points": [[1, 1, 1], [2, 2, 2]]}, "without points"),
        ({"kind": "box", "at": [1, 2, 3, 4], "space": "patient"}, "not in pixels"),
        ({"kind": "box", "at": [1, 2, 3, 4], "image": -1}, "whole number"),
    ],
)
def test_a_region_that_cannot_be_drawn_says_why(region: dict, reason: str) -> None:
    with pytest.raises(RegionError, match=reason):
        outline(region)
    assert problem(region)


def test_a_region_outside_its_picture_is_told() -> None:
    assert problem(BOX, (60, 70)) == ""
    assert "out of the picture of 25 x 60" in problem(BOX, (60, 25, 3))


AXIAL = FramePlane((-100.0, -80.0, 30.0), (1, 0, 0, 0, 1, 0), (0.5, 0.25), 2.0, "room")
#: The same plane with larger pixels, begun elsewhere; a mirrored one; one turned by 30 degrees in its plane.
COARSE = FramePlane((-90.0, -75.0, 30.6), (1, 0, 0, 0, 1, 0), (1.0, 1.0), 2.0, "room")
MIRRORED = FramePlane((0.0, -80.0, 30.0), (-1, 0, 0, 0, 1, 0), (0.5, 0.5), 2.0, "room")
TURNED = FramePlane((-100.0, -80.0, 30.0), (3**0.5 / 2, 0.5, 0, -0.5, 3**0.5 / 2, 0), (0.5, 0.5), 2.0, "room")


def test_a_region_is_kept_in_patient_coordinates_as_the_standard_places_pixels() -> None:
    told = located(BOX, AXIAL)["patient"]
    assert told["points"] == [[-97.5, -74, 30], [-92.5, -74, 30], [-92.5, -67.5, 30], [-97.5, -67.5, 30]]
    assert (told["unit"], told["frame_of_reference"]) == ("LPS mm", "room")
    assert located(located(BOX, AXIAL), None) == BOX
    assert problem(located(CONTOUR, AXIAL)) == ""
    assert "LPS mm" in problem(BOX | {"patient": {"unit": "RAS"}})
    few = located(BOX, AXIAL)["patient"] | {"points": [[1, 2, 3]]}
    assert "have 1 points, its outline has 4" in problem(BOX | {"patient": few})
    assert "have 1 points" in problem(ELLIPSE | {"patient": few}) and "have 1 points" in problem(CONTOUR | {"patient": few})
    assert "x, y, z" in problem(BOX | {"patient": {"unit": "LPS mm", "frame_of_reference": "", "points": [[1, 2]]}})


def test_a_region_is_found_again_on_another_frame_of_its_plane_and_on_no_other() -> None:
    region = located(BOX, AXIAL)
    assert projected(region, AXIAL) == BOX
    assert projected(region, COARSE) == {"kind": "box", "at": [-7.5, 1.0, -2.5, 7.5]}
    assert projected(region, MIRRORED) == {"kind": "box", "at": [185.0, 12.0, 195.0, 25.0]}
    assert projected(located(ELLIPSE, AXIAL), MIRRORED) == {"kind": "ellipse", "at": [180.0, 12.0, 195.0, 32.0]}
    elsewhere = FramePlane((-100.0, -80.0, 32.5), AXIAL.orientation, AXIAL.spacing, 2.0, "room")
    across = FramePlane((-100.0, -74.0, 30.0), (1, 0, 0, 0, 0, -1), (1, 1), 2.0, "room")
    stranger = FramePlane(AXIAL.position, AXIAL.orientation, AXIAL.spacing, 2.0, "another room")
    nameless = FramePlane(AXIAL.position, AXIAL.orientation, AXIAL.spacing, 2.0, "")
    assert [projected(region, plane) for plane in (elsewhere, across, stranger, nameless)] == [None] * 4
    assert projected(located(BOX, nameless), nameless) is None
    assert projected(BOX, AXIAL) is None
    many = [located(BOX, elsewhere), region, BOX, located(BOX, stranger), located(ELLIPSE, AXIAL)]
    assert projected_all(many, AXIAL) == [BOX, ELLIPSE]
    assert projected_all(many, nameless) == []


def test_a_turned_frame_sees_the_same_points_of_the_patient_as_a_contour() -> None:
    for region in (BOX, ELLIPSE, CONTOUR):
        again = projected(located(region, AXIAL), TURNED)
        assert again is not None and again["kind"] == "contour"
        before, after = AXIAL.to_patient(outline(region)), TURNED.to_patient(outline(again))
        np.testing.assert_allclose(after, before, atol=1e-3)


def test_a_frame_of_a_series_knows_its_plane(shared_data: Path) -> None:
    pydicom = pytest.importorskip("pydicom")
    series = read_series(shared_data / "dicom" / "ct_series_uncompressed")
    plane = series.plane(4)
    header = pydicom.dcmread(series.frames[4].path, stop_before_pixels=True)
    assert plane is not None
    assert plane.position == tuple(float(v) for v in header.ImagePositionPatient)
    assert plane.frame_of_reference and plane.frame_of_reference not in str(header.FrameOfReferenceUID)
    np.testing.assert_allclose(
        plane.to_patient(np.array([[10.0, 20.0]]))[0],
        (
            np.array(header.ImagePositionPatient, float)
            + np.array(header.ImageOrientationPatient[:3], float) * header.PixelSpacing[1] * 10
            + np.array(header.ImageOrientationPatient[3:], float) * header.PixelSpacing[0] * 20
        ),
    )
    cut = series.cut("coronal")
    crossing = cut.plane(100)
    assert crossing is not None and crossing.frame_of_reference == plane.frame_of_reference
    # A point of the slice lies on the coronal cut through it, at the height of the slice.
    (on_cut,), (off,) = crossing.to_pixels(plane.to_patient(np.array([[60.0, 100.0]])))
    assert on_cut[0] == pytest.approx(60, abs=1e-6)
    assert abs(off) < 1e-6


@pytest.fixture
def study(tmp_path: Path) -> Study:
    Image.fromarray(picture(0)).save(tmp_path / "a.png")
    study = Study.create(tmp_path / "ward.medq")
    lines = [item_line(n, "a.png", region=region) for n, region in enumerate((BOX, None, CONTOUR))]
    assert import_items(study, write_lines(tmp_path / "items.jsonl", lines)).rejected == []
    return study


def test_regions_are_drawn_afterwards_on_every_level_where_asked(study: Study, tmp_path: Path) -> None:
    plain, marked = Asked(seed=1), Asked(seed=1, mark_regions=True)
    types = ("gaussian_blur", "object_rotation")
    for name, asked in (("plain", plain), ("marked", marked)):
        wanted = Asked(seed=1, types=types, mark_regions=asked.mark_regions)
        generate(study, tmp_path / name, wanted, workers=1, make_executor=here)
    rows = {
        name: {(r["item_id"], r["degradation"], r["level"]): r for r in Dataset.open(tmp_path / name).rows()}
        for name in ("plain", "marked")
    }
    sets = {name: Dataset.open(tmp_path / name) for name in rows}
    for key, row in rows["marked"].items():
        with_mark = png.decode(sets["marked"].image_path(row).read_bytes())
        without = png.decode(sets["plain"].image_path(rows["plain"][key]).read_bytes())
        if key[0] == "q001":
            np.testing.assert_array_equal(with_mark, without)
        else:
            np.testing.assert_array_equal(with_mark, drawn(without, BOX if key[0] == "q000" else CONTOUR))
            # The mark is as sharp on a blurred picture as on the clean one.
            assert (greenness(with_mark) > 150).sum() > 40
    # Anatomy that moved would lie beside its mark.
    turned = {item for item, kind, _ in rows["marked"] if kind == "object_rotation"}
    assert turned == {"q001"}
    assert {item for item, kind, _ in rows["plain"] if kind == "object_rotation"} == {"q000", "q001", "q002"}


def test_the_plan_says_what_becomes_of_regions_and_a_marked_set_is_another_set(study: Study, tmp_path: Path) -> None:
    said = [" / ".join(preview(study, Asked(mark_regions=marked))["notes"]) for marked in (False, True)]
    assert "2 items carry a region as data that is not drawn" in said[0]
    assert "2 items carry a region, drawn on the finished pictures of every level" in said[1]
    generate(study, tmp_path / "set", Asked(), workers=1, make_executor=here)
    before = tree(tmp_path / "set")
    with pytest.raises(DatasetError, match="mark regions None, not True"):
        generate(study, tmp_path / "set", Asked(mark_regions=True), workers=1, make_executor=here)
    assert tree(tmp_path / "set") == before


def test_marking_regions_keeps_the_draw_but_for_what_moves_anatomy(study: Study, tmp_path: Path) -> None:
    def drawn_types(folder: Path, seed: int, marked: bool) -> dict[str, list[str]]:
        generate(study, folder, Asked(seed=seed, mark_regions=marked), workers=1, make_executor=here)
        found: dict[str, list[str]] = {}
        for row in Dataset.open(folder).rows():
            types = found.setdefault(row["item_id"], [])
            if row["level"] == "L1":
                types.append(row["degradation"])
        return found

    dropped = 0
    for seed in range(6):
        plain = drawn_types(tmp_path / f"plain-{seed}", seed, False)
        for item_id, types in drawn_types(tmp_path / f"marked-{seed}", seed, True).items():
            still = [name for name in plain[item_id] if item_id == "q001" or name != "object_rotation"]
            dropped += len(plain[item_id]) - len(still)
            if still:
                assert types == still
            else:
                assert types
                assert "object_rotation" not in types
    assert dropped > 0


def test_a_row_with_a_region_that_cannot_be_drawn_is_rejected(tmp_path: Path) -> None:
    Image.fromarray(picture(0)).save(tmp_path / "a.png")
    with Study.create(tmp_path / "w.medq") as study:
        lines = [item_line(1, "a.png", region={"kind": "cloud"}), item_line(2, "a.png", region=json.loads(json.dumps(ELLIPSE)))]
        report = import_items(study, write_lines(tmp_path / "items.jsonl", lines))
    assert [(r.name, "kind 'cloud'" in r.reason) for r in report.rejected] == [("q001", True)]
