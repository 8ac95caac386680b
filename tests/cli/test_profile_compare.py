"""``medqdeg profile compare``: what differs between two profiles, as a page, pictures and a table."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from medqdeg_desktop.calibration.profiles import load_default_profile, path_parameters, profile_to_json
from medqdeg_desktop.cli import group
from medqdeg_desktop.errors import MedqdegError
from medqdeg_desktop.study.records import Profile
from medqdeg_desktop.study.store import Study
from medqdeg_desktop.taxonomy import Level, Modality


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """The default profile with blur of photographs of skin changed at L1 and noise of CT left out."""
    cells = []
    for cell in load_default_profile().cells:
        if (cell.type, cell.modality) == ("gaussian_noise", Modality.CT):
            continue
        if (cell.type, cell.modality, cell.level) == ("gaussian_blur", Modality.DERMOSCOPY, Level.L1):
            severity = cell.severity - 0.15
            basis = "median of reader medians, 95 % interval 0.100 to 0.200"
            cell = replace(cell, severity=severity, parameters=path_parameters(cell.type, severity, cell.modality), basis=basis)
        cells.append(cell)
    profile = Profile("Skin", "2.1.0", "published", tuple(cells), "a test", "chair", "2026-01-01T00:00:00.000000Z")
    (tmp_path / "skin.json").write_text(profile_to_json(profile), "utf-8")
    return tmp_path / "skin.json"


def test_cells_that_differ_are_told_drawn_and_listed_with_their_intervals(other: Path, tmp_path: Path) -> None:
    out = tmp_path / "differences"
    done = CliRunner().invoke(group, ["profile", "compare", "default", str(other), "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert "1 cell of both differ, 1 in one only; the most: Gaussian blur · Dermoscopy, by 0.150" in done.stdout
    with (out / "comparison.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    first = rows[0]
    assert (first["type"], first["level"], first["second_low"], first["second_high"]) == ("gaussian_blur", "L1", "0.1", "0.2")
    assert float(first["difference"]) == pytest.approx(-0.15) and "sigma" in first["parameters"]
    assert {(r["type"], r["second_basis"]) for r in rows[2:]} == {("gaussian_noise", "not in this profile")}
    shown = {p.name: np.asarray(Image.open(p), dtype=float) for p in (out / "pictures").iterdir()}
    stem = "Dermoscopy_gaussian_blur"
    assert set(shown) == {f"{stem}_{n}.png" for n in ("original", "L1_first", "L1_second", "L2_first", "L2_second")}

    def off(name: str) -> float:
        return float(np.abs(shown[f"{stem}_{name}.png"] - shown[f"{stem}_original.png"]).mean())

    assert 0 < off("L1_second") < off("L1_first") < off("L2_first") == off("L2_second")
    page = (out / "comparison.html").read_text("utf-8")
    assert all(f"pictures/{name}" in page for name in shown if "original" not in name)
    assert "http" not in page and "<script" not in page


def test_a_published_version_needs_its_study_and_a_wrong_name_lists_what_there_is(tmp_path: Path) -> None:
    run = CliRunner()
    refused = run.invoke(group, ["profile", "compare", "default", "1.0.0", "--out", str(tmp_path / "a")])
    assert isinstance(refused.exception, MedqdegError) and "name the study that holds it" in str(refused.exception)
    Study.create(tmp_path / "empty.medq").close()
    study = ["--study", str(tmp_path / "empty.medq"), "--out", str(tmp_path / "a")]
    unknown = run.invoke(group, ["profile", "compare", "default", "1.0.0", *study])
    assert "none published, draft, default" in str(unknown.exception) and not (tmp_path / "a").exists()
    same = run.invoke(group, ["profile", "compare", "default", "default", "--out", str(tmp_path / "b")])
    assert same.exit_code == 0 and "0 cells of both differ" in same.stdout
    assert "mean the same in every cell" in (tmp_path / "b" / "comparison.html").read_text("utf-8")


def test_a_damaged_picture_to_compare_on_is_told(other: Path, tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (128, 128), dtype=np.uint8)
    whole, broken = tmp_path / "whole.jpg", tmp_path / "broken.jpg"
    Image.fromarray(pixels).save(whole, quality=90)
    code = whole.read_bytes()
    broken.write_bytes(code[:3000] + np.random.default_rng(1).bytes(2000) + code[5000:])
    arguments = ["profile", "compare", "default", str(other), "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(group, [*arguments, "--image", str(whole), "--image", str(broken)])
    assert done.exit_code == 0, done.output
    assert done.stderr.startswith(f"{broken}: the data of this picture are damaged; ") and done.stderr.count("\n") == 1
