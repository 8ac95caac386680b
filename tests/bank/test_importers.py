"""The published layouts of the sources with their traps: nothing is lost silently."""

from __future__ import annotations

import base64
import csv
import io
import json
from pathlib import Path

import pytest
from bank_samples import picture
from PIL import Image

from medqdeg_desktop.bank.errors import BankError
from medqdeg_desktop.bank.importing import import_items
from medqdeg_desktop.study.records import Item
from medqdeg_desktop.study.store import Study
from medqdeg_desktop.taxonomy import Modality


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return Study.create(tmp_path / "ward.medq")


def omni(number: int, **change: object) -> dict:
    row = {
        "dataset": "ACRIMA",
        "question_id": f"ACRIMA_{number:04d}",
        "question_type": "Disease Diagnosis",
        "question": "What is shown?",
        "gt_answer": "Glaucoma",
        "image_path": "Images/ACRIMA/a.png",
        "option_A": "None",
        "option_B": "Glaucoma",
        "modality_type": "Fundus Photography",
    }
    return {k: v for k, v in (row | change).items() if v is not ...}


def omni_folder(tmp_path: Path, rows: list[dict]) -> Path:
    root = tmp_path / "OmniMedVQA"
    (root / "Images" / "ACRIMA").mkdir(parents=True)
    Image.fromarray(picture(0)).save(root / "Images" / "ACRIMA" / "a.png")
    below = root / "QA_information" / "Open-access"
    below.mkdir(parents=True)
    (below / "ACRIMA.json").write_text(json.dumps(rows), encoding="utf-8")
    return root


def by_id(study: Study) -> dict[str, Item]:
    return {item.source_id.rpartition("/")[2]: item for item in study.items()}


def test_omnimedvqa_in_its_published_folder_with_every_trap(study: Study, tmp_path: Path) -> None:
    rows = [
        omni(0),
        omni(1, modality_type="X_Ray.", option_C="C", option_D="D"),
        omni(2, modality_type=..., modality="CT(Computed Tomography)"),
        omni(3, gt_answer="glaucoma "),
        omni(4, gt_answer="Glaucomas"),
        omni(5, image_path="Images/ACRIMA/gone.png"),
        omni(6, option_A="Glaucoma"),
        omni(7, option_B=None),
        omni(8, question_type="Modality Recognition"),
    ]
    report = import_items(study, omni_folder(tmp_path, rows))
    items = by_id(study)
    assert set(items) == {f"ACRIMA_{n:04d}" for n in (0, 1, 2, 3, 8)}
    assert (items["ACRIMA_0000"].answer, items["ACRIMA_0000"].options) == ("B", {"A": "None", "B": "Glaucoma"})
    assert items["ACRIMA_0001"].modality is Modality.XRAY
    assert items["ACRIMA_0002"].modality is Modality.CT
    assert items["ACRIMA_0003"].answer == "B"
    assert (items["ACRIMA_0000"].task, items["ACRIMA_0000"].skill) == ("Clinical Understanding", "Disease Diagnosis")
    assert report.unmapped == {"Modality Recognition": 1}
    reasons = {r.name: r.reason for r in report.rejected}
    assert "none of the options" in reasons["ACRIMA_0004"]
    assert "gone.png is not there" in reasons["ACRIMA_0005"]
    assert "several options" in reasons["ACRIMA_0006"]
    assert "fewer than two options" in reasons["ACRIMA_0007"]
    assert {r.file for r in report.rejected} == {"ACRIMA.json"}


def test_omnimedvqa_rows_that_would_lose_or_gain_an_option_unseen_are_told(study: Study, tmp_path: Path) -> None:
    rows = [
        omni(0, question="What is shown?\nOptions: A. None B. Glaucoma"),
        omni(1, question="What is shown?\nOptions: A. None B. Cataract"),
        omni(2, Option_C="Cataract"),
        omni(3, optionB="Cataract"),
        omni(4, option_C=float("nan")),
        omni(5, gt_answer="B"),
        omni(6, gt_answer=..., gt_anwser="Glaucoma"),
        omni(7),
        omni(7, question="Asked otherwise?"),
    ]
    root = omni_folder(tmp_path, rows)
    path = root / "QA_information" / "Open-access" / "ACRIMA.json"
    twice = json.dumps(omni(8))[:-1] + ', "gt_answer": "None"}'
    path.write_text(f"{path.read_text()[:-1]}, {twice}]")
    report = import_items(study, root)
    items = by_id(study)
    assert set(items) == {"ACRIMA_0000", "ACRIMA_0002", "ACRIMA_0007"}
    assert items["ACRIMA_0000"].question == items["ACRIMA_0007"].question == "What is shown?"
    assert items["ACRIMA_0002"].options == {"A": "None", "B": "Glaucoma", "C": "Cataract"}
    assert report.noted["key 'Option_C' read as option_C"] == 1
    assert [(r.row, r.reason) for r in report.rejected] == [
        (2, "the options listed in the question are not the options of the row"),
        (4, "option B stands twice"),
        (5, "NaN is no JSON value"),
        (6, "answer 'B' is none of the options"),
        (7, "answer is missing"),
        (9, "the id stands on row 8 already"),
        (10, "key 'gt_answer' stands twice"),
    ]
    assert report.rows == report.added + len(report.rejected) == 10
    again = import_items(study, root)
    assert (again.added, again.updated, again.unchanged) == (0, 0, 3)


