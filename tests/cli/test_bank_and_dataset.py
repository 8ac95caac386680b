"""``bank``, ``generate``, ``verify`` and ``export`` as other programs call them: output, exit status, JSON lines."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from medqdeg_desktop.study.store import Study


def medqdeg(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "medqdeg_desktop", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


@pytest.fixture
def ward(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    lines = []
    for n in range(4):
        Image.fromarray(rng.integers(0, 256, (24, 24, 3), dtype=np.uint8)).save(tmp_path / f"{n}.png")
        line = {"id": f"q{n}", "image": f"{n}.png", "modality": "Endoscopy", "question": "What is shown?"}
        lines.append(line | {"options": {"A": "polyp", "B": "None"}, "answer": "A"})
    lines.insert(2, {"id": "bad", "image": "9.png"})
    (tmp_path / "items.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    Study.create(tmp_path / "ward.medq").close()
    return tmp_path / "ward.medq"


def test_the_whole_way_from_item_lines_to_a_verified_set(ward: Path, tmp_path: Path) -> None:
    imported = medqdeg("bank", "import", ward, tmp_path / "items.jsonl", "--source", "ward", "--progress", "json")
    assert imported.returncode == 0
    assert imported.stdout.startswith("5 rows (item lines): 4 added, 0 updated, 0 unchanged, 1 rejected")
    problem = json.loads(imported.stderr.splitlines()[0])
    assert problem["event"] == "problem"
    assert "row 3 (bad): " in problem["reason"]

    stats = json.loads(medqdeg("bank", "stats", ward, "--json").stdout)
    assert stats["items"] == 4
    assert stats["by"]["sendable"] == {"stays here": 4}

    out = tmp_path / "set"
    made = medqdeg("generate", ward, "--out", out, "--seed", 3, "--workers", 1, "--progress", "json")
    assert made.returncode == 0, made.stderr
    events = [json.loads(line) for line in made.stderr.splitlines()]
    finish = events[-1]
    assert finish["event"] == "finish"
    assert finish["complete"] is True
    assert any(e["event"] == "note" and "default" in e["text"] for e in events)
    assert any(e["event"] == "progress" and e["done"] == e["total"] and e["last"].endswith(".png") for e in events)

    verified = medqdeg("verify", out)
    assert verified.returncode == 0
    assert f"{finish['images']} images as recorded" in verified.stdout
    assert "made with engine" in verified.stderr

    picture = next((out / "images" / "0000").iterdir())
    picture.write_bytes(picture.read_bytes()[:-1])
    broken = medqdeg("verify", out)
    assert broken.returncode == 1
    assert f"images/0000/{picture.name}: differs" in broken.stdout
    assert broken.stderr.splitlines()[-1].endswith("1 files are not as recorded")
    assert "Traceback" not in broken.stderr


def test_refusals_are_one_line_and_status_one_and_wrong_usage_is_two(ward: Path, tmp_path: Path) -> None:
    for arguments, words in (
        (("generate", ward, "--out", tmp_path / "x", "--progress", "none"), "no items"),
        (("generate", tmp_path / "none.medq", "--out", tmp_path / "x"), "no such study"),
        (("verify", tmp_path / "nowhere"), "no such folder"),
        (("bank", "import", ward, tmp_path / "nowhere.jsonl"), "no such file"),
        (("export", tmp_path, "--format", "parquet", "--out", tmp_path / "y"), "no dataset here"),
    ):
        result = medqdeg(*arguments)
        assert result.returncode == 1, arguments
        assert words in result.stderr
        assert len(result.stderr.strip().splitlines()) == 1, result.stderr
    assert medqdeg("generate", ward, "--out", tmp_path / "x", "--shard", "3/2").returncode == 2
    assert medqdeg("generate", ward).returncode == 2


def test_a_plan_can_be_seen_before_anything_runs(ward: Path, tmp_path: Path) -> None:
    medqdeg("bank", "import", ward, tmp_path / "items.jsonl")
    plan = json.loads(medqdeg("generate", ward, "--out", tmp_path / "set", "--dry-run").stdout)
    assert plan["items"] == plan["levels"]["L0"] == 4
    assert plan["levels"]["L1"] == sum(plan["types"].values())
    assert not (tmp_path / "set").exists()


def test_clearing_names_the_items_and_the_person(ward: Path, tmp_path: Path) -> None:
    medqdeg("bank", "import", ward, tmp_path / "items.jsonl")
    (tmp_path / "cleared.txt").write_text("q0\nq1\n\n")
    cleared = medqdeg("bank", "clear", ward, "--items", tmp_path / "cleared.txt", "--by", "dr_a")
    assert cleared.stdout == "2 items cleared by dr_a\n"
    with Study.open(ward) as study:
        assert [item.item_id for item in study.items() if item.cleared_by] == ["q0", "q1"]
    (tmp_path / "cleared.txt").write_text("q0\nunknown\n")
    refused = medqdeg("bank", "clear", ward, "--items", tmp_path / "cleared.txt", "--by", "dr_a")
    assert refused.returncode == 1
    assert "unknown" in refused.stderr


def test_duplicates_are_listed_and_nothing_is_removed(ward: Path, tmp_path: Path) -> None:
    lines = (tmp_path / "items.jsonl").read_text().splitlines()
    again = json.loads(lines[0]) | {"id": "q9"}
    (tmp_path / "items.jsonl").write_text("\n".join([*lines, json.dumps(again)]) + "\n")
    medqdeg("bank", "import", ward, tmp_path / "items.jsonl")
    found = medqdeg("bank", "dedupe", ward)
    assert "exact: q0 = q9" in found.stdout
    assert found.stdout.splitlines()[-1] == "1 exact and 0 near duplicates"
    assert json.loads(medqdeg("bank", "stats", ward, "--json").stdout)["items"] == 5
