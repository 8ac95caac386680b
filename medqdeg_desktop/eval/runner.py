"""Asks a model all that a run still needs and commits what it answers.

A producer streams the missing requests into a short queue; workers ask the backend, as many at once as it bears; a ledger
commits. A call that fails in passing is asked again up to six times with growing waits; what came back of it is kept
and only the rest is asked again. A request that fails for good is recorded as failed, and asked again by the next run of the
same command. Twenty requests in a row that fail stop the run: a dead server is not worth a night of retries.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from medqdeg_desktop.bank.dataset import Dataset
from medqdeg_desktop.errors import MedqdegError
from medqdeg_desktop.eval import egress, pacing
from medqdeg_desktop.eval.backends.base import Backend, FatalError, LimitReached, PermanentError, Reply, TransientError
from medqdeg_desktop.eval.backends.opening import open_backend
from medqdeg_desktop.eval.batches import by_length
from medqdeg_desktop.eval.costs import Meter, price_of
from medqdeg_desktop.eval.doubts import Doubts
from medqdeg_desktop.eval.ledger import Known, Ledger, Tally
from medqdeg_desktop.eval.parsing import PARSER_VERSION, parse, parse_stated_confidence
from medqdeg_desktop.eval.plan import Asked, EvaluateOptions, Work, run_of
from medqdeg_desktop.eval.questions import Question, questions
from medqdeg_desktop.eval.rescoring import rescore_run
from medqdeg_desktop.eval.spec import ModelSpec
from medqdeg_desktop.progress import Progress
from medqdeg_desktop.study.records import Answer, Run
from medqdeg_desktop.study.store import Study
from medqdeg_desktop.study.writer import StudyWriter

FAILURES_IN_A_ROW = 20


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an evaluation left behind: ``answered`` of ``total`` answers stand, ``failed`` were given up for now."""

    run: Run
    answered: int
    total: int
    failed: int
    reused: int


def evaluate(
    dataset_dir: Path | str, study_path: Path | str, spec: ModelSpec, options: EvaluateOptions, progress: Progress
) -> Outcome:
    """Runs ``spec`` on the dataset into the study, going on where an earlier call stopped.

    Raises MedqdegError in one line for a missing file, data that may not leave, an unusable model, or a dead server;
    KeyboardInterrupt on interrupt. In each case what was answered is committed.
    """
    try:
        return asyncio.run(_evaluate(Path(dataset_dir), Path(study_path), spec, options, progress))
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


async def _evaluate(
    dataset_dir: Path, study_path: Path, spec: ModelSpec, options: EvaluateOptions, progress: Progress
) -> Outcome:
    dataset = Dataset.open(dataset_dir)
    hosts = egress.check_hosts(spec.hosts, options.allow_hosts)
    egress.check_transport(spec.base_urls, options.allow_plain_http)
    meter = Meter(price_of(spec, options.price), options.max_cost)
    known: dict[str, Known] = {}
    total, work_ahead = 0, 0.0
    sendable: dict[str, egress.Permission] | None = None
    if hosts:
        with Study.open(study_path, read_only=True) as study:
            sendable = egress.sendable_items(study)
    for question in questions(dataset, options.limit):
        if sendable is not None:
            egress.check_items([question], sendable, hosts)
        known[question.key] = Known(question.level, question.answer, _size(question, options))
        total += options.passes(question)
        work_ahead += known[question.key].size * options.passes(question)
    if not known:
        raise MedqdegError(f"{dataset_dir}: the dataset has no questions")

    with StudyWriter(study_path) as writer:
        log = egress.TransferLog(study_path) if hosts else None
        backend: Backend | None = None
        try:
            backend = open_backend(spec, options, dataset, log, meter)
            wanted = run_of(spec, options, dataset.sha256, str(dataset_dir.resolve()), backend.facts, backend.random_weights)
            run = await asyncio.wrap_future(writer.submit(lambda study: _opened(study, wanted)))
            if log is not None:
                log.run_id = run.run_id
            if run.parser != PARSER_VERSION and not run.frozen_at:
                await asyncio.wrap_future(writer.submit(lambda study: rescore_run(study, run)))
            tally = Tally(known, total, work_ahead, meter.figures)
            answered = _standing(study_path, run.run_id, tally, meter)
            reused = tally.done
            if run.frozen_at and tally.done < total:
                stands = f"{tally.done:,} of {total:,} answers"
                raise MedqdegError(f"run {run.label} is frozen since {run.frozen_at[:10]} with {stands}: it takes no more")
            progress.update(tally.done, total, **tally.figures())
            work = Work(options, answered)
            sample = [asked.request for asked in islice(work.missing(questions(dataset, options.limit)), 8)]
            for warning in await backend.prepare(sample):
                progress.problem(spec.label, warning)
            tally.begin()
            ledger = Ledger(writer, run.run_id, tally, progress)
            try:
                missing = work.missing(questions(dataset, options.limit))
                if backend.length is not None:
                    missing = by_length(missing, backend.length)
                await _Asking(backend, ledger, progress, Doubts(options), run.label).all(missing)
            finally:
                await ledger.close()
            if tally.done >= total and options.limit is None and not run.finished_at and not run.frozen_at:
                run = await asyncio.wrap_future(writer.submit(lambda study: study.finish_run(run.run_id)))
        finally:
            if backend is not None:
                await backend.close()
            if log is not None:
                log.close()
    failed = sum(tally.failures.values())
    figures = {name: value for name, value in tally.figures().items() if name != "seconds_left"}
    progress.finish(run_id=run.run_id, answered=tally.done, total=total, failed=failed, reused=reused, **figures)
    return Outcome(run, tally.done, total, failed, reused)


