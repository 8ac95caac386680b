"""``verify`` names every file that differs, lacks or is too many, and says where a set was made."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from bank_samples import here

from medqdeg_desktop.bank.errors import DatasetError
from medqdeg_desktop.bank.generate import generate
from medqdeg_desktop.bank.plan import Asked
from medqdeg_desktop.bank.verify import origin, verify_dataset
from medqdeg_desktop.study.store import Study


@pytest.fixture
def folder(bank_of: Callable[..., Study], tmp_path: Path) -> Path:
    generate(bank_of(3), tmp_path / "set", Asked(), workers=1, make_executor=here)
    assert verify_dataset(tmp_path / "set") == []
    return tmp_path / "set"


def pictures(folder: Path) -> list[Path]:
    return sorted((folder / "images").rglob("*.png"))


def named(folder: Path, path: Path) -> str:
    return path.relative_to(folder).as_posix()


def test_one_flipped_bit_is_named(folder: Path) -> None:
    path = pictures(folder)[3]
    data = bytearray(path.read_bytes())
    data[-20] ^= 1
    path.write_bytes(data)
    assert verify_dataset(folder) == [f"{named(folder, path)}: differs from its recorded hash"]


def test_a_missing_and_an_extra_file_are_named(folder: Path) -> None:
    gone = pictures(folder)[0]
    gone.unlink()
    (folder / "images" / "0000" / "extra.png").write_bytes(b"x")
    (folder / "notes.txt").write_text("x")
    assert sorted(verify_dataset(folder)) == sorted(
        [f"{named(folder, gone)}: is missing", "images/0000/extra.png: is too many", "notes.txt: is too many"]
    )


def test_a_changed_line_of_metadata_shows_against_the_manifest(folder: Path) -> None:
    path = folder / "metadata.jsonl"
    path.write_text(path.read_text().replace('"answer": "C"', '"answer": "D"', 1))
    assert verify_dataset(folder) == ["metadata.jsonl: differs from the hash in manifest.json"]


def test_a_line_cut_out_shows_as_a_count_and_a_picture_too_many(folder: Path) -> None:
    path = folder / "metadata.jsonl"
    lines = path.read_text().splitlines()
    path.write_text("\n".join(lines[1:]) + "\n")
    problems = verify_dataset(folder)
    assert f"metadata.jsonl: {len(lines) - 1} lines, manifest.json says {len(lines)}" in problems
    assert f"{json.loads(lines[0])['file_name']}: is too many" in problems


def test_a_folder_without_a_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no dataset here"):
        verify_dataset(tmp_path)


def test_wheels_and_cpu_level_that_differ_from_this_machine_are_said(folder: Path) -> None:
    assert len(origin(folder)) == 1
    facts = json.loads((folder / "run.json").read_text())
    facts["cpu_level"] = "x86-64-v1"
    facts["wheels"]["numpy"] = "0.1"
    (folder / "run.json").write_text(json.dumps(facts))
    said = " / ".join(origin(folder))
    assert "CPU level" in said
    assert "numpy 0.1 there" in said
