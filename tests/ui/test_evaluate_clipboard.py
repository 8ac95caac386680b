"""What is copied from the table of results."""

from __future__ import annotations

import csv
import io

from PySide6.QtGui import QGuiApplication
from pytestqt.qtbot import QtBot

from medqdeg_desktop.eval.tables import results_of
from medqdeg_desktop.ui.evaluate.table_tab import TableTab
from tests.eval.forty_models import forty_models


def test_a_copied_name_is_never_a_formula_and_copied_numbers_keep_their_signs(qtbot: QtBot) -> None:
    found = results_of(forty_models(2), replicates=100, parts=())
    found["models"][0] |= {"label": "=1+1", "name": "=1+1"}
    tab = TableTab()
    qtbot.addWidget(tab)
    tab.show_results(found, with_published=False)
    tab.copy_rows()
    rows = list(csv.DictReader(io.StringIO(QGuiApplication.clipboard().text()), delimiter="\t"))
    assert {row["Model"] for row in rows} == {"'=1+1", "model 1"}
    assert all(row["Shift, points"][0] in "+\N{MINUS SIGN}" for row in rows)
