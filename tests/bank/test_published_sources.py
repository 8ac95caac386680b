"""MedXpertQA, VQA-RAD, SLAKE, MedQ-Bench and GMAI-MMBench in the layouts in which they are published, with their traps."""

from __future__ import annotations

import base64
import io
import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from bank_samples import picture
from PIL import Image
from test_importers import cell, question, tsv

from medqdeg_desktop.bank.checks import RowError
from medqdeg_desktop.bank.errors import BankError
from medqdeg_desktop.bank.generate import generate
from medqdeg_desktop.bank.importing import ImportReport, Rejected, Wanted, import_items, modalities_listed
from medqdeg_desktop.bank.layouts import importer_for
from medqdeg_desktop.bank.medq_bench import better, grade
from medqdeg_desktop.bank.plan import Asked
from medqdeg_desktop.bank.planning import preview
from medqdeg_desktop.bank.wording import closed_options, modality_named, without_options
from medqdeg_desktop.study.records import Item
from medqdeg_desktop.study.store import Study
from medqdeg_desktop.taxonomy import Modality


@pytest.fixture
def study(tmp_path: Path) -> Iterator[Study]:
    with Study.create(tmp_path / "ward.medq") as opened:
        yield opened


def by_source_id(study: Study) -> dict[str, Item]:
    return {item.source_id: item for item in study.items()}


def reasons(report: ImportReport) -> dict[str, str]:
    return {r.name: r.reason for r in report.rejected}


def pictures(folder: Path, *names: str) -> None:
    for n, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture(n)).save(folder / name)


LISTED = "A CT scan is shown. What is torn?\nAnswer Choices: (A) The LCL (B) None (C) The ACL, partly (D) NA (E) Both"
TEXTS = {"A": "The LCL", "B": "None", "C": "The ACL, partly", "D": "NA", "E": "Both"}


def expert(number: int, **change: object) -> dict:
    """A row as MedXpertQA's own repository publishes it."""
    row = {
        "id": f"MM-{number}",
        "question": LISTED,
        "options": [{"letter": letter, "content": text} for letter, text in TEXTS.items()],
        "label": ["C"],
        "images": [{"image_path": "MM-0-a.jpeg"}, {"image_path": "MM-0-b.jpeg"}],
        "medical_task": "Treatment",
        "body_system": "Skeletal",
        "question_type": "Reasoning",
    }
    return row | change


def hub(number: int, **change: object) -> dict:
    """The same row as it is published on the hub: a mapping, a letter, file names."""
    return expert(number, options=dict(TEXTS), label="C", images=["MM-0-a.jpeg", "MM-0-b.jpeg"]) | change