@pytest.mark.parametrize(
    ("end", "reason"), [(b', {"question_id": "\xff"}]', "no UTF-8 text"), (b", " + b"[" * 100_000, "nested too deep")]
)
def test_a_json_list_that_cannot_be_read_is_named_in_one_line(study: Study, tmp_path: Path, end: bytes, reason: str) -> None:
    root = omni_folder(tmp_path, [omni(0)])
    path = root / "QA_information" / "Open-access" / "ACRIMA.json"
    path.write_bytes(path.read_bytes()[:-1] + end)
    with pytest.raises(BankError, match=rf"ACRIMA\.json: .*{reason}"):
        import_items(study, root)
    assert list(study.items()) == []


def test_a_json_list_is_read_in_blocks_and_a_damaged_one_is_refused(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("medqdeg_desktop.bank.json_rows._BLOCK", 37)
    root = omni_folder(tmp_path, [omni(n, question=f'What, {{or}} ] "who" {n}?') for n in range(20)])
    assert import_items(study, root).added == 20
    path = root / "QA_information" / "Open-access" / "ACRIMA.json"
    path.write_text(path.read_text()[:-30])
    with pytest.raises(BankError, match=r"ACRIMA\.json.*breaks off"):
        import_items(study, root)


def cell(seed: int, kind: str = "PNG") -> str:
    data = io.BytesIO()
    Image.fromarray(picture(seed)).save(data, kind)
    return base64.b64encode(data.getvalue()).decode()


def tsv(path: Path, rows: list[dict[str, str]]) -> Path:
    names = list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, names, delimiter="\t", quoting=csv.QUOTE_ALL, restval="")
        writer.writeheader()
        writer.writerows(rows)
    return path


def question(index: str, image: str, **more: str) -> dict[str, str]:
    row = {"index": index, "image": image, "question": "What is shown?", "A": "None", "B": "NA", "C": "", "answer": "B"}
    return row | {"modality": "MRI", "category": "Disease Diagnosis"} | more


def test_a_vlmevalkit_tsv_with_shared_listed_and_broken_images(study: Study, tmp_path: Path) -> None:
    rows = [
        question("1", cell(0)),
        question("2", "1"),
        question("3", json.dumps([cell(1), cell(2, "JPEG")]), answer="0"),
        question("4", "9"),
        question("5", "x" * 80),
        question("6", cell(0), answer="C"),
        question("7", cell(0), degradation_type="sparse_view", degradation_severity="L2"),
        question("8", cell(0), C="both", **{"clinical vqa task": "Counting"}),
        question("9", cell(0), modality="smell"),
    ]
    report = import_items(study, tsv(tmp_path / "gmai.tsv", rows), source="GMAI-MMBench")
    items = by_id(study)
    assert set(items) == {"1", "2", "3", "8"}
    assert items["1"].images == items["2"].images
    assert items["1"].options == {"A": "None", "B": "NA"}
    assert len(items["3"].images) == 2
    assert items["3"].answer == "A"
    assert {Path(p).suffix for p in items["3"].images} == {".png", ".jpg"}
    assert Path(items["1"].images[0]).read_bytes() == base64.b64decode(cell(0))
    assert items["8"].skill == "Counting"
    reasons = {r.name: r.reason for r in report.rejected}
    assert "shares the image of row '9'" in reasons["4"]
    assert "neither PNG" in reasons["5"] or "no base64" in reasons["5"]
    assert "answer 'C' is not one of A, B" in reasons["6"]
    assert "degraded already (sparse_view L2)" in reasons["7"]
    assert "unknown modality" in reasons["9"]
    before = sorted(Path(items["1"].images[0]).parent.iterdir())
    again = import_items(study, tmp_path / "gmai.tsv", source="GMAI-MMBench")
    assert (again.added, again.updated, again.unchanged) == (0, 0, 4)
    assert sorted(Path(items["1"].images[0]).parent.iterdir()) == before


