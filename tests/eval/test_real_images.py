"""Real against simulated: the publication's own statistics, charts, and a study with a set marked real."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from medqdeg_desktop.bank.dataset import write_json
from medqdeg_desktop.chart.svg import svg
from medqdeg_desktop.errors import MedqdegError
from medqdeg_desktop.eval.real_charts import rank_bump, real_scatter
from medqdeg_desktop.eval.real_images import agreement, published_standings, run_pairs, standings
from medqdeg_desktop.eval.report import write_report
from medqdeg_desktop.eval.tables import results
from medqdeg_desktop.study.store import Study
from tests.eval.answered import add_run, question_set, right_below
from tests.eval.test_figures import check_words


def test_the_published_models_agree_as_published() -> None:
    found = agreement(published_standings())
    assert [(found[level]["pearson"], found[level]["spearman"]) for level in ("L1", "L2")] == [
        (pytest.approx(0.902, abs=0.0005), pytest.approx(0.964, abs=0.0005)),
        (pytest.approx(0.984, abs=0.0005), pytest.approx(0.985, abs=0.0005)),
    ]
    models = published_standings()
    expected = stats.pearsonr([m.simulated["L1"] for m in models], [m.real["L1"] for m in models]).confidence_interval()
    assert found["L1"]["pearson_ci"] == pytest.approx([expected.low, expected.high])
    assert found["L1"]["n_models"] == 10


def test_the_published_rank_chart_has_the_published_ranks() -> None:
    figure = rank_bump(published_standings())
    ranks = {(row["model"], row["images"], row["level"]): row["rank"] for row in figure.data}
    assert [ranks["Gemini-2.5-Flash", kind, level] for kind in ("simulated", "real") for level in ("L1", "L2")] == [3, 3, 4, 4]
    assert [ranks["GPT-4o-mini", kind, level] for kind in ("simulated", "real") for level in ("L1", "L2")] == [9, 9, 8, 9]
    assert [ranks["GPT-4.1-mini", "real", level] for level in ("L1", "L2")] == [5, 6]
    panel = figure.panels[0]
    assert [label for _, label in panel.x.ticks] == ["Simulated L1", "Simulated L2", "Real L1", "Real L2"]
    assert all(mark.hollow for mark in panel.marks), "published values are hollow"
    best = [mark for mark in panel.marks if mark.label == "GPT-5"]
    assert {mark.y for mark in best} == {9.5}, "the best stands at the top of every column"


def test_words_of_the_charts_fit_and_the_svg_is_sound() -> None:
    for figure in (rank_bump(published_standings()), real_scatter(published_standings())):
        check_words(figure)
        ElementTree.fromstring(svg(figure))
    scatter = real_scatter(published_standings())
    assert [len(panel.marks) for panel in scatter.panels] == [10, 10]
    assert "Pearson 0.902" in scatter.panels[0].annotations[0].text
    slope, intercept, *_ = stats.linregress([m.x for m in scatter.panels[1].marks], [m.y for m in scatter.panels[1].marks])
    (x0, y0), (x1, y1) = scatter.panels[1].lines[1].points
    assert (y0, y1) == (pytest.approx(intercept + slope * x0), pytest.approx(intercept + slope * x1))


def test_a_study_with_a_set_marked_real_is_compared_by_model_and_mode(tmp_path: Path) -> None:
    simulated = question_set(tmp_path / "simulated", questions=10)
    real = question_set(tmp_path / "real", questions=14)
    write_json(real.folder / "manifest.json", {**real.manifest, "kind": "real"})
    with Study.create(tmp_path / "study.medq", name="both") as study:
        assert run_pairs(study) is None
        for share, label in ((0.9, "good"), (0.6, "fair"), (0.3, "poor")):
            add_run(study, simulated, right_below(share), label=label)
        assert run_pairs(study) is None
        for share, label in ((0.8, "good"), (0.7, "fair"), (0.1, "poor"), (0.5, "elsewhere")):
            run = add_run(study, real, right_below(share), label=label, name="real")
            assert run.dataset_sha256
        pairs = run_pairs(study)
        assert pairs is not None
        compared = standings(*(results(study, replicates=200, run_ids=ids) for ids in pairs))
    assert [(m.label, m.simulated["L1"], m.real["L1"]) for m in compared] == [
        ("good", pytest.approx(0.9), pytest.approx(0.8)),
        ("fair", pytest.approx(0.6), pytest.approx(0.7)),
        ("poor", pytest.approx(0.3), pytest.approx(0.1)),
    ]
    found = agreement(compared)["L2"]
    assert found["spearman"] == pytest.approx(1)
    assert found["pearson"] == pytest.approx(np.corrcoef([0.9, 0.6, 0.3], [0.8, 0.7, 0.1])[0, 1])
    assert found["pearson_ci"] is None, "three models bear no interval"
    assert found["mean_difference"] == pytest.approx(-0.2 / 3)
    files = write_report(tmp_path / "study.medq", tmp_path / "out", replicates=200)
    assert "Do real images say the same?" in files["html"].read_text(encoding="utf-8")
    assert json.loads(files["results"].read_text(encoding="utf-8"))["real_against_simulated"]["L1"]["n_models"] == 3
    assert {"real_rank_bump.svg", "real_scatter.csv"} <= set(files)
    figure = rank_bump(compared)
    assert not any(mark.hollow for mark in figure.panels[0].marks)
    with pytest.raises(MedqdegError, match="2 models stand on both sets"):
        rank_bump(compared[:2])


def test_of_two_runs_in_one_mode_the_newest_counts_and_another_mode_is_a_row_of_its_own(tmp_path: Path) -> None:
    simulated, real = question_set(tmp_path / "simulated", questions=6), question_set(tmp_path / "real", questions=6, images=2)
    write_json(real.folder / "manifest.json", {**real.manifest, "kind": "real"})
    with Study.create(tmp_path / "study.medq", name="both") as study:
        for dataset, name in ((simulated, "run"), (real, "real")):
            add_run(study, dataset, right_below(0.2), label="fair", name=name)
            add_run(study, dataset, right_below(0.4), label="good", name=name)
            add_run(study, dataset, right_below(0.4), label="good", trials=3, name=name)
        add_run(study, simulated, right_below(0.9), label="fair", name="again")
        pairs = run_pairs(study)
        assert pairs is not None
        compared = standings(*(results(study, replicates=200, run_ids=ids) for ids in pairs))
    assert [(m.label, m.simulated["L1"], m.real["L1"]) for m in compared] == [
        ("fair", pytest.approx(0.9), pytest.approx(0.2)),
        ("good (paper T=10)", pytest.approx(0.4), pytest.approx(0.4)),
        ("good (paper T=3)", pytest.approx(1.0), pytest.approx(1.0)),
    ]
    ranks = [row["rank"] for row in rank_bump(compared).data if row["images"] == "real" and row["level"] == "L2"]
    assert ranks == [3, 2, 1]
