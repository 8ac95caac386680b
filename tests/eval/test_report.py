"""A report stands alone, says what it rests on, and holds the same numbers in every file."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from medqdeg_desktop.bank.dataset import Dataset
from medqdeg_desktop.errors import MedqdegError
from medqdeg_desktop.eval.report import write_report
from medqdeg_desktop.study.records import Answer
from medqdeg_desktop.study.store import Study
from tests.eval.answered import add_run, question_set, right_below


class Page(HTMLParser):
    """Tags and attributes of a page; raises where a tag is closed that is not open."""

    VOID = frozenset({"meta", "br", "rect", "line", "circle", "polygon", "polyline", "path"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return question_set(tmp_path_factory.mktemp("set") / "set")


@pytest.fixture
def study_path(tmp_path: Path, dataset: Dataset) -> Path:
    path = tmp_path / "study.medq"
    with Study.create(path, name="Ward <7> & friends") as study:
        add_run(study, dataset, right_below(0.7), label="good & cheap")
        add_run(study, dataset, right_below(0.3), label="tiny", random_weights=True)
    return path


def test_the_page_refers_to_nothing_outside_itself(study_path: Path, tmp_path: Path) -> None:
    files = write_report(study_path, tmp_path / "out", replicates=200)
    text = files["html"].read_text(encoding="utf-8")
    page = Page()
    page.feed(text)
    assert page.open == []
    assert not {"script", "link", "img", "iframe", "object"} & {tag for tag, _ in page.tags}
    assert not [attributes for _, attributes in page.tags if {"href", "src", "xlink:href"} & set(attributes)]
    assert not re.search(r"https?://|url\(|@import", text)
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_the_page_says_what_it_rests_on(study_path: Path, tmp_path: Path, dataset: Dataset) -> None:
    files = write_report(study_path, tmp_path / "out", replicates=200, seed=9)
    page = Page()
    page.feed(files["html"].read_text(encoding="utf-8"))
    words = " ".join(" ".join(page.words).split())
    for expected in (
        "Ward <7> & friends",
        "good & cheap",
        "Research software, not for diagnosis",
        "tiny : random weights",
        "default 1.0.0 (default)",
        dataset.sha256,
        "200 replicates, seed 9",
        "provisional",
        "n = 12 at L0, 24 at L1, 24 at L2, from 12 independent images or patients",
        "paper mode (agreement of sampled answers), T = 10",
        "MedQ-Deg, not this dataset",
    ):
        assert expected in words, expected


def test_runs_of_one_label_are_told_apart_wherever_they_stand(tmp_path: Path, dataset: Dataset) -> None:
    path = tmp_path / "study.medq"
    with Study.create(path, name="Twins") as study:
        for name, share in (("first", 0.7), ("second", 0.3)):
            add_run(study, dataset, right_below(share), label="phi", name=name)
        add_run(study, dataset, right_below(0.5), label="phi", trials=3, name="third")
        study.freeze_run("first-phi-vote-10", "Dr Lee", "figures of the manuscript")
        named = [run.name for run in study.runs()]
    assert len(set(named)) == 3 and named[2] == "phi (paper T=3)"
    files = write_report(path, tmp_path / "out", replicates=200)
    with files["levels"].open(encoding="utf-8", newline="") as file:
        assert list(dict.fromkeys(row["name"] for row in csv.DictReader(file))) == named
    with files["model_differences"].open(encoding="utf-8", newline="") as file:
        assert {row["first_name"] for row in csv.DictReader(file)} == set(named[:2])
    page = Page()
    page.feed(files["html"].read_text(encoding="utf-8"))
    words = " ".join(" ".join(page.words).split())
    assert all(name in words for name in named) and "by Dr Lee (figures of the manuscript)" in words
    for chart in ("three_panel.csv", "accuracy_by_level.csv", "grouped_bars.csv"):
        with files[chart].open(encoding="utf-8", newline="") as file:
            assert {row["model"] for row in csv.DictReader(file)} == set(named), chart


def test_runs_without_answers_are_no_newest_run_and_stand_in_no_table(study_path: Path, tmp_path: Path) -> None:
    other = question_set(tmp_path / "other", questions=3)
    with Study.open(study_path) as study:
        known = study.runs()[0]
        run = study.start_run(replace(known, run_id="dead", dataset_sha256=other.sha256, dataset_path=str(other.folder)))
        name = next(other.rows())["file_name"]
        study.append_answers(run.run_id, [Answer(name, 0, "", "", "failed", error="stopped: nobody there")])
        assert study.last_failure("dead") == "stopped: nobody there" and len(study.answered_runs()) == 2
    found = json.loads(write_report(study_path, tmp_path / "out", replicates=200)["results"].read_text(encoding="utf-8"))
    assert [model["label"] for model in found["models"]] == ["good & cheap", "tiny"]


def test_published_models_are_behind_a_closed_fold(study_path: Path, tmp_path: Path) -> None:
    text = write_report(study_path, tmp_path / "out", replicates=200)["html"].read_text(encoding="utf-8")
    folds = re.findall(r"<details[^>]*>.*?</details>", text, re.DOTALL)
    (fold,) = [fold for fold in folds if "InternVL3" in fold]
    assert fold.startswith("<details>")
    assert "InternVL3" not in text.replace(fold, "")


def test_tables_and_json_hold_the_same_unrounded_numbers(study_path: Path, tmp_path: Path) -> None:
    files = write_report(study_path, tmp_path / "out", replicates=200)
    found = json.loads(files["results"].read_text(encoding="utf-8"))
    with files["levels"].open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    cells = [(model["model"], cell) for model in found["models"] for cell in model["levels"]]
    assert len(rows) == len(cells) == 6
    for row, (model, cell) in zip(rows, cells, strict=True):
        assert (row["model"], row["level"], int(row["n"])) == (model, cell["level"], cell["n"])
        assert float(row["calibration_shift"]) == cell["calibration_shift"]
        assert [float(row["accuracy_ci_low"]), float(row["accuracy_ci_high"])] == cell["accuracy_ci"]
        if cell["level"] != "L0":
            assert float(row["matched_l0_accuracy_difference"]) == cell["matched_l0"]["accuracy_difference"]
    assert {"by_category", "by_type", "by_modality", "by_task", "by_skill", "models", "pairs"} <= set(files)
    assert all(path.is_file() and path.stat().st_size > 0 for path in files.values())


def test_a_second_report_replaces_the_first_and_leaves_nothing_half_written(study_path: Path, tmp_path: Path) -> None:
    first = write_report(study_path, tmp_path / "out", replicates=200)
    before = first["results"].read_bytes()
    second = write_report(study_path, tmp_path / "out", replicates=200)
    assert second["results"].read_bytes() == before
    assert {path for path in (tmp_path / "out").rglob("*") if path.is_file()} == set(second.values())


def test_a_study_without_runs_gives_one_clear_line_and_no_folder(tmp_path: Path) -> None:
    Study.create(tmp_path / "empty.medq", name="empty").close()
    with pytest.raises(MedqdegError, match="the study has no runs; start one with `medqdeg evaluate`"):
        write_report(tmp_path / "empty.medq", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_made_is_named(study_path: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(MedqdegError, match="file/out: cannot be made"):
        write_report(study_path, tmp_path / "file" / "out", replicates=200)
