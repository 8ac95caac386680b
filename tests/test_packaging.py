"""The wheel, in a fresh environment without extras, does what the checkout does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

_CHECKOUT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with the wheel and its base dependencies; returns its ``bin`` folder."""
    folder = tmp_path_factory.mktemp("wheel")
    environment = folder / "environment"
    venv.create(environment, with_pip=True)
    scripts = environment / ("Scripts" if sys.platform == "win32" else "bin")
    python = scripts / "python"
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "-q"]
    subprocess.run([*pip, "wheel", "--no-deps", "-w", str(folder), str(_CHECKOUT)], check=True)
    wheel = next(folder.glob("*.whl"))
    subprocess.run([*pip, "install", "-c", str(_CHECKOUT / "constraints.txt"), str(wheel)], check=True)
    return scripts


def _run(scripts: Path, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL_ENV"))}
    environment |= {"QT_QPA_PLATFORM": "offscreen"}
    return subprocess.run(
        [str(scripts / "medqdeg"), *arguments], cwd=cwd, env=environment, capture_output=True, text=True, timeout=600, check=False
    )


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_installed_wheel_runs_the_demonstration_and_says_what_was_left_out(installed: Path, tmp_path: Path) -> None:
    done = _run(installed, "demo", "--no-window", "--out", "demo", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "extra local" in done.stdout
    results = json.loads((tmp_path / "demo" / "report" / "results.json").read_text("utf-8"))
    assert {model["model"] for model in results["models"]} == {"baseline:uniform", "baseline:prior"}
    assert (tmp_path / "demo" / "report" / "report.html").stat().st_size > 10_000
    verified = _run(installed, "verify", "demo/dataset", cwd=tmp_path)
    assert verified.returncode == 0, verified.stderr


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_installed_wheel_brings_its_resources_and_no_extras(installed: Path, tmp_path: Path) -> None:
    listed = _run(installed, "degradations", "--json", cwd=tmp_path)
    assert listed.returncode == 0, listed.stderr
    types = json.loads(listed.stdout)
    assert len(types) == 18
    assert all(entry["L1"] and entry["L2"] for entry in types)
    missing = _run(installed, "doctor", cwd=tmp_path)
    assert "extra local" in missing.stdout
    assert "not installed" in missing.stdout
