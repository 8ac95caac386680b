"""Names that a spreadsheet would compute: text in every CSV, themselves everywhere else."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from medqdeg_desktop.chart.figure import Figure
from medqdeg_desktop.eval.charts import charts_of
from medqdeg_desktop.eval.report import write_report
from medqdeg_desktop.eval.rescoring import rescore
from medqdeg_desktop.eval.tables import load, results_of
from medqdeg_desktop.progress import Progress
from medqdeg_desktop.study.records import Answer
from medqdeg_desktop.study.store import Study
from tests.eval.answered import Row, add_run, question_set, right_below

FORMULA = '=HYPERLINK("x")'


def _says_a_formula(row: Row, trial: int) -> Answer:
    return Answer(row["file_name"], trial, f"=1+1\nAnswer: {row['answer']}", row["answer"], "ok", detail={"rule": "statement"})


def test_a_name_that_begins_like_a_formula_is_escaped_once_in_csv_and_nowhere_else(tmp_path: Path) -> None:
    dataset, path = question_set(tmp_path / "set", questions=6), tmp_path / "study.medq"
    with Study.create(path, name="formulas") as study:
        add_run(study, dataset, _says_a_formula, label=FORMULA, trials=2)
        add_run(study, dataset, right_below(0.5), label="-1 model", trials=2)
        frozen = study.freeze_run(f"run-{FORMULA}-vote-2", "=Dr Lee", "@reason")
    files = write_report(path, tmp_path / "out", replicates=200)
    named = 0
    for file in files.values():
        if file.suffix != ".csv":
            continue
        with file.open(encoding="utf-8", newline="") as lines:
            rows = list(csv.DictReader(lines))
        cells = [cell for row in rows for cell in row.values()]
        assert not any(cell[:1] in "=@" and cell for cell in cells), file.name
        # A minus may begin a number and nothing else.
        assert all(float(cell) <= 0 for cell in cells if cell[:1] == "-"), file.name
        assert not any(cell.startswith("''") for cell in cells), file.name
        named += any(cell == f"'{FORMULA}" for cell in cells)
    assert named >= 4
    models = json.loads(files["results"].read_text(encoding="utf-8"))["models"]
    assert [model["label"] for model in models] == [FORMULA, "-1 model"]

    # Nothing reads a CSV back: the study holds what was said, and another reading and the seal on it see just that.
    with Study.open(path, read_only=True) as study:
        figures: list[Figure] = charts_of(results_of(load(study), replicates=0))
        answers = list(study.answers(frozen.run_id))
        assert study.verify() == []
    assert all(answer.raw.startswith("=1+1") for answer in answers)
    assert any(row["model"] == FORMULA for figure in figures for row in figure.data if "model" in row)
    assert rescore(path, Progress("rescore")).changed == 0
    with Study.open(path, read_only=True) as study:
        assert list(study.answers(frozen.run_id)) == answers and study.verify() == []
        (seal,) = study.freezings().values()
        assert (seal.by, seal.reason) == ("=Dr Lee", "@reason")
