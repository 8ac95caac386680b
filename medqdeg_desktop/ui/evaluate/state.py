"""What Evaluate knows, without Qt: which runs stand in the study, and what a person asked for that may not stand there yet."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any, Final, cast

from medqdeg_desktop.errors import MedqdegError
from medqdeg_desktop.eval.backends.base import Mode
from medqdeg_desktop.eval.egress import remote_hosts
from medqdeg_desktop.eval.plan import DEFAULT_TRIALS, EvaluateOptions, settings_asked
from medqdeg_desktop.eval.spec import ModelSpec, parse_spec
from medqdeg_desktop.study.frozen_runs import Freezing
from medqdeg_desktop.study.records import Run
from medqdeg_desktop.study.store import Study
from medqdeg_desktop.ui.jobs import Job, JobState

MODES: Final[dict[str, str]] = {
    "vote": "Paper mode: agreement of sampled answers",
    "option": "Exact mode: option probabilities of one pass",
    "verbal": "Verbal mode: a stated confidence",
}


@dataclass(frozen=True, slots=True)
class Ask:
    """One model on one dataset as a person asked for it: enough to give the command again. ``trials`` 0 is the mode's own."""

    spec: str
    dataset: str
    mode: str = "vote"
    trials: int = 0
    limit: int = 0
    text_only: bool = False
    rotate: bool = False
    trust: bool = False
    hosts: tuple[str, ...] = ()
    plain: tuple[str, ...] = ()

    @property
    def model(self) -> ModelSpec:
        return parse_spec(self.spec)

    @property
    def trial_count(self) -> int:
        return self.trials or next(t for mode, t in DEFAULT_TRIALS.items() if mode == self.mode)

    @property
    def label(self) -> str:
        marks = [words for on, words in ((self.text_only, "text only"), (self.rotate, "rotated options")) if on]
        return f"{self.model.label} ({', '.join(marks)})" if marks else self.model.label

    def arguments(self, study: Path) -> list[str]:
        """The command that asks the model what it has not answered yet."""
        out = ["evaluate", self.dataset, "--study", str(study), "--model", self.spec, "--confidence", self.mode]
        if self.trials:
            out += ["--trials", str(self.trials)]
        if self.limit:
            out += ["--limit", str(self.limit)]
        for on, flag in ((self.text_only, "--text-only"), (self.rotate, "--rotate-options"), (self.trust, "--trust-remote-code")):
            if on:
                out.append(flag)
        for host in self.hosts:
            out += ["--allow-host", host]
        for host in self.plain:
            out += ["--allow-plain-http", host]
        return out

    def matches(self, run: Run) -> bool:
        """Whether ``run`` is what this command makes (versions and weights aside)."""
        mode = cast(Mode, self.mode)
        asked = EvaluateOptions(mode=mode, trials=self.trials or None, text_only=self.text_only, rotate_options=self.rotate)
        return (
            run.model == self.model.stable_name
            and run.mode == self.mode
            and run.trials == self.trial_count
            and Path(run.dataset_path) == Path(self.dataset).resolve()
            and settings_asked(asked).items() <= run.settings.items()
        )

    def kept(self) -> dict[str, Any]:
        """As the window remembers it between starts."""
        return asdict(self)

    @classmethod
    def remembered(cls, value: Any) -> Ask | None:
        """What ``kept`` gave; None for anything else."""
        try:
            ask = cls(**{**value, **{name: tuple(value.get(name, ())) for name in ("hosts", "plain")}})
            parse_spec(ask.spec)
        except (TypeError, AttributeError, MedqdegError):
            return None
        return ask if ask.mode in MODES else None


@dataclass(frozen=True, slots=True)
class StandingRun:
    """A run as the study has it, with its answers counted by status, and those that failed by kind; ``error`` is the newest
    failure of a run without answers, ``freezing`` how it was closed."""

    run: Run
    counts: dict[str, int]
    failures: dict[str, int] = field(default_factory=dict)
    error: str = ""
    freezing: Freezing | None = None

    @property
    def answered(self) -> int:
        return sum(count for status, count in self.counts.items() if status != "failed")


#: So many entries of a folder are looked at for sets.
_ENTRIES = 500


def read_runs(path: Path) -> list[StandingRun]:
    """For a thread that may wait for the disk; oldest first."""
    with Study.open(path, read_only=True) as study:
        freezings = study.freezings()
        return [_standing(study, run, freezings.get(run.run_id)) for run in study.runs()]


def _standing(study: Study, run: Run, freezing: Freezing | None) -> StandingRun:
    one = StandingRun(run, study.answer_counts(run.run_id), study.failures(run.run_id), freezing=freezing)
    return one if one.answered else replace(one, error=study.last_failure(run.run_id).partition(": ")[2])


def sets_beside(path: Path) -> list[str]:
    """The finished sets in the folder of the study at ``path``, the newest first; for a thread that may wait for the disk."""
    try:
        manifests = [folder / "manifest.json" for folder in islice(path.parent.iterdir(), _ENTRIES)]
        found = [(m.stat().st_mtime, str(m.parent)) for m in manifests if m.is_file() and m.with_name("metadata.jsonl").is_file()]
    except OSError:
        # A folder that may not be listed offers nothing; the runs stand nevertheless.
        return []
    return [folder for _, folder in sorted(found, reverse=True)]


