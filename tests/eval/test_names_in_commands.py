"""Commands call runs as the list of runs does: no two by the same name."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from medqdeg_desktop.bank.dataset import Dataset
from medqdeg_desktop.cli import demo, group
from medqdeg_desktop.study.store import Study


def _run(*arguments: object) -> str:
    done = CliRunner().invoke(group, [str(argument) for argument in arguments])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_the_table_of_the_demonstration_and_the_commands_name_every_run_differently(
    dataset: Dataset, study_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evaluate = ("evaluate", dataset.folder, "--study", study_path, "--model", "baseline:uniform", "--progress", "none")
    assert _run(*evaluate, "--trials", 3).startswith("uniform baseline: ")
    assert _run(*evaluate, "--trials", 5).startswith("uniform baseline (paper T=5): ")
    assert _run(*evaluate, "--trials", 5, "--text-only").startswith("uniform baseline (text only): ")
    with Study.open(study_path) as study:
        runs = study.runs()
    said = _run("freeze", study_path, runs[0].run_id, "--by", "chair")
    assert said.startswith("uniform baseline (paper T=3) (run ")

    report = tmp_path / "out" / "report"
    report.parent.mkdir()
    (report.parent / "dataset").symlink_to(dataset.folder)
    _run("report", study_path, "--out", report, "--replicates", 100, "--progress", "none")
    capsys.readouterr()
    demo._print_results(report)
    head, *lines = capsys.readouterr().out.splitlines()
    assert head.split()[:2] == ["run", "asked"]
    names = [line[: head.index("asked")].strip() for line in lines]
    assert set(names) == {run.name for run in runs} and len(set(names)) == 3
    # One line for each level of each run, whose name stands in every one.
    assert {names.count(name) for name in names} == {len(lines) // 3}