def test_a_tsv_without_its_columns_or_with_one_twice_is_refused(study: Study, tmp_path: Path) -> None:
    (tmp_path / "x.tsv").write_text("a\tb\n1\t2\n")
    with pytest.raises(BankError, match="no column 'index'"):
        import_items(study, tmp_path / "x.tsv")
    (tmp_path / "x.tsv").write_text("index\tquestion\tanswer\tAnswer\n1\tWhat?\tA\tB\n")
    with pytest.raises(BankError, match="column 'answer' stands 2 times"):
        import_items(study, tmp_path / "x.tsv")


def test_a_vlmevalkit_tsv_with_options_in_questions_and_an_index_that_stands_twice(study: Study, tmp_path: Path) -> None:
    rows = [
        question("1", cell(0), question="What is shown?\nOptions: (A) None (B) NA"),
        question("2", cell(0), question="What is shown?\nOptions: (A) None (B) NaN"),
        question("1", cell(1)),
        question("3", "1"),
        question("4", cell(0), answer="2"),
        question("5", ""),
        question("6", cell(0), A="nan", B="null", answer="A"),
    ]
    report = import_items(study, tsv(tmp_path / "gmai.tsv", rows))
    items = by_id(study)
    assert set(items) == {"1", "3", "6"}
    assert items["1"].question == "What is shown?"
    assert report.noted["options that the question listed once more were taken out of it"] == 1
    # Row 3 shares the image of the index that came in, not of its double.
    assert Path(items["3"].images[0]).read_bytes() == base64.b64decode(cell(0))
    assert items["6"].options == {"A": "nan", "B": "null"}
    assert [(r.row, r.reason) for r in report.rejected] == [
        (2, "the options listed in the question are not the options of the row"),
        (3, "the id stands on row 1 already"),
        (5, "answer '2' is not one of A, B"),
        (6, "no image"),
    ]


def test_images_of_a_large_tsv_are_taken_from_the_files_that_it_names(study: Study, tmp_path: Path) -> None:
    for name, seed in (("a.png", 0), ("b.png", 1)):
        (tmp_path / name).write_bytes(base64.b64decode(cell(seed)))
    rows = [
        question("1", "", image_path="a.png"),
        question("2", "", image_path="['a.png', 'b.png']"),
        question("3", "", image_path="gone.png"),
    ]
    report = import_items(study, tsv(tmp_path / "gmai_local.tsv", rows))
    assert {key: [Path(p).name for p in i.images] for key, i in by_id(study).items()} == {"1": ["a.png"], "2": ["a.png", "b.png"]}
    assert [(r.row, r.reason) for r in report.rejected] == [(3, "image gone.png is not there")]


@pytest.mark.parametrize("closed", [True, False])
def test_a_quotation_mark_without_its_end_never_gives_a_row_the_answer_of_another(
    study: Study, tmp_path: Path, closed: bool
) -> None:
    lines = [f"{n}\t{cell(0)}\tWhat {n}?\tNone\tNA\tA\tMRI\n" for n in range(6)]
    lines[1] = lines[1].replace("What", '"What')
    if closed:
        lines[4] = lines[4].replace("What", '"What')
    path = tmp_path / "x.tsv"
    path.write_text("index\timage\tquestion\tA\tB\tanswer\tmodality\n" + "".join(lines))
    report = import_items(study, path)
    assert set(by_id(study)) == ({"0", "5"} if closed else {"0"})
    (refused,) = report.rejected
    assert refused.row == 2
    assert f"the {3 if closed else 5} lines after it are lost" in refused.reason


def test_the_three_layouts_of_the_sample_rows_agree_on_what_they_share(study: Study, shared_data: Path) -> None:
    for name in ("authored_rows.jsonl", "authored_rows_omnimedvqa_layout.json", "authored_rows_vlmevalkit_layout.tsv"):
        report = import_items(study, shared_data / "qa" / name, source=name)
        assert report.rows == 18
        # Rows of the two other layouts whose modality is written "Fundus/OCT" cannot be told apart and are said to be so.
        assert all("unknown modality" in r.reason for r in report.rejected)
    asked = {item.source: {} for item in study.items()}
    for item in study.items():
        asked[item.source][item.question, tuple(sorted(item.options.values()))] = item.options[item.answer]
    lines, omnimed, table = (asked[name] for name in sorted(asked))
    assert len(omnimed) > 4
    assert all(lines[key] == value for key, value in {**omnimed, **table}.items())
