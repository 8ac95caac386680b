"""``medqdeg calibrate``: progress without answers, the report, publication and its refusals."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "calibration"))
from simulated_readers import SimulatedReader, fixed_protocol, make_protocol

from medqdeg_desktop.cli import group
from medqdeg_desktop.errors import MedqdegError
from medqdeg_desktop.study.store import Study


@pytest.fixture
def panel(tmp_path: Path) -> Path:
    """Two readers of a cell; both have locked."""
    path = tmp_path / "panel.medq"
    with Study.create(path) as study:
        protocol = make_protocol(("gaussian_blur",), readers=2)
        fixed = fixed_protocol(study, protocol)
        for number in (1, 2):
            SimulatedReader(f"R{number}", 0.01 * number, 0.02).read(study, fixed, protocol)
    return path


def test_status_tells_how_far_readers_are_and_nothing_of_their_answers(panel: Path) -> None:
    told = CliRunner().invoke(group, ["calibrate", "status", str(panel), "--json"])
    assert told.exit_code == 0
    facts = json.loads(told.stdout)
    assert [(s["reader"], s["answered"], s["locked"]) for s in facts["stages"]] == [("R1", 17, True), ("R2", 17, True)]
    assert "severity" not in told.stdout
    plain = CliRunner().invoke(group, ["calibrate", "status", str(panel)])
    assert "CT levels 1.0.0" in plain.stdout and plain.stdout.count("locked") == 2


def test_the_report_and_the_publication_go_by_what_the_panel_agreed(panel: Path, tmp_path: Path) -> None:
    run = CliRunner()
    made = run.invoke(group, ["calibrate", "report", str(panel), "--out", str(tmp_path / "evidence")])
    assert made.exit_code == 0 and (tmp_path / "evidence" / "calibration.html").is_file()
    paper = (tmp_path / "evidence" / "calibration.pdf").read_bytes()
    assert paper.startswith(b"%PDF-") and paper.rstrip().endswith(b"%%EOF") and b"/Subtype /Image" not in paper
    published = run.invoke(group, ["calibrate", "publish", str(panel), "--version", "1.0.0", "--by", "chair"])
    assert published.exit_code == 0 and "CT levels 1.0.0: 2 cells" in published.stdout
    with Study.open(panel, read_only=True) as study:
        assert study.newest_profile() is not None and study.verify() == []


def test_what_is_not_there_or_not_settled_is_refused_in_one_line(panel: Path, tmp_path: Path) -> None:
    run = CliRunner()
    missing = run.invoke(group, ["calibrate", "status", str(panel), "--protocol", "zz"])
    assert isinstance(missing.exception, MedqdegError) and "no protocol 'zz'" in str(missing.exception)
    Study.create(tmp_path / "new.medq").close()
    for command in (["status"], ["report", "--out", str(tmp_path / "none")]):
        early = run.invoke(group, ["calibrate", command[0], str(tmp_path / "new.medq"), *command[1:]])
        assert "new.medq: no protocol yet; design one in the window" in str(early.exception)
    with Study.open(panel) as study:
        protocol = make_protocol(("gaussian_blur",), version="2.0.0")
        fixed = fixed_protocol(study, protocol)
        SimulatedReader("R1").read(study, fixed, protocol)
    early = run.invoke(group, ["calibrate", "publish", str(panel), "--version", "2.0.0"])
    assert isinstance(early.exception, MedqdegError) and "1 of 3 readers have locked" in str(early.exception)
