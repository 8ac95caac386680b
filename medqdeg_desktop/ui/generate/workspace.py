"""Generate: the form at the left, the plan and then the run at the right. All that takes long is a process of its own."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PySide6.QtCore import QTimer, QUrl
from PySide6.QtGui import QDesktopServices, QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QStackedWidget, QWidget

from medqdeg_desktop.bank.unmapped import Unmapped, assign
from medqdeg_desktop.ui.background import Background
from medqdeg_desktop.ui.generate.form import GenerateForm
from medqdeg_desktop.ui.generate.plan_page import PlanPage
from medqdeg_desktop.ui.generate.run_page import RunPage
from medqdeg_desktop.ui.generate.skills_dialog import SkillsDialog, read_unmapped
from medqdeg_desktop.ui.generate.state import BankView, FolderState, Wanted, look_at_folder, plan_of, read_bank
from medqdeg_desktop.ui.jobs import Job, JobState, jobs_of
from medqdeg_desktop.ui.study_session import StudySession
from medqdeg_desktop.ui.viewer.empty_page import EmptyPage
from medqdeg_desktop.ui.workspace import SEARCH_DOUBLES, Workspace

LANE = "generate"
ITEM_FILES = (".jsonl", ".ndjson", ".tsv", ".tab", ".json")
_SETTLE_MS = 350


class GenerateWorkspace(Workspace):
    """Connects the form, the plan made by ``generate --dry-run``, and the run."""

    context = "generate"

    def __init__(self, session: StudySession, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self.setAcceptDrops(True)
        self.jobs = jobs_of(session)
        self.background = Background(self, threads=2)
        self.bank = BankView()
        self.form = GenerateForm()
        self.plan = PlanPage()
        self.run = RunPage(self.background)
        self.empty = EmptyPage(
            self.tr("No questions are in this study yet.\nDrop a file of items here (.jsonl, .tsv or .json), or"),
            self.tr("Import questions…"),
        )
        self.pages = QStackedWidget()
        for page in (self.empty, self.plan, self.run):
            self.pages.addWidget(page)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(1)
        row.addWidget(self.form)
        row.addWidget(self.pages, 1)
        self._study: Path | None = None
        self._planner: Job | None = None
        self._asked: Wanted | None = None
        self._settle = QTimer(self, singleShot=True, interval=_SETTLE_MS)
        self._settle.timeout.connect(self._make_plan)
        self.empty.acted.connect(self.choose_items)
        self.form.changed.connect(self._on_form_changed)
        self.form.import_clicked.connect(self.choose_items)
        self.form.doubles_clicked.connect(self._on_doubles)
        self.form.skills_clicked.connect(self.assign_skills)
        self.plan.started.connect(self.start)
        for chart in (self.plan.types, self.plan.tasks):
            chart.said.connect(self.said)
            chart.warned.connect(self.warned)
        self.run.stopped.connect(self.stop)
        self.run.continued.connect(self.go_on)
        self.run.closed.connect(self.show_plan_page)
        self.run.evaluate_clicked.connect(self._on_evaluate)
        self.run.folder_clicked.connect(self.open_folder)
        self.run.verify_clicked.connect(self.verify)

    # -- workspace ---------------------------------------------------------------------------------------------

    def study_changed(self) -> None:
        if self._study != self.session.path:
            self._study = self.session.path
            self._asked = None
            assert self._study is not None
            self.form.folder.setText(str(self._study.with_name(f"{self._study.stem}_set")))
            if self.run.job is None or self.run.job.has_ended:
                self.pages.setCurrentWidget(self.plan)
        self._read()

    def entered(self) -> None:
        # Levels may have been published and items judged since; what is drawn is always what stands.
        self._read()

    def shut_down(self) -> None:
        self._settle.stop()
        self.background.close()

    # -- questions ---------------------------------------------------------------------------------------------

    def choose_items(self) -> None:
        name, _ = QFileDialog.getOpenFileName(
            self,
            self.tr("Import questions"),
            str(self._study.parent) if self._study else "",
            self.tr("Items ({0})").format(" ".join(f"*{suffix}" for suffix in ITEM_FILES)),
        )
        if name:
            self.import_items(Path(name))

    def import_items(self, path: Path) -> None:
        """Brings the questions of ``path`` into the study, as a job."""
        if self._study is None:
            return
        job = Job(self.tr("importing {0}").format(path.name), ["bank", "import", str(self._study), str(path)], lane="import")
        job.ended.connect(partial(self._on_imported, job, path))
        self.form.import_button.setEnabled(False)
        self.empty.button.setEnabled(False)
        self.jobs.add(job)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if _item_files(event):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        for path in _item_files(event):
            self.import_items(path)
        event.acceptProposedAction()

    def _on_imported(self, job: Job, path: Path) -> None:
        self.form.import_button.setEnabled(True)
        self.empty.button.setEnabled(True)
        told = job.result
        if job.state is JobState.FAILED:
            self.warned.emit(job.error)
        elif job.problems:
            first = job.problems[0][1]
            self.warned.emit(
                self.tr("{0}: {1:,} rows came in, {2:,} were left out; the first: {3}").format(
                    path.name, int(told.get("rows", 0)) - job.problem_count, job.problem_count, first
                )
            )
        elif job.state is JobState.DONE:
            self.said.emit(
                self.tr("{0}: {1:,} questions added, {2:,} updated, {3:,} known").format(
                    path.name, told.get("added", 0), told.get("updated", 0), told.get("unchanged", 0)
                )
            )
        if told.get("added") or told.get("updated"):
            self.form.doubles_button.show()
        self._asked = None
        self._read()

    def assign_skills(self) -> None:
        """Shows the labels that no skill matches, for a person to place."""
        if self._study is not None:
            self.background.run("labels", partial(read_unmapped, self._study), self._on_unmapped, self.warned.emit)

    def _on_unmapped(self, found: list[Unmapped]) -> None:
        dialog = SkillsDialog(found, self)
        dialog.accepted.connect(lambda: self._assign(dialog.assigned))
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def _assign(self, assigned: dict[tuple[str, str], str]) -> None:
        by = self.session.reader
        self.session.submit(lambda study: assign(study, assigned, by), self._on_assigned, self.warned.emit)

    def _on_assigned(self, changed: int) -> None:
        self.said.emit(self.tr("{0:,} questions have their skill; the next import knows the labels").format(changed))
        self._asked = None
        self._read()

    def _on_doubles(self) -> None:
        self.form.doubles_button.hide()
        self.wanted_elsewhere.emit("review", SEARCH_DOUBLES)

    def _read(self) -> None:
        if self._study is not None:
            self.background.run("bank", partial(read_bank, self._study), self._on_bank, self.warned.emit)

    def _on_bank(self, bank: BankView) -> None:
        if bank != self.bank or not bank.items:
            self.bank = bank
            self._asked = None
            self.form.show_bank(bank)
        following = self.pages.currentWidget() is self.run
        if not following:
            self.pages.setCurrentWidget(self.plan if bank.items else self.empty)
        if bank.items:
            self._on_form_changed()

    # -- plan --------------------------------------------------------------------------------------------------

    def _on_form_changed(self) -> None:
        wanted = self.form.wanted
        self.background.run("folder", partial(look_at_folder, wanted.folder), self._on_folder, self.plan.show_error)
        if wanted != self._asked and self.bank.items:
            self.plan.show_planning(True)
            self._settle.start()

    def _on_folder(self, state: FolderState) -> None:
        self.form.show_folder(state)
        self.plan.show_folder(state)

    def _make_plan(self, *, estimate: bool = False) -> None:
        if self._study is None:
            return
        if self._planner is not None and not self._planner.has_ended:
            self._planner.stop()
        self._asked = self.form.wanted
        arguments = self._asked.plan_arguments(self._study, estimate=estimate)
        self._planner = Job(self.tr("planning"), arguments, tells=False, shown=False)
        self._planner.ended.connect(partial(self._on_planned, self._planner, estimate))
        self.jobs.add(self._planner)

    def _on_planned(self, job: Job, estimated: bool) -> None:
        if job is not self._planner or job.state is JobState.STOPPED:
            return
        self.plan.show_planning(False)
        if job.state is JobState.FAILED:
            self.plan.show_error(job.error)
            return
        plan = plan_of(job.output)
        self.plan.show_plan(plan)
        if not estimated and plan.images:
            self._make_plan(estimate=True)

    # -- run ---------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Carries out the plan that is shown."""
        if self._study is None or not self.plan.start.isEnabled():
            return
        wanted = self.form.wanted
        self._follow(Job(self.tr("generating"), wanted.arguments(self._study), lane=LANE, subject=wanted.folder))

    def stop(self) -> None:
        if self.run.job is not None:
            self.run.job.stop()

    def go_on(self) -> None:
        """The same command again: it finds what is finished and does the rest."""
        if self.run.job is not None and self.run.job.has_ended:
            self._follow(self.run.job.again())

    def show_plan_page(self) -> None:
        self.pages.setCurrentWidget(self.plan if self.bank.items else self.empty)
        self._read()

    def open_folder(self) -> None:
        if self.run.job is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(self.run.job.subject)))

    def verify(self) -> None:
        """Hashes every file of the finished set, as a job."""
        if self.run.job is None:
            return
        job = Job(self.tr("verifying"), ["verify", str(self.run.job.subject)], lane="verify")
        job.ended.connect(partial(self._on_verified, job))
        self.run.verify.setEnabled(False)
        self.jobs.add(job)

    def _follow(self, job: Job) -> None:
        if self._planner is not None:
            self._planner.stop()
        self.run.follow(job, job.subject)
        self.pages.setCurrentWidget(self.run)
        self.jobs.add(job)

    def _on_verified(self, job: Job) -> None:
        self.run.verify.setEnabled(True)
        if job.state is JobState.DONE:
            self.run.tell(job.output.strip().splitlines()[-1])
        elif job.state is JobState.FAILED:
            lines = job.output.strip().splitlines()
            self.run.tell("\n".join([job.error, *lines[:5]]), "error")

    def _on_evaluate(self) -> None:
        if self.run.job is not None:
            self.wanted_elsewhere.emit("evaluate", self.run.job.subject)


def _item_files(event: QDropEvent) -> list[Path]:
    paths = [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
    return [path for path in paths if path.suffix.casefold() in ITEM_FILES]
