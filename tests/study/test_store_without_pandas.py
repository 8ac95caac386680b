from __future__ import annotations

import subprocess
import sys

import pytest


def test_a_study_is_opened_without_pandas_which_stays_there_for_others() -> None:
    pytest.importorskip("pandas")
    code = (
        "import sys; from medqdeg_desktop.study.store import Study\n"
        "assert 'pandas' not in sys.modules, 'loaded with the study'\n"
        "import pandas; assert pandas.DataFrame({'a': [1]}).a.sum() == 1"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
