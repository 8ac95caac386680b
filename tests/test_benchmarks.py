"""The run of all benchmarks: every area is there, and what it notes stands on the page."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

from tests.benchmarks.__main__ import AREAS, Measured, page
from tests.benchmarks.headline import Headline, environment, headline, noted


def test_every_area_is_a_module_and_every_module_stands_in_an_area() -> None:
    run = {module for area in AREAS.values() for module, *_ in area.runs}
    for module in run:
        assert importlib.util.find_spec(f"tests.benchmarks.{module}"), module
    there = {path.stem for path in (Path(__file__).parent / "benchmarks").glob("*.py")}
    assert there - {"__init__", "__main__", "headline", "peers"} == run


def test_headlines_noted_by_a_run_are_collected_in_order(tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    headline("nobody asked", 1, "ms")
    for name, value in environment(tmp_path / "notes.jsonl").items():
        monkeypatch.setenv(name, value)
    headline("a step", 1.25, "ms", "< 12")
    headline("a rate", 60, "")
    assert noted(tmp_path / "notes.jsonl") == [Headline("a step", 1.25, "ms", "< 12"), Headline("a rate", 60.0, "", "")]
    assert noted(tmp_path / "none.jsonl") == []


def test_the_page_holds_machine_headlines_and_each_run_with_its_command() -> None:
    area = Measured("physics", [Headline("largest step", 3.25, "ms", "<= 12")], [("python -m x", "type  ms\nblur  3")], 4.0, True)
    text = page([area])
    for part in (
        "| processor |",
        "| physics | largest step | 3.25 ms | <= 12 |",
        "$ python -m x\ntype  ms",
        "ended with an error",
    ):
        assert part in text


def test_a_benchmark_runs_from_the_command_line() -> None:
    command = [sys.executable, "-m", "tests.benchmarks.physics", "--sides", "64", "--types", "bias_field_artifact"]
    run = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parent.parent)
    assert "bias_field_artifact" in run.stdout
