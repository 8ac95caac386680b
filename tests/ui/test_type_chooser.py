"""The box of degradations: names in line in the list, and no room kept in the box for marks that are none."""

from __future__ import annotations

import numpy as np
from hands import seen
from pytestqt.qtbot import QtBot

from medqdeg_desktop.study.records import Setting
from medqdeg_desktop.taxonomy import Level, Modality
from medqdeg_desktop.ui.calibrate.kept import KeptDecisions
from medqdeg_desktop.ui.calibrate.type_chooser import TypeChooser


def kept_on(name: str) -> KeptDecisions:
    setting = Setting(
        reader="a", type=name, modality=Modality.CT, level=Level.L1, severity=0.3, path_version=1, parameters={}, custom=False,
        seed=1, image_id="i", frame=0, window=None, value_range=(0, 1), render_sha256="", provenance={},
    )  # fmt: skip
    return KeptDecisions.of([setting], [], [])


def begins(chooser: TypeChooser) -> int:
    """Where the words (or marks) of the box begin, inside its frame."""
    inside = seen(chooser.box)[6:-6, 6:-30].astype(int)
    return int(np.flatnonzero((np.ptp(inside, axis=0) > 40).any(axis=1))[0])


def test_a_type_without_marks_begins_where_it_would_if_nothing_were_kept(qtbot: QtBot) -> None:
    chooser = TypeChooser()
    qtbot.addWidget(chooser)
    chooser.resize(292, 60)
    chooser.show()
    chooser.fill(Modality.CT, KeptDecisions(), "motion_blur")
    alone = begins(chooser)
    chooser.fill(Modality.CT, kept_on("gaussian_noise"), "motion_blur")
    assert begins(chooser) == alone
    without = seen(chooser.box)
    chooser.choose("gaussian_noise")
    assert (seen(chooser.box)[:, :40] != without[:, :40]).any(), "marks that are there are shown"
    model = chooser.box.model()
    assert {model.index(row, 0).data(1).isNull() for row in range(model.rowCount())} == {False}, "names in line"
