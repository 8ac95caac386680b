"""What a workspace is, and the rail that lists them.

A workspace is a QWidget that the rail shows as one entry. It is imported and built when it is first shown, so that starting the
window costs what its first screen costs. To add one: a line in ``RAIL`` naming its class, and actions in ``action_table``.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QWidget

if TYPE_CHECKING:
    from medqdeg_desktop.ui.study_session import StudySession


#: What Review is handed to have doubles searched for and looked at.
SEARCH_DOUBLES: Final = "search for doubles"


class Workspace(QWidget):
    """Base of all workspaces. ``context`` is the id of its actions in the table; its methods are their handlers.

    said     one line for the foot (nothing to decide).
    warned   one line for the banner: what happened, to what, and what can be done.
    warned_with  the same with the name of a button and what it does.
    outdated  a line that was warned of concerns nothing on the screen any more.
    job_told text about a running job for the foot, empty when it is over.
    wanted_elsewhere  a thing (a folder, a run) is to be looked at in another workspace, named by its rail entry.
    places_changed  something was opened or closed that is to be found again at the next start (``save_state``).
    acting_changed  another widget of the workspace, with a context of its own, owns the keys now (``acting``).
    """

    context: str = ""

    said = Signal(str)
    warned = Signal(str)
    warned_with = Signal(str, str, object)
    outdated = Signal(str)
    job_told = Signal(str)
    wanted_elsewhere = Signal(str, object)
    places_changed = Signal()
    acting_changed = Signal()

    def __init__(self, session: StudySession, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.session = session

    def actions_bound(self, actions: dict[str, QAction]) -> None:
        """The workspace's actions have come alive; toolbars and menus are filled from them."""

    @property
    def acting(self) -> tuple[QWidget, str]:
        """Who owns the keys, and under which context: the workspace itself, or a page that takes them over."""
        return self, self.context

    def entered(self) -> None:
        """The workspace comes to the front."""

    def left(self) -> None:
        """Another workspace comes to the front."""

    def tour_stops(self) -> list[tuple[QWidget, str]]:
        """Widgets with a hint each, for the short tour; none by default."""
        return []

    def receive(self, thing: object) -> None:
        """Another workspace hands over what is to be looked at here."""

    def study_changed(self) -> None:
        """Another study: everything shown is read again from ``session``."""

    def reader_changed(self) -> None:
        """Another reader of the same study: what the one before decided goes from the screen."""
        self.study_changed()

    def stop_job(self) -> None:
        """The stop beside the job's text in the foot was pressed."""

    @property
    def settled(self) -> bool:
        """Whether ``save_state`` tells all; not while what was open before is still being opened."""
        return True

    def save_state(self) -> dict[str, object]:
        """What is to be found again at the next start (layout and places, never decisions)."""
        return {}

    def restore_state(self, state: dict[str, object]) -> None:
        """What ``save_state`` gave; values that make no sense are ignored."""

    def shut_down(self) -> None:
        """The window closes: threads and children end here."""


@dataclass(frozen=True, slots=True)
class RailEntry:
    """A line of the rail: ``target`` is ``module:class``."""

    entry_id: str
    text: str
    icon: str
    target: str

    def build(self, session: StudySession) -> Workspace:
        module, name = self.target.split(":")
        made = getattr(importlib.import_module(module), name)(session)
        assert isinstance(made, Workspace)
        return made


RAIL: Final[tuple[RailEntry, ...]] = (
    RailEntry("calibrate", "Calibrate", "calibrate", "medqdeg_desktop.ui.writing.workspace:WritingWorkspace"),
    RailEntry("review", "Review", "review", "medqdeg_desktop.ui.review.modes:ReviewModes"),
    RailEntry("generate", "Generate", "generate", "medqdeg_desktop.ui.generate.workspace:GenerateWorkspace"),
    RailEntry("evaluate", "Evaluate", "evaluate", "medqdeg_desktop.ui.evaluate.workspace:EvaluateWorkspace"),
    RailEntry("explore", "Explore", "explore", "medqdeg_desktop.ui.explore.workspace:ExploreWorkspace"),
    RailEntry("help", "Help", "help", "medqdeg_desktop.ui.help_page:HelpPage"),
)