@dataclass(slots=True)
class RunRow:
    """A line of the list of runs: what stands in the study, what was asked for, and the job that is at it; any may be missing.

    ``failed_with`` is why an earlier window's try failed; ``names_set`` where the list holds runs on several sets; ``here``
    whether it is on the set that the charts show.
    """

    standing: StandingRun | None = None
    ask: Ask | None = None
    job: Job | None = None
    shown: bool = True
    failed_with: str = ""
    names_set: bool = False
    here: bool = True
    accuracy: float | None = None
    levels: dict[str, Any] = field(default_factory=dict)

    @property
    def run_id(self) -> str:
        return self.standing.run.run_id if self.standing is not None else ""

    @property
    def title(self) -> str:
        if self.standing is not None:
            return self.standing.run.name
        return self.ask.label if self.ask is not None else ""

    @property
    def answered(self) -> int:
        """Answers that stand in the study."""
        return self.standing.answered if self.standing is not None else 0

    @property
    def tickable(self) -> bool:
        """Whether a tick says if the charts show it."""
        return self.here and self.answered > 0

    @property
    def error(self) -> str:
        """Why the last try failed, in one line, or ""."""
        if self.job is not None:
            return self.job.error if self.job.state is JobState.FAILED else ""
        return self.failed_with or (self.standing.error if self.standing is not None else "")

    @property
    def dataset(self) -> str:
        if self.standing is not None:
            return self.standing.run.dataset_path
        return self.ask.dataset if self.ask is not None else ""

    @property
    def mode(self) -> str:
        if self.standing is not None:
            return self.standing.run.mode
        return self.ask.mode if self.ask is not None else ""

    @property
    def trials(self) -> int:
        if self.standing is not None:
            return self.standing.run.trials
        return self.ask.trial_count if self.ask is not None else 0

    @property
    def random_weights(self) -> bool:
        return self.standing is not None and self.standing.run.random_weights

    @property
    def frozen(self) -> bool:
        return self.standing is not None and bool(self.standing.run.frozen_at)

    @property
    def freezable(self) -> bool:
        """Whether it can be closed for good: it has answers, is open, and nobody is at it."""
        return self.answered > 0 and not self.frozen and not self.active

    @property
    def failures(self) -> dict[str, int]:
        """Failed answers by kind: as the job tells them, else as they stand."""
        told = self.job.progress.get("failures") if self.job is not None and self.active else None
        return dict(told) if told else dict(self.standing.failures) if self.standing is not None else {}

    @property
    def active(self) -> bool:
        return self.job is not None and not self.job.has_ended

    @property
    def state(self) -> str:
        """waiting, running, stopping, failed, stopped, part (a limit was set), done or frozen."""
        if self.frozen and not self.active:
            return "frozen"
        if self.job is not None and self.job.state is not JobState.DONE:
            return str(self.job.state)
        if self.standing is not None and self.standing.run.finished_at:
            return "done"
        if self.job is not None and self.job.state is JobState.DONE:
            return "part" if self.ask is not None and self.ask.limit else "done"
        return "failed" if self.error and not self.answered else "stopped"

    @property
    def command(self) -> Ask | None:
        """How to go on: the command asked for, or the one that the run's own record makes."""
        return self.ask or self.recorded

    @property
    def recorded(self) -> Ask | None:
        """The command as the run's record has it; None where it does not say how the model was reached."""
        if self.standing is None:
            return None
        run = self.standing.run
        spec = run.spec or (run.model if run.model.startswith("baseline:") else "")
        if not spec:
            return None
        text_only, rotate = bool(run.settings.get("text_only")), bool(run.settings.get("rotate_options"))
        return Ask(spec, run.dataset_path, run.mode, run.trials, text_only=text_only, rotate=rotate)

    @property
    def wants_word(self) -> bool:
        """Whether a person must say again that data may go to another machine: consent is not kept in a study."""
        command = self.command
        return command is None or (self.ask is None and bool(remote_hosts(command.model.hosts)))

    def live_accuracy(self) -> float | None:
        """Share of right answers so far, while the job tells; else what the results say."""
        if self.job is not None and self.job.progress.get("levels"):
            cells = self.job.progress["levels"].values()
            answered = sum(cell["answered"] for cell in cells)
            return sum(cell["correct"] for cell in cells) / answered if answered else None
        return self.accuracy


def merged(standing: Sequence[StandingRun], rows: Sequence[RunRow], off: Collection[str] = ()) -> list[RunRow]:
    """One row for each run of the study and for each command that has none yet; what the rows knew is kept.

    A command that has met its run becomes one row with it. Runs in ``off`` (ids) are left out while they have no answers and
    nobody asks for them.
    """
    out: list[RunRow] = []
    loose = list(rows)
    for one in standing:
        row = next((r for r in loose if r.run_id == one.run.run_id), None)
        row = row or next((r for r in loose if r.standing is None and r.ask is not None and r.ask.matches(one.run)), None)
        if row is None and one.run.run_id in off and not one.answered:
            continue
        if row is None:
            row = RunRow()
        else:
            loose.remove(row)
        row.standing = one
        out.append(row)
    out += [row for row in loose if row.standing is None and row.ask is not None]
    several = len({Path(row.dataset).name for row in out}) > 1
    for row in out:
        row.names_set = several
    return out


def accuracy_of(results: dict[str, Any], run_id: str) -> float | None:
    """Accuracy over all questions of a run in ``results``, those of a sweep over severity among them."""
    for model in results.get("models", ()):
        if model["run_id"] == run_id:
            steps = [
                curve["points"]
                for sweep in results.get("sweeps", [])[:1]
                for curve in sweep["models"]
                if curve["run_id"] == run_id
            ]
            # Severity 0 is the clean images again.
            swept = [point for points in steps for point in points if point["severity"] > 0]
            cells = [cell for cell in (*model["levels"], *swept) if cell["accuracy"] is not None]
            n = sum(cell["n"] for cell in cells)
            return sum(cell["n"] * cell["accuracy"] for cell in cells) / n if n else None
    return None
