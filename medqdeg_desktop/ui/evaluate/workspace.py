"""Evaluate: runs at the left, what came of them at the right. Models are asked by commands in processes of their own."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from pathlib import Path

from PySide6.QtCore import Qt, QTimer, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QStackedWidget, QWidget

from medqdeg_desktop.study.store import Study
from medqdeg_desktop.ui.background import Background
from medqdeg_desktop.ui.evaluate.add_model import AddModelPage
from medqdeg_desktop.ui.evaluate.folder_dialog import folder_to_write
from medqdeg_desktop.ui.evaluate.freeze_dialog import FreezeDialog
from medqdeg_desktop.ui.evaluate.results import Results
from medqdeg_desktop.ui.evaluate.results_page import ResultsPage
from medqdeg_desktop.ui.evaluate.run_book import RunBook
from medqdeg_desktop.ui.evaluate.runs_panel import RunsPanel
from medqdeg_desktop.ui.evaluate.state import Ask, RunRow, accuracy_of
from medqdeg_desktop.ui.jobs import Job, JobState, jobs_of
from medqdeg_desktop.ui.labels import label
from medqdeg_desktop.ui.study_session import StudySession
from medqdeg_desktop.ui.viewer.empty_page import EmptyPage
from medqdeg_desktop.ui.workspace import Workspace

_LIVE_MS = 5000


class EvaluateWorkspace(Workspace):
    """Connects the runs, their results and the tabs that show them."""

    context = "evaluate"

    def __init__(self, session: StudySession, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self.jobs = jobs_of(session)
        self.background = Background(self, threads=2)
        self._computing = Background(self)
        self.book = RunBook(self.jobs, self.background, self)
        self.results = Results(self._computing, self)
        self.panel = RunsPanel()
        self.page = ResultsPage(self.background)
        self.add_page = AddModelPage(self.jobs, self.background)
        self.empty = EmptyPage("", "")
        self.trouble = EmptyPage("", self.tr("Try again"))
        self.pages = QStackedWidget()
        self.loading = label(self.tr("Reading the runs…"), "muted")
        self.loading.setMargin(24)
        for page in (self.loading, self.empty, self.page, self.add_page, self.trouble):
            self.pages.addWidget(page)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(1)
        row.addWidget(self.panel)
        row.addWidget(self.pages, 1)
        self._study: Path | None = None
        self.dataset: Path | None = None
        self._report: Job | None = None
        self._asked_for: object = None
        self._live = QTimer(self, singleShot=True, interval=_LIVE_MS)
        self._live.timeout.connect(self._on_live)
        self._connect()
        self._allow_report()

    def _connect(self) -> None:
        self.book.changed.connect(self._on_runs)
        self.book.changed.connect(self.places_changed)
        self.book.progressed.connect(self._on_progressed)
        self.book.ended.connect(self._on_ended)
        self.book.failed.connect(self.warned)
        self.results.changed.connect(self._on_results)
        self.results.failed.connect(self._on_failed)
        self.results.busy.connect(self.page.show_busy)
        panel = self.panel
        panel.runs.chosen.connect(self._on_chosen)
        panel.runs.runs.ticked.connect(self._ask_results)
        panel.add_clicked.connect(self.add_model)
        panel.stop_clicked.connect(self.stop)
        panel.go_on_clicked.connect(self.go_on)
        panel.drop_clicked.connect(self._on_drop)
        panel.freeze_clicked.connect(self.freeze)
        panel.report_clicked.connect(self.choose_report)
        self.page.filtered.connect(partial(self._ask_results, again=False))
        self.page.dataset_chosen.connect(self._on_dataset_chosen)
        self.page.said.connect(self.said)
        self.page.warned.connect(self.warned)
        self.page.looked_at.connect(self._on_looked_at)
        self.page.calibration.wanted_bins.connect(self._on_bins_wanted)
        self.empty.acted.connect(self._on_empty)
        self.trouble.acted.connect(self._ask_results)
        self.add_page.added.connect(self.start)
        self.add_page.cancelled.connect(self._show_page)

    # -- workspace ---------------------------------------------------------------------------------------------

    def study_changed(self) -> None:
        assert self.session.path is not None
        if self._study != self.session.path:
            self._study, self.dataset, self._asked_for = self.session.path, None, None
            self.results.clear()
            self.pages.setCurrentWidget(self.loading)
        self.book.open(self._study)

    def entered(self) -> None:
        self.book.read()

    def receive(self, thing: object) -> None:
        """A finished set: the page for adding a model opens on it."""
        if isinstance(thing, Path):
            self.use_dataset(thing)
            self.add_model()

    def save_state(self) -> dict[str, object]:
        return {"asked": self.book.save_state()}

    def restore_state(self, state: dict[str, object]) -> None:
        self.book.restore_state(state.get("asked"))

    def shut_down(self) -> None:
        self._live.stop()
        self.add_page.shut_down()
        self.page.shut_down()
        self.background.close()
        self._computing.close()

    # -- models ------------------------------------------------------------------------------------------------

    def add_model(self, ask: Ask | None = None) -> None:
        """Opens the page for another model; first the set, where none is chosen."""
        if self._study is None:
            return
        if self.dataset is None and not self.choose_dataset():
            return
        assert self.dataset is not None
        self.add_page.prepare(self._study, self.dataset, ask)
        self.pages.setCurrentWidget(self.add_page)

    def step_back(self) -> None:
        """Escape: adding a model is put away; what was typed there stays for the next time."""
        if self.pages.currentWidget() is self.add_page:
            self._show_page()

    def start(self, ask: Ask) -> None:
        row = self.book.ask(ask)
        self.panel.runs.show_rows(self.book.rows)
        self.panel.runs.setCurrentIndex(self.panel.runs.runs.index(self.book.rows.index(row)))
        self._show_page()

    def stop(self) -> None:
        row = self.panel.runs.current
        if row is not None:
            self.book.stop(row)

    def go_on(self) -> None:
        """The chosen run's command again. Where its record does not say how the model was reached, or data would leave this
        machine, the page asks."""
        row = self.panel.runs.current
        if row is None or row.active or row.frozen:
            return
        if not row.wants_word:
            self.book.go_on(row)
            return
        assert row.standing is not None
        run = row.standing.run
        self.use_dataset(Path(run.dataset_path))
        kind, _, name = run.model.partition(":")
        spec = f"openai:{name}@http://127.0.0.1:8000/v1" if kind == "openai" else f"{kind}:{name}"
        self.add_model(row.recorded or Ask(spec, run.dataset_path, run.mode, run.trials))
        if row.recorded is None:
            self.said.emit(self.tr("Say again where {0} is, to go on with its run").format(run.name))
        else:
            self.said.emit(self.tr("Say again that data may leave this machine, to go on with {0}").format(run.name))

    def freeze(self) -> None:
        """Asks which run is to be closed for good (the chosen one stands marked) and why, and closes it."""
        row = self.panel.runs.current
        if row is None or not row.freezable:
            return
        dialog = FreezeDialog(self.book.rows, row, self.session.reader, self)
        dialog.accepted.connect(partial(self._on_freeze, dialog))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()

    def _on_freeze(self, dialog: FreezeDialog) -> None:
        if self._study is not None and dialog.chosen.freezable:
            work = partial(_frozen, self._study, dialog.chosen.run_id, self.session.reader, dialog.reason)
            self.background.run("freeze", work, self._on_frozen, self.warned.emit)

    def _on_frozen(self, label: str) -> None:
        self.said.emit(self.tr("{0} is frozen").format(label))
        self.book.read()

    def choose_dataset(self) -> bool:
        name = QFileDialog.getExistingDirectory(
            self, self.tr("The folder of a set"), str(self._study.parent) if self._study else ""
        )
        if name:
            self.use_dataset(Path(name))
        return bool(name)

    def use_dataset(self, folder: Path) -> None:
        """``folder`` is the set that models are asked about, and whose runs are shown."""
        self.dataset = folder
        self._on_runs()

    def show_tab(self, number: int) -> None:
        """Tabs count from 1."""
        self._show_page()
        if self.pages.currentWidget() is self.page:
            self.page.tabs.setCurrentIndex(number - 1)

    def toggle_published(self) -> None:
        self.page.published.toggle()

    # -- report ------------------------------------------------------------------------------------------------

    def choose_report(self) -> None:
        """Asks for the report's folder; one of its own beside the study is there to be taken."""
        if self._study is None or self._report is not None:
            return
        if not self.panel.report.isEnabled():
            self.said.emit(self.panel.report.toolTip())
            return
        own = self._study.with_name(f"{self._study.stem}_report")
        made = not own.exists()
        with suppress(OSError):  # a study on a medium that takes no writing: another folder is chosen
            own.mkdir(exist_ok=True)
        start = own if own.is_dir() else Path.home()
        name = folder_to_write(self, self.tr("Folder for the report"), str(start))
        # Beside studies and images a report's many files would be lost: it has a folder of its own.
        chosen = own if name and Path(name).resolve() == self._study.parent.resolve() else Path(name)
        if made and (not name or chosen != own):
            with suppress(OSError):
                own.rmdir()
        if name:
            self.write_report(chosen)

    def write_report(self, folder: Path) -> None:
        """Tables, charts, HTML and PDF of the study's newest dataset, as a job; then the folder opens."""
        if self._study is None:
            return
        job = Job(self.tr("writing the report"), ["report", str(self._study), "--out", str(folder)], lane="report")
        job.ended.connect(partial(self._on_report, job, folder))
        self._report = job
        self._allow_report()
        self.jobs.add(job)

    def _allow_report(self) -> None:
        if self._report is not None:
            self.panel.allow_report(False, self.tr("The report is being written"))
        else:
            why_not = self.tr("A report needs answers: add a model, or tick one that has answered")
            self.panel.allow_report(bool(self.results.json), why_not)

    def _on_report(self, job: Job, folder: Path) -> None:
        self._report = None
        self._allow_report()
        if job.state is JobState.FAILED:
            self.warned.emit(job.error)
        elif job.state is JobState.DONE:
            self.said.emit(self.tr("The report is in {0}").format(folder))
            page = folder / "report.html"
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(page if page.is_file() else folder)))

    # -- runs and results --------------------------------------------------------------------------------------

    def _on_runs(self) -> None:
        rows = self.book.rows
        folders = list(dict.fromkeys([*(row.dataset for row in reversed(rows) if row.dataset), *self.book.sets]))
        if self.dataset is None and folders:
            # What has answers is shown before what was asked in vain.
            self.dataset = Path(next((row.dataset for row in reversed(rows) if row.answered), folders[0]))
        if self.dataset is not None and str(self.dataset) not in folders:
            folders.insert(0, str(self.dataset))
        self._place_rows()
        self.page.show_datasets(folders, str(self.dataset or ""))
        if self._study is not None:
            self.page.items.open(self._study, self.dataset)
        self.panel.runs.show_rows(rows)
        self._on_chosen(self.panel.runs.current)
        if self.pages.currentWidget() is not self.add_page:
            self._show_page()
        self._ask_results()

    def _on_chosen(self, row: RunRow | None) -> None:
        self.panel.show_row(row)
        if row is not None and row.run_id:
            self.page.follow(row.run_id)

    def _shown_ids(self) -> list[str]:
        """Runs in the charts: those on the same set, wherever it lay when they were made."""
        return [row.run_id for row in self.book.rows if row.tickable and row.shown]

    def _place_rows(self) -> None:
        """Tells each row whether it is on the set that is shown: a set is known by its hash, wherever it lies."""
        rows = self.book.rows
        sets = {r.standing.run.dataset_sha256 for r in rows if r.standing is not None and Path(r.dataset) == self.dataset}
        for row in rows:
            known = row.standing.run.dataset_sha256 in sets if row.standing is not None else False
            row.here = known or Path(row.dataset) == self.dataset

    def _ask_results(self, *, again: bool = True) -> None:
        """Results of what is ticked and filtered; nothing where these are the results that are shown or being computed."""
        ids = self._shown_ids()
        answered = tuple((r.run_id, r.standing.answered) for r in self.book.rows if r.standing is not None and r.run_id in ids)
        filters, final = self.page.chosen_filters, not self._running()
        limits = self.page.severity.limits
        wanted = (self._study, answered, filters, limits, final)
        if self._study is not None and ids:
            if wanted != self._asked_for:
                self._asked_for = wanted
                parts = self.page.needs
                self.results.ask(self._study, ids, filters, parts=parts, limits=limits, again=again, final=final)
        elif self.results.json:
            self._asked_for = None
            self.results.clear()

    def _running(self) -> bool:
        return any(row.active for row in self.book.rows)

    def _show_page(self) -> None:
        """The page that fits what there is."""
        if not self.book.loaded:
            self.pages.setCurrentWidget(self.loading)
        elif any(row.shown and row.answered for row in self.book.rows) or self._running():
            self.pages.setCurrentWidget(self.page)
        elif self.dataset is None:
            self.empty.say(self.tr("No model has been asked yet. It starts with a set: one generated here, or any other."))
            self.empty.button.setText(self.tr("Choose the folder of a set…"))
            self.pages.setCurrentWidget(self.empty)
        else:
            if any(Path(row.dataset) == self.dataset for row in self.book.rows):
                words = self.tr("No model has answered about {0} yet.")
            else:
                words = self.tr("No model has been asked about {0} yet.")
            self.empty.say(words.format(self.dataset.name))
            self.empty.button.setText(self.tr("Add a model…"))
            self.pages.setCurrentWidget(self.empty)

    def _on_empty(self) -> None:
        self.add_model()

    def _on_results(self) -> None:
        found, analysis = self.results.json, self.results.analysis
        # Without its sweep a run would look better than it is: what stands beside it stays until that is counted.
        counted = "sweeps" in found.get("parts", ()) or analysis is None or not analysis.table.steps
        for row in self.book.rows if counted else ():
            row.accuracy = accuracy_of(found, row.run_id) if row.run_id else None
            self.panel.runs.runs.tell(row)
        self.page.show_results(self.results.json, self.results.analysis)
        self._allow_report()
        if self.pages.currentWidget() is self.trouble:
            self._show_page()

    def _on_failed(self, text: str) -> None:
        self._asked_for = None
        if self.results.json:
            self.warned.emit(text)
            return
        self.trouble.say(text)
        if self.pages.currentWidget() is not self.add_page:
            self.pages.setCurrentWidget(self.trouble)

    def _on_progressed(self, row: RunRow) -> None:
        self.panel.runs.runs.tell(row)
        if row is self.panel.runs.current:
            self.panel.show_row(row)
        if not self._live.isActive() and self.isVisible():
            self._live.start()

    def _on_live(self) -> None:
        """While models answer, the charts follow with provisional intervals."""
        if self._running():
            self.book.read()

    def _on_ended(self, row: RunRow) -> None:
        if row.job is not None and row.job.state is JobState.FAILED:
            named = any(row.job.error.startswith(f"{name}: ") for name in (row.title, row.ask.label if row.ask else row.title))
            self.warned.emit(row.job.error if named else self.tr("{0}: {1}").format(row.title, row.job.error))
        elif row.job is not None and row.job.state is JobState.DONE:
            self.said.emit(self.tr("{0} has answered").format(row.title))

    def _on_drop(self) -> None:
        row = self.panel.runs.current
        if row is not None:
            self.book.drop(row)

    def _on_dataset_chosen(self, folder: str) -> None:
        self.page.clear_filters()
        self.use_dataset(Path(folder))

    def _on_looked_at(self) -> None:
        self.results.look_at(self.page.needs)
        if self.page.tabs.currentWidget() is self.page.comparisons:
            answered = tuple((r.run_id, r.standing.answered) for r in self.book.rows if r.standing is not None)
            self.results.ask_standings((self._study, answered))

    def _on_bins_wanted(self, run_id: str) -> None:
        self.results.ask_reliability(run_id, self.page.calibration.show_bins)


def _frozen(study: Path, run_id: str, reader: str, reason: str) -> str:
    with Study.open(study) as opened:
        name = next((run.name for run in opened.runs() if run.run_id == run_id), "")
        opened.freeze_run(run_id, reader, reason)
    return name
