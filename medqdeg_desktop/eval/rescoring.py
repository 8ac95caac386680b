"""Reading stored replies again with the present parser, without asking any model."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from medqdeg_desktop.bank.dataset import Dataset
from medqdeg_desktop.errors import MedqdegError
from medqdeg_desktop.eval.parsing import PARSER_VERSION, parse, parse_stated_confidence
from medqdeg_desktop.eval.prompts import rotated
from medqdeg_desktop.eval.questions import questions
from medqdeg_desktop.progress import Progress
from medqdeg_desktop.study.records import Answer, Run
from medqdeg_desktop.study.store import Study


@dataclass(frozen=True, slots=True)
class Rescored:
    """Of ``runs`` runs, ``answers`` replies were read again and ``changed`` came out otherwise."""

    runs: int
    answers: int
    changed: int


def rescore(study_path: Path | str, progress: Progress) -> Rescored:
    """Reads all replies of the study again. Runs whose dataset is gone or has changed are named and left as they are, and runs
    without answers have none to read."""
    with Study.open(study_path) as study:
        runs = study.answered_runs()
        scored = answers = changed = 0
        for number, run in enumerate(runs, 1):
            try:
                read, different = rescore_run(study, run)
            except MedqdegError as error:
                progress.problem(run.name, str(error))
            else:
                scored, answers, changed = scored + 1, answers + read, changed + different
            progress.update(number, len(runs), run.name)
    progress.finish(runs=scored, answers=answers, changed=changed, parser=PARSER_VERSION)
    return Rescored(scored, answers, changed)


def rescore_run(study: Study, run: Run) -> tuple[int, int]:
    """(replies read, answers changed) of one run; MedqdegError where its dataset is not the one it was made on.

    A frozen run stays as it is: a copy of it is read again, under a name of its own.
    """
    if run.frozen_at:
        if run.parser == PARSER_VERSION or run.mode == "option":
            return 0, 0
        run = study.copy_run(run.run_id, _reading(run))
    if run.mode == "option":
        # Nothing was read from text: probabilities are what they are.
        study.replace_choices(run.run_id, (), parser=PARSER_VERSION)
        return 0, 0
    dataset = Dataset.open(run.dataset_path)
    if dataset.sha256 != run.dataset_sha256:
        raise MedqdegError(f"{run.dataset_path}: the dataset has changed since the run was made on it")
    options = {question.key: question.options for question in questions(dataset)}
    read = 0

    def again() -> Iterator[Answer]:
        nonlocal read
        for answer in study.answers(run.run_id):
            if answer.status == "failed" or answer.detail.get("moderated") or answer.file_name not in options:
                continue
            read += 1
            fresh = _read_again(answer, options[answer.file_name])
            if (fresh.choice, fresh.status, fresh.confidence) != (answer.choice, answer.status, answer.confidence):
                yield fresh

    changes = list(again())
    return read, study.replace_choices(run.run_id, changes, parser=PARSER_VERSION)


def _reading(run: Run) -> Run:
    """The run that another reading of the frozen ``run`` makes."""
    digest = hashlib.sha256(f"{run.run_id} read by parser {PARSER_VERSION}".encode()).hexdigest()[:32]
    settings = {**run.settings, "read_again_from": run.run_id}
    label = f"{run.label} (parser {PARSER_VERSION})"
    return replace(run, run_id=digest, label=label, notes=(), settings=settings, frozen_at="", finished_at="")


def _read_again(answer: Answer, options: dict[str, str]) -> Answer:
    shown, own = rotated(options, int(answer.detail.get("shift", 0)))
    parsed = parse(answer.raw, shown)
    return replace(
        answer,
        choice=own.get(parsed.choice, ""),
        status=parsed.status,
        confidence=parse_stated_confidence(answer.raw),
    )