def _opened(study: Study, wanted: Run) -> Run:
    """The run to go on with. One that is finished stays as it is, to the second, unless its dataset moved or it must be read
    again; one that is frozen stays in any case."""
    standing = study.run(wanted.run_id)
    if standing is not None and standing.frozen_at:
        return standing
    if standing is None or not standing.finished_at:
        return study.start_run(wanted)
    same = (standing.dataset_path, standing.parser) == (wanted.dataset_path, PARSER_VERSION)
    return standing if same else study.start_run(wanted)


def _size(question: Question, options: EvaluateOptions) -> float:
    """About how many tokens the question is read as: what an answer to it costs in time."""
    pixels = 0 if options.text_only else sum(image.width * image.height for image in question.images)
    return 50.0 + len(question.text) / 4 + pixels / 768


def _standing(study_path: Path, run_id: str, tally: Tally, meter: Meter) -> set[tuple[str, int]]:
    """(file name, trial) of what an earlier call has answered, added to the tally; its tokens are added to the meter."""
    answered = set()
    with Study.open(study_path, read_only=True) as study:
        for answer in study.answers(run_id):
            if answer.status != "failed":
                answered.add((answer.file_name, answer.trial))
                tally.add(answer)
                if tokens := answer.detail.get("tokens"):
                    meter.already(tokens)
    return answered


