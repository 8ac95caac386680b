"""Files become series in geometric order, and what is odd about a stack is said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK
from dicom_files import CANARY, dataset, enhanced, save, stack
from pydicom.fileset import FileSet

from medqdeg_desktop.engine.errors import UnreadableImageError
from medqdeg_desktop.engine.reading import Series, read_image, read_series, scan
from medqdeg_desktop.engine.reading.geometry import direction_letters, edge_letters
from medqdeg_desktop.taxonomy import Modality


def test_slices_are_sorted_by_place_and_not_by_instance_number_or_name(tmp_path: Path) -> None:
    stack(tmp_path, [30, 0, 20, 10])
    series = read_series(tmp_path)
    assert [int(series.frame(i).pixels[0, 0]) for i in range(4)] == [-23, -21, -22, -24]
    assert series.slice_spacing == 10 and series.warnings == ()


def test_order_follows_the_normal_of_oblique_slices(tmp_path: Path) -> None:
    """Coronal slices: rows to the left, columns to the feet, so the normal points to the back."""
    for number, y in enumerate([5.0, -5.0, 0.0]):
        data = dataset(
            np.full((4, 4), number, np.uint16), ImageOrientationPatient=[1, 0, 0, 0, 0, -1], ImagePositionPatient=[0, y, 0]
        )
        save(tmp_path / f"{number}.dcm", data)
    series = read_series(tmp_path)
    assert [int(series.frame(i).pixels[0, 0]) for i in range(3)] == [1 - 1024, 2 - 1024, 0 - 1024]
    assert series.frame(0).orientation == ("R", "L", "H", "F")


def test_gaps_doubles_uneven_steps_and_tilt_are_said(tmp_path: Path) -> None:
    def warnings(name: str, depths: list[float]) -> str:
        stack(tmp_path / name, depths)
        return " ".join(read_series(tmp_path / name).warnings)

    assert "gap of 9.0 mm after frame 3 (usual step 3.0 mm)" in warnings("gap", [0, 3, 6, 15, 18])
    assert "1 frame at the position of another" in warnings("double", [0, 3, 3, 6])
    assert "uneven steps between frames: 2.50 to 3.50 mm" in warnings("uneven", [0, 3, 6.5, 9, 12])
    for number in range(4):
        data = dataset(np.zeros((4, 4), np.uint16), ImagePositionPatient=[0, number * 1.0, number * 5.0])
        (tmp_path / "tilt").mkdir(exist_ok=True)
        save(tmp_path / "tilt" / f"{number}.dcm", data)
    assert f"sheared by {np.degrees(np.arctan(1 / 5)):.1f} degrees" in " ".join(read_series(tmp_path / "tilt").warnings)


def test_a_tilted_stack_keeps_its_shear_in_the_affine(tmp_path: Path) -> None:
    for number in range(3):
        data = dataset(np.zeros((4, 4), np.uint16), ImagePositionPatient=[7, number * 1.0, number * 5.0])
        save(tmp_path / f"{number}.dcm", data)
    affine = read_series(tmp_path).affine
    np.testing.assert_allclose(affine @ (0, 0, 2, 1), (-7, -2, 10, 1), atol=1e-9)
    np.testing.assert_allclose(affine @ (1, 2, 0, 1), (-7 - 0.75, -2 * 0.5, 0, 1), atol=1e-9)


def test_orientation_size_and_spacing_divide_a_series(tmp_path: Path) -> None:
    stack(tmp_path, [0, 3, 6])
    stack(tmp_path, [0], name="scout", ImageOrientationPatient=[0, 1, 0, 0, 0, -1])
    save(tmp_path / "big.dcm", dataset(np.zeros((9, 9), np.uint16)))
    save(tmp_path / "fine.dcm", dataset(np.zeros((8, 8), np.uint16), PixelSpacing=[0.1, 0.1]))
    found = scan(tmp_path)
    assert sorted(s.frame_count for s in found.series) == [1, 1, 1, 3]
    assert len({s.series_id for s in found.series}) == 4
    assert all(any("2 orientations" in w for w in s.warnings) for s in found.series)


def test_echoes_at_the_same_places_become_stacks_of_their_own(tmp_path: Path) -> None:
    for echo in (10, 20):
        stack(tmp_path, [0, 3, 6], name=f"echo{echo}", EchoTime=echo, Modality="MR")
    found = scan(tmp_path).series
    assert [s.frame_count for s in found] == [3, 3] and all(not s.warnings for s in found)
    assert {s.label.rsplit(" ", 1)[1] for s in found} == {"10", "20"} and len({s.series_id for s in found}) == 2


def test_series_without_identifier_stay_together_by_frame_of_reference(tmp_path: Path) -> None:
    stack(tmp_path, [0, 3, 6], SeriesInstanceUID="", FrameOfReferenceUID="1.2.9")
    assert read_series(tmp_path).frame_count == 3


def test_projections_without_a_place_are_sorted_by_instance_number(tmp_path: Path) -> None:
    for number in (3, 1, 2):
        data = dataset(
            np.full((4, 4), number, np.uint16),
            Modality="CR",
            InstanceNumber=number,
            ImageOrientationPatient=None,
            ImagePositionPatient=None,
            RescaleIntercept=0,
        )
        save(tmp_path / f"{9 - number}.dcm", data)
    series = read_series(tmp_path)
    assert [int(series.frame(i).pixels[0, 0]) for i in range(3)] == [1, 2, 3]


def test_the_range_of_a_series_is_the_percentile_of_all_its_frames(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    stacks = []
    for number in range(5):
        pixels = rng.integers(0, 4000, (32, 32)).astype(np.uint16) + number * 1000
        stacks.append(pixels)
        data = dataset(pixels, Modality="MR", ImagePositionPatient=[0, 0, number], RescaleIntercept=0)
        save(tmp_path / f"{number}.dcm", data)
    series = read_series(tmp_path)
    assert series.value_range == pytest.approx(tuple(np.percentile(np.stack(stacks), (0.1, 99.9))))
    assert {series.frame(i).value_range for i in range(5)} == {series.value_range}
    assert series.frame(0).window == series.frame(4).window


def test_the_range_of_a_long_series_is_sampled_alike_every_time(tmp_path: Path) -> None:
    stack(tmp_path, [float(i) for i in range(80)], Modality="MR", RescaleIntercept=0)
    ranges = {read_series(tmp_path).value_range for _ in range(2)}
    ((low, high),) = ranges
    assert 1000 <= low < 1002 and 1077 < high <= 1079


def test_a_folder_with_several_series_is_refused_by_read_series_with_their_labels(tmp_path: Path) -> None:
    stack(tmp_path, [0, 3])
    stack(tmp_path, [0, 3], name="other", SeriesInstanceUID="1.2.3.5", SeriesDescription="lung")
    with pytest.raises(UnreadableImageError, match=r"holds 2 series.*lung \(2\); .*axial 3 mm \(2\)"):
        read_series(tmp_path)


def test_scanning_names_what_it_refuses_and_tells_how_far_it_is(tmp_path: Path) -> None:
    stack(tmp_path / "deep" / "down", [0, 3, 6])
    (tmp_path / "note.txt").write_text("not an image")
    (tmp_path / "empty.dcm").touch()
    (tmp_path / ".hidden").write_text("x")
    heard: list[tuple[int, int, int]] = []
    found = scan(tmp_path, watch=lambda done, total, series: heard.append((done, total, len(series))))
    assert [s.frame_count for s in found.series] == [3]
    assert {Path(r.path).name: r.reason for r in found.refused} == {
        "note.txt": "is no image of a format that is read here",
        "empty.dcm": "is empty",
    }
    assert heard[-1] == (5, 5, 1)


def test_scanning_stops_when_it_is_cancelled(tmp_path: Path) -> None:
    stack(tmp_path, [float(i) for i in range(130)])
    asked: list[bool] = []

    def cancelled() -> bool:
        asked.append(True)
        return len(asked) > 1

    assert sum(s.frame_count for s in scan(tmp_path, cancelled=cancelled).series) == 8


def test_a_missing_path_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableImageError, match="no such file or folder"):
        scan(tmp_path / "absent")


def _directory(folder: Path) -> Path:
    fileset = FileSet()
    for path in stack(folder / "in", [0, 3, 6], StudyDate="20200101", StudyTime="120000", StudyID="1", SeriesNumber=1):
        fileset.add(path)
    fileset.write(folder / "medium")
    return folder / "medium" / "DICOMDIR"


def test_a_dicomdir_opens_the_files_it_names(tmp_path: Path) -> None:
    found = scan(_directory(tmp_path))
    assert [s.frame_count for s in found.series] == [3] and not found.refused
    assert [s.frame_count for s in scan(tmp_path / "medium").series] == [3]


@pytest.mark.parametrize("parts", [b"..\\IN\\SLICE000", b"\\ETC\\PASSWD"], ids=["up", "absolute"])
def test_a_dicomdir_that_leads_out_of_its_folder_is_refused(parts: bytes, tmp_path: Path) -> None:
    path = _directory(tmp_path)
    raw = path.read_bytes()
    tag = b"\x04\x00\x00\x15CS"
    at = raw.index(tag)
    length = int.from_bytes(raw[at + 6 : at + 8], "little")
    path.write_bytes(raw[: at + 8] + parts.ljust(length)[:length] + raw[at + 8 + length :])
    with pytest.raises(UnreadableImageError, match="outside its own folder"):
        scan(path)


def test_a_dicomdir_that_leads_out_by_a_link_is_refused(tmp_path: Path) -> None:
    path = _directory(tmp_path)
    named = next(p for p in sorted(path.parent.rglob("*")) if p.is_file() and p.name != "DICOMDIR")
    outside = tmp_path / "outside.dcm"
    named.rename(outside)
    named.symlink_to(outside)
    with pytest.raises(UnreadableImageError, match="outside its own folder"):
        scan(path)


def test_an_enhanced_object_is_a_series_of_its_own(tmp_path: Path) -> None:
    stack(tmp_path, [0, 3])
    save(tmp_path / "enhanced.dcm", enhanced([0.0, 5.0]))
    assert sorted(s.frame_count for s in scan(tmp_path).series) == [2, 2]


def test_another_modality_gives_another_range_and_leaves_the_series_alone(tmp_path: Path) -> None:
    stack(tmp_path, [0, 3, 6], Modality="OT")
    series = read_series(tmp_path)
    ct = series.with_modality(Modality.CT)
    assert series.modality is None and ct.modality is Modality.CT
    assert ct.value_range == (-160, 240) != series.value_range


def test_a_thumbnail_has_the_aspect_of_the_body(tmp_path: Path) -> None:
    data = dataset(np.tile(np.arange(40, dtype=np.uint16) * 10 + 900, (40, 1)), PixelSpacing=[2.0, 1.0])
    thumbnail = read_series(save(tmp_path / "t.dcm", data)).thumbnail(64)
    assert thumbnail.shape == (64, 32) and thumbnail.dtype == np.uint8
    assert thumbnail[10, 0] < thumbnail[10, -1]


def test_labels_of_series_name_nobody(tmp_path: Path) -> None:
    stack(tmp_path / CANARY, [0, 3])
    (series,) = scan(tmp_path).series
    assert "CANARY" not in series.label + series.series_id + repr(series.warnings) + repr(series.facts())


def _ids(series: list[Series]) -> list[str]:
    return [s.series_id for s in series]


def test_identifiers_of_series_do_not_depend_on_the_run(tmp_path: Path) -> None:
    stack(tmp_path, [0, 3])
    assert _ids(scan(tmp_path).series) == _ids(scan(tmp_path).series)
    assert read_image(tmp_path, 1).frame == 1


@pytest.mark.parametrize(
    "direction,letters",
    [
        ((1, 0, 0), "L"),
        ((-1, 0, 0), "R"),
        ((0, 1, 0), "P"),
        ((0, -1, 0), "A"),
        ((0, 0, 1), "H"),
        ((0, 0, -1), "F"),
        ((0.8, -0.6, 0), "LA"),
        ((0.98, 0.2, 0), "L"),
        ((0.3, 0, -0.954), "F"),
        ((-0.6, 0.55, 0.58), "RHP"),
    ],
)
def test_letters_follow_the_direction_cosines(direction: tuple[float, float, float], letters: str) -> None:
    assert direction_letters(direction) == letters


def test_opposite_edges_have_opposite_letters() -> None:
    opposite = dict(zip("LRAPHF", "RLPAFH", strict=True))
    rng = np.random.default_rng(11)
    for _ in range(200):
        matrix, _ = np.linalg.qr(rng.normal(size=(3, 3)))
        left, right, top, bottom = edge_letters([*matrix[0], *matrix[1]])
        assert left == "".join(opposite[c] for c in right) and top == "".join(opposite[c] for c in bottom)


def _block(folder: Path, **elements: object) -> np.ndarray:
    """Seven axial slices of a (7, 6, 5) block with a value of its own in every voxel, 4 mm apart."""
    block = np.arange(7 * 6 * 5, dtype=np.uint16).reshape(7, 6, 5)
    for number, plane in enumerate(block):
        values = {"ImagePositionPatient": [1, 2, number * 4.0], "RescaleIntercept": 0, "Modality": "MR"} | elements
        save(folder / f"{number}.dcm", dataset(plane, **values))
    return block


@pytest.mark.parametrize("axis,code", [("axial", "LPS"), ("coronal", "LIP"), ("sagittal", "PIR")])
def test_a_dicom_stack_is_cut_along_the_body_as_simpleitk_reorients_it(axis: str, code: str, tmp_path: Path) -> None:
    _block(tmp_path)
    names = SimpleITK.ImageSeriesReader.GetGDCMSeriesFileNames(str(tmp_path))
    volume = SimpleITK.DICOMOrient(SimpleITK.ReadImage(names), code)
    reference = SimpleITK.GetArrayFromImage(volume)
    series = read_series(tmp_path, axis=axis)
    assert series.frame_count == reference.shape[0]
    for index, expected in enumerate(reference):
        np.testing.assert_array_equal(series.frame(index).pixels, expected)
    across, down, step = volume.GetSpacing()
    assert series.spacing == pytest.approx((down, across)) and series.slice_spacing == pytest.approx(step)
    assert series.frame(0).value_range == read_series(tmp_path).value_range
    assert series.frame(0).orientation == {"axial": tuple("RLAP"), "coronal": tuple("RLHF"), "sagittal": tuple("APHF")}[axis]


def test_a_stack_with_a_gap_and_a_single_picture_are_not_cut(tmp_path: Path) -> None:
    stack(tmp_path / "gap", [0, 3, 6, 15])
    with pytest.raises(UnreadableImageError, match="cannot be cut coronal: gap"):
        read_series(tmp_path / "gap", axis="coronal")
    stack(tmp_path / "one", [0])
    with pytest.raises(UnreadableImageError, match="no stack of slices"):
        read_series(tmp_path / "one", axis="sagittal")
    assert read_series(tmp_path / "one", axis="axial").frame_count == 1
