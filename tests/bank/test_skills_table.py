"""The shipped table of skills: sound in itself, and what becomes of every label that the sources publish."""

from __future__ import annotations

import csv
from collections import Counter

import pytest

from medqdeg_desktop.bank import skills
from medqdeg_desktop.shipped import shipped
from medqdeg_desktop.taxonomy import TASK_OF_SKILL, TASKS

GMAI = (
    "AR BVR B CR C DD IQG MR M NT OR-A OR-P OR-T SG SIR SWR",
    "Attribute Recognition|Blood Vessels Recognition|Bone|Cell Recognition|Counting|Disease Diagnosis|Image Quality Grading|"
    "Microorganism Recognition|Muscle|Nervous Tissue|Organ Recognition - Abdomen|Organ Recognition - Pelvic|"
    "Organ Recognition - Thorax|Severity Grading|Surgical Instrument Recognition|Surgical Workflow Recognition",
)
PUBLISHED = {
    "OmniMedVQA": ("Disease Diagnosis", "Anatomy Identification", "Other Biological Attributes", "Lesion Grading"),
    "MedXpertQA": tuple(
        f"{task}-{kind}" for task in ("Basic Science", "Diagnosis", "Treatment") for kind in ("Reasoning", "Understanding")
    ),
    "VQA-RAD": ("PRES", "ABN", "ORGAN", "COUNT", "ATTRIB", "SIZE", "COLOR"),
    "SLAKE": ("Abnormality", "Organ", "Quantity", "Size", "Shape", "Color"),
    "MedQ-Bench": ("Image Quality Grading",),
}
#: Published labels of which no skill of the thirty says what they ask: they go to a person.
TO_A_PERSON = {
    "OmniMedVQA": ("Modality Recognition",),
    "VQA-RAD": ("POS", "MODALITY", "PLANE", "OTHER"),
    "SLAKE": ("Position", "Modality", "Plane", "KG"),
}


@pytest.fixture(autouse=True)
def no_table_of_the_site(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setenv("MEDQDEG_SKILLS", f"{tmp_path}/none.csv")
    skills.reload()


def test_there_are_two_capabilities_six_tasks_and_thirty_skills() -> None:
    assert (len({task.capability for task in TASKS}), len(TASKS), len(TASK_OF_SKILL)) == (2, 6, 30)
    assert {task.name for task in TASK_OF_SKILL.values()} == {task.name for task in TASKS}


def test_every_line_names_a_skill_with_its_own_task_and_no_label_stands_twice() -> None:
    with shipped("skills/mapping.csv").open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    assert [(line["label"], line["task"]) for line in lines if TASK_OF_SKILL[line["skill"]].name != line["task"]] == []
    assert max(Counter((line["source"], line["label"].casefold()) for line in lines).values()) == 1


@pytest.mark.parametrize("source", PUBLISHED)
def test_every_label_of_a_source_finds_its_place_or_is_left_to_a_person(source: str) -> None:
    for label in PUBLISHED[source]:
        place = skills.place(source, label)
        assert place.mapped and TASK_OF_SKILL[place.skill].name == place.task, label
        assert place.capability == TASK_OF_SKILL[place.skill].capability
    for label in TO_A_PERSON.get(source, ()):
        place = skills.place(source, label)
        assert not place.mapped and place.skill in ("", label), label


def test_a_task_of_gmai_mmbench_is_the_same_skill_abbreviated_and_written_out() -> None:
    short, written = GMAI[0].split(), GMAI[1].split("|")
    for abbreviation, label in zip(short, written, strict=True):
        place = skills.place("GMAI-MMBench", abbreviation)
        assert place.mapped and place == skills.place("GMAI-MMBench", label), label
