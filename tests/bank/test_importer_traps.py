"""The traps that every layout shares, on each of them: doubles, misspelt keys, images that are gone, importing again."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from bank_samples import item_line
from test_importers import cell, omni, question, tsv
from test_published_sources import expert, hub, labelled, pictures, radiology

from medqdeg_desktop.bank.importing import import_items
from medqdeg_desktop.study.store import Study

Row = dict[str, Any]


def as_list(path: Path, rows: list[Row]) -> Path:
    path.write_text(json.dumps(rows), encoding="utf-8")
    return path


def as_lines(path: Path, rows: list[Row]) -> Path:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return path


@dataclass(frozen=True)
class Layout:
    """One published layout: a sound row, the key of its id, keys that it cannot do without, the key and name of its image."""

    name: str
    row: Row
    write: Callable[[Path, list[Row]], Path]
    file: str
    key: str
    needed: tuple[str, ...]
    image: str
    files: tuple[str, ...] = ("a.png",)


#: What is said of a key by another name than its own.
_SAID = {
    "image": "no image",
    "images": "no image",
    "image_name": "image is missing",
    "gt_answer": "answer is missing",
    "modality_type": "modality is missing",
}
_TEXT = "An axial CT image. Streaks cross it. Overall, the quality of this image is usable."
_PAIR = "Both MRI images show the brain. In conclusion, the second image is of better quality."
LAYOUTS = (
    Layout(
        "item lines",
        item_line(1, "a.png"),
        as_lines,
        "items.jsonl",
        "id",
        ("modality", "question", "options", "answer", "image"),
        "image",
    ),
    Layout(
        "OmniMedVQA",
        omni(1, image_path="a.png"),
        as_list,
        "ACRIMA.json",
        "question_id",
        ("question", "gt_answer", "modality_type"),
        "image_path",
    ),
    Layout(
        "MedXpertQA, as in its repository",
        expert(1),
        as_lines,
        "test.jsonl",
        "id",
        ("question", "options", "label", "images"),
        "images",
        ("images/MM-0-a.jpeg", "images/MM-0-b.jpeg"),
    ),
    Layout(
        "MedXpertQA, as on the hub",
        hub(1),
        as_lines,
        "test.jsonl",
        "id",
        ("question", "options", "label", "images"),
        "images",
        ("images/MM-0-a.jpeg", "images/MM-0-b.jpeg"),
    ),
    Layout(
        "VQA-RAD",
        radiology(1, "Is there an effusion?", "Yes", image_name="a.png"),
        as_list,
        "VQA_RAD Dataset Public.json",
        "qid",
        ("question", "answer", "image_name"),
        "image_name",
    ),
    Layout(
        "SLAKE",
        labelled(1, "Is the lung healthy?", "Yes", img_name="a.png"),
        as_list,
        "test.json",
        "qid",
        ("question", "answer", "modality", "img_name"),
        "img_name",
    ),
    Layout("GMAI-MMBench", question("1", cell(0)), tsv, "gmai.tsv", "index", ("modality",), "image"),
    Layout(
        "MedQ-DEG-Bench", question("1", cell(0), degradation_severity="good"), tsv, "good.tsv", "index", ("modality",), "image"
    ),
    Layout("MedQ-Bench questions", question("1", cell(0)), tsv, "medqbench_QA_dev.tsv", "index", ("modality",), "image"),
    Layout(
        "MedQ-Bench descriptions",
        {"index": "1", "image": cell(0), "description": _TEXT},
        tsv,
        "medqbench_description_dev.tsv",
        "index",
        (),
        "image",
    ),
    Layout(
        "MedQ-Bench comparisons",
        {"index": "1", "image_a": cell(0), "image_b": cell(1), "description": _PAIR},
        tsv,
        "medqbench_paired_description_dev.tsv",
        "index",
        (),
        "image_b",
    ),
)


def gone(layout: Layout) -> Row:
    """The row with an image that is not there, in the form that its layout names images in."""
    stated = layout.row[layout.image]
    if layout.write is tsv:
        return {layout.image: "77"}
    if isinstance(stated, list):
        return {layout.image: [{"image_path": "gone.png"} if isinstance(stated[0], dict) else "gone.png"]}
    return {layout.image: "gone.png"}


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_every_row_of_every_layout_comes_in_once_or_is_named_with_its_reason(layout: Layout, tmp_path: Path) -> None:
    pictures(tmp_path, *layout.files)
    rows: list[Row] = [layout.row, dict(layout.row)]
    reasons = ["already"]
    rows.append(layout.row | {layout.key: f"{layout.row[layout.key]}0"} | gone(layout))
    reasons.append("shares the image of row '77'" if layout.write is tsv else "gone.png is not there")
    for n, name in enumerate(layout.needed):
        bent = {key if key != name else f"{key}x": value for key, value in layout.row.items()}
        rows.append(bent | {layout.key: f"{layout.row[layout.key]}1{n}"})
        # Tables have one header: a cell under another name is an empty cell of its own column.
        reasons.append(_SAID.get(name, name))
    path = layout.write(tmp_path / layout.file, rows)
    with Study.create(tmp_path / "ward.medq") as study:
        report = import_items(study, path)
        assert (report.rows, report.added, report.accepted) == (len(rows), 1, 1), report.rejected
        assert [r.row for r in report.rejected] == list(range(2, len(rows) + 1))
        for refused, reason in zip(report.rejected, reasons, strict=True):
            assert reason in refused.reason
        (item,) = study.items()
        again = import_items(study, path)
        assert (again.added, again.updated, again.unchanged) == (0, 0, 1)
        assert list(study.items()) == [item]


@pytest.mark.parametrize(
    "named", ["{root}/secret.png", "../secret.png", "images/../../secret.png", "C:\\secret.png", "\\\\host\\x.png"]
)
def test_a_row_of_a_source_takes_no_file_from_outside_its_folder(named: str, tmp_path: Path) -> None:
    pictures(tmp_path, "secret.png", "source/a.png")
    rows = [omni(1, image_path="a.png"), omni(2, image_path=named.format(root=tmp_path))]
    with Study.create(tmp_path / "ward.medq") as study:
        report = import_items(study, as_list(tmp_path / "source" / "ACRIMA.json", rows))
    assert report.added == 1
    assert "points out of its folder" in report.rejected[0].reason
