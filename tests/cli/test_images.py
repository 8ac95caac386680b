"""``info``, ``degradations`` and ``degrade`` as other programs call them."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import nibabel
import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import JPEG2000Lossless

from medqdeg_desktop.cli import main
from medqdeg_desktop.engine.degradation import degrade, registry
from medqdeg_desktop.engine.display import to_display
from medqdeg_desktop.engine.image import Window
from medqdeg_desktop.engine.reading import read_image, read_series
from medqdeg_desktop.taxonomy import DEGRADATION_TYPES, Modality
from tests.benchmarks.reading import write_series


@dataclass(frozen=True)
class Done:
    returncode: int
    stdout: str
    stderr: str


def _run(*arguments: object) -> Done:
    """The command's own entry point, with its exit status and both streams."""
    out, err = io.StringIO(), io.StringIO()
    with (
        mock.patch.object(sys, "argv", ["medqdeg", *(str(a) for a in arguments)]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        pytest.raises(SystemExit) as ended,
    ):
        main()
    assert isinstance(ended.value.code, int)
    return Done(ended.value.code, out.getvalue(), err.getvalue())


def _ct() -> Path:
    return Path(str(get_testdata_file("CT_small.dcm", download=False)))


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    """A 3-D NIfTI of smooth blobs, stored right to left."""
    x, y, z = np.mgrid[:40, :36, :6]
    values = 400 * np.exp(-((x - 14) ** 2 + (y - 20) ** 2) / 90) + 20 * z
    affine = np.diag([-1.5, 2.0, 3.0, 1.0])
    affine[:3, 3] = (30, -20, 5)
    path = tmp_path / "volume.nii.gz"
    nibabel.save(nibabel.Nifti1Image(values.astype(np.float32), affine), path)
    return path


def test_info_tells_all_that_the_contract_names(volume: Path) -> None:
    done = _run("info", "--json", volume, "--modality", "ct")
    assert done.returncode == 0 and done.stderr == ""
    (series,) = json.loads(done.stdout)["series"]
    assert series["frames"] == 6 and series["modality"] == "CT" and series["unit"] == "HU"
    assert series["spacing"] == [2.0, 1.5] and series["slice_spacing"] == 3.0
    assert series["window"] == [40, 400] and series["range"] == [-160, 240]
    assert series["transfer_syntax"] == "NIfTI-1, float32" and series["orientation"] == ["R", "L", "A", "P"]


def test_info_in_words_names_the_facts_and_nobody() -> None:
    done = _run("info", _ct())
    assert done.returncode == 0
    for word in ("CT", "HU", "128 x 128", "0.6615", "W 400 L 40", "Explicit VR Little Endian"):
        assert word in done.stdout
    assert "CompressedSamples" not in done.stdout and "1CT1" not in done.stdout


def test_info_of_a_refused_file_is_one_line_and_exit_1(tmp_path: Path) -> None:
    (tmp_path / "cut.dcm").write_bytes(_ct().read_bytes()[:20000])
    done = _run("info", tmp_path / "cut.dcm")
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.count("\n") == 1 and "cut.dcm" in done.stderr and "cut off" in done.stderr


def test_info_of_a_folder_lists_series_and_refused_files(tmp_path: Path) -> None:
    (tmp_path / "one.dcm").write_bytes(_ct().read_bytes())
    (tmp_path / "note.txt").write_text("hello")
    done = _run("info", tmp_path)
    assert done.returncode == 0
    assert "note.txt\n  refused: is no image" in done.stdout
    assert json.loads(_run("info", "--json", tmp_path).stdout)["refused"][0]["path"].endswith("note.txt")


def test_info_of_a_folder_without_images_fails(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("hello")
    done = _run("info", tmp_path)
    assert done.returncode == 1 and "refused" in done.stdout and done.stderr.count("\n") == 1


def test_degradations_lists_every_registered_type_with_its_levels() -> None:
    rows: list[dict[str, Any]] = json.loads(_run("degradations", "--json").stdout)
    assert [r["name"] for r in rows] == list(registry())
    published = {t.name: t for t in DEGRADATION_TYPES}
    for row in rows:
        kind = published[row["name"]]
        assert row["category"] == kind.category and row["aliases"] == list(kind.aliases)
        assert row["modalities"] == [m for m in Modality if kind.suits(m)]
        assert all({"name", "unit", "min", "max", "default"} <= set(p) for p in row["parameters"])
        # Every allowed cell has a default L1 and L2.
        assert set(row["L1"]) == set(row["L2"]) == set(row["modalities"])
        assert all(0 < row["L1"][m]["severity"] < row["L2"][m]["severity"] <= 1 for m in row["L1"])
    assert all(name in _run("degradations").stdout for name in registry())


def test_degrade_writes_the_picture_through_its_window(tmp_path: Path) -> None:
    out = tmp_path / "out.png"
    done = _run("degrade", _ct(), "--type", "gaussian_blur", "--severity", 0.5, "--window", "50,300", "--out", out)
    assert done.returncode == 0, done.stderr
    expected = to_display(degrade(read_image(_ct()), "gaussian_blur", 0.5), Window(50, 300))
    np.testing.assert_array_equal(np.asarray(Image.open(out)), expected)


def test_degrade_writes_native_values(tmp_path: Path) -> None:
    out = tmp_path / "out.npy"
    done = _run("degrade", _ct(), "--type", "gaussian_noise", "--severity", 0.4, "--seed", 7, "--out", out)
    assert done.returncode == 0, done.stderr
    values = np.load(out)
    assert values.dtype == np.float32
    np.testing.assert_array_equal(values, degrade(read_image(_ct()), "gaussian_noise", 0.4, seed=7).pixels)


def test_colour_is_written_as_three_float_channels(tmp_path: Path) -> None:
    colour = np.random.default_rng(1).integers(0, 256, (16, 20, 3)).astype(np.uint8)
    Image.fromarray(colour).save(tmp_path / "in.png")
    out = tmp_path / "out.npy"
    done = _run("degrade", tmp_path / "in.png", "--type", "gaussian_blur", "--severity", 0, "--out", out)
    assert done.returncode == 0, done.stderr
    values = np.load(out)
    assert values.dtype == np.float32
    np.testing.assert_array_equal(values, colour)


def test_set_overrides_one_parameter_and_is_enough_alone(tmp_path: Path) -> None:
    out = tmp_path / "out.npy"
    assert _run("degrade", _ct(), "--type", "gaussian_blur", "--set", "sigma=0.03", "--out", out).returncode == 0
    np.testing.assert_array_equal(np.load(out), degrade(read_image(_ct()), "gaussian_blur", overrides={"sigma": 0.03}).pixels)


def test_a_level_takes_the_profiles_cell_of_type_and_modality(tmp_path: Path) -> None:
    default = tmp_path / "default.npy"
    assert _run("degrade", _ct(), "--type", "gaussian_blur", "--level", "L2", "--out", default).returncode == 0
    cells = {r["name"]: r for r in json.loads(_run("degradations", "--json").stdout)}
    parameters = cells["gaussian_blur"]["L2"]["CT"]["parameters"]
    np.testing.assert_array_equal(np.load(default), degrade(read_image(_ct()), "gaussian_blur", overrides=parameters).pixels)

    profile = tmp_path / "mine.json"
    cell = {"type": "gaussian_blur", "modality": "CT", "level": "L2", "severity": 0.2, "path_version": 1}
    document = {"format": "medqdeg-profile/1", "name": "mine", "version": "1.0.0", "status": "published"}
    profile.write_text(json.dumps(document | {"cells": [cell | {"parameters": {"sigma": 0.011}}]}))
    out = tmp_path / "mine.npy"
    done = _run("degrade", _ct(), "--type", "gaussian_blur", "--level", "L2", "--profile", profile, "--out", out)
    assert done.returncode == 0, done.stderr
    np.testing.assert_array_equal(np.load(out), degrade(read_image(_ct()), "gaussian_blur", overrides={"sigma": 0.011}).pixels)
    done = _run("degrade", _ct(), "--type", "gaussian_blur", "--level", "L1", "--profile", profile, "--out", out)
    assert done.returncode == 1 and "has no L1 for gaussian_blur on CT" in done.stderr


def test_a_nii_gz_holds_the_whole_series_in_its_place(volume: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "a.nii.gz", tmp_path / "b.nii.gz"
    for out in (first, second):
        done = _run("degrade", volume, "--type", "gaussian_blur", "--severity", 0.3, "--modality", "mri", "--out", out)
        assert done.returncode == 0, done.stderr
    assert first.read_bytes() == second.read_bytes()
    source, result = nibabel.load(volume), nibabel.load(first)
    assert result.get_data_dtype() == np.float32 and result.shape == (40, 36, 6)
    # The same anatomy at the same place: undo the axes by the two affines.
    back = nibabel.as_closest_canonical(result).get_fdata()
    clean = nibabel.as_closest_canonical(source).get_fdata()
    np.testing.assert_allclose(
        nibabel.as_closest_canonical(result).affine, nibabel.as_closest_canonical(source).affine, atol=1e-5
    )
    expected = degrade(read_image(volume, 2, modality=Modality.MRI), "gaussian_blur", 0.3).pixels
    np.testing.assert_allclose(back[::-1, ::-1, 2].T, expected, atol=1e-3)
    assert np.abs(back - clean).max() < 150
    assert int.from_bytes(gzip.decompress(first.read_bytes())[:4], "little") == 348


@pytest.mark.parametrize("name", ["gaussian_noise", "object_movement"])
def test_a_folder_of_dicom_slices_becomes_one_volume_degraded_as_one_acquisition(name: str, tmp_path: Path) -> None:
    (tmp_path / "ct").mkdir()
    write_series(tmp_path / "ct", 5)
    out = tmp_path / "out.nii.gz"
    done = _run("degrade", tmp_path / "ct", "--type", name, "--severity", 0.5, "--seed", 4, "--out", out)
    assert done.returncode == 0, done.stderr
    made, series = nibabel.load(out), read_series(tmp_path / "ct")
    np.testing.assert_allclose(made.affine, series.affine, atol=1e-4)
    assert made.shape == (512, 512, 5) and made.get_data_dtype() == np.float32
    slices = made.get_fdata(dtype=np.float32)
    for index in range(5):
        alone = degrade(series.frame(index), name, 0.5, seed=4).pixels
        np.testing.assert_array_equal(slices[..., index].T, alone)
    if name == "gaussian_noise":
        changes = [slices[..., k].T - series.frame(k).pixels for k in (0, 3)]
        assert abs(np.corrcoef(changes[0].ravel(), changes[1].ravel())[0, 1]) < 0.02, "noise does not repeat"


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    """Three slices in JPEG 2000; four kilobytes of the middle one (of its own data, not of its end) are somebody else's."""
    folder = tmp_path / "series"
    folder.mkdir()
    write_series(folder, 3)
    for number, file in enumerate(sorted(folder.iterdir())):
        data = dcmread(file)
        data.compress(JPEG2000Lossless)
        if number == 1:
            (code,) = generate_frames(data.PixelData, number_of_frames=1)
            third = len(code) // 3
            code = code[:third] + np.random.default_rng(0).bytes(4000) + code[third + 4000 :]
            data.PixelData = encapsulate([code])
        data.save_as(file)
    return folder


_DAMAGED = "the data of this picture are damaged; parts of it may be made up: tile 1 of 1"


@pytest.mark.parametrize("progress", ["text", "none"])
def test_a_damaged_picture_is_degraded_with_a_warning_on_standard_error(damaged: Path, tmp_path: Path, progress: str) -> None:
    whole, broken, _ = sorted(damaged.iterdir())
    arguments = ("--type", "low_dose", "--level", "L1", "--progress", progress, "--out", tmp_path / "x.png")
    done = _run("degrade", broken, *arguments)
    assert done.returncode == 0 and (tmp_path / "x.png").exists()
    assert done.stderr.startswith(f"{broken}: {_DAMAGED}") and done.stderr.count("\n") == 1
    assert _run("degrade", whole, *arguments).stderr == ""


def test_of_a_series_the_damaged_frames_alone_are_told_also_as_json(damaged: Path, tmp_path: Path) -> None:
    broken = sorted(damaged.iterdir())[1]
    arguments = ("degrade", damaged, "--type", "gaussian_noise", "--severity", 0.3, "--out", tmp_path / "x.nii.gz")
    (line,) = (line for line in _run(*arguments).stderr.splitlines() if "are damaged" in line)
    assert line.startswith(f"{broken}: {_DAMAGED}")
    events = [json.loads(line) for line in _run(*arguments, "--progress", "json").stderr.splitlines()]
    (problem,) = (event for event in events if event["event"] == "problem")
    assert problem["where"] == str(broken) and problem["reason"].startswith(_DAMAGED)
    assert events[-1] == {"event": "finish", "job": "degrade", "frames": 3}

    done = _run(*arguments, "--axis", "sagittal")
    assert done.returncode == 0, done.stderr
    (line,) = (line for line in done.stderr.splitlines() if "are damaged" in line)
    assert "made up: slice 2: tile 1 of 1" in line, "every cut goes through it; it is told once"


def test_info_tells_damage_in_words_and_among_the_warnings(damaged: Path) -> None:
    whole, broken, _ = sorted(damaged.iterdir())
    for path, frame in ((broken, 1), (damaged, 2)):
        assert f"note  frame {frame}: {_DAMAGED}" in _run("info", path).stdout
        (series,) = json.loads(_run("info", "--json", path).stdout)["series"]
        assert series["warnings"][-1].startswith(f"frame {frame}: {_DAMAGED}")
    assert "are damaged" not in _run("info", whole).stdout


def test_a_type_foreign_to_the_modality_needs_force(tmp_path: Path) -> None:
    out = tmp_path / "out.png"
    arguments = ("degrade", _ct(), "--type", "ghosting", "--severity", 0.5, "--out", out)
    done = _run(*arguments)
    assert done.returncode == 1 and "MRI" in done.stderr and not out.exists()
    assert _run(*arguments, "--force").returncode == 0 and out.exists()


@pytest.mark.parametrize(
    "arguments,reason",
    [
        (["--severity", "0.5", "--out", "x.gif"], ".png, .npy or .nii.gz"),
        (["--out", "x.png"], "--level, --severity and --set"),
        (["--level", "L1", "--severity", "0.5", "--out", "x.png"], "exclude each other"),
        (["--severity", "1.5", "--out", "x.png"], "1.5"),
        (["--severity", "0.5", "--set", "sigma", "--out", "x.png"], "NAME=VALUE"),
        (["--severity", "0.5", "--window", "40", "--out", "x.png"], "CENTER,WIDTH"),
        (["--severity", "0.5", "--window", "40,400", "--out", "x.npy"], ".png only"),
        (["--severity", "0.5", "--modality", "radio", "--out", "x.png"], "radio"),
    ],
)
def test_a_wrong_call_is_exit_2_and_says_why(arguments: list[str], reason: str, tmp_path: Path) -> None:
    out = [str(tmp_path / a) if a.startswith("x.") else a for a in arguments]
    done = _run("degrade", _ct(), "--type", "gaussian_blur", *out)
    assert done.returncode == 2 and reason in done.stderr and "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments,reason",
    [
        (["--type", "fog", "--severity", "0.5"], "unknown degradation 'fog'"),
        (["--type", "low_doze", "--severity", "0.5"], "did you mean low_dose?"),
        (["--type", "gaussian_blur", "--set", "fog=1"], "no parameter 'fog'"),
        (["--type", "gaussian_blur", "--severity", "0.5", "--frame", "4"], "has no frame 5"),
    ],
)
def test_what_does_not_exist_is_exit_1_with_one_line(arguments: list[str], reason: str, tmp_path: Path) -> None:
    done = _run("degrade", _ct(), *arguments, "--out", tmp_path / "x.png")
    assert done.returncode == 1 and reason in done.stderr and done.stderr.count("\n") == 1


def test_a_picture_of_unknown_modality_takes_a_level_only_with_modality(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((32, 32, 3), np.uint8) + np.arange(3, dtype=np.uint8)).save(tmp_path / "in.png")
    arguments = ["degrade", tmp_path / "in.png", "--type", "gaussian_blur", "--level", "L1", "--out", tmp_path / "x.png"]
    done = _run(*arguments)
    assert done.returncode == 1 and "--modality" in done.stderr
    assert _run(*arguments, "--modality", "dermoscopy").returncode == 0


def test_a_cut_off_picture_of_unknown_modality_is_said_to_be_cut_off_before_a_modality_is_asked_for(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)
    Image.fromarray(noise).save(tmp_path / "in.png")
    (tmp_path / "in.png").write_bytes((tmp_path / "in.png").read_bytes()[:2000])
    done = _run("degrade", tmp_path / "in.png", "--type", "gaussian_blur", "--level", "L1", "--out", tmp_path / "x.png")
    assert done.returncode == 1 and "truncated" in done.stderr and "--modality" not in done.stderr


def test_degrade_says_in_one_line_what_it_wrote(tmp_path: Path) -> None:
    out = tmp_path / "x.png"
    done = _run("degrade", _ct(), "--type", "low_dose", "--severity", 0.5, "--set", "dose=0.1", "--seed", 3, "--out", out)
    assert done.stdout == f"{out}: low_dose, severity 0.5; dose=0.1; seed 3\n"


def test_a_target_that_cannot_be_written_is_told_by_its_own_name_before_anything_is_read(tmp_path: Path) -> None:
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "nowhere" / "x.png", tmp_path / "file" / "x.png"):
        done = _run("degrade", "no such file", "--type", "gaussian_blur", "--severity", 0.5, "--out", out)
        assert done.returncode == 1 and done.stderr == f"medqdeg: {out}: there is no folder {out.parent}\n"
    done = _run("degrade", _ct(), "--type", "gaussian_blur", "--severity", 0.5, "--out", tmp_path / "folder.png")
    assert done.returncode == 2 and "folder.png" in done.stderr


def test_a_first_argument_that_looks_like_a_file_and_is_none_is_said_in_one_line(tmp_path: Path) -> None:
    for name in ("ward.medqq", str(tmp_path / "ward")):
        done = _run(name)
        assert done.returncode == 2 and done.stderr == f"medqdeg: {name}: no such file or command\n"
    assert "No such command 'evalute'" in _run("evalute").stderr


def test_the_installed_module_answers_the_same_way() -> None:
    command = [sys.executable, "-m", "medqdeg_desktop", "info", "--json", str(_ct())]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and json.loads(done.stdout) == json.loads(_run("info", "--json", _ct()).stdout)
