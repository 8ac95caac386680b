"""The pages of the reader study and the ways between them: home, a guided session, the designer, the consensus."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QStackedWidget, QWidget

from medqdeg_desktop.calibration import sitting as work
from medqdeg_desktop.calibration.protocol import Protocol, body_of
from medqdeg_desktop.calibration.sitting import Overview, Sitting
from medqdeg_desktop.study.readings import FixedProtocol
from medqdeg_desktop.study.records import ImageRecord
from medqdeg_desktop.study.store import Study
from medqdeg_desktop.ui.background import Background
from medqdeg_desktop.ui.calibrate.open_series import OpenSeries
from medqdeg_desktop.ui.calibrate.reading.consensus_page import ConsensusPage
from medqdeg_desktop.ui.calibrate.reading.design import Design
from medqdeg_desktop.ui.calibrate.reading.designer_page import DesignerPage
from medqdeg_desktop.ui.calibrate.reading.figures_page import FiguresPage
from medqdeg_desktop.ui.calibrate.reading.home_page import HomePage
from medqdeg_desktop.ui.calibrate.reading.profiles_page import ProfilesPage
from medqdeg_desktop.ui.calibrate.reading.session_page import SessionPage
from medqdeg_desktop.ui.study_session import StudySession


class ReadingPages(QStackedWidget):
    """``left`` when free calibration is wanted back; ``acting_changed`` when keys go to another page."""

    left = Signal()
    acting_changed = Signal()

    def __init__(self, session: StudySession, open_series: Callable[[], list[OpenSeries]], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._open_series = open_series
        self._background = Background(self)
        self._conditions_of = ""
        self.home = HomePage(session)
        self.reading = SessionPage(session)
        self.designer = DesignerPage()
        self.consensus = ConsensusPage(session)
        self.figures = FiguresPage(session)
        self.profiles = ProfilesPage(session, open_series)
        for page in (self.home, self.reading, self.designer, self.consensus, self.figures, self.profiles):
            self.addWidget(page)
        self.home.left.connect(self.left)
        self.home.session_wanted.connect(self._on_session_wanted)
        self.home.lock_wanted.connect(self._on_lock_wanted)
        self.home.design_wanted.connect(self._on_design_wanted)
        self.home.consensus_wanted.connect(self._on_consensus_wanted)
        self.reading.ended.connect(self._on_session_ended)
        self.designer.left.connect(lambda: self.go_home(""))
        self.designer.fix_wanted.connect(self._on_fix_wanted)
        self.consensus.left.connect(lambda: self.go_home(""))
        self.consensus.vote_wanted.connect(self._on_session_wanted)
        self.consensus.figures_wanted.connect(self._on_figures_wanted)
        self.figures.left.connect(lambda: self.setCurrentWidget(self.consensus))
        self.home.exchange.taken_in.connect(lambda: self.go_home(""))
        self.home.profiles_wanted.connect(self._on_profiles_wanted)
        self.profiles.left.connect(lambda: self.go_home(""))
        self.currentChanged.connect(lambda _index: self.acting_changed.emit())

    def go_home(self, said: str) -> None:
        """The front page, read anew from the study."""
        self.home.say(said)
        self.setCurrentWidget(self.home)
        reader = self._session.reader
        self._session.submit(lambda study: work.front_page(study, reader), self._on_overview, self.home.say)

    def study_changed(self) -> None:
        """Another study or reader: a session of the one before ends; its place is kept."""
        self._conditions_of = ""
        if self.reading.sitting is not None:
            self.reading.pause()
        self.go_home("")

    def close_down(self) -> None:
        self.reading.close_down()
        self.consensus.close_down()
        self.profiles.close_down()
        self._background.close()

    def _on_overview(self, found: Overview) -> None:
        if self._session.reader != self._conditions_of:
            # What a reader has typed stands until another one sits down.
            self._conditions_of = self._session.reader
            self.home.conditions.show_values(found.conditions)
        self.home.show_protocols(found.protocols, self._session.reader)

    # -- sessions ---------------------------------------------------------------------------------------------

    def _on_session_wanted(self, protocol_id: str, stage: str) -> None:
        reader, facts = self._session.reader, self.reading.facts() | self.home.conditions.values
        self._session.submit(
            lambda study: work.sit_down(study, protocol_id, reader, stage, facts), self._on_sat_down, self._on_refused
        )

    def _on_refused(self, text: str) -> None:
        self.go_home(text)

    def _on_sat_down(self, sitting: Sitting) -> None:
        self.setCurrentWidget(self.reading)
        self.reading.begin(sitting)

    def _on_session_ended(self, sentence: str) -> None:
        self.go_home(sentence)

    def _on_lock_wanted(self, protocol_id: str, stage: str) -> None:
        reader = self._session.reader
        self._session.submit(
            lambda study: study.lock_stage(protocol_id, reader, stage),
            lambda _done: self.go_home(
                self.tr("Locked: your readings stand, and colleagues' may be seen once theirs are locked.")
            ),
            self.home.say,
        )

    # -- protocols --------------------------------------------------------------------------------------------

    def _on_design_wanted(self) -> None:
        self.designer.fill(self._open_series(), self._session.name)
        self.setCurrentWidget(self.designer)

    def _on_fix_wanted(self, design: Design) -> None:
        self._background.run("fix", design.fix, self._on_designed, self.designer.tell_failure)

    def _on_designed(self, designed: tuple[Protocol, list[ImageRecord]]) -> None:
        protocol, records = designed
        reader = self._session.reader
        self._session.submit(lambda study: _fix(study, protocol, records, reader), self._on_fixed, self.designer.tell_failure)

    def _on_fixed(self, fixed: FixedProtocol) -> None:
        body = fixed.body
        self.go_home(self.tr("Protocol {0} {1} is fixed. Readers can begin.").format(body["name"], body["version"]))

    def _on_consensus_wanted(self, protocol_id: str) -> None:
        self.setCurrentWidget(self.consensus)
        self.consensus.show_protocol(protocol_id)

    def _on_figures_wanted(self, protocol_id: str) -> None:
        self.setCurrentWidget(self.figures)
        self.figures.show_protocol(protocol_id)

    def _on_profiles_wanted(self) -> None:
        self.setCurrentWidget(self.profiles)
        self.profiles.fill()


def _fix(study: Study, protocol: Protocol, records: list[ImageRecord], by: str) -> FixedProtocol:
    study.record_images(records)
    return study.fix_protocol(body_of(protocol), by)
