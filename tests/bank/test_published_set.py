"""MedQ-DEG-Bench's own tables as a dataset folder: levels and names in any spelling, pairs found, nothing lost silently."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from bank_samples import here, picture
from PIL import Image
from test_importers import cell, question, tsv

from medqdeg_desktop.bank.checks import RowError
from medqdeg_desktop.bank.dataset import Dataset
from medqdeg_desktop.bank.errors import BankError, DatasetError
from medqdeg_desktop.bank.export import export_dataset
from medqdeg_desktop.bank.generate import generate
from medqdeg_desktop.bank.importing import import_items
from medqdeg_desktop.bank.plan import Asked
from medqdeg_desktop.bank.published_levels import level_of
from medqdeg_desktop.bank.published_set import Adopted, adopt
from medqdeg_desktop.bank.verify import verify_dataset
from medqdeg_desktop.engine.image import pixel_sha256
from medqdeg_desktop.eval.question_table import question_table
from medqdeg_desktop.eval.questions import questions
from medqdeg_desktop.study.store import Study
from medqdeg_desktop.taxonomy import Level


def degraded(index: str, image: str, kind: str, severity: str, **more: str) -> dict[str, str]:
    return question(index, image, degradation_type=kind, degradation_severity=severity) | more


def encoded(pixels: np.ndarray, kind: str = "PNG") -> str:
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, kind)
    return base64.b64encode(data.getvalue()).decode()


def adopted(tmp_path: Path, good: list[dict[str, str]], simulate: list[dict[str, str]]) -> Adopted:
    tables = [tsv(tmp_path / "MedQ-Robust-simulate-test.tsv", simulate), tsv(tmp_path / "MedQ-Robust-good-test.tsv", good)]
    return adopt(tables, tmp_path / "set")


@pytest.mark.parametrize(
    ("severity", "kind", "level"),
    [
        ("", "", "L0"),
        ("none", "", "L0"),
        ("good", "clean", "L0"),
        ("L1", "bubble", "L1"),
        ("level_1", "bubble", "L1"),
        ("1", "bubble", "L1"),
        ("1.0", "bubble", "L1"),
        ("Mild", "bubble", "L1"),
        ("moderate", "bubble", "L1"),
        ("l2", "bubble", "L2"),
        ("2", "bubble", "L2"),
        ("SEVERE", "bubble", "L2"),
    ],
)
def test_every_spelling_of_a_level_is_read(severity: str, kind: str, level: str) -> None:
    assert level_of(severity, kind) is Level(level)


@pytest.mark.parametrize(("severity", "kind"), [("", "bubble"), ("L3", "bubble"), ("L1", ""), ("good", "bubble"), ("2", "clean")])
def test_a_level_that_cannot_be_told_is_refused(severity: str, kind: str) -> None:
    with pytest.raises(RowError):
        level_of(severity, kind)


def test_published_tables_become_a_set_that_evaluation_reads_with_their_pairs(tmp_path: Path) -> None:
    good = [
        question("ct_1", cell(0), question="What is it?", source="OmniMedVQA"),
        question("ct_2", cell(1, "JPEG"), question="What is that?", degradation_severity="good"),
    ]
    simulate = [
        degraded("ct_1_downsample_artifact_L1", cell(3), "downsample_artifact", "mild", question="What is it?"),
        degraded("ct_1_downsample_artifact_L2", cell(4), "downsample_artifact", "severe", question="What is it?"),
        degraded("77", cell(5), "xray_motion_blur_artifact", "2", question="What is that?", modality="X-ray"),
        degraded("78", cell(6), "gaussian_noise", "L1", question="What is that?"),
        degraded("79", cell(7), "snow", "L1"),
        degraded("80", cell(7), "bubble_artifact", "L7"),
        degraded("81", "no image at all" * 9, "bubble_artifact", "L1"),
        degraded("82", cell(7), "bubble_artifact", "L1", answer="E"),
    ]
    report = adopted(tmp_path, good, simulate)
    lines = {row["source_id"]: row for row in report.dataset.rows()}
    assert set(lines) == {"ct_1", "ct_2", "ct_1_downsample_artifact_L1", "ct_1_downsample_artifact_L2", "77", "78"}
    mild, severe = lines["ct_1_downsample_artifact_L1"], lines["ct_1_downsample_artifact_L2"]
    assert [(row["level"], row["degradation"]) for row in (lines["ct_1"], mild, severe)] == [
        ("L0", ""),
        ("L1", "low_resolution"),
        ("L2", "low_resolution"),
    ]
    assert mild["published_type"] == "downsample_artifact"
    assert mild["category"] == "Resolution & blur"
    assert lines["ct_1"]["item_id"] == mild["item_id"] == severe["item_id"]
    assert lines["ct_1"]["pair_id"] == mild["pair_id"]
    assert mild["source_sha256"] == lines["ct_1"]["pixel_sha256"]
    # Words that one clean row alone has, on another modality, are another question.
    assert lines["78"]["item_id"] == lines["ct_2"]["item_id"]
    assert lines["77"]["item_id"] not in {lines["ct_1"]["item_id"], lines["ct_2"]["item_id"]}
    assert (lines["ct_1"]["source"], lines["77"]["degradation"]) == ("OmniMedVQA", "motion_blur")
    assert (lines["ct_1"]["A"], lines["ct_1"]["C"], lines["ct_1"]["answer"]) == ("None", "", "B")
    reasons = {r.name: r.reason for r in report.rejected}
    assert set(reasons) == {"79", "80", "81", "82"}
    assert "snow" in reasons["79"]
    assert "'L7'" in reasons["80"]
    said = "\n".join(report.lines())
    assert "degradation_severity 'mild' read as L1" in said
    assert "degradation_type 'downsample_artifact' read as low_resolution" in said
    assert "1  degraded rows without a clean row" in said
    assert verify_dataset(report.dataset.folder) == []
    asked = list(questions(report.dataset))
    assert len(asked) == 6
    table = question_table(report.dataset.rows())
    assert table.clean[table.index[mild["file_name"]]] == table.index[lines["ct_1"]["file_name"]]


def test_png_bytes_are_kept_and_other_formats_keep_their_pixels(tmp_path: Path) -> None:
    palette = Image.fromarray(picture(3)).convert("P")
    data = io.BytesIO()
    palette.save(data, "PNG")
    rows = [
        question("png", cell(0)),
        question("jpeg", cell(1, "JPEG")),
        question("palette", base64.b64encode(data.getvalue()).decode()),
        question("pair", json.dumps([cell(0), encoded(picture(4, colour=True))])),
    ]
    dataset = adopted(tmp_path, rows, [degraded("d", cell(5), "bubble", "L1", question="Other?")]).dataset
    lines = [row for row in dataset.rows() if row["level"] == "L0"]
    files = [dataset.image_path(row).read_bytes() for row in lines]
    assert files[0] == base64.b64decode(cell(0))
    assert files[4] == base64.b64decode(encoded(picture(4, colour=True)))
    assert [(row["image_index"], row["image_count"]) for row in lines] == [(0, 1), (0, 1), (0, 1), (0, 2), (1, 2)]
    with Image.open(io.BytesIO(base64.b64decode(cell(1, "JPEG")))) as jpeg:
        np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(files[1]))), np.asarray(jpeg))
    assert {name[:4] for name in files} == {b"\x89PNG"}
    for row, content in zip(lines, files, strict=True):
        assert pixel_sha256(np.asarray(Image.open(io.BytesIO(content)))) == row["pixel_sha256"]


def test_rows_with_the_same_words_are_paired_by_the_look_of_their_picture_or_not_at_all(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    clean = [cv2.GaussianBlur(rng.integers(0, 256, (96, 96)).astype(np.float32), (0, 0), 9) for _ in range(3)]
    clean = [cv2.normalize(one, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8) for one in clean]
    good = [question(str(n), encoded(one)) for n, one in enumerate(clean)]
    noisy = np.clip(clean[1] + rng.normal(0, 25, clean[1].shape), 0, 255).astype(np.uint8)
    strange = rng.integers(0, 256, (96, 96)).astype(np.uint8)
    simulate = [
        degraded("10", encoded(noisy), "gaussian_noise", "L2"),
        degraded("11", encoded(strange), "gaussian_noise", "L2"),
        # A table that counts its rows from 0 again does not mean the clean rows of these numbers.
        degraded("0", encoded(cv2.GaussianBlur(clean[2], (0, 0), 3)), "gaussian_blur", "L1"),
    ]
    lines = {(r["source_id"], r["level"]): r for r in adopted(tmp_path, good, simulate).dataset.rows()}
    assert lines["10", "L2"]["item_id"] == lines["1", "L0"]["item_id"]
    assert lines["0", "L1"]["item_id"] == lines["2", "L0"]["item_id"]
    assert lines["11", "L2"]["item_id"] not in {lines[str(n), "L0"]["item_id"] for n in range(3)}


def test_this_programs_own_export_comes_back_as_the_same_questions(bank_of: Callable[..., Study], tmp_path: Path) -> None:
    generate(bank_of(4), tmp_path / "made", Asked(seed=3), workers=1, make_executor=here)
    files = export_dataset(tmp_path / "made", "vlmevalkit", tmp_path / "tables")
    report = adopt([f for f in files if f.suffix == ".tsv"], tmp_path / "set", source="ward")
    assert report.rejected == []
    assert set(report.paired) == {"paired by a column"}
    made, back = (list(Dataset.open(tmp_path / name).rows()) for name in ("made", "set"))
    key = ("sha256", "level", "degradation", "question", "answer", "pixel_sha256")
    assert sorted(tuple(row[k] for k in key) for row in back) == sorted(tuple(row[k] for k in key) for row in made)
    assert grouped(back) == grouped(made)


def grouped(rows: list[dict]) -> set[frozenset[str]]:
    """The files of each question."""
    return {frozenset(row["sha256"] for row in rows if row["pair_id"] == pair) for pair in {row["pair_id"] for row in rows}}


def test_clean_rows_also_come_in_as_items(tmp_path: Path) -> None:
    good = tsv(tmp_path / "MedQ-Robust-good-dev.tsv", [question("1", cell(0), degradation_severity="clean")])
    simulate = tsv(tmp_path / "MedQ-Robust-simulate-dev.tsv", [degraded("1", cell(0), "bubble", "severe")])
    with Study.create(tmp_path / "ward.medq") as study:
        assert import_items(study, good).added == 1
        (refused,) = import_items(study, simulate).rejected
    assert "degraded already (bubble severe): `medqdeg bank adopt`" in refused.reason


def test_tables_without_a_usable_row_and_a_folder_in_use_leave_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "letter.txt").write_text("dear")
    table = tsv(tmp_path / "x.tsv", [question("1", cell(0), modality="smell")])
    with pytest.raises(DatasetError, match="in use"):
        adopt([table], tmp_path / "used")
    with pytest.raises(BankError, match=r"not one row could be used; the first: x\.tsv row 1"):
        adopt([table], tmp_path / "set")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["used", "x.tsv"]
