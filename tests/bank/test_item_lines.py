"""Item lines: what design 9 names comes in, every bad row is listed with its line and reason, and the rest is imported."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from bank_samples import OPTIONS, item_line, picture, write_lines
from PIL import Image

from medqdeg_desktop.bank.errors import BankError
from medqdeg_desktop.bank.importing import ImportReport, import_items
from medqdeg_desktop.study.store import Study
from medqdeg_desktop.taxonomy import Modality


@pytest.fixture
def study(tmp_path: Path) -> Study:
    Image.fromarray(picture(0)).save(tmp_path / "a.png")
    return Study.create(tmp_path / "ward.medq")


def bring(study: Study, lines: list) -> ImportReport:
    return import_items(study, write_lines(Path(study.path).parent / "items.jsonl", lines))


def test_a_full_line_comes_in_with_every_field(study: Study) -> None:
    line = item_line(
        1,
        "a.png",
        "computed tomography",
        frame=3,
        axis="coronal",
        window=[40, 400],
        task="Diagnosis",
        skill="General Diagnosis Reasoning",
        capability="Clinical Reasoning",
        source="ward 4",
        source_id="77",
        region={"kind": "box", "at": [1, 2, 3, 4]},
        patient="p1",
        public=True,
        licence="CC BY 4.0",
    )
    report = bring(study, [line])
    item = study.item("q001")
    assert (report.rows, report.added, report.rejected) == (1, 1, [])
    assert item is not None
    assert item.modality is Modality.CT
    assert item.options == OPTIONS
    assert (item.frame, item.axis, item.window) == (3, "coronal", (40.0, 400.0))
    assert (item.source, item.source_id, item.patient, item.public) == ("ward 4", "77", "p1", True)
    assert item.region == {"kind": "box", "at": [1, 2, 3, 4]}
    assert (item.capability, item.task, item.skill) == ("Clinical Reasoning", "Diagnosis", "General Diagnosis Reasoning")
    assert item.images == (str((Path(study.path).parent / "a.png").resolve()),)


def test_options_that_look_like_missing_values_are_options(study: Study) -> None:
    texts = {"A": "None", "B": "NA", "C": "nan", "D": "null", "E": "N/A"}
    bring(study, [item_line(1, "a.png", options=texts, answer="e")])
    item = study.item("q001")
    assert item is not None
    assert item.options == texts
    assert item.answer == "E"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"answer": "E"}, "answer 'E' is not one of A, B, C, D"),
        ({"answer": ""}, "answer is missing"),
        ({"answer": "A cyst"}, "answer 'A cyst' is not one of"),
        ({"image": "b.png"}, "image b.png is not there"),
        ({"image": ""}, "no image"),
        ({"images": "a.png"}, "images is no list"),
        ({"modality": "smell"}, "unknown modality 'smell'"),
        ({"modality": None}, "modality is missing"),
        ({"question": "  "}, "question is missing"),
        ({"options": {"A": "x"}}, "fewer than two options"),
        ({"options": {"A": "x", "C": "y"}, "answer": "A"}, "lettered A, C, not A, B"),
        ({"options": {"A": "x", "B": None}, "answer": "A"}, "option B is no text"),
        ({"options": {"A": "x", "B": " "}, "answer": "A"}, "option B is empty"),
        ({"options": {"A": "x", "a": "y"}, "answer": "A"}, "option A stands twice"),
        ({"options": None}, "options are missing"),
        ({"window": [40, 0]}, "window is not"),
        ({"window": "soft tissue"}, "window is not"),
        ({"frame": -1}, "frame -1"),
        ({"frame": 1.5}, "frame 1.5"),
        ({"axis": "oblique"}, "axis 'oblique'"),
        ({"public": "yes"}, "public is neither"),
        ({"region": "left"}, "region is no object"),
        ({"id": ""}, "id is missing"),
    ],
)
def test_a_bad_row_is_named_by_line_and_reason_and_the_rest_comes_in(study: Study, change: dict, reason: str) -> None:
    report = bring(study, [item_line(1, "a.png"), item_line(2, "a.png") | change, item_line(3, "a.png")])
    assert [(r.row, reason in r.reason) for r in report.rejected] == [(2, True)], report.rejected
    assert [item.item_id for item in study.items()] == ["q001", "q003"]


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"{not json}", "no JSON"),
        (b"[1, 2]", "no JSON object"),
        (b'{"id": "x", "id": "y"}', "key 'id' stands twice"),
        (b'{"id": NaN}', "NaN is no JSON value"),
        (b'{"id": "\xff"}', "no UTF-8"),
        (b"[" * 100_000, "JSON"),
    ],
)
def test_a_line_that_is_no_object_is_named_and_blank_lines_count_but_say_nothing(study: Study, raw: bytes, reason: str) -> None:
    path = Path(study.path).parent / "items.jsonl"
    path.write_bytes(json.dumps(item_line(1, "a.png")).encode() + b"\n\n" + raw + b"\n")
    report = import_items(study, path)
    assert [(r.row, reason in r.reason) for r in report.rejected] == [(3, True)], report.rejected
    assert report.added == 1


def test_a_key_that_comes_close_to_one_that_is_read_is_said_and_others_are_left_alone(study: Study) -> None:
    report = bring(study, [item_line(1, "a.png", pateint="p1", department="ENT"), item_line(2, "a.png", pateint="p2")])
    assert report.added == 2
    assert dict(report.noted) == {"key 'pateint' is not read; did it mean 'patient'?": 2}


def test_importing_again_changes_nothing_and_a_new_wording_is_an_update(study: Study) -> None:
    lines = [item_line(1, "a.png"), item_line(2, "a.png")]
    bring(study, lines)
    again = bring(study, lines)
    assert (again.added, again.updated, again.unchanged) == (0, 0, 2)
    changed = bring(study, [lines[0], lines[1] | {"question": "Anything else?"}])
    assert (changed.added, changed.updated, changed.unchanged) == (0, 1, 1)


def test_an_id_that_stands_twice_is_rejected_the_second_time(study: Study) -> None:
    report = bring(study, [item_line(1, "a.png"), item_line(1, "a.png", question="Other?")])
    assert [(r.row, r.name) for r in report.rejected] == [(2, "q001")]
    item = study.item("q001")
    assert item is not None
    assert item.question == "What is shown in picture 1?"


def test_labels_that_no_skill_matches_are_kept_and_reported_with_a_suggestion(study: Study) -> None:
    report = bring(study, [item_line(1, "a.png", skill="Lesion Gradings"), item_line(2, "a.png", task="Smelling")])
    text = "\n".join(report.lines())
    assert "no skill for label 'Lesion Gradings' (1 items); nearest: Lesion Grading" in text
    assert "no skill for label 'Smelling' (1 items)\n" in f"{text}\n"
    item = study.item("q002")
    assert item is not None
    assert item.task == "Smelling"


def test_a_file_without_a_row_and_one_in_no_known_layout_are_refused(study: Study, tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").write_text("\n\n")
    (tmp_path / "items.xlsx").write_bytes(b"PK")
    with pytest.raises(BankError, match="no rows"):
        import_items(study, tmp_path / "empty.jsonl")
    with pytest.raises(BankError, match=r"\.jsonl"):
        import_items(study, tmp_path / "items.xlsx")
    with pytest.raises(BankError, match="no such file"):
        import_items(study, tmp_path / "missing.jsonl")


def test_the_authored_rows_of_the_sample_data_all_come_in(study: Study, shared_data: Path) -> None:
    report = import_items(study, shared_data / "qa" / "authored_rows.jsonl")
    assert (report.rows, report.added, report.rejected) == (18, 18, [])
    assert {item.modality for item in study.items()} == set(Modality)
