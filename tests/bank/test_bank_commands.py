"""``medqdeg bank``: a published folder imported with a list of modalities, doubles listed, a published set adopted and proved."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from bank_samples import item_line, picture, write_lines
from click.testing import CliRunner, Result
from PIL import Image
from test_importers import cell, question, tsv

from medqdeg_desktop.bank.errors import BankError
from medqdeg_desktop.bank.writing import begin, save
from medqdeg_desktop.cli import group
from medqdeg_desktop.engine.reading import read_image
from medqdeg_desktop.study.store import Study
from medqdeg_desktop.taxonomy import Modality


def run(*arguments: str | Path) -> Result:
    done = CliRunner().invoke(group, [str(a) for a in arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done


@pytest.fixture
def study(tmp_path: Path) -> Path:
    path = tmp_path / "ward.medq"
    Study.create(path).close()
    return path


def test_import_tells_its_layout_and_takes_a_list_of_modalities(study: Path, tmp_path: Path) -> None:
    Image.fromarray(picture(0)).save(tmp_path / "synpic1.jpg")
    row = {"qid": 4, "question": "Is it seen?", "answer": "yes", "answer_type": "CLOSED", "image_name": "synpic1.jpg"}
    write_lines(tmp_path / "rows.jsonl", [row])
    with pytest.raises(BankError, match=r"not one of 1 rows could be used.*--modalities"):
        run("bank", "import", study, tmp_path / "rows.jsonl", "--progress", "none")
    (tmp_path / "list.csv").write_text("id,modality\n4,MRI\n")
    done = run("bank", "import", study, tmp_path / "rows.jsonl", "--modalities", tmp_path / "list.csv", "--progress", "none")
    assert "1 rows (VQA-RAD): 1 added" in done.stdout
    with Study.open(study) as opened:
        assert opened.item("VQA-RAD/4").modality is Modality.MRI  # type: ignore[union-attr]


def test_doubles_are_listed_as_json_and_drafts_counted_apart(study: Path, tmp_path: Path) -> None:
    Image.fromarray(picture(0)).save(tmp_path / "a.png")
    lines = [item_line(n, "a.png", question="What is shown?") for n in range(2)]
    run("bank", "import", study, write_lines(tmp_path / "items.jsonl", lines), "--progress", "none")
    with Study.open(study) as opened:
        save(opened, begin(read_image(tmp_path / "a.png", modality=Modality.CT), tmp_path / "a.png"), "dr_a")
    found = json.loads(run("bank", "dedupe", study, "--json", "--workers", "1", "--progress", "none").stdout)
    assert [(d["kind"], d["items"]) for d in found] == [("exact", ["q000", "q001"])]
    assert json.loads(run("bank", "stats", study, "--json").stdout)["by"]["state"] == {"draft": 1, "imported": 2}


def test_a_published_set_is_adopted_and_verifies(tmp_path: Path) -> None:
    good = tsv(tmp_path / "good.tsv", [question("1", cell(0))])
    simulate = tsv(
        tmp_path / "simulate.tsv", [question("1_bubble_L2", cell(1), degradation_type="bubble", degradation_severity="2")]
    )
    done = run("bank", "adopt", good, simulate, "--out", tmp_path / "set", "--real", "--progress", "none")
    assert "2 images (1 L0, 1 L2), 0 rows rejected" in done.stdout
    assert "1  degraded rows paired by index" in done.stdout
    assert "2 images as recorded" in run("verify", tmp_path / "set", "--progress", "none").output
    assert json.loads((tmp_path / "set" / "manifest.json").read_text())["kind"] == "real"