class _Asking:
    """The workers of one run."""

    def __init__(self, backend: Backend, ledger: Ledger, progress: Progress, doubts: Doubts, label: str) -> None:
        self._doubts = doubts
        self._label = label
        self._backend = backend
        self._ledger = ledger
        self._progress = progress
        start, self._most = backend.concurrency
        self._limit = pacing.AdaptiveLimit(start, self._most)
        self._failures_in_a_row = 0
        self._heard = False
        self._ended: LimitReached | None = None

    async def all(self, missing: Iterator[Asked]) -> None:
        """Returns when every request has been answered or given up; raises FatalError, or CancelledError on interrupt.

        Where a limit is reached, what was paid for is waited for before LimitReached is raised.
        """
        batches: asyncio.Queue[list[Asked] | None] = asyncio.Queue(maxsize=2 * self._most)
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None
        # SIGTERM is how the window says stop; it ends the run as the keyboard does.
        with suppress(NotImplementedError, RuntimeError, ValueError):
            loop.add_signal_handler(signal.SIGTERM, task.cancel)
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(self._most):
                    group.create_task(self._work(batches))
                while self._ended is None and (batch := list(islice(missing, self._backend.batch_size))):
                    await batches.put(batch)
                for _ in range(self._most):
                    await batches.put(None)
        except BaseExceptionGroup as errors:
            raise _first(errors) from None
        finally:
            with suppress(NotImplementedError, RuntimeError, ValueError):
                loop.remove_signal_handler(signal.SIGTERM)
        if self._ended is not None:
            raise self._ended

    async def _work(self, batches: asyncio.Queue[list[Asked] | None]) -> None:
        while (batch := await batches.get()) is not None:
            await self._ask(batch)

    async def _ask(self, batch: list[Asked]) -> None:
        attempt = 1
        while batch and self._ended is None:
            try:
                async with self._limit.slot():
                    began = time.monotonic()
                    replies = await self._backend.answer([asked.request for asked in batch])
            except TransientError as error:
                if error.congested:
                    self._limit.congested(began)
                attempt += 1
                if attempt > pacing.MAX_ATTEMPTS:
                    self._give_up(batch, error.kind, str(error))
                    return
                await asyncio.sleep(pacing.wait_before(attempt, error.retry_after))
                continue
            except LimitReached as error:
                self._ended = error
                return
            except FatalError as error:
                # Why the run ended stands in the study, for whoever opens it next.
                self._failed(batch, "stopped", str(error))
                raise
            except PermanentError as error:
                if len(batch) > 1:
                    for asked in batch:
                        await self._ask([asked])
                else:
                    self._give_up(batch, error.kind, str(error))
                return
            self._limit.succeeded()
            left = self._record(batch, replies)
            if len(left) == len(batch) and not any(replies):
                attempt += 1
                if attempt > pacing.MAX_ATTEMPTS:
                    self._give_up(left, "empty", "the model gave no reply")
                    return
            batch = left

    def _record(self, batch: Sequence[Asked], replies: Sequence[Sequence[Reply]]) -> list[Asked]:
        """Hands replies to the ledger; returns what is still missing."""
        left = []
        for asked, found in zip(batch, replies, strict=True):
            wanted = set(asked.request.trials)
            for reply in found:
                if reply.trial in wanted:
                    wanted.discard(reply.trial)
                    self._ledger.put(answer_of(asked, reply))
                    self._failures_in_a_row = 0
                    self._heard = True
                    if warning := self._doubts.seen(asked.request.question.key, reply):
                        self._progress.problem(self._label, warning)
            if wanted:
                request = asked.request
                rest = tuple(trial for trial in request.trials if trial in wanted)
                again = type(request)(request.question, request.prompt, request.options, rest, request.with_images)
                left.append(Asked(again, asked.own_letter, asked.shift))
        return left

    def _give_up(self, batch: Sequence[Asked], kind: str, reason: str) -> None:
        self._failed(batch, kind, reason)
        if kind == "connection" and not self._heard:
            raise FatalError(f"{reason}; is the server running?")
        for asked in batch:
            self._failures_in_a_row += 1
            self._progress.problem(asked.request.question.key, reason)
        if self._failures_in_a_row >= FAILURES_IN_A_ROW:
            raise FatalError(f"{self._failures_in_a_row} questions in a row failed; the run stops. The last one: {reason}")

    def _failed(self, batch: Sequence[Asked], kind: str, reason: str) -> None:
        for asked in batch:
            for trial in asked.request.trials:
                self._ledger.put(Answer(asked.request.question.key, trial, "", "", "failed", error=f"{kind}: {reason}"))


def answer_of(asked: Asked, reply: Reply) -> Answer:
    """A reply as it is kept: read by the parser, its letters turned back to the question's own."""
    request, own = asked.request, asked.own_letter
    detail = dict(reply.detail)
    if asked.shift:
        detail["shift"] = asked.shift
    key = request.question.key
    if reply.probabilities is not None:
        p = {own[letter]: value for letter, value in reply.probabilities.items()}
        best = max(p, key=lambda letter: p[letter])
        return Answer(key, reply.trial, reply.text, best, "ok", {letter: p[letter] for letter in sorted(p)}, detail=detail)
    if reply.refused:
        return Answer(key, reply.trial, reply.text, "", "refused", detail=detail)
    parsed = parse(reply.text, request.options)
    detail["rule"] = parsed.rule
    stated = parse_stated_confidence(reply.text)
    return Answer(key, reply.trial, reply.text, own.get(parsed.choice, ""), parsed.status, confidence=stated, detail=detail)


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error that a person should see: what the program raised on purpose before anything else."""
    flat: list[BaseException] = []
    stack: list[BaseException] = [errors]
    while stack:
        error = stack.pop()
        if isinstance(error, BaseExceptionGroup):
            stack.extend(error.exceptions)
        else:
            flat.append(error)
    return next((error for error in flat if isinstance(error, MedqdegError)), flat[0])
