"""Adding a model: which one, asked how, and then what that means: how many answers, where data goes, whether it will work.

A folder is looked at here; a server is only ever spoken to by a process of its own (``evaluate --dry-run``).
"""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any, Final

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QFontMetrics
from PySide6.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from medqdeg_desktop.errors import MedqdegError
from medqdeg_desktop.eval.egress import in_the_clear
from medqdeg_desktop.eval.plan import DEFAULT_TRIALS
from medqdeg_desktop.eval.spec import BASELINES, parse_spec
from medqdeg_desktop.ui import theme
from medqdeg_desktop.ui.background import Background
from medqdeg_desktop.ui.evaluate.fields import form, spin
from medqdeg_desktop.ui.evaluate.key_row import KeyRow
from medqdeg_desktop.ui.evaluate.model_folder import ModelFolder, describe
from medqdeg_desktop.ui.evaluate.state import MODES, Ask
from medqdeg_desktop.ui.jobs import Job, Jobs, JobState
from medqdeg_desktop.ui.labels import label, set_role
from medqdeg_desktop.ui.probe.model_choice import reference_model

KINDS: Final = (("local", "Local folder"), ("openai", "Server"), ("anthropic", "Anthropic"), ("baseline", "Baseline"))
_SETTLE_MS = 500
_WIDTH = 620


