"""What a run scored on each question, from its answers: votes, probabilities or stated confidence, in compact arrays.

``Votes`` is all that is kept of a run's answers (a few bytes a question); ``Scores`` follows from it and from the question
table by array arithmetic alone, so that a change of filter never touches the study.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medqdeg_desktop.errors import MedqdegError
from medqdeg_desktop.eval.question_table import QuestionTable
from medqdeg_desktop.statistics.votes import (
    expected_confidence,
    majority_correct,
    top_share,
    uniform_confidence,
    vote_confidence,
    vote_shares,
)
from medqdeg_desktop.study.records import Run
from medqdeg_desktop.study.store import Study

Floats = NDArray[np.float64]

#: Trials of the paper's calibration experiment: what exact mode expects C for when a run was asked only once.
PAPER_TRIALS = 10


@dataclass(frozen=True, slots=True)
class Votes:
    """A run's answers to the n questions of a table with K letters.

    counts          (n, K) uint16 readable answers for each option.
    unparsed        (n,) uint16 answers (refusals too) without a readable option.
    probabilities   (n, K) mean option probabilities where the run has them, rows of NaN where not; else None.
    stated          (n,) mean stated confidence, NaN where none was stated; else None.
    """

    counts: NDArray[np.uint16]
    unparsed: NDArray[np.uint16]
    probabilities: Floats | None = None
    stated: Floats | None = None


def count_votes(study: Study, run: Run, table: QuestionTable) -> Votes:
    """Votes of ``run`` on the questions of ``table``; failed trials are left out (they were never answered).

    Raises MedqdegError for an answer about an image that the dataset does not have.
    """
    n, k = len(table), len(table.letters)
    place = {letter: i for i, letter in enumerate(table.letters)}
    counts = np.zeros((n, k), dtype=np.uint16)
    unparsed = np.zeros(n, dtype=np.uint16)
    said, sayings = np.zeros(n), np.zeros(n)
    for file_name, choice, answers, total, stated in study.vote_counts(run.run_id):
        row = _row(table, file_name)
        option = place.get(choice, k)
        if option < table.options[row]:
            counts[row, option] += answers
        else:
            unparsed[row] += answers
        said[row] += total
        sayings[row] += stated
    with np.errstate(invalid="ignore"):
        mean_stated = said / sayings if sayings.any() else None
    return Votes(counts, unparsed, _mean_probabilities(study, run, table), mean_stated)


def _mean_probabilities(study: Study, run: Run, table: QuestionTable) -> Floats | None:
    """Mean over passes (rotations of the options) of the option probabilities, each made to sum to 1 over the offered."""
    if mode_of(run) != "option":
        return None
    sums = np.zeros((len(table), len(table.letters)))
    passes = np.zeros(len(table))
    for file_name, probabilities in study.option_probabilities(run.run_id):
        row = _row(table, file_name)
        masses = np.array([probabilities.get(letter, 0.0) for letter in table.letters[: table.options[row]]])
        if masses.sum() > 0:
            sums[row, : len(masses)] += masses / masses.sum()
            passes[row] += 1
    with np.errstate(invalid="ignore"):
        return sums / passes[:, None]


def _row(table: QuestionTable, file_name: str) -> int:
    try:
        return table.index[file_name]
    except KeyError:
        raise MedqdegError(f"{file_name}: answered in the study, but not in the dataset") from None


@dataclass(frozen=True, slots=True)
class Scores:
    """One run's scores on each question (n,), float64; NaN where the question was not answered.

    accuracy      mean over trials of being right; in exact mode the probability of the right option.
    confidence    the paper's C (its expectation in exact mode), or the stated confidence; NaN also where none was stated.
    majority      chance that the majority vote (or most probable option) is right.
    unparsed      share of trials without a readable answer.
    top           share or probability of the top option, or the stated confidence: a probability of being right.
    outcome       what ``top`` is checked against: ``majority``, or ``accuracy`` where confidence was stated.
    dropped       C without the unreadable trials;  own_class  C with these as a class of their own; paper mode only, else NaN.
    floor         what a guesser without any knowledge would show as ``confidence``.
    trials        T behind ``confidence``.
    """

    accuracy: Floats
    confidence: Floats
    majority: Floats
    unparsed: Floats
    top: Floats
    outcome: Floats
    dropped: Floats
    own_class: Floats
    floor: Floats
    trials: int


def mode_of(run: Run) -> str:
    """``vote`` (the paper's), ``option`` (exact) or ``verbal``, from the run's own spelling."""
    known = {"vote": "vote", "paper": "vote", "option": "option", "exact": "option", "verbal": "verbal"}
    if run.mode not in known:
        raise MedqdegError(f"run {run.label}: mode {run.mode!r} is none of {', '.join(known)}")
    return known[run.mode]


def score(run: Run, votes: Votes, table: QuestionTable) -> Scores:
    """Scores of ``run`` on every question of ``table``. Raises MedqdegError when the answers lack what the mode needs."""
    mode = mode_of(run)
    trials = votes.counts.sum(axis=1, dtype=np.int64) + votes.unparsed
    asked = trials > 0
    rows = np.arange(len(table))
    with np.errstate(invalid="ignore", divide="ignore"):
        accuracy = votes.counts[rows, table.answer] / trials
        unparsed = votes.unparsed / trials
    shares, _ = vote_shares(votes.counts, votes.unparsed, table.options)
    majority = np.where(asked, majority_correct(votes.counts, table.answer), np.nan)
    confidence_trials = run.trials
    dropped = own_class = np.full(len(table), np.nan)
    if mode == "vote":
        confidence = vote_confidence(votes.counts, votes.unparsed, table.options)
        dropped = vote_confidence(votes.counts, votes.unparsed, table.options, "dropped")
        own_class = vote_confidence(votes.counts, votes.unparsed, table.options, "own_class")
        top, outcome = top_share(shares), majority
    elif mode == "option":
        p = votes.probabilities
        if p is None or not np.isfinite(p).any():
            raise MedqdegError(f"run {run.label}: no option probabilities are stored, so exact mode has nothing to work on")
        known = np.isfinite(p).all(axis=1)
        confidence_trials = run.trials if run.trials > 1 else PAPER_TRIALS
        accuracy = np.where(known, p[rows, table.answer], np.nan)
        confidence = np.full(len(table), np.nan)
        confidence[known] = expected_confidence(p[known], confidence_trials, table.options[known])
        majority = np.where(known, majority_correct(np.nan_to_num(p), table.answer), np.nan)
        top, outcome = p.max(axis=1), majority
    else:
        # A model that never states one has an accuracy nevertheless, and must not keep the other runs out of the tables.
        stated = np.full(len(table), np.nan) if votes.stated is None else votes.stated
        confidence = np.where(asked, stated, np.nan)
        top, outcome = confidence, accuracy
    floor = 1.0 / table.options if mode == "verbal" else uniform_confidence(table.options, max(confidence_trials, 1))
    return Scores(accuracy, confidence, majority, unparsed, top, outcome, dropped, own_class, floor, trials=confidence_trials)