@pytest.mark.parametrize("shape", [expert, hub])
def test_medxpertqa_in_both_shapes_gives_the_same_items(study: Study, tmp_path: Path, shape: object) -> None:
    root = tmp_path / "MedXpertQA"
    pictures(root / "images", "MM-0-a.jpeg", "MM-0-b.jpeg")
    (root / "MM").mkdir()
    rows = [
        shape(0),
        shape(1, question="What is torn?", medical_task="Basic Science", question_type="Understanding"),
        shape(2, question="What does the MRI show?"),
        shape(3, images=["gone.jpeg"]),
        shape(4, label=["A", "B"]),
        shape(5, label="F"),
        shape(6, question=LISTED.replace("partly", "wholly")),
        shape(7, images=[]),
        shape(8, question="A CT scan and an ultrasound are shown."),
    ]
    (root / "MM" / "test.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    report = import_items(study, root, modalities={"MM-1": Modality.XRAY})
    assert report.layout == "MedXpertQA"
    items = by_source_id(study)
    assert set(items) == {"MM-0", "MM-1", "MM-2"}
    first = items["MM-0"]
    assert (first.question, first.options, first.answer) == ("A CT scan is shown. What is torn?", TEXTS, "C")
    assert [Path(p).name for p in first.images] == ["MM-0-a.jpeg", "MM-0-b.jpeg"]
    assert (first.task, first.skill) == ("Treatment", "Treatment Reasoning")
    assert items["MM-1"].skill == "Basic Science Understanding"
    assert [items[f"MM-{n}"].modality for n in range(3)] == [Modality.CT, Modality.XRAY, Modality.MRI]
    why = reasons(report)
    assert "gone.jpeg is not there" in why["MM-3"]
    assert "2 answers" in why["MM-4"]
    assert "answer 'F' is not one of" in why["MM-5"]
    assert "listed in the question are not the options" in why["MM-6"]
    assert "no image" in why["MM-7"]
    assert "states no modality" in why["MM-8"]
    assert report.rows == len(rows) == report.added + len(report.rejected)
    assert report.noted["modality taken from the words of the question"] == 2
    assert import_items(study, root, modalities={"MM-1": Modality.XRAY}).unchanged == 3


def radiology(qid: int, asked: str, answer: object, **change: object) -> dict:
    """A row as VQA-RAD publishes it."""
    row = {
        "qid": qid,
        "phrase_type": "freeform",
        "qid_linked_id": f"link-{qid}",
        "image_case_url": "https://medpix.nlm.nih.gov/case?id=1",
        "image_name": "synpic1.jpg",
        "image_organ": "CHEST",
        "evaluation": "not evaluated",
        "question": asked,
        "question_rephrase": "NULL",
        "question_relation": "NULL",
        "question_frame": "NULL",
        "question_type": "PRES, POS",
        "answer": answer,
        "answer_type": "CLOSED ",
    }
    return row | change


def test_vqa_rad_in_its_folder_with_every_trap(study: Study, tmp_path: Path) -> None:
    root = tmp_path / "VQA-RAD"
    pictures(root / "VQA_RAD Image Folder", "synpic1.jpg")
    rows = [
        radiology(0, "Is there an effusion?", "Yes"),
        radiology(1, "Is there an effusion?", "no ", image_organ="ABD", question_type="ORGAN"),
        radiology(2, "Is the heart smaller or larger than usual?", "Larger", question_type="SIZE"),
        radiology(3, "How many lesions?", 2, answer_type="OPEN"),
        radiology(4, "Where is it?", "left lung", answer_type="OPEN"),
        radiology(5, "Is it seen?", "yes", image_organ="HEAD"),
        radiology(6, "Is this a T1-weighted picture?", "yes", image_organ="HEAD"),
        radiology(7, "Is it seen?", "yes", image_organ="HEAD"),
        radiology(8, "Is it seen?", "yes", image_name="synpic9.jpg"),
        radiology(0, "Is there an effusion here?", "Yes"),
    ]
    (root / "VQA_RAD Dataset Public.json").write_text(json.dumps(rows, indent=1))
    report = import_items(study, root, modalities={"7": Modality.CT})
    assert report.layout == "VQA-RAD"
    items = by_source_id(study)
    assert set(items) == {"0", "1", "2", "6", "7"}
    assert (items["0"].options, items["0"].answer, items["0"].modality) == ({"A": "Yes", "B": "No"}, "A", Modality.XRAY)
    assert (items["1"].answer, items["1"].modality, items["1"].skill) == ("B", Modality.CT, "General Structures")
    assert (items["2"].options, items["2"].answer) == ({"A": "smaller", "B": "larger"}, "B")
    assert (items["6"].modality, items["7"].modality) == (Modality.MRI, Modality.CT)
    assert items["0"].patient == items["7"].patient != ""
    why = reasons(report)
    assert "open answer '2'" in why["3"]
    assert "open answer 'left lung'" in why["4"]
    assert "CT or MRI" in why["5"]
    assert "synpic9.jpg is not there" in why["8"]
    assert "already" in next(r.reason for r in report.rejected if "VQA-RAD/0" in r.name)


def labelled(qid: int, asked: str, answer: str, **change: object) -> dict:
    """A row as SLAKE publishes it."""
    row = {
        "img_id": 102,
        "img_name": "xmlab102/source.jpg",
        "question": asked,
        "answer": answer,
        "q_lang": "en",
        "location": "Lung",
        "modality": "X-Ray",
        "answer_type": "CLOSED",
        "base_type": "vqa",
        "content_type": "Abnormality",
        "triple": ["vhead", "_", "_"],
        "qid": qid,
    }
    return row | change


def test_slake_in_its_folder_with_every_trap(study: Study, tmp_path: Path) -> None:
    root = tmp_path / "Slake1.0"
    pictures(root / "imgs" / "xmlab102", "source.jpg")
    (root / "train.json").write_text(json.dumps([labelled(1, "Does the picture contain liver?", "No", content_type="Organ")]))
    rows = [
        labelled(2, "图中有异常吗?", "是的", q_lang="zh"),
        labelled(3, "What is the main organ?", "Lung, Spinal Cord", answer_type="OPEN"),
        labelled(4, "Is the lung healthy?", "Yes", modality="MRI"),
        labelled(5, "Is the lung healthy?", "Yes", img_name="xmlab1/source.jpg"),
    ]
    (root / "test.json").write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
    report = import_items(study, root)
    items = by_source_id(study)
    assert (report.layout, set(items)) == ("SLAKE", {"1", "4"})
    assert (items["1"].answer, items["1"].modality, items["1"].skill) == ("B", Modality.XRAY, "General Structures")
    assert items["4"].modality is Modality.MRI
    why = reasons(report)
    assert "language 'zh'" in why["2"]
    assert "open answer" in why["3"]
    assert "xmlab1/source.jpg is not there" in why["5"]
    assert {r.file for r in report.rejected} == {"test.json"}


def test_real_rows_of_slake_and_vqa_rad_are_sorted_into_closed_and_open_ones(tmp_path: Path, shared_data: Path) -> None:
    pictures(tmp_path, "a.png")
    for name, key in (("slake_text_rows.jsonl", "img_name"), ("vqa_rad_text_rows.jsonl", "image_name")):
        lines = [json.loads(text) for text in (shared_data / "qa" / name).read_text(encoding="utf-8").splitlines()]
        for line in lines:
            line |= {key: "a.png", "image_organ": "ABD"}
        (tmp_path / name).write_text("".join(f"{json.dumps(line)}\n" for line in lines))
        found = list(importer_for(tmp_path / name)[1](tmp_path / name, Wanted("", tmp_path / "images")))
        assert len(found) == len(lines)
        for line, entry in zip(lines, found, strict=True):
            if isinstance(entry, Item):
                assert entry.options[entry.answer].casefold() == line["answer"].casefold()
            else:
                assert isinstance(entry, Rejected)
                assert "open answer" in entry.reason
                assert line["answer"].casefold() not in ("yes", "no")
        closed = [line["answer_type"] == "CLOSED" for line in lines]
        came_in = [isinstance(entry, Item) for entry in found]
        # A closed question that names its two answers in more than a word stays out; no yes or no is lost.
        assert np.mean(np.array(came_in) == np.array(closed)) > 0.85


def test_medq_bench_questions_keep_their_kind_and_are_shown_clean_only(study: Study, tmp_path: Path) -> None:
    grades = {"A": "Good", "B": "Usable", "C": "Reject"}
    rows = [
        question("1", cell(0), question="Is the optic disc visible?", A="Yes", B="No", answer="0"),
        question("2", cell(1), question="How would you rate it?", answer="2", modality="CT", **grades),
        question("3", cell(2), question="What is the main artifact?", A="Motion blur", B="None", answer="B"),
        question("4", cell(2), question="What?", question_type="How", A="x", B="y", answer="A"),
        question("5", cell(2), answer="4"),
    ]
    report = import_items(study, tsv(tmp_path / "medqbench_QA_test.tsv", rows))
    items = by_source_id(study)
    assert {k: (i.question_type, i.answer) for k, i in items.items()} == {
        "1": ("yes-or-no", "A"),
        "2": ("how", "C"),
        "3": ("what", "B"),
        "4": ("how", "A"),
    }
    assert {(i.source, i.skill) for i in items.values()} == {("MedQ-Bench", "Image Quality Grading")}
    assert "answer '4'" in reasons(report)["5"]
    plan = preview(study, Asked())
    assert plan["levels"] == {"L0": 4, "L1": 0, "L2": 0}
    assert any("4 items ask about the quality of the picture" in note for note in plan["notes"])
    assert generate(study, tmp_path / "set", Asked(), workers=1).images == 4


def test_medq_bench_descriptions_and_pairs_become_questions_on_their_conclusion(study: Study, tmp_path: Path) -> None:
    text = "This is an axial CT image of the chest. Streaks cross the lung. Overall, the quality of this image is {}."
    rows = [
        {"index": "1", "image": cell(0), "description": text.format("usable")},
        {"index": "2", "image": cell(0), "description": text.format("good or usable")},
        {"index": "3", "image": cell(0), "description": "Overall, the quality of this image is good."},
        {"index": "4", "image": cell(0), "description": ""},
    ]
    report = import_items(study, tsv(tmp_path / "medqbench_description_test.tsv", rows))
    assert report.layout == "MedQ-Bench descriptions"
    (item,) = study.items()
    assert (item.options[item.answer], item.description, item.modality) == ("Usable", text.format("usable"), Modality.CT)
    assert item.question_type == "description"
    why = reasons(report)
    assert "does not end in one of" in why["2"]
    assert "modality is not stated" in why["3"]
    assert "description is missing" in why["4"]
    pair = "Both MRI images show the brain. The first image has noise. In conclusion, the second image is of better quality."
    rows = [
        {"index": "1", "image_a": cell(0), "image_b": cell(1), "description": pair},
        {"index": "2", "image_a": cell(0), "image_b": "", "description": pair},
        {"index": "3", "image_a": cell(0), "image_b": cell(1), "description": "Both MRI images are equal."},
    ]
    report = import_items(study, tsv(tmp_path / "medqbench_paired_description_dev.tsv", rows))
    paired = study.item("MedQ-Bench/paired/1")
    assert paired is not None
    assert (paired.answer, paired.question_type, len(paired.images)) == ("B", "comparison", 2)
    assert [Path(p).read_bytes() for p in paired.images] == [base64.b64decode(cell(n)) for n in range(2)]
    assert set(reasons(report)) == {"2", "3"}


@pytest.mark.parametrize(
    ("sentence", "letter"),
    [
        ("Image A is better than image B.", "A"),
        ("Therefore Image B has the higher quality.", "B"),
        ("The first image is worse than the second image.", "B"),
        ("Noise aside, the second image is superior to the first image.", "B"),
        ("The left image is poorer.", "B"),
    ],
)
def test_the_better_image_is_read_from_the_last_sentence(sentence: str, letter: str) -> None:
    assert better(f"The first image is better lit. {sentence}") == letter


@pytest.mark.parametrize("sentence", ["Both are equal.", "Image A is better here and worse there.", "Quality is better."])
def test_a_comparison_without_a_verdict_is_not_guessed(sentence: str) -> None:
    with pytest.raises(RowError):
        better(sentence)


def test_a_grade_is_read_from_the_last_sentence_alone() -> None:
    assert grade("A good contrast. Overall, the quality of this image is reject.") == "C"
    with pytest.raises(RowError):
        grade("The image is good. It is bright.")


def test_gmai_mmbench_abbreviations_find_their_skills_and_those_of_other_sources_do_not(study: Study, tmp_path: Path) -> None:
    rows = [
        question("1", cell(0), category="AR", **{"clinical VQA task": "", "perceptual granularity": "image"}),
        question("2", cell(1), **{"clinical VQA task": "SIR"}),
        question("3", cell(2), **{"clinical VQA task": "OR-HN"}),
    ]
    path = tsv(tmp_path / "GMAI_mm_bench_VAL.tsv", rows)
    report = import_items(study, path, source="GMAI-MMBench")
    assert [i.skill for i in study.items()] == ["Attribute Recognition", "Surgical Instrument Recognition", ""]
    assert report.unmapped == {"OR-HN": 1}
    import_items(study, path, source="elsewhere")
    assert next(study.items(source="elsewhere")).task == "AR"


def test_a_large_tsv_is_read_in_memory_that_does_not_grow_with_it(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (700, 700), np.uint8)

    def peak(rows: int) -> int:
        path = tmp_path / f"{rows}.tsv"
        with path.open("w", encoding="utf-8") as file:
            file.write("index\timage\tquestion\tA\tB\tanswer\tmodality\n")
            for n in range(rows):
                noise[0, 0] = n
                data = io.BytesIO()
                Image.fromarray(noise).save(data, "PNG", compress_level=0)
                file.write(f"{n}\t{base64.b64encode(data.getvalue()).decode()}\tWhat?\tNone\tNA\tA\tMRI\n")
        assert path.stat().st_size > rows * 600_000
        tracemalloc.start()
        found = 0
        for entry in importer_for(path)[1](path, Wanted("gmai", tmp_path / "images")):
            assert isinstance(entry, Item)
            found += 1
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert found == rows
        return most

    few, many = peak(3), peak(60)
    assert many < 8_000_000
    assert many < 1.2 * few


def test_options_inside_a_question_are_taken_out_only_where_they_are_the_options() -> None:
    offered = {"A": "x", "B": "y (z)"}
    assert without_options("Which?\nAnswer Choices: (A) x (B) y (z)", offered) == "Which?"
    assert without_options("Which?\nOptions: A. x\nB. y (z)", offered) == "Which?"
    assert without_options("Options: are there any?", offered) == "Options: are there any?"
    with pytest.raises(RowError):
        without_options("Which? Answer Choices: (A) x (B) y", offered)


@pytest.mark.parametrize(
    ("asked", "answer", "expected"),
    [
        ("is it seen?", "No", ({"A": "Yes", "B": "No"}, "B")),
        ("is the colon more prominent on the right or left side?", "left", ({"A": "right", "B": "left"}, "B")),
        ("Is it hypo-dense or hyper-dense?", "Hyper-dense", ({"A": "hypo-dense", "B": "hyper-dense"}, "B")),
    ],
)
def test_closed_questions_get_the_options_that_they_name(asked: str, answer: str, expected: tuple) -> None:
    assert closed_options(asked, answer) == expected


@pytest.mark.parametrize(
    ("text", "modality"),
    [
        ("A noncontrast CT of the head is shown.", Modality.CT),
        ("An MRI of the knee (T2-weighted) is shown.", Modality.MRI),
        ("Chest X-ray and echocardiography were done.", None),
        ("Optical coherence tomography shows a cyst.", Modality.OCT),
        ("The octopus and the actor.", None),
    ],
)
def test_a_modality_is_taken_from_words_only_where_one_is_named(text: str, modality: Modality | None) -> None:
    assert modality_named(text) is modality


def test_a_list_of_modalities_is_read_and_a_wrong_line_of_it_named(tmp_path: Path) -> None:
    path = tmp_path / "modalities.csv"
    path.write_text("id,modality\nMM-1,X_Ray\nMM-2,ct\n")
    assert modalities_listed(path) == {"MM-1": Modality.XRAY, "MM-2": Modality.CT}
    path.write_text("id,modality\nMM-1,smell\n")
    with pytest.raises(BankError, match=r"line 2: 'smell'"):
        modalities_listed(path)
    path.write_text("name\n")
    with pytest.raises(BankError, match="no columns id and modality"):
        modalities_listed(path)


def test_a_table_that_is_no_text_is_refused(study: Study, tmp_path: Path) -> None:
    (tmp_path / "x.tsv").write_bytes(b"index\tquestion\tanswer\n1\t\xff\xfe\tA\n")
    with pytest.raises(BankError, match="no UTF-8"):
        import_items(study, tmp_path / "x.tsv")
