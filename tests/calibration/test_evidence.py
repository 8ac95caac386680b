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
from medqdeg_desktop.calibration.evidence import write_report
from medqdeg_desktop.calibration.figures import panel_figures
from medqdeg_desktop.calibration.trials import VERIFY, verification
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
        assert r.bias.value == pytest.approx(BIAS[names[r.reader]], abs=0.02)
        assert r.catches[0] == r.catches[1] > 0 and r.settings == 3 * 2 * 6 and r.sessions == 2
        assert 12 <= r.seconds <= 16
        pulled = 0.1 if names[r.reader] == "R3" else 0.0
        assert r.start_effect.value == pytest.approx(pulled, abs=0.03)
    steady = [r.within.value for r in figures.readers if names[r.reader] != "R3"]
    assert np.sqrt(np.mean(np.square(steady))) == pytest.approx(0.02, abs=0.008)
    for level in (Level.L1, Level.L2):
        assert figures.between[level].value == pytest.approx(0.06, abs=0.02)
        assert figures.icc[level].value < 0.9 and figures.icc[level].low < figures.icc[level].value < figures.icc[level].high
    assert 0 < figures.alpha_ratings <= 1
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