class AddModelPage(QScrollArea):
    """``added`` carries the Ask; ``cancelled`` closes the page."""

    added = Signal(object)
    cancelled = Signal()

    def __init__(self, jobs: Jobs, background: Background, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWidgetResizable(True)
        self._jobs, self._background = jobs, background
        self._study: Path | None = None
        self._dataset: Path | None = None
        self._preview: Job | None = None
        self._told: dict[str, Any] = {}
        self._unencrypted: tuple[str, ...] = ()
        #: The hosts that each box of consent names.
        self._asked_of: dict[QCheckBox, tuple[str, ...]] = {}
        self._folder: ModelFolder | None = None
        self._settle = QTimer(self, singleShot=True, interval=_SETTLE_MS)
        self._settle.timeout.connect(self._check)

        self.kinds = QButtonGroup(self)
        self.pages = QStackedWidget()
        self.folder = QLineEdit()
        self.folder.setPlaceholderText(self.tr("Folder with config.json and weights"))
        self.browse = QPushButton(self.tr("Browse…"))
        self.built_in = QPushButton(self.tr("The built-in model"))
        self.built_in.setToolTip(self.tr("A small model that comes with the program and knows its phantoms; not for diagnosis"))
        if reference_model() is None:
            self.built_in.hide()
        self.trust = QCheckBox(self.tr("Run the code that this folder brings along (I have read it)"))
        self.trust.hide()
        self.url = QLineEdit("http://127.0.0.1:8000/v1")
        self.model = QComboBox()
        self.model.setEditable(True)
        self.model.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.model.setPlaceholderText(self.tr("Name of the model on the server"))
        self.hosted = QLineEdit()
        self.hosted.setPlaceholderText(self.tr("Name of the model"))
        self.key = KeyRow(jobs)
        self.baseline = QComboBox()
        for name, words in zip(BASELINES, ("Uniform: guesses at random", "Prior: the commonest answer"), strict=True):
            self.baseline.addItem(words, name)
        self.mode = QComboBox()
        for mode, words in MODES.items():
            self.mode.addItem(words, mode)
        self.trials = spin(1, 100, DEFAULT_TRIALS["vote"])
        self.limit = spin(0, 1_000_000, 0, self.tr("all"))
        self.text_only = QCheckBox(self.tr("Text only: leave the images out"))
        self.rotate = QCheckBox(self.tr("Rotate the options, against a preference for a place"))
        self.consent = QCheckBox()
        self.consent.hide()
        self.plain = QCheckBox()
        self.plain.hide()
        self.asked_about = label(wraps=True)
        self.facts = label(role="muted", wraps=True)
        self.estimate = label(wraps=True)
        # What is pressed below keeps its place while the words come and go.
        self.estimate.setMinimumHeight(2 * QFontMetrics(theme.font()).lineSpacing())
        self.estimate.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
        self.trouble = label(role="error", wraps=True)
        self.add = QPushButton(self.tr("Evaluate"))
        self.add.setProperty("role", "primary")
        self.cancel = QPushButton(self.tr("Cancel"))
        self._build()
        self._connect()
        self.choose_kind("local")

    # -- told by the workspace ---------------------------------------------------------------------------------

    def prepare(self, study: Path, dataset: Path, ask: Ask | None = None) -> None:
        """Opens the page for a dataset; ``ask`` fills it with what was asked before."""
        self._study, self._dataset = study, dataset
        self.asked_about.setText(self.tr("The questions of {0}").format(dataset.name))
        self.asked_about.setToolTip(str(dataset))
        if ask is not None:
            self._fill(ask)
        self._on_edited()

    @property
    def ask(self) -> Ask | None:
        """What the page says, or None where a part is missing or makes no sense."""
        if self._dataset is None:
            return None
        try:
            parse_spec(self.spec)
        except MedqdegError:
            return None
        hosts = tuple(self._told.get("remote_hosts", ())) if self.consent.isChecked() else ()
        # Once allowed, a host is no longer told: what it was allowed for is kept here.
        plain = self._unencrypted if self.plain.isChecked() else ()
        return Ask(
            spec=self.spec,
            dataset=str(self._dataset),
            mode=str(self.mode.currentData()),
            trials=self.trials.value(),
            limit=self.limit.value(),
            text_only=self.text_only.isChecked(),
            rotate=self.rotate.isChecked(),
            trust=self.trust.isVisible() and self.trust.isChecked(),
            hosts=hosts,
            plain=plain,
        )

    @property
    def kind(self) -> str:
        return KINDS[self.kinds.checkedId()][0]

    @property
    def spec(self) -> str:
        rest = {
            "local": self.folder.text().strip(),
            "openai": f"{self.model.currentText().strip()}@{self.url.text().strip()}",
            "anthropic": self.hosted.text().strip(),
            "baseline": str(self.baseline.currentData()),
        }[self.kind]
        return f"{self.kind}:{rest}"

    def choose_kind(self, kind: str) -> None:
        index = [k for k, _ in KINDS].index(kind)
        self.kinds.button(index).setChecked(True)
        self.pages.setCurrentIndex(index)

    def shut_down(self) -> None:
        """No check is begun any more."""
        self._settle.stop()

    # -- inside ------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        page = QWidget()
        self.setWidget(page)
        kinds = QHBoxLayout()
        kinds.setSpacing(8)
        for i, (_, words) in enumerate(KINDS):
            button = QPushButton(words)
            button.setCheckable(True)
            self.kinds.addButton(button, i)
            kinds.addWidget(button)
        kinds.addStretch(1)
        folder = QWidget()
        folder.setFocusProxy(self.folder)
        place = QHBoxLayout(folder)
        place.setContentsMargins(0, 0, 0, 0)
        place.setSpacing(8)
        place.addWidget(self.folder, 1)
        place.addWidget(self.browse)
        place.addWidget(self.built_in)
        for rows in (
            ((self.tr("&Folder"), folder), ("", self.trust)),
            ((self.tr("Add&ress"), self.url), (self.tr("M&odel"), self.model)),
            ((self.tr("M&odel"), self.hosted),),
            ((self.tr("&Guesser"), self.baseline),),
        ):
            self.pages.addWidget(form(rows))
        how = form(
            (
                (self.tr("&Mode"), self.mode),
                (self.tr("&Trials"), self.trials),
                (self.tr("&Items"), self.limit),
                ("", self.text_only),
                ("", self.rotate),
            )
        )
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        buttons.addWidget(self.add)
        buttons.addWidget(self.cancel)
        buttons.addStretch(1)
        inner = QWidget()
        inner.setMaximumWidth(_WIDTH)
        column = QVBoxLayout(inner)
        column.setContentsMargins(24, 16, 24, 24)
        column.setSpacing(8)
        column.addWidget(label(self.tr("Add a model"), "title"))
        column.addWidget(self.asked_about)
        column.addLayout(kinds)
        column.addSpacing(8)
        column.addWidget(self.pages)
        column.addWidget(self.facts)
        column.addWidget(self.key)
        column.addSpacing(8)
        column.addWidget(label(self.tr("How it is asked"), "section"))
        column.addWidget(how)
        column.addSpacing(8)
        column.addWidget(label(self.tr("What that means"), "section"))
        for part in (self.estimate, self.consent, self.plain, self.trouble):
            column.addWidget(part)
        column.addSpacing(8)
        column.addLayout(buttons)
        column.addStretch(1)
        outer = QHBoxLayout(page)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(inner, 1)
        outer.addStretch(0)
        for widget, words in (
            (self.folder, self.tr("Folder of the model")),
            (self.url, self.tr("Address of the server")),
            (self.model, self.tr("Model on the server")),
            (self.hosted, self.tr("Model at Anthropic")),
            (self.baseline, self.tr("Baseline")),
            (self.mode, self.tr("Mode")),
            (self.trials, self.tr("Trials")),
            (self.limit, self.tr("Items")),
        ):
            widget.setAccessibleName(words)

    def _connect(self) -> None:
        self.kinds.idClicked.connect(self._on_kind)
        self.browse.clicked.connect(self._on_browse)
        self.built_in.clicked.connect(lambda: self.folder.setText(str(reference_model() or "")))
        for edit in (self.folder, self.url, self.hosted):
            edit.textChanged.connect(self._on_edited)
        self.model.editTextChanged.connect(self._on_edited)
        self.baseline.activated.connect(self._on_edited)
        self.mode.activated.connect(self._on_mode)
        self.trials.valueChanged.connect(self._on_edited)
        self.limit.valueChanged.connect(self._on_edited)
        for box in (self.text_only, self.rotate, self.trust, self.consent, self.plain):
            box.toggled.connect(self._on_edited)
        self.key.changed.connect(self._on_edited)
        self.add.clicked.connect(self._on_add)
        self.cancel.clicked.connect(self.cancelled)

    def _fill(self, ask: Ask) -> None:
        spec = ask.model
        self.choose_kind(spec.kind)
        if spec.kind == "local":
            self.folder.setText(spec.name)
        elif spec.kind == "openai":
            self.url.setText(",".join(spec.base_urls))
            self.model.setEditText(spec.name)
        elif spec.kind == "anthropic":
            self.hosted.setText(spec.name)
        else:
            self.baseline.setCurrentIndex(self.baseline.findData(spec.name))
        self.mode.setCurrentIndex(self.mode.findData(ask.mode))
        self.trials.setValue(ask.trial_count)
        self.limit.setValue(ask.limit)
        self.text_only.setChecked(ask.text_only)
        self.rotate.setChecked(ask.rotate)

    def _on_kind(self, index: int) -> None:
        self.pages.setCurrentIndex(index)
        self._on_edited()

    def _on_browse(self) -> None:
        name = QFileDialog.getExistingDirectory(self, self.tr("Folder of a model"), self.folder.text())
        if name:
            self.folder.setText(name)

    def _on_edited(self) -> None:
        self.folder.setToolTip(self.folder.text())
        self.add.setEnabled(False)
        self.estimate.setText("…" if self.ask is not None else "")
        self.trouble.setText("")
        if self.kind != "local":
            self._folder = None
            self.facts.setText("")
        self.facts.setVisible(self.kind == "local")
        self.key.setVisible(self.kind in ("openai", "anthropic"))
        self._settle.start()

    def _check(self) -> None:
        """Looks at the folder and asks the command what the evaluation would do."""
        if self.kind == "local" and self.folder.text().strip():
            folder = Path(self.folder.text().strip()).expanduser()
            self._background.run("model", partial(describe, folder, trust=self.trust.isChecked()), self._on_described)
        self.trials.setEnabled(True)
        self.key.ask_about(self._server_urls(), self._unencrypted if self.plain.isChecked() else ())
        ask = self.ask
        if ask is None or self._study is None:
            self._show_told({})
            return
        if self._preview is not None:
            self._preview.stop()
        self._preview = Job(self.tr("checking"), [*ask.arguments(self._study), "--dry-run"], tells=False, shown=False)
        self._preview.ended.connect(partial(self._on_preview, self._preview))
        self._jobs.add(self._preview)

    def _on_described(self, folder: ModelFolder) -> None:
        if self.kind != "local":
            return
        self._folder = folder
        self.trust.setVisible(folder.wants_consent or self.trust.isChecked())
        size = f"{folder.weights / 1e9:.1f} GB" if folder.weights >= 1e8 else f"{folder.weights / 1e6:.1f} MB"
        words = self.tr("{0}, {1} of weights ({2}); this machine has {3:.0f} GB of memory").format(
            folder.architecture, size, folder.precision, folder.memory / 1e9
        )
        if folder.random_weights:
            words += self.tr(". Random weights: its numbers show that the path works, nothing else")
        elif not folder.fits:
            words += self.tr(": it will hardly fit without an accelerator")
        self.facts.setText(words if folder.weights else "")
        set_role(self.facts, "warn" if folder.random_weights or not folder.fits else "muted")
        self._show_trouble()

    def _on_preview(self, job: Job) -> None:
        if job is not self._preview or job.state is JobState.STOPPED:
            return
        if job.state is JobState.FAILED:
            self._show_told({"problem": job.error})
            return
        self._show_told(json.loads(job.output))

    def _show_told(self, told: dict[str, Any]) -> None:
        self._told = told
        servers = told.get("servers") or []
        offered = [name for server in servers for name in server["models"]]
        if offered and self.kind == "openai":
            typed = self.model.currentText()
            self.model.blockSignals(True)
            self.model.clear()
            self.model.addItems(list(dict.fromkeys(offered)))
            self.model.setEditText(typed)
            self.model.blockSignals(False)
        remote = told.get("remote_hosts") or []
        self._ask_anew(self.consent, tuple(remote))
        self.consent.setVisible(bool(remote))
        self._unencrypted = in_the_clear(self._urls())
        self._ask_anew(self.plain, self._unencrypted)
        self.plain.setVisible(bool(self._unencrypted))
        names = ", ".join(self._unencrypted)
        self.plain.setText(self.tr("Send unencrypted to {0}: everybody on the way can read pictures and key").format(names))
        if told.get("answers") is not None:
            words = self.tr("{0:,} questions, {1:,} answers").format(told["questions"], told["answers"])
            if told["answered"] and told["answered"] == told["answers"]:
                words += self.tr(", all of which stand already: what stands is not asked again")
            elif told["answered"]:
                words += self.tr(", {0:,} of them stand already").format(told["answered"])
            if remote:
                size = told["images_bytes"] / 1e6
                hosts = ", ".join(remote)
                words += self.tr(". {0:,.0f} MB of images leave this machine for {1}, once for each trial").format(size, hosts)
                self.consent.setText(self.tr("I allow these images and questions to go to {0}").format(hosts))
            else:
                words += self.tr(". Nothing leaves this machine.")
            cost = told.get("cost") or {}
            if cost.get("expected"):
                words += self.tr(" About {0:.2f} {2}, at most {1:.2f} {2} (prices of {3}).").format(
                    cost["expected"], cost["at_most"], cost["currency"], cost["as_of"]
                )
            self.estimate.setText(words)
        else:
            self.estimate.setText("")
        self._show_trouble()

    def _ask_anew(self, box: QCheckBox, hosts: tuple[str, ...]) -> None:
        """A word that was given for some hosts holds for no others."""
        if not set(hosts) <= set(self._asked_of.get(box, ())):
            box.blockSignals(True)
            box.setChecked(False)
            box.blockSignals(False)
        self._asked_of[box] = hosts

    def _show_trouble(self) -> None:
        told = self._told
        trouble = str(told.get("problem") or "")
        if told.get("not_cleared"):
            trouble = self.tr(
                "{0:,} questions may not leave this machine: their items are neither public nor cleared (first: {1})"
            ).format(told["not_cleared"], told["first_not_cleared"])
        if not trouble and self._folder is not None:
            trouble = self._folder.problem
        self.trouble.setText(trouble)
        allowed = (not told.get("remote_hosts") or self.consent.isChecked()) and (not self._unencrypted or self.plain.isChecked())
        self.add.setEnabled(bool(told.get("answers")) and not trouble and allowed and self.ask is not None)

    def _urls(self) -> tuple[str, ...]:
        try:
            return parse_spec(self.spec).base_urls
        except MedqdegError:
            return ()

    def _server_urls(self) -> tuple[str, ...]:
        """Addresses whose keys are asked for: also while the model has no name yet."""
        rest = {"openai": f"model@{self.url.text().strip()}", "anthropic": "model"}.get(self.kind, "")
        try:
            return parse_spec(f"{self.kind}:{rest}").base_urls if rest else ()
        except MedqdegError:
            return ()

    def _on_mode(self) -> None:
        """Each mode has a number of trials of its own."""
        self.trials.setValue(next(t for mode, t in DEFAULT_TRIALS.items() if mode == self.mode.currentData()))
        self._on_edited()

    def _on_add(self) -> None:
        ask = self.ask
        if ask is not None:
            self.added.emit(ask)
