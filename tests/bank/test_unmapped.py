"""Labels that no skill matches: found, suggested, decided by a person, and known from then on."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from bank_samples import item_line, picture, write_lines
from PIL import Image

from medqdeg_desktop.bank import skills
from medqdeg_desktop.bank.errors import BankError
from medqdeg_desktop.bank.importing import import_items
from medqdeg_desktop.bank.unmapped import assign, unmapped_labels
from medqdeg_desktop.study.store import Study


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "site" / "skills.csv"
    monkeypatch.setenv("MEDQDEG_SKILLS", str(path))
    skills.reload()
    yield path
    monkeypatch.undo()
    skills.reload()


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    """Five items of the source "ward": three labels that no table has, one that is a skill, one without any label."""
    Image.fromarray(picture(0)).save(tmp_path / "a.png")
    labels = ("Lesion gradation", "Lesion gradation", "Bone marrow", "Counting", "")
    found = [item_line(n, "a.png", source="ward", task="", skill=label) for n, label in enumerate(labels)]
    return write_lines(tmp_path / "items.jsonl", found)


def test_labels_wait_for_a_person_with_a_suggestion_and_examples(table: Path, lines: Path, tmp_path: Path) -> None:
    with Study.create(tmp_path / "w.medq") as study:
        assert import_items(study, lines).unmapped == {"Lesion gradation": 2, "Bone marrow": 1}
        found = unmapped_labels(study)
    assert [(one.source, one.label, one.items) for one in found] == [("ward", "Lesion gradation", 2), ("ward", "Bone marrow", 1)]
    assert [one.suggestion for one in found] == ["Lesion Grading", ""]
    assert found[0].examples == ("What is shown in picture 0?", "What is shown in picture 1?")


def test_what_a_person_decides_changes_the_questions_and_teaches_the_next_import(
    table: Path, lines: Path, tmp_path: Path
) -> None:
    with Study.create(tmp_path / "w.medq") as study:
        import_items(study, lines)
        study.judge_items(["q000"], "accepted", "dr_a")
        assert unmapped_labels(study)[0].reviewed == 1
        assert (
            assign(study, {("ward", "Lesion gradation"): "Lesion Grading", ("ward", "Bone marrow"): "Skeletal System"}, "dr_b")
            == 3
        )
        item = study.item("q000")
        assert item is not None
        assert (item.capability, item.task, item.skill) == ("Medical Perception", "Clinical Understanding", "Lesion Grading")
        assert item.state == "imported", "a changed item is looked at again"
        assert unmapped_labels(study) == []
        event = study.events(1)[0]
        assert "Bone marrow of ward is Skeletal System" in event.reason and event.reader
        again = import_items(study, lines)
        assert (again.updated, again.unchanged, again.unmapped) == (0, 5, {})
        assert study.verify() == []
    text = table.read_text("utf-8").splitlines()
    assert text[0] == "source,label,task,skill" and "ward,Bone marrow,Anatomical Recognition,Skeletal System" in text


def test_a_removed_question_is_not_brought_back_by_giving_its_label_a_skill(table: Path, lines: Path, tmp_path: Path) -> None:
    with Study.create(tmp_path / "w.medq") as study:
        import_items(study, lines)
        study.judge_items(["q000"], "removed", "dr_a", "the picture is another patient's")
        assert assign(study, {("ward", "Lesion gradation"): "Lesion Grading"}, "dr_b") == 1
        assert [item.item_id for item in study.items(state="removed")] == ["q000"]


def test_a_line_of_the_site_takes_the_place_of_the_shipped_one(table: Path) -> None:
    assert skills.place("GMAI-MMBench", "Muscle").skill == "Muscle Recognition"
    skills.write_site_lines({("GMAI-MMBench", "muscle"): "General Structures"})
    assert skills.place("GMAI-MMBench", "Muscle").skill == "General Structures"
    skills.write_site_lines({("gmai-mmbench", "MUSCLE"): "Counting", ("GMAI-MMBench", "B"): "Counting"})
    assert skills.place("GMAI-MMBench", "Muscle").skill == "Counting"
    assert len(table.read_text("utf-8").splitlines()) == 3
    table.unlink()
    skills.reload()
    assert skills.place("GMAI-MMBench", "Muscle").skill == "Muscle Recognition"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (
            "ward,Bone,Anatomical Recognition,Skeletal Systems",
            "line 2: skill 'Skeletal Systems' is none of the thirty; nearest",
        ),
        ("ward,,Anatomical Recognition,Skeletal System", "line 2: no source or no label"),
    ],
)
def test_a_table_that_is_wrong_is_named_and_nothing_is_guessed(table: Path, line: str, reason: str) -> None:
    table.parent.mkdir()
    table.write_text(f"source,label,task,skill\n{line}\n", "utf-8")
    skills.reload()
    with pytest.raises(BankError, match=reason):
        skills.place("ward", "Bone")
    with pytest.raises(BankError, match=reason):
        skills.write_site_lines({("ward", "Bone"): "Counting"})
    assert line in table.read_text("utf-8")


def test_a_table_that_cannot_be_written_is_named(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_args: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(skills.atomic, "write_bytes", full)
    with pytest.raises(BankError, match=r"skills\.csv: cannot be written \(No space left on device\)"):
        skills.write_site_lines({("ward", "Bone"): "Counting"})


def test_a_skill_that_is_none_of_the_thirty_changes_nothing(table: Path, lines: Path, tmp_path: Path) -> None:
    with Study.create(tmp_path / "w.medq") as study:
        import_items(study, lines)
        with pytest.raises(BankError, match="none of the thirty"):
            assign(study, {("ward", "Bone marrow"): "Skeletal System", ("ward", "Lesion gradation"): "Grading"}, "dr_a")
        assert len(unmapped_labels(study)) == 2
    assert not table.exists()


def test_a_label_near_one_that_is_mapped_already_is_suggested_its_skill(table: Path) -> None:
    assert skills.suggestion("Blood Vessel Recognition") == "Cardiovascular"
    assert skills.suggestion("Severity grades") == "Severity Grading"
    assert skills.suggestion("Weather") == ""
