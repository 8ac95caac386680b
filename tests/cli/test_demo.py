"""The demonstration ends in the window where there is a display, and says so where there is none."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from medqdeg_desktop import system
from medqdeg_desktop.cli import demo
from medqdeg_desktop.samples import sample_study
from medqdeg_desktop.ui import application


@pytest.fixture
def finished(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A demonstration whose five steps are done: only what comes after them runs."""
    sample = tmp_path / "sample"
    (sample / "dicom").mkdir(parents=True)
    for name in ("_step", "_set_levels", "_print_results"):
        monkeypatch.setattr(demo, name, lambda *_: None)
    monkeypatch.setattr(demo, "_models", lambda *_: ([], []))
    monkeypatch.setattr(
        sample_study, "build", lambda folder, **_: sample_study.SampleStudy(sample, sample / "items.jsonl", sample, 0)
    )
    return tmp_path


def test_with_a_display_the_window_opens_on_the_study_and_its_pictures(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[tuple[Any, ...]] = []
    signature = inspect.signature(application.run)
    monkeypatch.setattr(system, "has_display", lambda: True)
    monkeypatch.setattr(application, "run", lambda *arguments: opened.append(arguments))
    done = CliRunner().invoke(demo.demo, ["--out", str(finished)], catch_exceptions=False)
    assert done.exit_code == 0
    (arguments,) = opened
    (paths,) = signature.bind(*arguments).args
    assert tuple(paths) == (finished / "demo.medq", finished / "sample", finished / "sample" / "dicom")


def test_without_a_display_it_says_where_the_report_is(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system, "has_display", lambda: False)
    done = CliRunner().invoke(demo.demo, ["--out", str(finished)], catch_exceptions=False)
    assert done.exit_code == 0
    assert str((finished / "report" / "report.html").resolve()) in done.output
    assert "No display was found" in done.output
