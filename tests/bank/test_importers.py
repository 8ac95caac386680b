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


def test_a_tsv_without_its_columns_is_refused(study: Study, tmp_path: Path) -> None:
    (tmp_path / "x.tsv").write_text("a\tb\n1\t2\n")
    with pytest.raises(BankError, match="no column 'index'"):
        import_items(study, tmp_path / "x.tsv")


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
