"""The built-in sample study: real files, known answers, the same bytes every time."""

from __future__ import annotations

import hashlib
import itertools
import json
from concurrent.futures import CancelledError
from pathlib import Path

import pydicom
import pytest

from medqdeg_desktop.samples import questions, sample_study
from medqdeg_desktop.samples.sample_study import build
from medqdeg_desktop.taxonomy import Modality, modality_of


@pytest.fixture(scope="module")
def study_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sample")
    build(folder, copies=1)
    return folder


def _lines(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / "items.jsonl").read_text("utf-8").splitlines()]


def test_every_item_names_an_existing_image_and_an_answer_among_its_options(study_folder: Path) -> None:
    lines = _lines(study_folder)
    assert len({line["id"] for line in lines}) == len(lines) >= 18
    for line in lines:
        options = line["options"]
        assert isinstance(options, dict)
        assert (study_folder / str(line["image"])).is_file()
        assert line["answer"] in options
        assert len(set(options.values())) == len(options) >= 2
        assert modality_of(str(line["modality"])) is not None


def test_what_the_reference_model_did_not_learn_is_not_asked(study_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = {(str(line["modality"]), str(line["question"])) for line in _lines(study_folder)}
    counted = {modality for modality, question in asked if question.startswith("How many")}
    every = {"CT", "Ultrasound", "Histopathology", "Endoscopy"}
    assert counted == every - {str(modality) for kind, modality in questions.NOT_LEARNT if kind == "count"}
    everything = sample_study._about_ct(sample_study._abdomen(1, size=64))
    monkeypatch.setattr(questions, "NOT_LEARNT", frozenset({("count", Modality.CT)}))
    assert [q.kind for q in sample_study._learnt(Modality.CT, *everything)] == ["region", "relation"]


def test_pairs_are_even_in_one_phantom_and_uneven_on_either_side_in_others() -> None:
    abdomens = [sample_study._abdomen(seed, size=64).truth["larger kidney"] for seed in range(3)]
    heads = [sample_study._head(seed, size=64).truth["larger ventricle"] for seed in range(3)]
    assert abdomens == ["none", "left", "right"] and heads == ["none", "right", "left"]


def test_files_are_dicom_whose_modality_agrees_with_the_items(study_folder: Path) -> None:
    for line in _lines(study_folder):
        dataset = pydicom.dcmread(study_folder / str(line["image"]), stop_before_pixels=True)
        assert modality_of(dataset.Modality) == modality_of(str(line["modality"]))


def test_the_ct_volume_scrolls_from_head_to_feet_in_equal_steps(study_folder: Path) -> None:
    files = sorted((study_folder / "dicom" / "ct_abdomen_0").glob("*.dcm"))
    positions = [float(pydicom.dcmread(f, stop_before_pixels=True).ImagePositionPatient[2]) for f in files]
    steps = {round(a - b, 6) for a, b in itertools.pairwise(positions)}
    assert len(files) == 17
    assert steps == {10.0}


def test_building_again_gives_the_same_bytes(study_folder: Path, tmp_path: Path) -> None:
    build(tmp_path, copies=1)

    def digest(folder: Path) -> dict[str, str]:
        return {
            str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest()
            for p in sorted(folder.rglob("*"))
            if p.is_file()
        }

    assert digest(tmp_path) == digest(study_folder)


def test_making_it_stops_between_two_phantoms_and_leaves_it_unfinished(tmp_path: Path) -> None:
    asked: list[int] = []

    def after_two() -> bool:
        asked.append(1)
        return len(asked) > 2

    with pytest.raises(CancelledError):
        build(tmp_path / "sample", copies=1, cancelled=after_two)
    assert not (tmp_path / "sample" / "sample_study.json").exists()
