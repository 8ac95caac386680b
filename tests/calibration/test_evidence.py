"""The report of a panel: its figures against what the simulated readers were made of, its files against each other."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import numpy as np
import pytest
from simulated_readers import SimulatedReader, fixed_protocol, make_protocol
from sklearn.metrics import cohen_kappa_score

from medqdeg_desktop.calibration.errors import CalibrationError
from medqdeg_desktop.calibration.evidence import assemble, html, write_report
from medqdeg_desktop.calibration.figures import panel_figures
from medqdeg_desktop.calibration.trials import VERIFY, verification
from medqdeg_desktop.chart.figure import Figure
from medqdeg_desktop.csv_text import csv_text
from medqdeg_desktop.study.store import Study
from medqdeg_desktop.taxonomy import Level

BIAS = {"R1": -0.06, "R2": 0.0, "R3": 0.06}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """Three readers with known biases, one of whom is pulled towards the start; adjustment and verification are done."""
    made = Study.create(tmp_path_factory.mktemp("panel") / "panel.medq", name="Panel <1>")
    protocol = make_protocol(("gaussian_blur", "gaussian_noise", "motion_blur"))
    fixed = fixed_protocol(made, protocol)
    cells = [{"type": c.type, "modality": "CT", "L1": 0.3, "L2": 0.65, "step": 0.1} for c in protocol.cells[:1]]
    body = {"cells": cells}
    for number, (name, bias) in enumerate(BIAS.items()):
        reader = SimulatedReader(name, bias, 0.02, pull=0.1 if name == "R3" else 0.0, rng=np.random.default_rng(number))
        reader.read(made, fixed, protocol)
        proposal = made.fix_proposal(fixed.protocol_id, body, "Chair")
        session = made.open_session(fixed.protocol_id, name, VERIFY)
        for ordinal, trial in enumerate(verification(fixed, protocol, proposal.body, session.reader)):
            made.answer_trial(reader.answer(trial, fixed, session, ordinal))
        made.lock_stage(fixed.protocol_id, name, VERIFY)
    return made


def test_the_figures_find_what_the_readers_were_made_of(study: Study) -> None:
    fixed = study.protocols()[0]
    answers = study.trials(fixed.protocol_id, "Chair")
    names = {r.reader_id: r.pseudonym for r in study.readers()}
    figures = panel_figures(answers)
    for r in figures.readers:
        pulled = 0.1 if names[r.reader] == "R3" else 0.0
        assert r.bias.value == pytest.approx(BIAS[names[r.reader]], abs=0.02)
        assert r.catches[0] == r.catches[1] > 0 and r.settings == 3 * 2 * 6 and r.sessions == 2
        assert 12 <= r.seconds.low <= r.seconds.value <= r.seconds.high <= 16 and r.seconds.n == 36
        assert r.retest.bias.n == 3 * 2 * 2 and r.retest.lower.value < r.retest.bias.value < r.retest.upper.value
        assert r.model_bias.value == pytest.approx(BIAS[names[r.reader]], abs=0.02)
        assert r.inconsistency.value == pytest.approx(0.02, abs=0.012) or pulled
        assert r.start_effect.value == pytest.approx(pulled, abs=0.03)
    steady = [r.within.value for r in figures.readers if names[r.reader] != "R3"]
    assert np.sqrt(np.mean(np.square(steady))) == pytest.approx(0.02, abs=0.008)
    for level in (Level.L1, Level.L2):
        assert figures.between[level].value == pytest.approx(0.06, abs=0.02)
        assert figures.icc[level].value < 0.9 and figures.icc[level].low < figures.icc[level].value < figures.icc[level].high
        # Readers with a constant bias put three cells that lie far apart in one order.
        assert figures.order[level].value > 0.4 and figures.order[level].n == 3
    pairs = [pair for by in figures.repeats.values() for pair in by]
    differences = np.array([again - first for first, again in pairs])
    assert figures.retest.bias.value == pytest.approx(differences.mean()) and figures.retest.bias.n == 3 * 12
    assert figures.retest.upper.value == pytest.approx(differences.mean() + 1.96 * differences.std(ddof=1), abs=1e-4)
    assert 0 < figures.alpha_ratings.low < figures.alpha_ratings.value <= figures.alpha_ratings.high <= 1
    assert figures.alpha_settings.low < figures.alpha_settings.value < figures.alpha_settings.high
    assert sum(map(sum, figures.confusion.values())) == 3 * 7 * 4
    assert figures.confusion["L0"][0] == 3 * 4


def test_figures_do_not_depend_on_the_order_of_the_answers(study: Study) -> None:
    answers = study.trials(study.protocols()[0].protocol_id, "Chair")
    one, other = panel_figures(answers), panel_figures(answers[::-1])
    assert repr(one) == repr(other)


def test_kappa_of_a_pair_is_that_of_scikit_learn(study: Study) -> None:
    answers = [a for a in study.trials(study.protocols()[0].protocol_id, "Chair") if a.stage == VERIFY]
    pair = panel_figures(answers).pairs[0]
    by_reader = {
        reader: [a.detail["rating"] for a in sorted(answers, key=lambda a: a.key) if a.reader == reader]
        for reader in (pair.first, pair.second)
    }
    expected = cohen_kappa_score(*by_reader.values(), weights="quadratic", labels=list(range(5)))
    assert pair.kappa is not None and pair.kappa.kappa == pytest.approx(expected)


def test_the_report_stands_alone_and_its_tables_say_what_it_says(study: Study, tmp_path: Path) -> None:
    fixed = next(p for p in study.protocols() if p.body["version"] == "1.0.0")
    files = write_report(study, fixed.protocol_id, "Chair", tmp_path / "evidence")
    page = files["html"].read_text("utf-8")
    assert "Panel &lt;1&gt;" in page and "http" not in page.replace("http://www.w3.org/2000/svg", "")
    assert fixed.protocol_id in page and all(name in page for name in BIAS)
    assert "describes this panel" in page and "nan" not in page.lower().replace("pronounced", "")
    body = json.loads(files["json"].read_text("utf-8"))
    assert body["protocol"]["name"] == "CT levels"
    with files["levels"].open(newline="", encoding="utf-8") as file:
        levels = list(csv.DictReader(file))
    assert len(levels) == 6 and f"{float(levels[0]['severity']):.3f}" in page
    with files["answers"].open(newline="", encoding="utf-8") as file:
        kept = list(csv.DictReader(file))
    assert len(kept) == len(study.trials(fixed.protocol_id, "Chair"))
    assert {row["reader"] for row in kept} == set(BIAS)


def charts_of(study: Study, protocol_id: str) -> list[Figure]:
    return list(assemble(study, protocol_id, "Chair").charts.values())


FIGURES = {
    "agreement": ("within-reader SD", "repeatability coefficient", "between-reader SD", "ICC(A,1)", "Kendall's W of the cells",
                  "Krippendorff's alpha, settings (interval)", "Krippendorff's alpha, blind ratings (ordinal)",
                  "test-retest, lower limit of agreement"),
    "readers": ("bias", "drift", "start_effect", "seconds", "inconsistency", "retest_lower"),
    "pairs": ("lower_limit", "kappa"),
}  # fmt: skip


def test_every_figure_is_in_the_tables_with_its_interval_and_its_n(study: Study, tmp_path: Path) -> None:
    fixed = next(p for p in study.protocols() if p.body["version"] == "1.0.0")
    files = write_report(study, fixed.protocol_id, "Chair", tmp_path / "evidence")

    def table(name: str) -> list[dict[str, str]]:
        with files[name].open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    agreement = {row["figure"]: row for row in table("agreement")}
    for figure in FIGURES["agreement"]:
        row = agreement[figure]
        assert float(row["low"]) <= float(row["value"]) <= float(row["high"]) and int(row["n"]) > 0
        assert row["interval_describes"] == "this panel"
    for name in ("readers", "pairs"):
        for row in table(name):
            assert all(float(row[f"{q}_low"]) <= float(row[q]) <= float(row[f"{q}_high"]) for q in FIGURES[name])
    confusion = table("confusion")
    assert sum(int(row["count"]) for row in confusion) == 84
    assert all(float(row["low"]) <= float(row["share"]) <= float(row["high"]) for row in confusion)
    charts = {"levels", "test_retest", "between_readers", "readers", "confusion"}
    assert {path.stem for name, path in files.items() if name.endswith(".svg")} == charts
    assert all((tmp_path / "evidence" / "figures" / f"{name}.csv").stat().st_size > 100 for name in charts)
    assert all(f">{chart.title}<" in files["html"].read_text("utf-8") for chart in charts_of(study, fixed.protocol_id))
    retest = (tmp_path / "evidence" / "figures" / "test_retest.csv").read_text("utf-8")
    assert "upper limit" in retest and retest.count("R2,") == 12


def test_at_most_six_pairs_are_drawn_and_all_are_in_the_table(tmp_path: Path) -> None:
    with Study.create(tmp_path / "five.medq") as study:
        protocol = make_protocol(("gaussian_blur",), readers=5)
        fixed = fixed_protocol(study, protocol)
        for number in range(5):
            SimulatedReader(f"R{number}", 0.01 * number, 0.03, rng=np.random.default_rng(number)).read(study, fixed, protocol)
        evidence = assemble(study, fixed.protocol_id, "Chair")
    assert len(evidence.charts["between_readers"].panels) == 6 and len(evidence.tables["pairs"]) == 10
    assert not evidence.of_this_panel_only and "describes this panel" not in html(evidence)
    assert {row["interval_describes"] for row in evidence.tables["agreement"]} == {"readers in general"}


def test_nobody_gets_a_report_before_they_may_read_the_answers(study: Study, tmp_path: Path) -> None:
    protocol = make_protocol(("gaussian_blur",), version="2.0.0")
    fixed = fixed_protocol(study, protocol)
    SimulatedReader("R1").read(study, fixed, protocol)
    with pytest.raises(CalibrationError, match="1 of 3 readers have locked"):
        write_report(study, fixed.protocol_id, "R2", tmp_path / "early")
    assert not (tmp_path / "early").exists()


def test_a_reader_alone_has_figures_without_comparisons(tmp_path: Path) -> None:
    with Study.create(tmp_path / "alone.medq") as study:
        protocol = make_protocol(("gaussian_blur",), readers=1)
        fixed = fixed_protocol(study, protocol)
        SimulatedReader("R1").read(study, fixed, protocol)
        figures = panel_figures(study.trials(fixed.protocol_id, "R1"))
        assert figures.pairs == () and math.isnan(figures.icc[Level.L1].value) and not math.isnan(figures.within.value)
        assert write_report(study, fixed.protocol_id, "R1", tmp_path / "alone")["html"].exists()


def test_no_text_of_a_table_is_a_formula_to_a_spreadsheet() -> None:
    rows = list(csv.DictReader(csv_text([{"reader": "=2+3", "reason": "@here", "note": "L1 - L2", "mean": -0.25}]).splitlines()))
    assert rows == [{"reader": "'=2+3", "reason": "'@here", "note": "L1 - L2", "mean": "-0.25"}]
