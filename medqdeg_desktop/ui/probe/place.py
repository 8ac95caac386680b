"""The probe's place in a viewer: built when it is first opened, told of every picture asked for, silent while it is closed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QVBoxLayout

if TYPE_CHECKING:
    from medqdeg_desktop.ui.calibrate.kept import LevelMark
    from medqdeg_desktop.ui.calibrate.live import Wanted
    from medqdeg_desktop.ui.calibrate.open_series import OpenSeries
    from medqdeg_desktop.ui.probe.strip import ProbeStrip


class ProbePlace(QObject):
    """``look`` puts the slider to a severity; ``study`` and ``samples`` say where items lie; ``said``: one line for the foot.

    ``toggled``: the probe was opened or closed.
    """

    said = Signal(str)
    toggled = Signal(bool)

    def __init__(
        self,
        column: QVBoxLayout,
        look: Callable[[float], None],
        study: Callable[[], Path | None],
        samples: Callable[[], Path],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._column, self._look, self._study, self._samples = column, look, study, samples
        self.strip: ProbeStrip | None = None
        self._open = False
        self._opened: OpenSeries | None = None
        self._wanted: Wanted | None = None
        self._marks: list[LevelMark] = []
        self._folders: list[object] = []

    @property
    def is_open(self) -> bool:
        return self._open

    def toggle(self) -> None:
        if self._open:
            self.put_away()
            return
        self._open = True
        strip = self._made()
        strip.show()
        strip.show_marks(self._marks)
        strip.begin()
        self._tell()
        self.toggled.emit(True)

    def put_away(self) -> None:
        """Closed, and its process ended: also where it must not be, as in a blind study."""
        if not self._open:
            return
        self._open = False
        if self.strip is not None:
            self.strip.rest()
            self.strip.hide()
        self.toggled.emit(False)

    def follow(self, opened: OpenSeries | None, wanted: Wanted | None) -> None:
        """What is asked for at this moment; None: no picture is in front."""
        self._opened, self._wanted = opened, wanted
        if self._open:
            self._tell()

    def show_marks(self, marks: Sequence[LevelMark]) -> None:
        self._marks = list(marks)
        if self._open and self.strip is not None:
            self.strip.show_marks(marks)

    def save_state(self) -> dict[str, object]:
        """Folders of models that were used. Consent to run their code is asked for anew each time."""
        if self.strip is None:
            return {"folders": self._folders}
        return {"folders": [str(folder) for folder in self.strip.model.folders]}

    def restore_state(self, state: object) -> None:
        folders = state.get("folders") if isinstance(state, dict) else None
        self._folders = list(folders) if isinstance(folders, list) else []

    def close_down(self) -> None:
        self._open = False
        if self.strip is not None:
            self.strip.close_down()

    def _made(self) -> ProbeStrip:
        if self.strip is None:
            # Loaded when somebody asks for it: the window starts without.
            from medqdeg_desktop.ui.probe.strip import ProbeStrip

            strip = self.strip = ProbeStrip()
            strip.model.remember(self._folders)
            strip.severity_wanted.connect(self._look)
            strip.closed.connect(self.put_away)
            strip.said.connect(self.said)
            self._column.addWidget(strip)
        return self.strip

    def _tell(self) -> None:
        strip, opened, wanted = self.strip, self._opened, self._wanted
        assert strip is not None
        if opened is None or wanted is None:
            strip.offer_questions(None, self._samples(), None, None)
            strip.follow(None, 0.0, window_differs=False)
            return
        from medqdeg_desktop.eval.probe_pictures import Source
        from medqdeg_desktop.ui.probe.desk import Picture
        from medqdeg_desktop.ui.probe.questions import Place

        image = wanted.image
        lies = opened.shown.frames[image.frame]
        alone = opened.shown.frame_count == 1
        modality = image.modality
        strip.offer_questions(self._study(), self._samples(), Place(lies.path, lies.index, lies.axis, alone), modality)
        source = Source(lies.path, lies.index, lies.axis, str(modality or ""), image.source_sha256)
        picture = Picture(source, wanted.type_name, wanted.overrides, wanted.seed)
        differs = opened.view.window is not None or opened.view.inverted
        strip.follow(picture, wanted.severity, window_differs=differs)
